//! The RTP header (RFC 3550 §5.1): a summary that borrows nothing, so that the packet can be
//! decrypted in place after its header was read. Payloads and their codecs are not looked at here.

mod extensions;
mod write;

use core::ops::Range;

use thiserror::Error;

use crate::{PayloadType, RtpTime, Ssrc};

pub use extensions::Extensions;
pub use write::{ExtensionElement, HeaderWriter};

/// Why bytes are no RTP packet, or why one could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtpError {
    /// Shorter than the fixed header.
    #[error("the peer sent {0} bytes, less than an RTP header")]
    TooShort(usize),
    /// Not RTP version 2.
    #[error("the peer sent RTP version {0}")]
    Version(u8),
    /// The contributing sources or the extension block run past the end of the packet.
    #[error("the peer sent an RTP header that runs past its packet")]
    Truncated,
    /// The padding count is zero or larger than the payload (RFC 3550 §5.1).
    #[error("the peer sent {padding} bytes of padding in a payload of {payload}")]
    Padding {
        /// The count in the last byte.
        padding: u8,
        /// Bytes behind the header.
        payload: usize,
    },
    /// A header does not fit the buffer given to write it into.
    #[error("we need {needed} bytes to write an RTP header and have {available}")]
    BufferTooShort {
        /// Length of the header.
        needed: usize,
        /// Length of the buffer.
        available: usize,
    },
    /// An element no header extension form can carry: id 0, or more than 255 bytes (RFC 8285 §4.3).
    #[error("we cannot write header extension {id} with {len} bytes")]
    Extension {
        /// Its id.
        id: u8,
        /// Length of its value.
        len: usize,
    },
}

/// What an RTP header says, and where its parts lie in the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    ssrc: Ssrc,
    timestamp: RtpTime,
    header_len: u32,
    extension_start: u32,
    sequence: u16,
    extension_profile: Option<u16>,
    payload_type: PayloadType,
    csrc_count: u8,
    marker: bool,
    padding: bool,
}

impl RtpHeader {
    /// Length of a header with neither contributing sources nor extensions.
    pub const FIXED_LEN: usize = 12;

    /// The bit of the first byte that says that padding and its count end the payload (RFC 3550 §5.1).
    pub const PADDING_BIT: u8 = PADDING_BIT;

    /// Reads the header at the start of `packet`, which may still be encrypted behind it.
    ///
    /// Checks the version and that the header lies within the packet. The elements of the extension
    /// block are read later, by [`extensions`](Self::extensions); padding can be checked only once
    /// decrypted, by [`payload`](Self::payload).
    #[inline]
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let &[b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = packet
            .first_chunk::<{ Self::FIXED_LEN }>()
            .ok_or(RtpError::TooShort(packet.len()))?;
        if b0 >> 6 != VERSION {
            return Err(RtpError::Version(b0 >> 6));
        }

        let csrc_count = b0 & 0x0f;
        let mut header_len = Self::FIXED_LEN + CSRC_LEN * usize::from(csrc_count);
        let mut extension_start = header_len;
        let mut extension_profile = None;
        if b0 & EXTENSION_BIT != 0 {
            let &[p0, p1, l0, l1] = packet
                .get(header_len..)
                .and_then(|rest| rest.first_chunk())
                .ok_or(RtpError::Truncated)?;
            extension_profile = Some(u16::from_be_bytes([p0, p1]));
            extension_start += EXTENSION_HEADER_LEN;
            header_len = extension_start + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        }
        if header_len > packet.len() {
            return Err(RtpError::Truncated);
        }

        Ok(Self {
            ssrc: Ssrc::new(u32::from_be_bytes([c0, c1, c2, c3])),
            timestamp: RtpTime::new(u32::from_be_bytes([t0, t1, t2, t3])),
            // At most 12 + 15 * 4 + 4 + 65535 * 4.
            header_len: header_len as u32,
            extension_start: extension_start as u32,
            sequence: u16::from_be_bytes([s0, s1]),
            extension_profile,
            payload_type: PayloadType::from_header_byte(b1),
            csrc_count,
            marker: b1 & MARKER_BIT != 0,
            padding: b0 & PADDING_BIT != 0,
        })
    }

    /// The stream this packet belongs to.
    #[inline]
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// The payload type.
    #[inline]
    pub const fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The sequence number as it travels; [`SeqUnwrapper`](crate::SeqUnwrapper) makes it
    /// comparable.
    #[inline]
    pub const fn sequence(&self) -> u16 {
        self.sequence
    }

