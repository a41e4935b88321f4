//! What a slot has sent, by outgoing sequence number, without the bytes: those stay in the publisher's
//! cache. It answers a NACK with "that was this packet of this source".

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The history of one outgoing stream; `T` says what a packet was.
#[derive(Debug)]
pub(crate) struct History<T> {
    /// Empty or a power of two long; a number's place is its lower bits.
    entries: Vec<Option<Entry<T>>>,
}

/// A packet that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<T> {
    sequence: u16,
    /// When it was sent last.
    pub(crate) sent_at: Instant,
    /// How often it was sent again.
    pub(crate) resends: u8,
    pub(crate) packet: T,
}

impl<T: Copy> History<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Whether nothing was ever sent.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Remembers a packet in place of the one that is as many numbers back as there is room for.
    #[inline]
    pub(crate) fn push(&mut self, now: Instant, sequence: u16, packet: T) {
        // Looking at an entry that was written a second ago means waiting for memory, so the next few are
        // judged by the youngest of them.
        let ahead = sequence | (JUDGED_AT_ONCE - 1);
        if self.entries.is_empty()
            || (sequence.is_multiple_of(JUDGED_AT_ONCE) && self.evicts_young(now, ahead))
        {
            self.grow();
        }
        let index = self.index(sequence);
        self.entries[index] = Some(Entry {
            sequence,
            sent_at: now,
            resends: 0,
            packet,
        });
    }

    /// Has the processor fetch the places of the next few packets, from this number on.
    #[inline]
    pub(crate) fn prefetch(&self, sequence: u16) {
        if !self.entries.is_empty() {
            for ahead in 0..PREFETCHED {
                let index = self.index(sequence.wrapping_add(ahead));
                black_box(self.entries[index].is_some());
            }
        }
    }

    /// The packet that was sent under this number, if it is remembered.
    pub(crate) fn get_mut(&mut self, sequence: u16) -> Option<&mut Entry<T>> {
        if self.entries.is_empty() {
            return None;
        }
        let index = self.index(sequence);
        self.entries[index]
            .as_mut()
            .filter(|entry| entry.sequence == sequence)
    }

    #[inline]
    fn index(&self, sequence: u16) -> usize {
        usize::from(sequence) & (self.entries.len() - 1)
    }

    #[inline]
    fn evicts_young(&self, now: Instant, sequence: u16) -> bool {
        self.entries.len() < MAX_ENTRIES
            && self.entries[self.index(sequence)]
                .as_ref()
                .is_some_and(|old| {
                    old.sequence != sequence && now.saturating_duration_since(old.sent_at) < REACH
                })
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(MIN_ENTRIES);
        let before = std::mem::replace(&mut self.entries, vec![None; len]);
        for entry in before.into_iter().flatten() {
            let index = self.index(entry.sequence);
            self.entries[index] = Some(entry);
        }
    }
}

/// How far back a NACK can be of use: a few round trips of a bad path.
const REACH: Duration = Duration::from_secs(1);

/// A quarter of the smallest history; a power of two.
const JUDGED_AT_ONCE: u16 = 16;

/// As many as a frame of 1.4 Mbit/s has.
const PREFETCHED: u16 = 5;

/// One second of sound.
const MIN_ENTRIES: usize = 64;

/// As many packets as the publisher's cache holds of a video encoding.
const MAX_ENTRIES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_within_reach_is_found_and_older_packets_make_room() {
        let start = Instant::now();
        let mut history = History::new();
        // Ten seconds of 200 packets a second, over a wrap of the sequence number.
        let first = 65_000_u16;
        for number in 0..2_000_u16 {
            let at = start + Duration::from_millis(5) * u32::from(number);
            history.push(at, first.wrapping_add(number), number);
        }
        for (number, expected) in [(1_999, true), (1_800, true), (1_000, false)] {
            let found = history.get_mut(first.wrapping_add(number));
            assert_eq!(
                found.map(|entry| entry.packet),
                expected.then_some(number),
                "packet {number}"
            );
        }
        assert!(history.get_mut(first.wrapping_add(2_000)).is_none());
    }

    #[test]
    fn it_grows_with_the_rate_and_stops_at_its_cap() {
        let now = Instant::now();
        let mut history = History::new();
        assert_eq!(history.entries.len(), 0, "nothing sent, nothing held");
        history.push(now, 0, ());
        assert_eq!(history.entries.len(), MIN_ENTRIES);
        for sequence in 1..5_000 {
            history.push(now, sequence, ());
        }
        assert_eq!(history.entries.len(), MAX_ENTRIES);
    }
}
