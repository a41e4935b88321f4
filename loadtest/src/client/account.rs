//! What a viewer knows of one stream that it receives: what came, what is missing, and whose it is.
//!
//! A sequence number that is skipped counts as lost until it comes after all. Lean viewers look into a
//! sample of the packets only; a sequence number and an index that came together once tell the index of
//! every other packet, because a forwarder numbers on without gaps. So it is known in the end which of
//! the packets that were *sent* were never received, also at the end of the stream.

use sfu_rtp::SeqUnwrapper;

use super::StreamSummary;
use crate::media::{Kind, Marker, SourceId};

/// One received stream.
#[derive(Debug)]
pub(crate) struct StreamAccount {
    kind: Kind,
    sequence: SeqUnwrapper,
    first: u64,
    highest: u64,
    received: u64,
    duplicates: u64,
    reordered: u64,
    /// Bit n: the packet n before the highest was received.
    recent: u128,
    source: Option<Shown>,
    /// How often another track took over, or the numbering jumped.
    switches: u64,
}

/// Which track a stream shows, and how its numbers translate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shown {
    source: SourceId,
    /// Index less sequence number, wrapping.
    offset: u64,
}

/// What a packet changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Note {
    /// It is the next, after so many that did not come.
    New {
        /// How many sequence numbers were skipped.
        skipped: u64,
    },
    /// It was counted as lost and came after all.
    Late,
    /// It was received before.
    Duplicate,
}

impl StreamAccount {
    /// A stream that begins with this packet. It is to be [noted](Self::note) too.
    pub(crate) fn new(kind: Kind, sequence: u16) -> Self {
        let mut unwrapper = SeqUnwrapper::new();
        let first = unwrapper.extend(sequence).get();
        Self {
            kind,
            sequence: unwrapper,
            first,
            highest: first,
            received: 0,
            duplicates: 0,
            reordered: 0,
            recent: 0,
            source: None,
            switches: 0,
        }
    }

    /// Counts a packet.
    pub(crate) fn note(&mut self, sequence: u16) -> Note {
        let number = self.sequence.extend(sequence).get();
        if self.received == 0 || number > self.highest {
            let ahead = number - self.highest;
            self.recent = u32::try_from(ahead)
                .ok()
                .and_then(|ahead| self.recent.checked_shl(ahead))
                .unwrap_or(0)
                | 1;
            self.highest = number;
            self.received += 1;
            return Note::New {
                skipped: ahead.saturating_sub(1),
            };
        }
        let behind = self.highest - number;
        let bit = u32::try_from(behind)
            .ok()
            .and_then(|behind| 1_u128.checked_shl(behind))
            .unwrap_or(0);
        // So late that it is forgotten whether it came before; or before the first. Not worth more memory.
        if self.recent & bit != 0 || bit == 0 || number < self.first {
            self.duplicates += 1;
            return Note::Duplicate;
        }
        self.recent |= bit;
        self.received += 1;
        self.reordered += 1;
        Note::Late
    }

    /// Learns from a packet that was looked into, and noted, whose stream this is.
    pub(crate) fn learn(&mut self, sequence: u16, marker: &Marker) {
        let number = self.sequence.peek(sequence).get();
        let shown = Shown {
            source: marker.source,
            offset: marker.index.wrapping_sub(number),
        };
        match self.source {
            Some(known) if known == shown => {}
            Some(_) => {
                self.switches += 1;
                self.source = Some(shown);
            }
            None => self.source = Some(shown),
        }
    }

    /// Sound or picture.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The highest sequence number, extended (RFC 3550 §6.4.1).
    pub(crate) const fn extended_highest(&self) -> u32 {
        self.highest as u32
    }

    /// Packets received, each once.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Packets from the first to the highest.
    pub(crate) const fn span(&self) -> u64 {
        self.highest - self.first + 1
    }

    /// What there is to say in the end.
    pub(crate) fn summary(&self) -> StreamSummary {
        StreamSummary {
            kind: self.kind,
            source: self.source.map(|shown| shown.source),
            first_index: self
                .source
                .map(|shown| self.first.wrapping_add(shown.offset)),
            received: self.received,
            span: self.span(),
            duplicates: self.duplicates,
            reordered: self.reordered,
            switches: self.switches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stamp;

    /// An account after these packets, and what each of them was.
    fn after(sequences: &[u16]) -> (StreamAccount, Vec<Note>) {
        let mut account = StreamAccount::new(Kind::Video, sequences[0]);
        let notes = sequences
            .iter()
            .map(|sequence| account.note(*sequence))
            .collect();
        (account, notes)
    }

    #[test]
    fn what_is_missing_is_counted_and_what_comes_late_is_not_missing() {
        // (packets, received, span, duplicates, reordered)
        let cases: &[(&[u16], u64, u64, u64, u64)] = &[
            (&[7], 1, 1, 0, 0),
            (&[7, 8, 9], 3, 3, 0, 0),
            (&[7, 9], 2, 3, 0, 0),
            (&[7, 9, 8], 3, 3, 0, 1),
            (&[7, 9, 8, 8, 9, 7], 3, 3, 3, 1),
            (&[65_534, 65_535, 0, 1], 4, 4, 0, 0),
            (&[65_534, 1, 65_535], 3, 4, 0, 1),
            (&[10, 9], 1, 1, 1, 0),
            (&[0, 127, 0], 2, 128, 1, 0),
            (&[0, 1, 128, 1], 3, 129, 1, 0),
            (&[0, 10_000, 9_999], 3, 10_001, 0, 1),
        ];
        for &(sequences, received, span, duplicates, reordered) in cases {
            let (account, _) = after(sequences);
            let summary = account.summary();
            let seen = (
                summary.received,
                summary.span,
                summary.duplicates,
                summary.reordered,
            );
            assert_eq!(
                seen,
                (received, span, duplicates, reordered),
                "{sequences:?}"
            );
        }
    }

    #[test]
    fn a_packet_tells_what_it_changed() {
        use Note::{Duplicate, Late, New};
        let (_, notes) = after(&[5, 6, 9, 7, 7, 10]);
        let expected = [
            New { skipped: 0 },
            New { skipped: 0 },
            New { skipped: 2 },
            Late,
            Duplicate,
            New { skipped: 0 },
        ];
        assert_eq!(notes, expected);
    }

    fn marker(publisher: u32, index: u64) -> Marker {
        Marker {
            source: SourceId {
                publisher,
                kind: Kind::Video,
            },
            index,
            sent_at: Stamp::from_nanos(0),
        }
    }

    #[test]
    fn one_marker_tells_the_index_of_the_first_packet() {
        for (first, seen, index, first_index) in [(100, 107, 1_007, 1_000), (65_530, 4, 12, 2)] {
            let (mut account, _) = after(&[first]);
            account.note(seen);
            account.learn(seen, &marker(1, index));
            let summary = account.summary();
            assert_eq!(summary.first_index, Some(first_index));
            assert_eq!(summary.switches, 0);
        }
    }

    #[test]
    fn another_source_and_a_jump_in_the_numbering_are_switches() {
        let (mut account, _) = after(&[1, 2, 3, 4]);
        account.learn(1, &marker(1, 10));
        account.learn(2, &marker(1, 11));
        assert_eq!(account.summary().switches, 0);
        account.learn(3, &marker(2, 12));
        assert_eq!(account.summary().switches, 1, "another publisher");
        account.learn(4, &marker(2, 14));
        assert_eq!(
            account.summary().switches,
            2,
            "a packet was left out without a gap"
        );
    }
}
