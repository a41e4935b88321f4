//! Short ASCII text stored inline, so that stream names are `Copy` and cost no allocation to learn,
//! compare or hash.

/// The longest value a one-byte header extension carries (RFC 8285 §4.2).
const CAPACITY: usize = 16;

// `bytes` first and zero-filled, so that the derived order is that of the text: no accepted
// character is as low as zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Label {
    bytes: [u8; CAPACITY],
    len: u8,
}

impl Label {
    /// `None` if empty, too long, or if `allowed` refuses a byte. `allowed` must accept ASCII only,
    /// and never NUL.
    pub(super) fn new(text: &[u8], allowed: fn(u8) -> bool) -> Option<Self> {
        if text.is_empty() || !text.iter().all(|&byte| allowed(byte)) {
            return None;
        }
        let mut bytes = [0; CAPACITY];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            bytes,
            len: text.len() as u8,
        })
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(super) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).expect("only ASCII was accepted")
    }
}
