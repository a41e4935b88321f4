//! Writing an RTP header with its extension elements straight into the buffer that is sent (RFC
//! 3550 §5.1, RFC 8285).

use super::extensions::{ONE_BYTE_PROFILE, TWO_BYTE_PROFILE};
use super::{
    EXTENSION_BIT, EXTENSION_HEADER_LEN, MARKER_BIT, PADDING_BIT, RtpError, RtpHeader, VERSION,
};
use crate::{PayloadType, RtpTime, Ssrc};

/// One header extension element to write: id 1 to 255, at most 255 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionElement<'a> {
    /// The id negotiated with the receiver.
    pub id: u8,
    /// The encoded value.
    pub value: &'a [u8],
}

/// The fixed part of a header to write. Contributing sources are never written: a forwarder does
/// not mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderWriter {
    /// The marker bit.
    pub marker: bool,
    /// Set if the payload will end in padding and its count.
    pub padding: bool,
    /// The payload type negotiated with the receiver.
    pub payload_type: PayloadType,
    /// The 16 bits of the sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
}

impl HeaderWriter {
    /// Length of the header that [`write`](Self::write) makes with these elements, a multiple of
    /// four.
    ///
    /// # Errors
    /// [`RtpError::Extension`] for an element that no form can carry.
    #[inline]
    pub fn len_with(elements: &[ExtensionElement<'_>]) -> Result<usize, RtpError> {
        let block = Block::measure(elements)?;
        Ok(RtpHeader::FIXED_LEN
            + block.map_or(0, |block| EXTENSION_HEADER_LEN + block.padded_len()))
    }

    /// Writes the header to the start of `out` and returns its length, a multiple of four.
    ///
    /// The elements go out in the one-byte form if every id is 1 to 14 and every value 1 to 16
    /// bytes, else in the two-byte form, which is legal only toward a peer that negotiated
    /// `extmap-allow-mixed` or uses nothing else.
    ///
    /// # Errors
    /// [`RtpError::Extension`] for an element that no form can carry, [`RtpError::BufferTooShort`]
    /// if `out` is; `out` is then untouched.
    #[inline]
    pub fn write(
        &self,
        elements: &[ExtensionElement<'_>],
        out: &mut [u8],
    ) -> Result<usize, RtpError> {
        let block = Block::measure(elements)?;
        let needed = RtpHeader::FIXED_LEN
            + block.map_or(0, |block| EXTENSION_HEADER_LEN + block.padded_len());
        let available = out.len();
        let too_short = RtpError::BufferTooShort { needed, available };
        let (fixed, rest) = out
            .get_mut(..needed)
            .and_then(|header| header.split_first_chunk_mut::<{ RtpHeader::FIXED_LEN }>())
            .ok_or(too_short)?;

        let extension = if block.is_some() { EXTENSION_BIT } else { 0 };
        let padding = if self.padding { PADDING_BIT } else { 0 };
        let marker = if self.marker { MARKER_BIT } else { 0 };
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.get().to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.get().to_be_bytes();
        let b0 = VERSION << 6 | padding | extension;
        *fixed = [
            b0,
            marker | self.payload_type.get(),
            s0,
            s1,
            t0,
            t1,
            t2,
            t3,
            c0,
            c1,
            c2,
            c3,
        ];

        if let Some(block) = block {
            block.write(elements, rest).ok_or(too_short)?;
        }
        Ok(needed)
    }
}

/// Form and size of an extension block.
#[derive(Debug, Clone, Copy)]
struct Block {
    two_byte: bool,
    /// Elements with their heads, before padding. Ids are 255 at most but may repeat, hence the
    /// check in `measure`.
    len: usize,
}

impl Block {
    /// `None` for no elements.
    #[inline]
    fn measure(elements: &[ExtensionElement<'_>]) -> Result<Option<Self>, RtpError> {
        if elements.is_empty() {
            return Ok(None);
        }
        let mut two_byte = false;
        let mut values = 0;
        for &ExtensionElement { id, value } in elements {
            if id == 0 || value.len() > usize::from(u8::MAX) || values > MAX_BLOCK_LEN {
                return Err(RtpError::Extension {
                    id,
                    len: value.len(),
                });
            }
            two_byte |= !matches!((id, value.len()), (1..=14, 1..=16));
            values += value.len() + 2;
        }
        let heads = if two_byte { 0 } else { elements.len() };
        Ok(Some(Self {
            two_byte,
            len: values - heads,
        }))
    }

    #[inline]
    fn padded_len(&self) -> usize {
        self.len.next_multiple_of(4)
    }

    /// Fills `out`, which is the block with its four-byte head and its padding; `None` if it is too
    /// short.
    #[inline]
    fn write(&self, elements: &[ExtensionElement<'_>], out: &mut [u8]) -> Option<()> {
        let profile = if self.two_byte {
            TWO_BYTE_PROFILE
        } else {
            ONE_BYTE_PROFILE
        };
        let (head, mut rest) = out.split_first_chunk_mut::<EXTENSION_HEADER_LEN>()?;
        let [p0, p1] = profile.to_be_bytes();
        let [l0, l1] = ((self.padded_len() / 4) as u16).to_be_bytes();
        *head = [p0, p1, l0, l1];

        for &ExtensionElement { id, value } in elements {
            let len = value.len() as u8;
            if self.two_byte {
                let (head, tail) = rest.split_first_chunk_mut::<2>()?;
                *head = [id, len];
                rest = tail;
            } else {
                let (head, tail) = rest.split_first_mut()?;
                *head = id << 4 | len.wrapping_sub(1);
                rest = tail;
            }
            let (target, tail) = rest.split_at_mut_checked(value.len())?;
            target.copy_from_slice(value);
            rest = tail;
        }
        rest.fill(0);
        Some(())
    }
}

/// Far beyond any datagram, and small enough that the block's length in words fits its 16 bits.
const MAX_BLOCK_LEN: usize = 0xffff;
