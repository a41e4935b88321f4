//! The bitrate of a stream over the last second, for allocation, statistics and budgets.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sfu_rtp::Bitrate;

/// Sums bytes over a sliding second, to a resolution of fifty milliseconds.
///
/// A stream that begins, or begins again after a second of silence, is measured over the time since
/// then, so that its rate is neither too low at first nor, from a single packet, absurdly high.
#[derive(Clone, Debug)]
pub(crate) struct RateWindow {
    /// Bytes per [`BUCKET`], as a ring.
    buckets: [u32; BUCKETS],
    /// The bucket that is filling.
    head: usize,
    /// When the bucket at `head` will be full; `None` before the first byte.
    head_ends: Option<Instant>,
    /// When the first byte came after silence.
    began: Option<Instant>,
    /// The sum of all buckets.
    sum: u64,
}

impl RateWindow {
    /// One without bytes.
    pub(crate) const fn new() -> Self {
        Self {
            buckets: [0; BUCKETS],
            head: 0,
            head_ends: None,
            began: None,
            sum: 0,
        }
    }

    /// Counts `bytes` that passed at `now`.
    #[inline]
    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        self.advance(now);
        if self.sum == 0 {
            self.began = Some(now);
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some(bucket) = self.buckets.get_mut(self.head) {
            let before = *bucket;
            *bucket = bucket.saturating_add(bytes);
            self.sum += u64::from(*bucket - before);
        }
    }

    /// Has the processor fetch what [`add`](Self::add) will write.
    #[inline]
    pub(crate) fn prefetch(&self) {
        black_box(self.sum);
        black_box(self.buckets.get(self.head).copied());
    }

    /// The mean rate over the last second.
    pub(crate) fn rate(&mut self, now: Instant) -> Bitrate {
        self.advance(now);
        let (Some(began), Some(head_ends)) = (self.began, self.head_ends) else {
            return Bitrate::ZERO;
        };
        let covered = BUCKET * BUCKETS as u32 - head_ends.saturating_duration_since(now);
        let flowing = now.saturating_duration_since(began).max(MIN_MEASURED);
        Bitrate::from_bytes_over(self.sum, covered.min(flowing))
    }

    /// Moves on to the bucket of `now` and empties those that are a second old.
    #[inline]
    fn advance(&mut self, now: Instant) {
        match self.head_ends {
            // Comparing is all that most packets cost here.
            Some(ends) if now < ends => {}
            Some(ends) => self.turn(now, ends),
            None => self.head_ends = Some(now + BUCKET),
        }
    }

    fn turn(&mut self, now: Instant, ends: Instant) {
        let passed = now.saturating_duration_since(ends);
        let steps = passed.as_nanos() as u64 / BUCKET.as_nanos() as u64 + 1;
        if steps >= BUCKETS as u64 {
            *self = Self {
                head_ends: Some(now + BUCKET),
                ..Self::new()
            };
            return;
        }
        for _ in 0..steps {
            self.head = (self.head + 1) % BUCKETS;
            if let Some(bucket) = self.buckets.get_mut(self.head) {
                self.sum -= u64::from(std::mem::take(bucket));
            }
        }
        self.head_ends = Some(ends + BUCKET * steps as u32);
    }
}

/// Fine enough that the window's length, which varies by one bucket, does not show.
const BUCKET: Duration = Duration::from_millis(50);
/// A second and the bucket that is filling.
const BUCKETS: usize = 21;
/// The least time to measure over: three frames at 30 per second.
const MIN_MEASURED: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_stream() {
        // Packets as (from, to, every, bytes) in milliseconds; when to look; the rate in kbit/s.
        type Case = (&'static str, &'static [(u64, u64, u64, usize)], u64, u64);
        let cases: &[Case] = &[
            ("nothing yet", &[], 500, 0),
            ("steady", &[(0, 5_000, 10, 1_250)], 4_999, 1_000),
            ("one packet so far", &[(0, 1, 1, 1_250)], 0, 100),
            ("the beginning", &[(0, 300, 10, 1_250)], 299, 1_003),
            (
                "half as fast for half of the window",
                &[(0, 2_500, 10, 1_250), (2_500, 3_000, 20, 1_250)],
                2_999,
                752,
            ),
            ("fading", &[(0, 2_000, 10, 1_250)], 2_499, 524),
            ("silence", &[(0, 2_000, 10, 1_250)], 3_100, 0),
            (
                "again after silence",
                &[(0, 2_000, 10, 1_250), (60_000, 60_200, 10, 1_250)],
                60_199,
                1_005,
            ),
        ];
        for (name, packets, look, expected) in cases {
            let origin = Instant::now();
            let mut window = RateWindow::new();
            for &(from, to, every, bytes) in *packets {
                for millis in (from..to).step_by(every as usize) {
                    window.add(origin + Duration::from_millis(millis), bytes);
                }
            }
            let rate = window.rate(origin + Duration::from_millis(*look));
            let kbps = rate.bps() / 1_000;
            assert!(
                kbps.abs_diff(*expected) <= expected / 50,
                "{name}: {kbps} kbit/s"
            );
        }
    }

    #[test]
    fn looking_often_changes_nothing() {
        let origin = Instant::now();
        let (mut watched, mut unwatched) = (RateWindow::new(), RateWindow::new());
        for millis in 0..10_000 {
            let now = origin + Duration::from_millis(millis);
            // Three seconds of packets, three of silence, and so on.
            if millis % 6_000 < 3_000 && millis % 10 == 0 {
                watched.add(now, 1_250);
                unwatched.add(now, 1_250);
            }
            let rate = watched.rate(now);
            if millis % 1_500 == 100 {
                let seen = unwatched.rate(now);
                let tolerance = rate.bps() / 20;
                assert!(
                    seen.bps().abs_diff(rate.bps()) <= tolerance,
                    "{millis}: {seen}, {rate}"
                );
            }
        }
    }

    #[test]
    fn absurd_sizes_saturate() {
        let now = Instant::now();
        let mut window = RateWindow::new();
        for _ in 0..3 {
            window.add(now, usize::MAX);
        }
        assert_eq!(
            window.rate(now),
            Bitrate::from_bps(u64::from(u32::MAX) * 80)
        );
        assert_eq!(
            window.rate(now + Duration::from_secs(1_000_000)),
            Bitrate::ZERO
        );
    }
}
