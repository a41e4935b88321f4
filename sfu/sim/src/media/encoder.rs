//! A synthetic VP8 encoder for one encoding: frames of the right sizes at the right times, with
//! temporal layers, and a keyframe whenever one was asked for.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use super::stamp::{Label, Stamp};
use super::vp8::{Vp8Ids, write_vp8};

/// What an encoding is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EncoderSettings {
    /// Mean bits per second, keyframes apart.
    pub bitrate: u32,
    /// Frames per second.
    pub frame_rate: u32,
    /// Width and height in pixels.
    pub size: (u16, u16),
    /// 1 to 3.
    pub temporal_layers: u8,
}

/// The encoder.
#[derive(Debug)]
pub struct VideoEncoder {
    label: Label,
    encoding: u8,
    settings: EncoderSettings,
    rng: SmallRng,
    next_frame: u32,
    next_number: u32,
    picture_id: u16,
    tl0: u8,
    /// The last frame of each temporal layer.
    last: [Option<u32>; MAX_TEMPORAL_LAYERS],
    /// Frames since the last keyframe; says whose turn it is.
    phase: u32,
}

/// A payload that is ready for an RTP packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedPacket {
    /// What it says about itself.
    pub stamp: Stamp,
    /// The payload.
    pub payload: Vec<u8>,
    /// Whether it is the last of its frame.
    pub marker: bool,
}

impl VideoEncoder {
    /// An encoder that has coded nothing. Its picture ids begin anywhere, as real ones do.
    pub fn new(label: Label, encoding: u8, settings: EncoderSettings, mut rng: SmallRng) -> Self {
        Self {
            label,
            encoding,
            settings,
            next_frame: 0,
            next_number: 0,
            picture_id: rng.random_range(0..0x8000),
            tl0: rng.random(),
            last: [None; MAX_TEMPORAL_LAYERS],
            phase: 0,
            rng,
        }
    }

    /// What it was made with, or was changed to.
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// Codes at another rate from the next frame on.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.settings.bitrate = bitrate;
    }

    /// Codes a frame into packets that will be sent from `ssrc` under the numbers from
    /// `first_sequence` on.
    pub fn encode(
        &mut self,
        captured: Duration,
        keyframe: bool,
        ssrc: u32,
        first_sequence: u32,
    ) -> Vec<EncodedPacket> {
        let keyframe = keyframe || self.next_frame == 0;
        let frame = self.next_frame;
        self.next_frame += 1;
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        if keyframe {
            self.phase = 0;
            self.last = [None; MAX_TEMPORAL_LAYERS];
        }
        let temporal = temporal_layer(self.settings.temporal_layers, self.phase);
        self.phase += 1;
        let refers_to = self.reference(temporal);
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        self.last[usize::from(temporal)] = Some(frame);

        let ids = Vp8Ids {
            picture_id: self.picture_id,
            tl0: self.tl0,
            temporal,
            layer_sync: temporal > 0 && refers_to == self.last[0],
        };
        let size = self.frame_bytes(keyframe);
        let packets = size.div_ceil(MAX_PAYLOAD).max(1);
        let len = size / packets;
        let first_number = self.next_number;
        self.next_number += packets as u32;
        let coded = (0..packets).map(|packet| {
            let stamp = Stamp {
                label: self.label,
                encoding: self.encoding,
                ssrc,
                sequence: first_sequence.wrapping_add(packet as u32),
                number: first_number + packet as u32,
                frame,
                packet: packet as u16,
                packets: packets as u16,
                refers_back: refers_to.map_or(0, |reference| (frame - reference) as u16),
                temporal,
                tl0: self.tl0,
                captured,
            };
            EncodedPacket {
                stamp,
                payload: write_vp8(&stamp, ids, self.settings.size, len),
                marker: packet + 1 == packets,
            }
        });
        coded.collect()
    }

    /// The newest frame that a frame of this layer may refer to: of its own layer or below.
    fn reference(&self, temporal: u8) -> Option<u32> {
        self.last[..=usize::from(temporal)]
            .iter()
            .copied()
            .flatten()
            .max()
    }

    fn frame_bytes(&mut self, keyframe: bool) -> usize {
        let mean = f64::from(self.settings.bitrate) / 8.0 / f64::from(self.settings.frame_rate);
        let weight = if keyframe { KEYFRAME_WEIGHT } else { 1.0 };
        let spread = self.rng.random_range(0.7..1.3);
        (mean * weight * spread) as usize
    }
}

