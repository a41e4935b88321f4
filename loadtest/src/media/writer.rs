//! Plaintext RTP packets of one published track (RFC 3550 §5.1).
//!
//! Video looks like VP8 (RFC 7741 §4.2, RFC 6386 §9.1) as far as anybody between encoder and decoder can
//! tell: descriptors with picture ids, keyframes that say so, a marker bit at the end of a frame. What
//! follows is a [`Marker`] and filling.

use super::mix::Bursts;
use super::{Kind, MARKER_BYTES, Marker, SourceId};
use crate::clock::Stamp;

/// Who a track is, in every respect that packets tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterIdentity {
    /// Who it is to viewers.
    pub(crate) source: SourceId,
    /// Who it is in RTP.
    pub(crate) ssrc: u32,
    /// Where the sequence begins; should be random (RFC 3550 §5.1).
    pub(crate) first_sequence: u16,
}

/// Writes one track.
#[derive(Debug)]
pub(crate) struct PacketWriter {
    identity: WriterIdentity,
    bursts: Bursts,
    payload_type: u8,
    index: u64,
    frames: u64,
}

impl PacketWriter {
    /// A track that has sent nothing.
    pub(crate) fn new(identity: WriterIdentity, bursts: Bursts) -> Self {
        Self {
            identity,
            bursts,
            payload_type: identity.source.kind.payload_type(),
            index: 0,
            frames: 0,
        }
    }

    /// Sends with another payload type from now on.
    pub(crate) fn set_payload_type(&mut self, payload_type: u8) {
        self.payload_type = payload_type & 0x7f;
    }

    /// Its stream.
    pub(crate) const fn ssrc(&self) -> u32 {
        self.identity.ssrc
    }

    /// Its name to viewers.
    pub(crate) const fn source(&self) -> SourceId {
        self.identity.source
    }

    /// Packets written so far.
    pub(crate) const fn written(&self) -> u64 {
        self.index
    }

    /// Packets of a frame.
    pub(crate) const fn packets_per_frame(&self) -> u32 {
        self.bursts.packets
    }

    /// The timestamp of the current frame.
    pub(crate) fn rtp_time(&self) -> u32 {
        let rate = u64::from(self.identity.source.kind.clock_rate());
        (rate * self.frames / u64::from(self.bursts.per_second.max(1))) as u32
    }

    /// Begins the next frame.
    pub(crate) fn next_frame(&mut self) {
        self.frames += 1;
    }

    /// Writes the packet at this place of the current frame over `packet`. To be called in order.
    pub(crate) fn write(
        &mut self,
        place: u32,
        keyframe: bool,
        sent_at: Stamp,
        packet: &mut Vec<u8>,
    ) {
        packet.clear();
        let last = place + 1 == self.bursts.packets;
        self.write_header(last, packet);
        match self.identity.source.kind {
            // Any configuration of Opus; the decoder is not asked.
            Kind::Audio => packet.push(OPUS_TOC),
            Kind::Video => self.write_vp8(place == 0, keyframe, packet),
        }
        let marker = Marker {
            source: self.identity.source,
            index: self.index,
            sent_at,
        };
        let mut bytes = [0; MARKER_BYTES];
        marker.write(&mut bytes);
        packet.extend_from_slice(&bytes);
        packet.resize(self.bursts.packet_bytes.max(packet.len()), FILLING);
        self.index += 1;
    }

    fn write_header(&self, last_of_frame: bool, packet: &mut Vec<u8>) {
        let kind = self.identity.source.kind;
        // The marker bit of audio begins a talk spurt (RFC 7587 §4.1), and nobody stops talking here.
        let marker = last_of_frame && kind == Kind::Video;
        let sequence = self.identity.first_sequence.wrapping_add(self.index as u16);
        packet.extend_from_slice(&[2 << 6, u8::from(marker) << 7 | self.payload_type]);
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&self.rtp_time().to_be_bytes());
        packet.extend_from_slice(&self.identity.ssrc.to_be_bytes());
    }

    fn write_vp8(&self, first: bool, keyframe: bool, packet: &mut Vec<u8>) {
        let picture_id = (self.frames & 0x7fff) as u16;
        let start = if first { VP8_START_OF_PARTITION } else { 0 };
        packet.extend_from_slice(&[VP8_EXTENDED | start, VP8_HAS_PICTURE_ID]);
        packet.extend_from_slice(&(VP8_LONG_PICTURE_ID | picture_id).to_be_bytes());
        packet.extend_from_slice(match keyframe {
            true => &KEYFRAME_HEADER,
            false => &INTERFRAME_HEADER,
        });
    }
}

/// Where the marker is in a payload of this kind; `None` if the payload is too short to have one.
pub(crate) fn marker_of(kind: Kind, payload: &[u8]) -> Option<Marker> {
    let offset = match kind {
        Kind::Audio => 1,
        Kind::Video => {
            let descriptor = sfu_rtp::codec::Vp8Descriptor::parse(payload)?;
            descriptor.len() + KEYFRAME_HEADER.len()
        }
    };
    Marker::read(payload.get(offset..)?)
}

