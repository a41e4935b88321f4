//! Payloads that are encrypted from end to end: to a server they are noise, and those who have the key find
//! the stamp in them. A keystream instead of a cipher: nobody here tries to break it.
//!
//! The payload descriptors of VP8 and VP9 are no part of what is encrypted. They have no more than the one byte
//! that they must have, as libwebrtc writes that of VP8 then.

use sfu::parameters::Codec;

use super::stamp::{Damage, Stamp};

/// Writes a payload of `len` bytes. `nonce` is another one for each.
pub(super) fn write(codec: Codec, stamp: &Stamp, nonce: u32, len: usize) -> Vec<u8> {
    let mut out: Vec<u8> = descriptor(codec, stamp).into_iter().collect();
    out.extend(nonce.to_be_bytes());
    let start = out.len();
    stamp.write(len, &mut out);
    apply_keystream(nonce, &mut out[start..]);
    out
}

/// Reads a payload.
pub(super) fn read(codec: Codec, payload: &[u8]) -> Result<Stamp, Damage> {
    let described = usize::from(matches!(codec, Codec::Vp8 | Codec::Vp9));
    let (nonce, sealed) = payload
        .get(described..)
        .and_then(|rest| rest.split_first_chunk::<NONCE_LEN>())
        .ok_or(Damage::TooShort(payload.len()))?;
    let mut content = sealed.to_vec();
    apply_keystream(u32::from_be_bytes(*nonce), &mut content);
    let stamp = Stamp::read(&content)?;
    match payload.first()
        == descriptor(codec, &stamp)
            .or(payload.first().copied())
            .as_ref()
    {
        true => Ok(stamp),
        false => Err(Damage::Descriptor),
    }
}

/// Where the frame begins, and of VP9 where it ends and whether it refers to earlier ones.
fn descriptor(codec: Codec, stamp: &Stamp) -> Option<u8> {
    let first = u8::from(stamp.packet == 0);
    match codec {
        Codec::Vp8 => Some(first << 4),
        Codec::Vp9 => {
            let predicted = u8::from(!stamp.is_keyframe());
            Some(predicted << 6 | first << 3 | u8::from(stamp.ends_frame()) << 2)
        }
        _ => None,
    }
}

/// A xorshift generator.
fn apply_keystream(nonce: u32, bytes: &mut [u8]) {
    let mut state = u64::from(nonce) << 32 | 0x9e37_79b9;
    for chunk in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for (byte, key) in chunk.iter_mut().zip(state.to_be_bytes()) {
            *byte ^= key;
        }
    }
}

const NONCE_LEN: usize = 4;
