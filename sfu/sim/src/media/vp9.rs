//! VP9 payloads (RFC 9628): the descriptor as Chromium writes it, which is not in flexible mode: what frames
//! refer to follows from the pattern in the scalability structure of each keyframe. Read with the library's
//! depacketizer.

use bytes::Bytes;
use rtp::codec::vp9::Vp9Packet;
use rtp::packetizer::Depacketizer;

use super::stamp::{Damage, Stamp};
use super::structure::{Frame, Scalability, Structure};

/// What a descriptor says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vp9Ids {
    /// 15 bits.
    pub picture_id: u16,
    /// TL0PICIDX
    pub tl0: u8,
    /// TID
    pub temporal: u8,
    /// SID
    pub spatial: u8,
    /// P: the frame refers to earlier pictures.
    pub predicted: bool,
    /// D: it refers to the spatial layer below.
    pub inter_layer: bool,
    /// With a scalability structure: for each picture of the pattern, how many pictures back those are that
    /// it refers to.
    pub pattern: Option<Vec<Vec<u8>>>,
}

/// Writes a payload of `len` bytes behind the descriptor. `size` is that of the highest spatial layer.
pub(super) fn write(
    stamp: &Stamp,
    ids: &Vp9Ids,
    (frame, scalability): (&Frame, Scalability),
    size: (u16, u16),
    len: usize,
) -> Vec<u8> {
    let (first, last) = (stamp.packet == 0, stamp.packet + 1 == stamp.packets);
    let structure = first && stamp.is_keyframe();
    let is_top = ids.spatial + 1 == scalability.spatial;
    let not_reference = is_top || (scalability.key && !frame.key_picture);
    let mut out = Vec::with_capacity(len + 64);
    // I, P, L, B, E, V and Z.
    out.push(
        0xa0 | u8::from(ids.predicted) << 6
            | u8::from(first) << 3
            | u8::from(last) << 2
            | u8::from(structure) << 1
            | u8::from(not_reference),
    );
    out.extend((0x8000 | ids.picture_id & 0x7fff).to_be_bytes());
    // U everywhere: no picture refers past one of a lower temporal layer.
    out.push(ids.temporal << 5 | 0x10 | ids.spatial << 1 | u8::from(ids.inter_layer));
    out.push(ids.tl0);
    if structure {
        write_structure(scalability, size, &mut out);
    }
    stamp.write(len, &mut out);
    out
}

/// N_S, Y and G, a size for each spatial layer, and the pattern.
fn write_structure(scalability: Scalability, size: (u16, u16), out: &mut Vec<u8>) {
    out.push((scalability.spatial - 1) << 5 | 0x18);
    for spatial in 0..scalability.spatial {
        let less = scalability.spatial - 1 - spatial;
        out.extend((size.0 >> less).to_be_bytes());
        out.extend((size.1 >> less).to_be_bytes());
    }
    let pattern = scalability.pattern();
    out.push(pattern.len() as u8);
    // As it is once it has come round.
    let mut structure = Structure::new(Scalability {
        spatial: 1,
        ..scalability
    });
    for _ in pattern {
        structure.picture(false).for_each(drop);
    }
    for _ in pattern {
        for frame in structure.picture(false) {
            out.push(frame.layer.temporal << 5 | 0x10 | 1 << 2);
            out.push(frame.refers_back[0] as u8);
        }
    }
}

/// Reads a payload.
pub(super) fn read(payload: &Bytes) -> Result<(Stamp, Vp9Ids), Damage> {
    let mut descriptor = Vp9Packet::default();
    let body = descriptor
        .depacketize(payload)
        .map_err(|_| Damage::Descriptor)?;
    if !descriptor.i || !descriptor.l || descriptor.f || payload[1] & 0x80 == 0 {
        return Err(Damage::Descriptor);
    }
    let stamp = Stamp::read(&body)?;
    let is_last = stamp.packet + 1 == stamp.packets;
    let structure = stamp.packet == 0 && stamp.is_keyframe();
    if (descriptor.b, descriptor.e, descriptor.v) != (stamp.packet == 0, is_last, structure) {
        return Err(Damage::Descriptor);
    }
    let ids = Vp9Ids {
        picture_id: descriptor.picture_id,
        tl0: descriptor.tl0picidx,
        temporal: descriptor.tid,
        spatial: descriptor.sid,
        predicted: descriptor.p,
        inter_layer: descriptor.d,
        pattern: descriptor.v.then_some(descriptor.pgpdiff),
    };
    Ok((stamp, ids))
}