/// Whose turn it is: the patterns that libwebrtc uses for one, two and three layers.
fn temporal_layer(layers: u8, phase: u32) -> u8 {
    let pattern: &[u8] = match layers {
        0 | 1 => &[0],
        2 => &[0, 1],
        _ => &[0, 2, 1, 2],
    };
    pattern[phase as usize % pattern.len()]
}

const MAX_TEMPORAL_LAYERS: usize = 3;

/// How many times larger than others a keyframe is; a talking head's are some four times.
const KEYFRAME_WEIGHT: f64 = 4.0;

/// What libwebrtc leaves for the payload of a packet of 1,200 bytes, roughly.
const MAX_PAYLOAD: usize = 1_100;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rand::SeedableRng;

    use super::super::vp8::read_vp8;
    use super::*;

    fn encoder(temporal_layers: u8) -> VideoEncoder {
        let label = Label {
            publisher: 1,
            source: 0,
        };
        let settings = EncoderSettings {
            bitrate: 1_000_000,
            frame_rate: 30,
            size: (640, 360),
            temporal_layers,
        };
        VideoEncoder::new(label, 0, settings, SmallRng::seed_from_u64(1))
    }

    /// Codes so many frames and returns (refers back, temporal layer) of each.
    fn structure(encoder: &mut VideoEncoder, frames: usize) -> Vec<(u16, u8)> {
        let coded = (0..frames).map(|_| {
            let packets = encoder.encode(Duration::ZERO, false, 1, 0);
            (packets[0].stamp.refers_back, packets[0].stamp.temporal)
        });
        coded.collect()
    }

    #[test]
    fn frames_refer_to_their_own_layer_or_below() {
        assert_eq!(structure(&mut encoder(1), 3), [(0, 0), (1, 0), (1, 0)]);
        assert_eq!(
            structure(&mut encoder(2), 4),
            [(0, 0), (1, 1), (2, 0), (1, 1)]
        );
        let expected = [(0, 0), (1, 2), (2, 1), (1, 2), (4, 0), (1, 2), (2, 1)];
        assert_eq!(structure(&mut encoder(3), 7), expected);
    }

    #[test]
    fn payloads_read_back_with_ids_that_run_on() {
        let mut encoder = encoder(1);
        let mut last: Option<(u16, u8)> = None;
        let mut number = 0;
        for frame in 0..50 {
            let packets = encoder.encode(Duration::ZERO, frame == 20, 5, number);
            let keyframe = frame == 0 || frame == 20;
            assert!(packets.len() > 2);
            for packet in &packets {
                let view = read_vp8(&Bytes::from(packet.payload.clone())).expect("as written");
                assert_eq!(view.stamp, packet.stamp);
                assert_eq!((view.stamp.number, view.stamp.sequence), (number, number));
                assert_eq!(
                    view.keyframe,
                    (packet.stamp.packet == 0).then_some(keyframe)
                );
                number += 1;
            }
            let view = read_vp8(&Bytes::from(packets[0].payload.clone())).expect("as written");
            if let Some((picture, tl0)) = last {
                assert_eq!(view.ids.picture_id, (picture + 1) & 0x7fff);
                assert_eq!(view.ids.tl0, tl0.wrapping_add(1));
            }
            last = Some((view.ids.picture_id, view.ids.tl0));
        }
    }

    #[test]
    fn the_rate_is_kept() {
        let mut encoder = encoder(3);
        let bytes: usize = (0..300)
            .flat_map(|_| encoder.encode(Duration::ZERO, false, 1, 0))
            .map(|packet| packet.payload.len())
            .sum();
        let rate = bytes * 8 / 10;
        assert!((950_000..1_100_000).contains(&rate), "{rate} bit/s");
    }
}
