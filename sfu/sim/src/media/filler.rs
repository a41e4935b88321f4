//! The bytes that make payloads as long as real ones: a fixed pattern, so that damage shows.

/// `len` bytes of the pattern, from a place that depends on `number`; `len` is at most
/// [`MAX_BYTES`].
pub(super) fn filler(number: u32, len: usize) -> &'static [u8] {
    let start = number as usize % PERIOD;
    &PATTERN[start..start + len]
}

/// More than any datagram holds.
pub(super) const MAX_BYTES: usize = 1_500;

const PERIOD: usize = 251;

static PATTERN: [u8; PERIOD + MAX_BYTES] = pattern();

/// A prime period, so that a shift by any number of words shows.
const fn pattern() -> [u8; PERIOD + MAX_BYTES] {
    let mut bytes = [0; PERIOD + MAX_BYTES];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at % PERIOD) as u8;
        at += 1;
    }
    bytes
}
