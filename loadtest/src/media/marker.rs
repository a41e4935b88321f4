//! The part of a payload that a viewer reads: who sent it, as which packet, and when.

use super::{Kind, SourceId};
use crate::clock::Stamp;

/// What a packet says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Marker {
    /// Which track of which publisher.
    pub(crate) source: SourceId,
    /// Counts the packets of the track from 0.
    pub(crate) index: u64,
    /// When it was sent.
    pub(crate) sent_at: Stamp,
}

impl Marker {
    /// Writes it to the start of `place`, which has [`MARKER_BYTES`] or more.
    pub(crate) fn write(&self, place: &mut [u8; MARKER_BYTES]) {
        let kind = match self.source.kind {
            Kind::Audio => 0,
            Kind::Video => 1,
        };
        let words = [
            u64::from(MAGIC) << 32 | u64::from(self.source.publisher),
            kind << INDEX_BITS | self.index & INDEX_MASK,
            self.sent_at.nanos(),
        ];
        for (bytes, word) in place.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_be_bytes();
        }
    }

    /// Reads it from the start of `place`. `None` if this is no packet of ours.
    pub(crate) fn read(place: &[u8]) -> Option<Self> {
        let place: &[u8; MARKER_BYTES] = place.first_chunk()?;
        let mut words = place
            .as_chunks::<8>()
            .0
            .iter()
            .copied()
            .map(u64::from_be_bytes);
        let (first, second, third) = (words.next()?, words.next()?, words.next()?);
        if first >> 32 != u64::from(MAGIC) {
            return None;
        }
        let kind = match second >> INDEX_BITS {
            0 => Kind::Audio,
            1 => Kind::Video,
            _ => return None,
        };
        Some(Self {
            source: SourceId {
                publisher: first as u32,
                kind,
            },
            index: second & INDEX_MASK,
            sent_at: Stamp::from_nanos(third),
        })
    }
}

/// Bytes of a marker.
pub(crate) const MARKER_BYTES: usize = 24;

/// Tells our payloads from those of others in the same room.
const MAGIC: u32 = 0x5e7d_10ad;

const INDEX_BITS: u32 = 48;
const INDEX_MASK: u64 = (1 << INDEX_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for kind in [Kind::Audio, Kind::Video] {
            for (publisher, index, nanos) in
                [(0, 0, 0), (u32::MAX, INDEX_MASK, u64::MAX), (7, 1, 2)]
            {
                let marker = Marker {
                    source: SourceId { publisher, kind },
                    index,
                    sent_at: Stamp::from_nanos(nanos),
                };
                let mut bytes = [0; MARKER_BYTES];
                marker.write(&mut bytes);
                assert_eq!(Marker::read(&bytes), Some(marker));
                let mut longer = bytes.to_vec();
                longer.push(9);
                assert_eq!(Marker::read(&longer), Some(marker));
            }
        }
    }

    #[test]
    fn other_payloads_are_not_markers() {
        let mut bytes = [0; MARKER_BYTES];
        assert_eq!(Marker::read(&bytes), None, "zeroes");
        let marker = Marker {
            source: SourceId {
                publisher: 1,
                kind: Kind::Video,
            },
            index: 1,
            sent_at: Stamp::from_nanos(1),
        };
        marker.write(&mut bytes);
        assert_eq!(Marker::read(&bytes[..MARKER_BYTES - 1]), None, "cut");
        bytes[8] = 0xff;
        assert_eq!(Marker::read(&bytes), None, "a kind that there is not");
    }
}
