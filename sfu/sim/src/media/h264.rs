//! H.264 payloads (RFC 6184, packetization mode 1): keyframes begin with a STAP-A of parameter sets, as those
//! of Chromium do; slices that do not fit a packet are cut into FU-As.

use super::bits::Bits;
use super::stamp::{Damage, Stamp};

/// Writes a payload of `len` bytes behind its NAL unit headers.
pub(super) fn write(stamp: &Stamp, size: (u16, u16), len: usize) -> Vec<u8> {
    let (first, last) = (stamp.packet == 0, stamp.packet + 1 == stamp.packets);
    let slice = if stamp.is_keyframe() { IDR } else { SLICE };
    let mut out = Vec::with_capacity(len + 64);
    if first && stamp.is_keyframe() {
        out.push(REFERENCE | STAP_A);
        for unit in [sequence_parameters(size), PICTURE_PARAMETERS.to_vec()] {
            push_unit(&mut out, &unit);
        }
        // The slice itself if it is small, else what may stand in front of it.
        let mut unit = match last {
            true => vec![REFERENCE | IDR, FIRST_SLICE],
            false => vec![SEI, USER_DATA],
        };
        stamp.write(len, &mut unit);
        push_unit(&mut out, &unit);
        return out;
    }
    // What precedes the slice of a keyframe has a packet of its own.
    let begins = stamp.packet == u16::from(stamp.is_keyframe());
    if begins && last {
        out.extend([REFERENCE | slice, FIRST_SLICE]);
    } else {
        out.push(REFERENCE | FU_A);
        out.push(u8::from(begins) << 7 | u8::from(last) << 6 | slice);
        out.push(FIRST_SLICE);
    }
    stamp.write(len, &mut out);
    out
}

/// Reads a payload.
pub(super) fn read(payload: &[u8]) -> Result<Stamp, Damage> {
    let &[head, ..] = payload else {
        return Err(Damage::Descriptor);
    };
    let body = match head & TYPE {
        STAP_A => last_unit(&payload[1..]).and_then(|unit| unit.get(2..)),
        FU_A => payload.get(3..),
        _ => payload.get(2..),
    };
    let stamp = Stamp::read(body.ok_or(Damage::Descriptor)?)?;
    let parameters = stamp.packet == 0 && stamp.is_keyframe();
    match (head & TYPE == STAP_A) == parameters {
        true => Ok(stamp),
        false => Err(Damage::Descriptor),
    }
}

fn push_unit(out: &mut Vec<u8>, unit: &[u8]) {
    out.extend((unit.len() as u16).to_be_bytes());
    out.extend(unit);
}

fn last_unit(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (len, behind) = rest.split_first_chunk::<2>()?;
        let (unit, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        if behind.is_empty() {
            return Some(unit);
        }
        rest = behind;
    }
}

/// H.264 §7.3.2.1: Constrained Baseline, level 3.1, pictures of this size.
fn sequence_parameters((width, height): (u16, u16)) -> Vec<u8> {
    let [width, height] = [width, height].map(u32::from);
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    let mut bits = Bits::default();
    bits.put(0x67_42_e0_1f, 32);
    // seq_parameter_set_id, log2_max_frame_num − 4, pic_order_cnt_type, max_num_ref_frames.
    for value in [0, 0, 2, 1] {
        bits.put_golomb(value);
    }
    bits.put(0, 1);
    bits.put_golomb(columns - 1);
    bits.put_golomb(rows - 1);
    // frame_mbs_only_flag, direct_8x8_inference_flag, frame_cropping_flag.
    bits.put(0b111, 3);
    for crop in [0, columns * 16 - width, 0, rows * 16 - height] {
        bits.put_golomb(crop / 2);
    }
    // No VUI, and the stop bit.
    bits.put(0b01, 2);
    bits.into_bytes()
}

const PICTURE_PARAMETERS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// nal_ref_idc 3.
const REFERENCE: u8 = 0x60;
const TYPE: u8 = 0x1f;
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// first_mb_in_slice 0, slice_type P or I: both begin with a set bit.
const FIRST_SLICE: u8 = 0x88;

/// payloadType user_data_unregistered.
const USER_DATA: u8 = 5;