    /// The timestamp.
    #[inline]
    pub const fn timestamp(&self) -> RtpTime {
        self.timestamp
    }

    /// The marker bit: the last packet of a video frame, the first packet of a talk spurt.
    #[inline]
    pub const fn marker(&self) -> bool {
        self.marker
    }

    /// Whether the padding bit is set.
    #[inline]
    pub const fn has_padding(&self) -> bool {
        self.padding
    }

    /// How many contributing sources are listed, 0 to 15.
    #[inline]
    pub const fn csrc_count(&self) -> u8 {
        self.csrc_count
    }

    /// The 16 bits that tell the form of the extension block, if there is one.
    #[inline]
    pub const fn extension_profile(&self) -> Option<u16> {
        self.extension_profile
    }

    /// Where the elements of the extension block lie, without the block's own four bytes. Empty if
    /// there is no block.
    #[inline]
    pub const fn extension_range(&self) -> Range<usize> {
        self.extension_start as usize..self.header_len as usize
    }

    /// Bytes before the payload.
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.header_len as usize
    }

    /// The contributing sources, in order. `packet` is the one this header was parsed from.
    pub fn csrcs<'a>(&self, packet: &'a [u8]) -> impl Iterator<Item = Ssrc> + use<'a> {
        let end = Self::FIXED_LEN + CSRC_LEN * usize::from(self.csrc_count);
        let list = packet.get(Self::FIXED_LEN..end).unwrap_or_default();
        list.as_chunks()
            .0
            .iter()
            .map(|&bytes| Ssrc::new(u32::from_be_bytes(bytes)))
    }

    /// The header extension elements as (id, value), in order. `packet` is the one this header was
    /// parsed from.
    ///
    /// Ends at the first malformed element. A block of neither form of RFC 8285 gives nothing.
    #[inline]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let elements = packet.get(self.extension_range()).unwrap_or_default();
        Extensions::new(self.extension_profile, elements)
    }

    /// The value of the first header extension element with this id.
    #[inline]
    pub fn extension<'a>(&self, packet: &'a [u8], id: u8) -> Option<&'a [u8]> {
        self.extensions(packet)
            .find(|&(found, _)| found == id)
            .map(|(_, value)| value)
    }

    /// Bytes of padding at the end of `plaintext`, which is the whole packet once decrypted,
    /// without its tag.
    ///
    /// # Errors
    /// [`RtpError::Padding`] if the count is zero or takes more than the payload.
    #[inline]
    pub fn padding_len(&self, plaintext: &[u8]) -> Result<usize, RtpError> {
        if !self.padding {
            return Ok(0);
        }
        let payload = plaintext.get(self.header_len()..).unwrap_or_default();
        let padding = payload.last().copied().unwrap_or_default();
        if padding == 0 || usize::from(padding) > payload.len() {
            return Err(RtpError::Padding {
                padding,
                payload: payload.len(),
            });
        }
        Ok(usize::from(padding))
    }

    /// Where the payload lies in `plaintext`, which is the whole packet once decrypted, without its
    /// tag; the padding is left out. Empty for a packet that is padding only.
    ///
    /// # Errors
    /// [`RtpError::Padding`] as for [`padding_len`](Self::padding_len); [`RtpError::Truncated`] if
    /// `plaintext` does not even hold the header.
    #[inline]
    pub fn payload_range(&self, plaintext: &[u8]) -> Result<Range<usize>, RtpError> {
        let end = plaintext.len() - self.padding_len(plaintext)?;
        if end < self.header_len() {
            return Err(RtpError::Truncated);
        }
        Ok(self.header_len()..end)
    }

    /// The payload of `plaintext` without its padding; see [`payload_range`](Self::payload_range).
    ///
    /// # Errors
    /// As [`payload_range`](Self::payload_range).
    #[inline]
    pub fn payload<'a>(&self, plaintext: &'a [u8]) -> Result<&'a [u8], RtpError> {
        let range = self.payload_range(plaintext)?;
        plaintext.get(range).ok_or(RtpError::Truncated)
    }
}

/// Whether a datagram that RFC 7983 sorts under RTP and RTCP is RTCP: its second byte is 192 to 223
/// (RFC 5761 §4). RTP must therefore not use payload types 64 to 95.
#[inline]
pub fn looks_like_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const MARKER_BIT: u8 = 0x80;
const CSRC_LEN: usize = 4;
const EXTENSION_HEADER_LEN: usize = 4;

#[cfg(test)]
mod tests;
