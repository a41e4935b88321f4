//! What is remembered of a received packet beside its bytes, so that no subscriber parses it again.

use std::ops::Range;

use sfu_rtp::extension::AudioLevel;
use sfu_rtp::{ExtensionKind, ExtensionMap, RtpHeader, SeqNo};

use super::picture::Picture;
use crate::drop_reason::DropReason;

/// A plaintext packet in the cache of its encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedPacket<'a> {
    pub(crate) meta: &'a PacketMeta,
    /// Header, extensions and payload as the publisher sent them, decrypted.
    pub(crate) bytes: &'a [u8],
}

impl<'a> CachedPacket<'a> {
    /// The payload without padding.
    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.bytes
            .get(self.meta.payload.range())
            .unwrap_or_default()
    }
}

/// Everything that forwarding needs to know of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketMeta {
    /// The header as it arrived; of a retransmission, as the original had it.
    pub(crate) header: RtpHeader,
    /// Its place in the encoding.
    pub(crate) sequence: SeqNo,
    /// Which unbroken stretch of the encoding it belongs to. It changes when the publisher restarts
    /// the stream or unmutes; a forwarder must then begin anew at a switch point.
    pub(crate) continuity: u32,
    /// Index into the codecs of the track's m-line.
    pub(crate) codec_index: u8,
    pub(crate) picture: Picture,
    pub(crate) extensions: ForwardedExtensions,
    /// Of redundant sound, where the newest frame lies.
    pub(crate) payload: Span,
    /// How many earlier frames it repeated as its publisher sent it (RFC 2198).
    pub(crate) repeats: u8,
}

/// Where a part lies in its packet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Span {
    start: u16,
    end: u16,
}

impl Span {
    /// `None` past 65,535, which no datagram reaches.
    fn new(range: Range<usize>) -> Option<Self> {
        Some(Self {
            start: u16::try_from(range.start).ok()?,
            end: u16::try_from(range.end).ok()?,
        })
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }

    /// Its last `len` bytes.
    pub(crate) fn tail(self, len: usize) -> Option<Self> {
        let start = usize::from(self.end).checked_sub(len)?;
        Self::new(start.max(usize::from(self.start))..usize::from(self.end))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// Where the payload of a plaintext packet lies.
///
/// # Errors
/// [`DropReason::RtpMalformed`] if its padding is impossible, [`DropReason::PaddingOnly`] if nothing
/// is left without it.
pub(crate) fn payload_span(header: &RtpHeader, plaintext: &[u8]) -> Result<Span, DropReason> {
    let span = header
        .payload_range(plaintext)
        .ok()
        .and_then(Span::new)
        .ok_or(DropReason::RtpMalformed)?;
    if span.is_empty() {
        return Err(DropReason::PaddingOnly);
    }
    Ok(span)
}

/// The header extensions of a packet that subscribers get as well, as spans of the packet: the others
/// describe the path from the publisher to us.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct ForwardedExtensions {
    spans: [Span; FORWARDED.len()],
}

/// What is forwarded as it is. The MID is the slot's own, congestion control starts anew on each path,
/// and the RID is of no concern to a receiver that gets one encoding. The audio level is the first, see
/// [`ForwardedExtensions::audio_level`], and the dependency descriptor the last.
const FORWARDED: [ExtensionKind; 4] = [
    ExtensionKind::AudioLevel,
    ExtensionKind::PlayoutDelay,
    ExtensionKind::AbsCaptureTime,
    ExtensionKind::DependencyDescriptor,
];

/// How many extensions of a packet are forwarded at the most.
pub(crate) const MAX_FORWARDED_EXTENSIONS: usize = FORWARDED.len();

impl ForwardedExtensions {
    /// Finds them in a packet from a peer that numbers its extensions by `ids`.
    pub(crate) fn find(header: &RtpHeader, packet: &[u8], ids: &ExtensionMap) -> Self {
        let mut found = Self::default();
        let base = packet.as_ptr().addr();
        for (id, value) in header.extensions(packet) {
            let Some(kind) = ids.kind_of(id) else {
                continue;
            };
            let Some(index) = FORWARDED.iter().position(|&forwarded| forwarded == kind) else {
                continue;
            };
            let start = value.as_ptr().addr() - base;
            if let Some(span) = Span::new(start..start + value.len()) {
                found.spans[index] = span;
            }
        }
        found
    }

    /// How loud `packet`, the one they were found in, says that it is.
    #[inline]
    pub(crate) fn audio_level(&self, packet: &[u8]) -> Option<AudioLevel> {
        let [span, ..] = self.spans;
        AudioLevel::parse(packet.get(span.range())?)
    }

    /// The dependency descriptor of `packet`, the one they were found in.
    #[inline]
    pub(crate) fn dependency_descriptor<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let [.., span] = self.spans;
        if span.is_empty() {
            return None;
        }
        packet.get(span.range())
    }

    /// Each with its value in `packet`, the one they were found in.
    #[inline]
    pub(crate) fn iter<'a>(
        &self,
        packet: &'a [u8],
    ) -> impl Iterator<Item = (ExtensionKind, &'a [u8])> {
        FORWARDED
            .into_iter()
            .zip(self.spans)
            .filter(|(_, span)| !span.is_empty())
            .filter_map(|(kind, span)| Some((kind, packet.get(span.range())?)))
    }
}
