//! AV1 payloads (RTP Payload Format For AV1, §4.4): the aggregation header, a sequence header in front of each
//! keyframe, and one frame OBU that is cut into as many packets as it takes.

use super::bits::Bits;
use super::stamp::{Damage, Stamp};
use sfu_rtp::Layer;

/// Writes a payload of `len` bytes behind its headers. `layer` is said if the stream has several.
pub(super) fn write(stamp: &Stamp, layer: Option<Layer>, size: (u16, u16), len: usize) -> Vec<u8> {
    let (first, last) = (stamp.packet == 0, stamp.packet + 1 == stamp.packets);
    let begins = first && stamp.is_keyframe();
    let elements = if begins { 2 } else { 1 };
    let mut out = Vec::with_capacity(len + 64);
    out.push(u8::from(!first) << 7 | u8::from(!last) << 6 | elements << 4 | u8::from(begins) << 3);
    if begins {
        let mut header = vec![SEQUENCE_HEADER << 3];
        header.extend(sequence_header(size));
        out.push(header.len() as u8);
        out.extend(header);
    }
    if first {
        out.push(FRAME << 3 | u8::from(layer.is_some()) << 2);
        out.extend(layer.map(|layer| layer.temporal << 5 | layer.spatial << 3));
        // frame_type and show_frame; a key frame is of type 0.
        out.push(u8::from(!stamp.is_keyframe()) << 5 | 0x10);
    }
    stamp.write(len, &mut out);
    out
}

/// Reads a payload.
pub(super) fn read(payload: &[u8]) -> Result<Stamp, Damage> {
    let (&aggregation, mut rest) = payload.split_first().ok_or(Damage::Descriptor)?;
    let begins = aggregation & 0x08 != 0;
    let mut skip = |len: usize| {
        rest = rest.get(len..).ok_or(Damage::Descriptor)?;
        Ok::<_, Damage>(rest.first().copied().unwrap_or_default())
    };
    if begins {
        let len = skip(0)?;
        skip(1 + usize::from(len))?;
    }
    if aggregation & 0x80 == 0 {
        let head = skip(0)?;
        let extension = usize::from(head & 0x04 != 0);
        if head >> 3 != FRAME {
            return Err(Damage::Descriptor);
        }
        skip(2 + extension)?;
    }
    let stamp = Stamp::read(rest)?;
    let (first, last) = (stamp.packet == 0, stamp.packet + 1 == stamp.packets);
    let expected = [!first, !last, first && stamp.is_keyframe()];
    match [0x80, 0x40, 0x08].map(|bit| aggregation & bit != 0) == expected {
        true => Ok(stamp),
        false => Err(Damage::Descriptor),
    }
}

/// AV1 specification §5.5: main profile, one operating point, pictures of this size.
fn sequence_header((width, height): (u16, u16)) -> Vec<u8> {
    let mut bits = Bits::default();
    // seq_profile, still_picture, reduced_still_picture_header, timing_info_present_flag,
    // initial_display_delay_present_flag.
    bits.put(0, 3 + 1 + 1 + 1 + 1);
    // operating_points_cnt_minus_1, operating_point_idc, seq_level_idx 3.1.
    bits.put(0, 5 + 12);
    bits.put(5, 5);
    // The sizes have 16 bits.
    bits.put(0xff, 8);
    bits.put(u32::from(width) - 1, 16);
    bits.put(u32::from(height) - 1, 16);
    // None of the tools, eight bits, 4:2:0, and the trailing bit.
    bits.put(0, 22);
    bits.put(1, 1);
    bits.into_bytes()
}

const SEQUENCE_HEADER: u8 = 1;
const FRAME: u8 = 6;
