//! Packets of one track that have arrived one right after the other, as the packets of a frame do.
//!
//! The slots decide about them together, each about all of them before the next slot: what a slot, its history and
//! its peer take of the processor's caches is then fetched once for a frame, and not once for each of its packets.
//! With hundreds of slots that is most of what a decision costs.

use std::time::Instant;

use arrayvec::ArrayVec;

use crate::key::TrackKey;
use crate::publish::track::Arrival;

/// What waits for the slots to decide, until the end of the turn or until anything else happens.
#[derive(Debug, Default)]
pub(super) struct Burst {
    of: Option<(TrackKey, Instant)>,
    arrivals: ArrayVec<Arrival, MAX_BURST>,
    /// How many of the track's slots have decided.
    decided: usize,
}

impl Burst {
    /// Adds a packet. `false`: it is of another track or another moment, there are too many, or some slots have
    /// decided; those before it must be decided by all first.
    #[inline]
    pub(super) fn push(&mut self, now: Instant, track: TrackKey, arrival: Arrival) -> bool {
        let joins =
            self.arrivals.is_empty() || (self.of == Some((track, now)) && self.decided == 0);
        if joins && self.arrivals.try_push(arrival).is_ok() {
            self.of = Some((track, now));
            return true;
        }
        false
    }

    /// Whose packets they are and when they came; `None`: there are none.
    #[inline]
    pub(super) fn source(&self) -> Option<(TrackKey, Instant)> {
        self.of.filter(|_| !self.arrivals.is_empty())
    }

    /// Its packets, in the order in which they came.
    #[inline]
    pub(super) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// How many of the track's slots, from the first on, have decided about them.
    #[inline]
    pub(super) fn decided(&self) -> usize {
        self.decided
    }

    /// So many slots have decided; the others will when there is room in the batch again.
    pub(super) fn interrupt(&mut self, decided: usize) {
        self.decided = decided;
    }

    /// All slots have decided.
    pub(super) fn clear(&mut self) {
        self.arrivals.clear();
        self.decided = 0;
    }
}

/// A frame of 3 Mbit/s at 30 per second has eleven packets; with more, fetching a slot costs nothing any more.
pub(super) const MAX_BURST: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sfu_rtp::SeqNo;
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn a_burst_takes_packets_of_one_track_and_one_moment_up_to_its_cap() {
        let mut tracks = SlotMap::<TrackKey, ()>::with_key();
        let (one, other) = (tracks.insert(()), tracks.insert(()));
        let now = Instant::now();
        let later = now + Duration::from_millis(1);
        let arrival = |number| Arrival {
            encoding: 0,
            sequence: SeqNo::new(number),
        };
        let mut burst = Burst::default();
        assert_eq!(burst.source(), None);
        // The track and the moment of a packet, and whether it joins those before it.
        let cases = [
            (one, now, true),
            (one, now, true),
            (other, now, false),
            (one, later, false),
        ];
        for (track, at, expected) in cases {
            assert_eq!(burst.push(at, track, arrival(1)), expected);
            assert_eq!(burst.source(), Some((one, now)));
        }
        for number in 2..MAX_BURST as u64 {
            assert!(burst.push(now, one, arrival(number)), "packet {number}");
        }
        assert!(!burst.push(now, one, arrival(99)), "it is full");
        assert_eq!(burst.arrivals().len(), MAX_BURST);
        burst.clear();
        assert_eq!(burst.source(), None);
        assert!(burst.push(later, other, arrival(100)));
        assert_eq!(burst.source(), Some((other, later)));
        burst.interrupt(7);
        assert!(
            !burst.push(later, other, arrival(101)),
            "seven slots would miss it"
        );
        burst.clear();
        assert!(burst.push(later, other, arrival(101)));
        assert_eq!(burst.decided(), 0);
    }
}
