//! Opus payloads (RFC 7587): a TOC byte of a 20 ms frame, and the stamp.

use super::stamp::{Damage, Stamp};

/// Writes a payload of `len` bytes.
pub fn write_opus(stamp: &Stamp, len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len);
    out.push(TOC);
    stamp.write(len.saturating_sub(1), &mut out);
    out
}

/// Reads a payload.
///
/// # Errors
/// If it is not what was written.
pub fn read_opus(payload: &[u8]) -> Result<Stamp, Damage> {
    match payload {
        [TOC, rest @ ..] => Stamp::read(rest),
        _ => Err(Damage::Descriptor),
    }
}

/// RFC 6716 §3.1: CELT, fullband, 20 ms, mono, one frame.
const TOC: u8 = 31 << 3;
