//! What a slot has sent, by outgoing sequence number, without the bytes: those stay in the publisher's
//! cache. It answers a NACK with "that was this packet of this source".

use std::time::{Duration, Instant};

/// The history of one outgoing stream; `T` says what a packet was.
///
/// An entry is written for every packet and hardly ever read. What is replaced was written a second ago and has left
/// the processor's caches, so [`push`](Self::push) does not look at it: a store does not wait for memory, a load does.
#[derive(Debug)]
pub(crate) struct History<T> {
    /// Empty or a power of two long; a number's place is its lower bits.
    entries: Vec<Option<Entry<T>>>,
    /// When each part of the ring was entered last; `None` before its first lap.
    entered: [Option<Moment>; PARTS],
    /// The highest number.
    newest: u16,
    /// What [`Moment`]s count from.
    origin: Option<Instant>,
}

/// A packet that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<T> {
    sequence: u16,
    /// How often it was sent again.
    pub(crate) resends: u8,
    /// When it was sent again last.
    pub(crate) resent_at: Moment,
    pub(crate) packet: T,
}

/// A time within 49 days, in milliseconds; a quarter of an [`Instant`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Moment(u32);

impl Moment {
    /// How long it is since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.wrapping_sub(earlier.0).into())
    }
}

impl<T: Copy> History<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            entered: [None; PARTS],
            newest: 0,
            origin: None,
        }
    }

    /// Whether nothing was ever sent.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A time as entries have it.
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        let since = self.origin.map(|origin| now.duration_since(origin));
        Moment(since.unwrap_or_default().as_millis() as u32)
    }

    /// Remembers a packet in place of the one that is as many numbers back as there is room for.
    #[inline]
    pub(crate) fn push(&mut self, now: Instant, sequence: u16, packet: T) {
        if self.entries.is_empty() {
            self.origin = Some(now);
            self.newest = sequence;
            self.grow();
        }
        if is_ahead(sequence, self.newest) {
            let size = self.part_size();
            if sequence / size != self.newest / size {
                self.enter(now, sequence);
            }
            self.newest = sequence;
        }
        let index = self.index(sequence);
        self.entries[index] = Some(Entry {
            sequence,
            resends: 0,
            resent_at: Moment::default(),
            packet,
        });
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

    /// The packet that was sent under this number is sent again.
    pub(crate) fn note_resend(&mut self, sequence: u16, now: Moment) {
        if let Some(entry) = self.get_mut(sequence) {
            entry.resends += 1;
            entry.resent_at = now;
        }
    }

    #[inline]
    fn index(&self, sequence: u16) -> usize {
        usize::from(sequence) & (self.entries.len() - 1)
    }

    #[inline]
    fn part_size(&self) -> u16 {
        // Not more than `MAX_ENTRIES`.
        (self.entries.len() / PARTS) as u16
    }

    /// Which part of the ring a number lies in.
    fn part(&self, sequence: u16) -> usize {
        usize::from(sequence / self.part_size()) % PARTS
    }

    /// Goes over to the part of a number beyond the newest, after growing if what is there may be asked for still.
    #[cold]
    fn enter(&mut self, now: Instant, sequence: u16) {
        let moment = self.moment(now);
        // The youngest packet of a part was sent before the next part was entered.
        let follower = self.entered[(self.part(sequence) + 1) % PARTS];
        if self.entries.len() < MAX_ENTRIES
            && follower.is_some_and(|entered| moment.since(entered) < REACH)
        {
            self.grow();
        }
        let size = self.part_size();
        let crossed = (sequence / size).wrapping_sub(self.newest / size) % (u16::MAX / size + 1);
        for back in 0..crossed.min(PARTS as u16) {
            let part = self.part(sequence.wrapping_sub(back * size));
            self.entered[part] = Some(moment);
        }
    }

    fn grow(&mut self) {
        let len = (self.entries.len() * 2).max(MIN_ENTRIES);
        let before = std::mem::replace(&mut self.entries, vec![None; len]);
        let mut entered = [None; PARTS];
        if !before.is_empty() {
            // A part is as long as two were, so half of the parts take what was there.
            let size = self.part_size();
            for back in 0..PARTS as u16 / 2 {
                let first = self.newest.wrapping_sub(back * size) / size * size;
                let part_before = usize::from(first / (size / 2)) % PARTS;
                entered[self.part(first)] = self.entered[part_before];
            }
        }
        self.entered = entered;
        for entry in before.into_iter().flatten() {
            let index = self.index(entry.sequence);
            self.entries[index] = Some(entry);
        }
    }
}

/// Whether a number comes after another, over a wrap too.
#[inline]
fn is_ahead(sequence: u16, of: u16) -> bool {
    let ahead = sequence.wrapping_sub(of);
    ahead > 0 && ahead <= u16::MAX / 2
}

/// How far back a NACK can be of use: a few round trips of a bad path.
const REACH: Duration = Duration::from_secs(1);

/// The ring grows or does not by the age of a part of it; so many there are.
const PARTS: usize = 8;

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
    fn whatever_the_rate_does_the_last_second_is_remembered_and_not_much_more() {
        // The milliseconds between packets, and for how many packets.
        let cases: &[&[(u64, usize)]] = &[
            &[(20, 2_000)],
            &[(20, 500), (2, 3_000), (20, 3_000)],
            &[(1, 3_000)],
            &[(7, 333), (3, 1_111), (1, 2_222), (5, 2_000)],
        ];
        for steps in cases {
            let start = Instant::now();
            let mut history = History::new();
            let (mut now, mut sequence) = (0, 65_300_u16);
            let mut sent = Vec::new();
            for &(every, count) in *steps {
                for _ in 0..count {
                    history.push(start + Duration::from_millis(now), sequence, sequence);
                    sent.push((now, sequence));
                    sequence = sequence.wrapping_add(1);
                    now += every;
                    let young = sent.iter().rev();
                    let young = young.take_while(|(at, _)| now - at < REACH.as_millis() as u64);
                    for &(at, number) in young.take(MAX_ENTRIES - 1).step_by(7) {
                        let found = history.get_mut(number).map(|entry| entry.packet);
                        assert_eq!(found, Some(number), "{steps:?}: sent {} ms ago", now - at);
                    }
                }
            }
            let second = 1_000 / steps.iter().map(|(every, _)| every).min().unwrap_or(&1);
            let held = history.entries.len();
            let enough = (second as usize * 5 / 2).clamp(MIN_ENTRIES, MAX_ENTRIES);
            assert!(held <= enough, "{steps:?}: {held} for {second} a second");
        }
    }

    #[test]
    fn late_packets_and_jumps_have_their_places() {
        let now = Instant::now();
        let mut history = History::new();
        let order = [10, 12, 11, 9, 40_000, 39_999, 40_300, 7_000, 6_999];
        for sequence in order {
            history.push(now, sequence, sequence);
            let found = history.get_mut(sequence).map(|entry| entry.packet);
            assert_eq!(found, Some(sequence));
        }
        assert!(history.get_mut(8).is_none());
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
