//! When the next frame of a track is due.

use std::time::{Duration, Instant};

/// A regular series of moments. Each is computed from the start, so that rounding does not add up.
#[derive(Clone, Debug)]
pub(crate) struct Cadence {
    start: Instant,
    per_second: u32,
    taken: u64,
}

impl Cadence {
    /// `per_second` moments a second from `start` on, which is the first.
    pub(crate) fn new(start: Instant, per_second: u32) -> Self {
        Self {
            start,
            per_second: per_second.max(1),
            taken: 0,
        }
    }

    /// The next moment that was not taken.
    pub(crate) fn next_at(&self) -> Instant {
        let rate = u64::from(self.per_second);
        let (seconds, rest) = (self.taken / rate, self.taken % rate);
        self.start
            + Duration::from_secs(seconds)
            + Duration::from_nanos(rest * 1_000_000_000 / rate)
    }

    /// Whether a moment has come; it is taken then. A sender that was held up for longer than
    /// [`LATEST`] leaves out what it missed, as a camera does, instead of sending it all at once.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.next_at() > now {
            return false;
        }
        while self.next_at() + LATEST < now {
            self.taken += 1;
        }
        self.taken += 1;
        true
    }
}

/// A guess: three frames of a camera.
const LATEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_moments_a_second_do_not_drift() {
        let start = Instant::now();
        let mut cadence = Cadence::new(start, 30);
        assert_eq!(cadence.next_at(), start);
        for frame in 0..30 * 3_600 {
            assert!(cadence.take(cadence.next_at()), "frame {frame}");
        }
        assert_eq!(cadence.next_at(), start + Duration::from_secs(3_600));
    }

    #[test]
    fn a_moment_is_taken_once_and_not_early() {
        let start = Instant::now();
        let mut cadence = Cadence::new(start, 50);
        let cases = [
            (0, true),
            (0, false),
            (19, false),
            (20, true),
            (39, false),
            (41, true),
            (59, false),
            (60, true),
        ];
        for (milliseconds, expected) in cases {
            let taken = cadence.take(start + Duration::from_millis(milliseconds));
            assert_eq!(taken, expected, "at {milliseconds} ms");
        }
    }

    #[test]
    fn what_was_missed_for_long_is_left_out() {
        let start = Instant::now();
        let mut cadence = Cadence::new(start, 10);
        assert!(cadence.take(start));
        let late = start + Duration::from_millis(1_050);
        let taken = (0..20).filter(|_| cadence.take(late)).count();
        assert_eq!(
            taken, 1,
            "the one at 1,000 ms; those up to 900 ms are too old"
        );
        assert_eq!(cadence.next_at(), start + Duration::from_millis(1_100));
    }
}
