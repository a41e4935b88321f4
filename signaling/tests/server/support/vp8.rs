//! VP8 as far as a forwarder looks into it: RTP packets with a payload descriptor (RFC 7741 §4.2), a
//! picture id, and a frame number in place of a picture.

use bytes::Bytes;
use rtc::rtp::{Header, Packet};

/// Of the offers of `peer`.
pub(crate) const PAYLOAD_TYPE: u8 = 96;

/// Ticks between frames, at 30 a second.
pub(crate) const FRAME_TICKS: u32 = 3_000;

/// X and S, then I, then a picture id of 15 bits.
const DESCRIPTOR_BYTES: usize = 4;

/// The frame with this number, in one packet; every tenth is a keyframe.
pub(crate) fn frame(ssrc: u32, number: u32) -> Packet {
    let is_keyframe = number.is_multiple_of(10);
    let mut payload = vec![0x90, 0x80, 0x80 | (number >> 8) as u8 & 0x7f, number as u8];
    // RFC 7741 §4.3: the lowest bit of the first byte is clear in a keyframe, which then has a start
    // code and a size.
    payload.extend([u8::from(!is_keyframe), 0, 0]);
    if is_keyframe {
        payload.extend([0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]);
    }
    payload.extend(number.to_be_bytes());
    payload.resize(600, 0x55);
    payload.extend(number.to_be_bytes());
    Packet {
        header: Header {
            version: 2,
            marker: true,
            payload_type: PAYLOAD_TYPE,
            sequence_number: number as u16,
            timestamp: number * FRAME_TICKS,
            ssrc,
            ..Header::default()
        },
        payload: Bytes::from(payload),
    }
}

/// The number of the frame, if the payload came through as it was sent, but for the picture id.
pub(crate) fn number(packet: &Packet) -> Option<u32> {
    let payload = &packet.payload;
    let last = payload.len().checked_sub(4)?;
    let number = u32::from_be_bytes(payload.get(last..)?.try_into().ok()?);
    let sent = frame(0, number).payload;
    (payload.get(DESCRIPTOR_BYTES..)? == sent.get(DESCRIPTOR_BYTES..)?).then_some(number)
}

/// The picture id of a packet.
pub(crate) fn picture_id(packet: &Packet) -> Option<u16> {
    let bytes = packet.payload.get(2..DESCRIPTOR_BYTES)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?) & 0x7fff)
}
