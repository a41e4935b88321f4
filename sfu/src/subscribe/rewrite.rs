//! Writes one outgoing RTP packet: the slot's header and extensions, the cached payload, and the codec's
//! ids renumbered. Encryption comes after, in the same place.

use arrayvec::ArrayVec;
use sfu_rtp::dependency_descriptor::{self, DependencyDescriptor};
use sfu_rtp::extension::{AbsSendTime, TransportSequence};
use sfu_rtp::red::{self, Block};
use sfu_rtp::rtx::{ORIGINAL_SEQUENCE_LEN, write_original_sequence};
use sfu_rtp::{
    ExtensionElement, ExtensionKind, ExtensionMap, HeaderWriter, Mid, PayloadType, RtpError,
    RtpHeader, Ssrc,
};

use super::forwarder::Numbers;
use crate::publish::frame::Relations;
use crate::publish::packet::{CachedPacket, MAX_FORWARDED_EXTENSIONS};

/// How a packet leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing<'a> {
    /// How the receiver numbers header extensions.
    pub(crate) extensions: &'a ExtensionMap,
    /// The MID, if the receiver must still be told it.
    pub(crate) mid: Option<Mid>,
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: PayloadType,
    /// Earlier frames that it repeats; then `payload_type` is that of redundancy.
    pub(crate) redundancy: Option<Repeating<'a>>,
    pub(crate) numbers: Numbers,
    /// The RTX stream's own sequence number, if this is a retransmission on it (RFC 4588).
    pub(crate) rtx_sequence: Option<u16>,
    pub(crate) departure: Departure,
}

/// Frames of sound in front of the newest one (RFC 2198).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeating<'a> {
    /// At least one, the oldest first.
    pub(crate) blocks: &'a [Block<'a>],
    /// What the newest frame is.
    pub(crate) primary: PayloadType,
}

/// What a packet says of its leaving, for the receiver to measure the path by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// The next number of all that the peer is sent.
    pub(crate) number: TransportSequence,
    /// For receivers that take no number.
    pub(crate) time: AbsSendTime,
}

impl Departure {
    /// The extension that this receiver takes, if any, and whether it is the number. Of the two the number
    /// is better, and four bytes are enough.
    #[inline]
    fn element(self, extensions: &ExtensionMap, value: &mut [u8; 3]) -> Option<(u8, usize)> {
        if let Some(id) = extensions.id_of(ExtensionKind::TransportSequence) {
            let [b0, b1] = self.number.to_bytes();
            *value = [b0, b1, 0];
            return Some((id, 2));
        }
        let id = extensions.id_of(ExtensionKind::AbsSendTime)?;
        *value = self.time.to_bytes();
        Some((id, 3))
    }
}

/// The lengths of what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    pub(crate) header_len: usize,
    /// Header and payload.
    pub(crate) len: usize,
}

/// The most that a packet can need: its payload, an RTX prefix, and the header with every extension.
pub(crate) fn upper_bound(packet: &CachedPacket<'_>) -> usize {
    // Of the packet's own bytes the whole header counts, so all forwarded extensions are in.
    packet.bytes.len() + HEADER_ALLOWANCE
}

/// Writes the packet to the start of `out`.
///
/// # Errors
/// If `out` is too short.
#[inline]
pub(crate) fn write(
    packet: &CachedPacket<'_>,
    writing: &Writing<'_>,
    out: &mut [u8],
) -> Result<Written, RtpError> {
    let (mut departure, mut rewritten) = ([0; 3], None);
    let mut elements: ArrayVec<ExtensionElement<'_>, { MAX_FORWARDED_EXTENSIONS + 2 }> =
        ArrayVec::new();
    if let Some((id, len)) = writing
        .departure
        .element(writing.extensions, &mut departure)
    {
        let value = &departure[..len];
        elements.push(ExtensionElement { id, value });
    }
    if let Some(mid) = &writing.mid
        && let Some(id) = writing.extensions.id_of(ExtensionKind::Mid)
    {
        elements.push(ExtensionElement {
            id,
            value: mid.as_bytes(),
        });
    }
    let descriptor = write_descriptor(packet, &writing.numbers, &mut rewritten);
    for (kind, value) in packet.meta.extensions.iter(packet.bytes) {
        if let Some(id) = writing.extensions.id_of(kind) {
            let value = match kind {
                ExtensionKind::DependencyDescriptor => descriptor.unwrap_or(value),
                _ => value,
            };
            elements.push(ExtensionElement { id, value });
        }
    }

    let header = HeaderWriter {
        marker: writing.numbers.marker,
        padding: false,
        payload_type: writing.payload_type,
        sequence: writing.rtx_sequence.unwrap_or(writing.numbers.sequence),
        timestamp: writing.numbers.timestamp,
        ssrc: writing.ssrc,
    };
    let header_len = header.write(&elements, out)?;
    let mut start = header_len;
    if writing.rtx_sequence.is_some() {
        let prefix = out.get_mut(start..).unwrap_or_default();
        write_original_sequence(writing.numbers.sequence, prefix)?;
        start += ORIGINAL_SEQUENCE_LEN;
    }

    let source = packet.payload();
    let available = out.len();
    if let Some(Repeating { blocks, primary }) = writing.redundancy {
        let payload = out.get_mut(start..).unwrap_or_default();
        let len = start + red::write(blocks, primary, source, payload)?;
        return Ok(Written { header_len, len });
    }
    let len = start + source.len();
    let payload = out.get_mut(start..len).ok_or(RtpError::BufferTooShort {
        needed: len,
        available,
    })?;
    payload.copy_from_slice(source);
    if let Some(numbers) = &packet.meta.picture.numbers {
        let ids = &writing.numbers.pictures;
        numbers.overwrite(payload, ids.picture_id, ids.tl0_picture_index);
    }
    Ok(Written { header_len, len })
}

