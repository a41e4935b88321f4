//! VP8 payloads (RFC 7741): the descriptor as Chromium writes it, and the frame header that keyframes
//! are known by. Read with the library's depacketizer, so that a mistake in one does not hide in the
//! other.

use bytes::Bytes;
use rtp::codec::vp8::Vp8Packet;
use rtp::packetizer::Depacketizer;

use super::stamp::{Damage, Stamp};

/// The numbers in a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vp8Ids {
    /// 15 bits.
    pub picture_id: u16,
    /// TL0PICIDX
    pub tl0: u8,
    /// TID
    pub temporal: u8,
    /// Y: the frame refers to the base layer only.
    pub layer_sync: bool,
}

/// Writes a payload of `len` bytes behind the descriptor.
pub(super) fn write(stamp: &Stamp, ids: Vp8Ids, size: (u16, u16), len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(DESCRIPTOR_LEN + KEYFRAME_HEADER_LEN + len);
    let first = stamp.packet == 0;
    // X, and S in the first packet.
    out.push(0x80 | u8::from(first) << 4);
    // I, L and T.
    out.push(0xe0);
    out.extend((0x8000 | ids.picture_id & 0x7fff).to_be_bytes());
    out.push(ids.tl0);
    out.push(ids.temporal << 6 | u8::from(ids.layer_sync) << 5);
    let mut header = 0;
    if first {
        // RFC 6386 §9.1: show_frame, and the inverse of a keyframe.
        out.extend([0x10 | u8::from(!stamp.is_keyframe()), 0, 0]);
        header = FRAME_TAG_LEN;
        if stamp.is_keyframe() {
            out.extend([0x9d, 0x01, 0x2a]);
            out.extend(size.0.to_le_bytes());
            out.extend(size.1.to_le_bytes());
            header = KEYFRAME_HEADER_LEN;
        }
    }
    stamp.write(len.saturating_sub(header), &mut out);
    out
}

/// Reads a payload.
pub(super) fn read(payload: &Bytes) -> Result<(Stamp, Vp8Ids), Damage> {
    let mut descriptor = Vp8Packet::default();
    let body = descriptor
        .depacketize(payload)
        .map_err(|_| Damage::Descriptor)?;
    if descriptor.i != 1 || descriptor.l != 1 || descriptor.t != 1 || payload[2] & 0x80 == 0 {
        return Err(Damage::Descriptor);
    }
    let first = descriptor.s == 1 && descriptor.pid == 0;
    let keyframe = first.then(|| body.first().is_some_and(|tag| tag & 1 == 0));
    let header = match keyframe {
        None => 0,
        Some(false) => FRAME_TAG_LEN,
        Some(true) => KEYFRAME_HEADER_LEN,
    };
    let stamp = Stamp::read(body.get(header..).unwrap_or_default())?;
    if first != (stamp.packet == 0) || keyframe.is_some_and(|key| key != stamp.is_keyframe()) {
        return Err(Damage::Descriptor);
    }
    let ids = Vp8Ids {
        picture_id: descriptor.picture_id,
        tl0: descriptor.tl0_pic_idx,
        temporal: descriptor.tid,
        layer_sync: descriptor.y == 1,
    };
    Ok((stamp, ids))
}

const DESCRIPTOR_LEN: usize = 6;
const FRAME_TAG_LEN: usize = 3;
const KEYFRAME_HEADER_LEN: usize = 10;
