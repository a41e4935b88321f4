//! Payloads that are encrypted from end to end: to a server they are noise, and those who have the key find
//! the stamp in them. A keystream instead of a cipher: nobody here tries to break it.

use super::stamp::{Damage, Stamp};

/// Writes a payload of `len` bytes. `nonce` is another one for each.
pub(super) fn write(stamp: &Stamp, nonce: u32, len: usize) -> Vec<u8> {
    let mut out = nonce.to_be_bytes().to_vec();
    stamp.write(len, &mut out);
    apply_keystream(nonce, &mut out[NONCE_LEN..]);
    out
}

/// Reads a payload.
pub(super) fn read(payload: &[u8]) -> Result<Stamp, Damage> {
    let (nonce, sealed) = payload
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(Damage::TooShort(payload.len()))?;
    let mut content = sealed.to_vec();
    apply_keystream(u32::from_be_bytes(*nonce), &mut content);
    Stamp::read(&content)
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
