//! How much arrives: the acknowledged bitrate, over the last half second of arrivals, what share of what was sent
//! that is, and by how much those arrivals were stretched on their way.
//!
//! A plain window, not libwebrtc's `BitrateEstimator`: what an SFU sends changes in steps, by a layer or a slot,
//! and a filter that is sure of itself takes seconds to believe a step.

/// Follows the rate of what arrives.
#[derive(Debug)]
pub(crate) struct Throughput {
    /// What arrived in each [`BUCKET`], as a ring.
    buckets: [Bucket; BUCKETS],
    head: usize,
    /// When the bucket at `head` began, in the receiver's microseconds; `None` before the first packet.
    head_since: Option<i64>,
    /// When the first packet came after silence.
    began: i64,
    newest: Passage,
}

#[derive(Clone, Copy, Default, Debug)]
struct Bucket {
    bytes: u64,
    missing: u64,
    first: Option<Passage>,
}

/// When a packet left and when it arrived, in microseconds of two clocks.
#[derive(Clone, Copy, Default, Debug)]
struct Passage {
    sent: i64,
    arrived: i64,
}

impl Throughput {
    pub(crate) const fn new() -> Self {
        Self {
            buckets: [Bucket::NONE; BUCKETS],
            head: 0,
            head_since: None,
            began: 0,
            newest: Passage {
                sent: 0,
                arrived: 0,
            },
        }
    }

    /// The rate in bits per second; `None` while too little has arrived.
    pub(crate) fn rate(&self) -> Option<f64> {
        let covered = self.covered()?;
        let bytes: u64 = self.buckets.iter().map(|bucket| bucket.bytes).sum();
        Some(bytes as f64 * 8.0 * 1e6 / covered as f64)
    }

    /// The highest rate of the whole window and its last fifth. Where a queue has grown this is what the path carries,
    /// although less was sent before.
    pub(crate) fn peak(&self) -> Option<f64> {
        let (rate, since) = (self.rate()?, self.head_since?);
        let latest = (0..LATEST).map(|ago| (self.head + BUCKETS - ago) % BUCKETS);
        let bytes: u64 = latest
            .filter_map(|index| self.buckets.get(index))
            .map(|bucket| bucket.bytes)
            .sum();
        let covered = (LATEST as i64 - 1) * BUCKET + self.newest.arrived - since;
        Some(rate.max(bytes as f64 * 8.0 * 1e6 / covered as f64))
    }

    /// How much longer the packets of the window took to arrive than to leave; 1 where they went through as they
    /// were sent, 2 where twice as much was sent as the path carries.
    pub(crate) fn stretch(&self) -> f64 {
        let oldest_first = (1..=BUCKETS).map(|ahead| (self.head + ahead) % BUCKETS);
        let mut firsts = oldest_first.filter_map(|index| self.buckets.get(index)?.first);
        let Some(first) = firsts.next() else {
            return 1.0;
        };
        let left_in = self.newest.sent - first.sent;
        let arrived_in = self.newest.arrived - first.arrived;
        if left_in < BUCKET {
            return 1.0;
        }
        (arrived_in as f64 / left_in as f64).max(0.0)
    }

    /// The share of what was sent that has arrived, from 0 to 1.
    pub(crate) fn delivered(&self) -> f64 {
        let sum = |of: fn(&Bucket) -> u64| self.buckets.iter().map(of).sum::<u64>() as f64;
        let (arrived, missing) = (sum(|bucket| bucket.bytes), sum(|bucket| bucket.missing));
        match arrived + missing {
            0.0 => 1.0,
            sent => arrived / sent,
        }
    }

    /// Notes that `bytes` have not arrived.
    pub(crate) fn miss(&mut self, bytes: usize) {
        if let Some(bucket) = self.buckets.get_mut(self.head) {
            bucket.missing += bytes as u64;
        }
    }

    /// Notes that `bytes` arrived, which left at `sent`.
    pub(crate) fn add(&mut self, sent: i64, arrived: i64, bytes: usize) {
        let passage = Passage { sent, arrived };
        self.advance(passage);
        if arrived >= self.newest.arrived {
            self.newest = passage;
        }
        // An earlier packet that came late belongs to what has passed, and a moment does not matter.
        if let Some(bucket) = self.buckets.get_mut(self.head) {
            bucket.bytes += bytes as u64;
            bucket.first.get_or_insert(passage);
        }
    }

    /// How much time the buckets stand for.
    fn covered(&self) -> Option<i64> {
        let since = self.head_since?;
        let flowing = self.newest.arrived - self.began;
        let within = (BUCKETS as i64 - 1) * BUCKET + self.newest.arrived - since;
        (flowing >= LEAST).then(|| flowing.min(within))
    }

    /// Moves on to the bucket of an arrival and empties those that are too old.
    fn advance(&mut self, passage: Passage) {
        let Some(since) = self.head_since else {
            *self = Self::since(passage);
            return;
        };
        let steps = (passage.arrived - since).div_euclid(BUCKET);
        if steps >= BUCKETS as i64 {
            // Silence is no low rate.
            *self = Self::since(passage);
            return;
        }
        for _ in 0..steps {
            self.head = (self.head + 1) % BUCKETS;
            if let Some(bucket) = self.buckets.get_mut(self.head) {
                *bucket = Bucket::NONE;
            }
            self.head_since = self.head_since.map(|since| since + BUCKET);
        }
    }