/// Hybrid, full band, 20 ms, mono, one frame (RFC 6716 §3.1).
const OPUS_TOC: u8 = 15 << 3;

const VP8_EXTENDED: u8 = 0x80;
const VP8_START_OF_PARTITION: u8 = 0x10;
const VP8_HAS_PICTURE_ID: u8 = 0x80;
const VP8_LONG_PICTURE_ID: u16 = 0x8000;

/// A shown keyframe, its start code, 1280 × 720.
const KEYFRAME_HEADER: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02];

/// A shown frame that is none, as long, so that the marker is always in the same place.
const INTERFRAME_HEADER: [u8; 10] = [0x11, 0x02, 0x00, 0, 0, 0, 0, 0, 0, 0];

const FILLING: u8 = 0xa5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Mix;
    use sfu_rtp::RtpHeader;
    use sfu_rtp::codec::Vp8Descriptor;

    fn writer(kind: Kind) -> PacketWriter {
        let identity = WriterIdentity {
            source: SourceId { publisher: 3, kind },
            ssrc: 0x1234_5678,
            first_sequence: 65_534,
        };
        let bursts = Mix::CAMERA_AND_MICROPHONE
            .bursts(kind)
            .expect("both are there");
        PacketWriter::new(identity, bursts)
    }

    /// The packets of `frames` frames, the first a keyframe.
    fn packets(kind: Kind, frames: u32) -> Vec<Vec<u8>> {
        let mut writer = writer(kind);
        let mut packets = Vec::new();
        for frame in 0..frames {
            for place in 0..writer.packets_per_frame() {
                let mut packet = Vec::new();
                let sent_at = Stamp::from_nanos(u64::from(frame));
                writer.write(place, frame == 0, sent_at, &mut packet);
                packets.push(packet);
            }
            writer.next_frame();
        }
        assert_eq!(writer.written(), packets.len() as u64);
        packets
    }

    #[test]
    fn a_second_of_the_default_mix_has_the_packets_and_bytes_it_should() {
        for (kind, frames, count, bytes) in
            [(Kind::Video, 30, 150, 1_200), (Kind::Audio, 50, 50, 124)]
        {
            let packets = packets(kind, frames);
            assert_eq!(packets.len(), count, "{kind:?}");
            assert!(
                packets.iter().all(|packet| packet.len() == bytes),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn headers_count_on_and_frames_share_a_timestamp() {
        for (kind, per_frame, ticks) in [(Kind::Video, 5, 3_000), (Kind::Audio, 1, 960)] {
            for (number, packet) in packets(kind, 4).iter().enumerate() {
                let header = RtpHeader::parse(packet).expect("a header");
                let (frame, place) = (number / per_frame, number % per_frame);
                assert_eq!(header.ssrc().get(), 0x1234_5678);
                assert_eq!(
                    header.sequence(),
                    65_534_u16.wrapping_add(number as u16),
                    "{kind:?} {number}"
                );
                assert_eq!(
                    header.timestamp().get(),
                    frame as u32 * ticks,
                    "{kind:?} {number}"
                );
                let ends_frame = kind == Kind::Video && place + 1 == per_frame;
                assert_eq!(header.marker(), ends_frame, "{kind:?} {number}");
                assert_eq!(header.payload_type().get(), kind.payload_type());
            }
        }
    }

    #[test]
    fn a_forwarder_sees_frames_keyframes_and_picture_ids() {
        for (number, packet) in packets(Kind::Video, 3).iter().enumerate() {
            let descriptor = Vp8Descriptor::parse(&packet[12..]).expect("a descriptor");
            let (frame, place) = (number / 5, number % 5);
            assert_eq!(descriptor.frame_start, place == 0, "{number}");
            assert_eq!(descriptor.keyframe, frame == 0 && place == 0, "{number}");
            let picture_id = descriptor.picture_id.expect("one").value();
            assert_eq!(usize::from(picture_id), frame, "{number}");
            let resolution = descriptor.resolution.map(|size| (size.width, size.height));
            let expected = (number == 0).then_some((1_280, 720));
            assert_eq!(resolution, expected, "{number}");
        }
    }

    #[test]
    fn every_packet_says_which_it_is_and_when_it_was_sent() {
        for kind in [Kind::Audio, Kind::Video] {
            for (index, packet) in packets(kind, 3).iter().enumerate() {
                let marker = marker_of(kind, &packet[12..]).expect("a marker");
                assert_eq!(marker.source, SourceId { publisher: 3, kind });
                assert_eq!(marker.index, index as u64);
                let per_frame = if kind == Kind::Video { 5 } else { 1 };
                assert_eq!(marker.sent_at.nanos(), index as u64 / per_frame);
            }
        }
    }

    #[test]
    fn payloads_of_others_have_no_marker() {
        for kind in [Kind::Audio, Kind::Video] {
            for payload in [&[][..], &[0x80], &[0x90, 0x80, 0x80], &[0x11; 40]] {
                assert_eq!(marker_of(kind, payload), None, "{kind:?} {payload:?}");
            }
        }
    }
}