/// Writes the dependency descriptor of a packet as the slot numbers it. `None`: it has none, or one that was
/// not read.
#[inline]
fn write_descriptor<'a>(
    packet: &CachedPacket<'_>,
    numbers: &Numbers,
    out: &'a mut Option<[u8; MAX_ELEMENT]>,
) -> Option<&'a [u8]> {
    let targets = match &packet.meta.picture.frame.as_ref()?.relations {
        Relations::Described(described) => described.indications.decode_target_count(),
        Relations::Unknown => 0,
        Relations::Layered(_) => return None,
    };
    let value = packet.meta.extensions.dependency_descriptor(packet.bytes)?;
    let out = out.insert([0; MAX_ELEMENT]);
    let len = match numbers.active_targets {
        0 => {
            out.get_mut(..value.len())?.copy_from_slice(value);
            value.len()
        }
        active => {
            let written =
                dependency_descriptor::write_with_active_targets(value, targets, active, out);
            match written {
                Ok(len) => len,
                // A structure that fills the element to the brim: its mask stays as it is.
                Err(_) => {
                    out.get_mut(..value.len())?.copy_from_slice(value);
                    value.len()
                }
            }
        }
    };
    let rewritten = out.get_mut(..len)?;
    let ids = &numbers.pictures;
    dependency_descriptor::renumber(rewritten, ids.frame_number, ids.template_shift);
    Some(rewritten)
}

/// Writes a packet of `padding` bytes of nothing but padding (RFC 3550 §5.1), at least 1, to the start of `out`.
///
/// # Errors
/// If `out` is too short.
pub(crate) fn write_padding(
    writing: &Writing<'_>,
    padding: u8,
    out: &mut [u8],
) -> Result<Written, RtpError> {
    let header_len = write_bare_header(writing, true, out)?;
    let len = header_len + usize::from(padding.max(1));
    let available = out.len();
    let payload = out
        .get_mut(header_len..len)
        .ok_or(RtpError::BufferTooShort {
            needed: len,
            available,
        })?;
    payload.fill(0);
    if let Some(count) = payload.last_mut() {
        *count = padding.max(1);
    }
    Ok(Written { header_len, len })
}

/// Writes a packet without a payload to the start of `out`. As a retransmission it is what RFC 4588 §4 makes of one
/// that was only padding.
///
/// # Errors
/// If `out` is too short.
#[cold]
pub(crate) fn write_vacant(writing: &Writing<'_>, out: &mut [u8]) -> Result<Written, RtpError> {
    let header_len = write_bare_header(writing, false, out)?;
    let mut len = header_len;
    if writing.rtx_sequence.is_some() {
        let prefix = out.get_mut(len..).unwrap_or_default();
        write_original_sequence(writing.numbers.sequence, prefix)?;
        len += ORIGINAL_SEQUENCE_LEN;
    }
    Ok(Written { header_len, len })
}

/// The header of a packet that holds nothing of a source. Returns its length.
fn write_bare_header(
    writing: &Writing<'_>,
    padding: bool,
    out: &mut [u8],
) -> Result<usize, RtpError> {
    let mut departure = [0; 3];
    let mut elements: ArrayVec<ExtensionElement<'_>, 2> = ArrayVec::new();
    if let Some((id, len)) = writing
        .departure
        .element(writing.extensions, &mut departure)
    {
        let value = &departure[..len];
        elements.push(ExtensionElement { id, value });
    }
    if let Some(mid) = &writing.mid
        && let Some(id) = writing.extensions.id_of(ExtensionKind::Mid)
    {
        let value = mid.as_bytes();
        elements.push(ExtensionElement { id, value });
    }
    let header = HeaderWriter {
        marker: false,
        padding,
        payload_type: writing.payload_type,
        sequence: writing.rtx_sequence.unwrap_or(writing.numbers.sequence),
        timestamp: writing.numbers.timestamp,
        ssrc: writing.ssrc,
    };
    header.write(&elements, out)
}

/// Pads a packet that was written to the start of `out` by so many bytes (RFC 3550 §5.1), if that is not
/// more than [`MAX_PADDING`] and there is room. Returns how many were added.
#[inline]
pub(crate) fn pad(written: Written, bytes: usize, out: &mut [u8]) -> usize {
    if bytes == 0 || bytes > MAX_PADDING || written.len + bytes > out.len() {
        return 0;
    }
    let (packet, rest) = out.split_at_mut(written.len);
    if let (Some(first), Some((count, zeros))) = (
        packet.first_mut(),
        rest.get_mut(..bytes).and_then(<[u8]>::split_last_mut),
    ) {
        *first |= RtpHeader::PADDING_BIT;
        zeros.fill(0);
        // Not more than `MAX_PADDING`.
        *count = bytes as u8;
    }
    bytes
}

/// More is not worth it; RTP could say 255.
pub(crate) const MAX_PADDING: usize = 64;

/// A header extension element has no more (RFC 8285 §4.3).
const MAX_ELEMENT: usize = u8::MAX as usize;

/// A fixed header, an extension block's head, a MID and a departure in the two-byte form, the RTX prefix, and
/// the second byte that each forwarded element needs if the block must go over to the two-byte form, and what a
/// dependency descriptor grows by.
pub(crate) const HEADER_ALLOWANCE: usize = RtpHeader::FIXED_LEN
    + 4
    + 18
    + 5
    + 2
    + MAX_FORWARDED_EXTENSIONS
    + 3
    + DependencyDescriptor::MAX_GROWTH;