    fn since(first: Passage) -> Self {
        Self {
            head_since: Some(first.arrived),
            began: first.arrived,
            newest: first,
            ..Self::new()
        }
    }
}

impl Bucket {
    const NONE: Self = Self {
        bytes: 0,
        missing: 0,
        first: None,
    };
}

/// Half a second in all, as the window of libwebrtc's `RobustThroughputEstimator`: fifteen frames.
const BUCKETS: usize = 10;
const BUCKET: i64 = 50_000;
/// Six frames.
const LATEST: usize = 4;
/// Less says nothing: a frame more or less is half of it.
const LEAST: i64 = 250_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate in kbit/s after frames of `bytes` every 33 ms, for stretches of (frames, bytes).
    fn after(stretches: &[(i64, usize)]) -> Option<u64> {
        let mut throughput = Throughput::new();
        let mut at = 0;
        for &(frames, bytes) in stretches {
            for _ in 0..frames {
                throughput.add(at, at, bytes);
                at += 33_000;
            }
        }
        throughput.rate().map(|rate| (rate / 1_000.0) as u64)
    }

    #[test]
    fn the_rate_is_found_and_followed() {
        /// Stretches of (frames, bytes), and the rate at least and at most.
        type Case = (&'static str, &'static [(i64, usize)], Option<(u64, u64)>);
        // 4,125 bytes every 33 ms are 1 Mbit/s.
        let cases: &[Case] = &[
            ("too little", &[(7, 4_125)], None),
            ("steady", &[(150, 4_125)], Some((900, 1_100))),
            (
                "a third, a quarter of a second later",
                &[(150, 4_125), (8, 1_375)],
                Some((500, 800)),
            ),
            (
                "a third, half a second later",
                &[(150, 4_125), (16, 1_375)],
                Some((310, 370)),
            ),
            (
                "six times, half a second later",
                &[(150, 688), (16, 4_125)],
                Some((900, 1_100)),
            ),
        ];
        for (name, stretches, expected) in cases {
            let found = after(stretches);
            let fits = match (found, expected) {
                (None, None) => true,
                (Some(found), Some((low, high))) => (*low..=*high).contains(&found),
                _ => false,
            };
            assert!(fits, "{name}: {found:?} kbit/s");
        }
    }

    #[test]
    fn the_peak_is_what_a_full_path_carries_although_less_was_sent_before() {
        // Frames of so many bytes every 33 ms, then for a fifth of a second 2 Mbit/s through a queue.
        for before in [500, 2_000, 8_250] {
            let mut throughput = Throughput::new();
            for frame in 0..60 {
                throughput.add(frame * 33_000, frame * 33_000, before);
            }
            for packet in 0..50 {
                let at = 60 * 33_000 + packet * 4_000;
                throughput.add(at, at, 1_000);
            }
            let peak = throughput.peak().unwrap_or_default();
            assert!(
                (1_800_000.0..2_250_000.0).contains(&peak),
                "{peak} after {before}"
            );
        }
    }

    #[test]
    fn silence_does_not_count_as_a_low_rate() {
        let mut throughput = Throughput::new();
        for number in 0..60 {
            let pause = if number < 30 { 0 } else { 60_000_000 };
            let at = number * 33_000 + pause;
            throughput.add(at, at, 4_125);
        }
        let rate = throughput.rate().unwrap_or_default();
        assert!((900_000.0..1_150_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_is_missing_is_a_share_of_what_was_sent() {
        let mut throughput = Throughput::new();
        assert_eq!(throughput.delivered(), 1.0);
        for at in 0..100 {
            match at % 4 {
                3 => throughput.miss(1_000),
                _ => throughput.add(at * 10_000, at * 10_000, 1_000),
            }
        }
        let share = throughput.delivered();
        assert!((0.72..0.78).contains(&share), "{share}");
    }

    #[test]
    fn packets_are_stretched_by_as_much_as_too_much_was_sent() {
        /// How far apart frames leave and arrive, in milliseconds, and a step of delay in the middle.
        type Case = (&'static str, i64, i64, i64, (f64, f64));
        let cases: &[Case] = &[
            ("as sent", 33, 33, 0, (1.0, 1.0)),
            ("half as fast", 33, 66, 0, (1.9, 2.1)),
            ("the queue drains", 33, 22, 0, (0.6, 0.7)),
            ("a longer way", 33, 33, 42, (1.05, 1.15)),
        ];
        for &(name, left, arrived, step, (least, most)) in cases {
            let mut throughput = Throughput::new();
            for number in 0..40 {
                let longer = if number < 32 { 0 } else { step };
                let at = number * arrived + longer;
                throughput.add(number * left * 1_000, at * 1_000, 1_000);
            }
            let stretch = throughput.stretch();
            assert!((least..=most).contains(&stretch), "{name}: {stretch}");
        }
    }
}
