//! A synthetic encoder for one encoding of any codec: frames of the right sizes at the right times, with
//! temporal and spatial layers, and a keyframe whenever one was asked for.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use sfu::parameters::Codec;

use super::descriptor::DescriptorWriter;
use super::stamp::{Label, Stamp};
use super::structure::{Frame, Scalability, Structure};
use super::vp8::Vp8Ids;
use super::vp9::Vp9Ids;
use super::{av1, h264, sealed, vp8, vp9};

/// What an encoding is like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EncoderSettings {
    /// How it is coded.
    pub codec: Codec,
    /// Mean bits per second, keyframes apart.
    pub bitrate: u32,
    /// Pictures per second.
    pub frame_rate: u32,
    /// Width and height in pixels, of the highest spatial layer.
    pub size: (u16, u16),
    /// Its layers. VP8 and H.264 have one spatial layer.
    pub scalability: Scalability,
    /// Whether dependency descriptors tell of its frames.
    pub described: bool,
    /// Whether payloads are encrypted from end to end.
    pub sealed: bool,
}

/// The encoder.
#[derive(Debug)]
pub struct VideoEncoder {
    label: Label,
    encoding: u8,
    settings: EncoderSettings,
    rng: SmallRng,
    structure: Structure,
    descriptor: Option<DescriptorWriter>,
    begun: bool,
    next_number: u32,
    first_picture_id: u16,
    tl0: u8,
}

/// A payload that is ready for an RTP packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedPacket {
    /// What it says about itself.
    pub stamp: Stamp,
    /// The payload.
    pub payload: Vec<u8>,
    /// The dependency descriptor that goes with it.
    pub descriptor: Option<Vec<u8>>,
    /// Whether it is the last of its picture.
    pub marker: bool,
}

impl VideoEncoder {
    /// An encoder that has coded nothing. Its picture ids begin anywhere, as real ones do.
    pub fn new(label: Label, encoding: u8, settings: EncoderSettings, mut rng: SmallRng) -> Self {
        let first_picture_id = rng.random_range(0..0x8000);
        let tl0 = rng.random();
        let scalability = settings.scalability;
        let descriptor = settings.described.then(|| {
            let (id, number) = (rng.random_range(0..64), rng.random());
            DescriptorWriter::new(scalability, settings.size, id, number)
        });
        Self {
            label,
            encoding,
            settings,
            structure: Structure::new(scalability),
            descriptor,
            begun: false,
            next_number: 0,
            first_picture_id,
            tl0,
            rng,
        }
    }

    /// What it was made with, or was changed to.
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// Codes at another rate from the next picture on.
    pub fn set_bitrate(&mut self, bitrate: u32) {
        self.settings.bitrate = bitrate;
    }

    /// Codes a picture into packets that will be sent from `ssrc` under the numbers from
    /// `first_sequence` on.
    pub fn encode(
        &mut self,
        captured: Duration,
        keyframe: bool,
        ssrc: u32,
        first_sequence: u32,
    ) -> Vec<EncodedPacket> {
        let frames: Vec<_> = self.structure.picture(keyframe || !self.begun).collect();
        self.begun = true;
        let temporal = frames.first().map(|frame| frame.layer.temporal);
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == Some(0)));
        let mut coded = Vec::new();
        for frame in frames {
            let sequence = first_sequence.wrapping_add(coded.len() as u32);
            self.encode_frame(captured, &frame, ssrc, sequence, &mut coded);
        }
        if let Some(last) = coded.last_mut() {
            last.marker = true;
        }
        coded
    }

    fn encode_frame(
        &mut self,
        captured: Duration,
        frame: &Frame,
        ssrc: u32,
        first_sequence: u32,
        coded: &mut Vec<EncodedPacket>,
    ) {
        let Scalability {
            spatial, temporal, ..
        } = self.settings.scalability;
        let size = self.frame_bytes(frame);
        let packets = size.div_ceil(MAX_PAYLOAD).max(1);
        let len = size / packets;
        for packet in 0..packets as u32 {
            let stamp = Stamp {
                label: self.label,
                encoding: self.encoding,
                ssrc,
                sequence: first_sequence.wrapping_add(packet),
                number: self.next_number,
                frame: frame.number,
                picture: frame.picture,
                packet: packet as u16,
                packets: packets as u16,
                refers_back: frame.refers_back,
                spatial: frame.layer.spatial,
                temporal: frame.layer.temporal,
                layers: [spatial, temporal],
                tl0: self.tl0,
                captured,
            };
            self.next_number += 1;
            let (first, last) = (packet == 0, stamp.ends_frame());
            let payload = self.payload(frame, &stamp, len);
            let descriptor = self.descriptor.as_ref();
            coded.push(EncodedPacket {
                stamp,
                payload,
                descriptor: descriptor.map(|writer| writer.write(frame, first, last)),
                marker: false,
            });
        }
    }

    fn payload(&mut self, frame: &Frame, stamp: &Stamp, len: usize) -> Vec<u8> {
        let EncoderSettings {
            codec,
            size,
            scalability,
            ..
        } = self.settings;
        if self.settings.sealed {
            return sealed::write(codec, stamp, self.rng.random(), len);
        }
        let picture_id = self.first_picture_id.wrapping_add(frame.picture as u16) & 0x7fff;
        let (tl0, temporal) = (self.tl0, frame.layer.temporal);
        match codec {
            Codec::Vp8 => {
                let layer_sync = frame.is_sync;
                let ids = Vp8Ids {
                    picture_id,
                    tl0,
                    temporal,
                    layer_sync,
                };
                vp8::write(stamp, ids, size, len)
            }
            Codec::Vp9 => {
                let ids = Vp9Ids {
                    picture_id,
                    tl0,
                    temporal,
                    spatial: frame.layer.spatial,
                    predicted: !frame.key_picture,
                    inter_layer: frame.refers_back[1] > 0,
                    pattern: None,
                };
                vp9::write(stamp, &ids, (frame, scalability), size, len)
            }
            Codec::H264 => h264::write(stamp, size, len),
            Codec::Av1 => {
                let layered = scalability != Scalability::NONE;
                av1::write(stamp, layered.then_some(frame.layer), size, len)
            }
            Codec::Opus => unreachable!("a picture is no sound"),
        }
    }

    /// Each spatial layer has four times the pixels of the one below, and a bit less than twice the bytes.
    fn frame_bytes(&mut self, frame: &Frame) -> usize {
        let settings = &self.settings;
        let mean = f64::from(settings.bitrate) / 8.0 / f64::from(settings.frame_rate);
        let all = 0..settings.scalability.spatial;
        let share = SPATIAL_WEIGHT.powi(frame.layer.spatial.into())
            / all
                .map(|layer| SPATIAL_WEIGHT.powi(layer.into()))
                .sum::<f64>();
        let weight = if frame.key_picture {
            KEYFRAME_WEIGHT
        } else {
            1.0
        };
        let spread = self.rng.random_range(0.7..1.3);
        (mean * share * weight * spread) as usize
    }
}

/// How many times larger than others a keyframe is; a talking head's are some four times.
const KEYFRAME_WEIGHT: f64 = 4.0;

/// How many times larger than the one below a spatial layer's frames are: a guess.
const SPATIAL_WEIGHT: f64 = 1.8;

/// What libwebrtc leaves for the payload of a packet of 1,200 bytes, roughly.
const MAX_PAYLOAD: usize = 1_100;

#[cfg(test)]
mod tests;
