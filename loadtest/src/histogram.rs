//! Counts of durations by magnitude, from which percentiles come with an error below one percent.
//!
//! Buckets are linear within a power of two and the powers follow each other, as in HdrHistogram: memory
//! is fixed, recording is two shifts and an addition, and two histograms merge by adding.

use std::time::Duration;

/// Durations in nanoseconds, up to 18 minutes; longer ones count as that.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Histogram {
    /// Empty until the first value, because most clients' histograms stay empty.
    counts: Vec<u64>,
    total: u64,
    min: u64,
    max: u64,
}

impl Histogram {
    /// One without values.
    pub(crate) const fn new() -> Self {
        Self {
            counts: Vec::new(),
            total: 0,
            min: u64::MAX,
            max: 0,
        }
    }

    /// Counts one duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        self.record_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts one duration in nanoseconds.
    pub(crate) fn record_nanos(&mut self, nanos: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let nanos = nanos.min(LARGEST);
        if let Some(count) = self.counts.get_mut(bucket_of(nanos)) {
            *count += 1;
        }
        self.total += 1;
        self.min = self.min.min(nanos);
        self.max = self.max.max(nanos);
    }

    /// Adds all values of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
        } else {
            for (count, more) in self.counts.iter_mut().zip(&other.counts) {
                *count += more;
            }
        }
        self.total += other.total;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many values there are.
    pub(crate) const fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The largest value, exactly; `None` without values.
    pub(crate) fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_nanos(self.max))
    }

    /// The smallest value that at least this share of all values does not exceed, at most 0.8 % too
    /// large; `None` without values. `share` is from 0 to 1.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((share.clamp(0.0, 1.0) * self.total as f64).ceil() as u64).max(1);
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        let nanos = largest_in(bucket).clamp(self.min, self.max);
        Some(Duration::from_nanos(nanos))
    }

    /// Every bucket that is not empty: the largest value in it, and the share of all values that are
    /// not larger.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Duration, f64)> {
        let mut below = 0;
        let occupied = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0);
        occupied.map(move |(bucket, count)| {
            below += count;
            let nanos = largest_in(bucket).min(self.max);
            (
                Duration::from_nanos(nanos),
                below as f64 / self.total as f64,
            )
        })
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram")
            .field("len", &self.total)
            .field("p50", &self.quantile(0.5))
            .field("max", &self.max())
            .finish()
    }
}

/// Values below 2^(PRECISION + 1) have a bucket each; above, every power of two has 2^PRECISION.
const PRECISION: u32 = 7;

/// 2^40 ns are 18 minutes.
const LARGEST: u64 = (1 << 40) - 1;

const BUCKETS: usize = bucket_of(LARGEST) + 1;

const fn bucket_of(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PRECISION + 1);
    ((shift as usize) << PRECISION) + (nanos >> shift) as usize
}

const fn largest_in(bucket: usize) -> u64 {
    let per_power = 1_u64 << PRECISION;
    let bucket = bucket as u64;
    let shift = (bucket >> PRECISION).saturating_sub(1);
    let place = bucket - shift * per_power;
    ((place + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::new();
        for value in values {
            histogram.record_nanos(value);
        }
        histogram
    }

    #[test]
    fn every_value_is_in_a_bucket_that_ends_less_than_a_percent_above_it() {
        let powers = (0..40).map(|power| 1_u64 << power);
        for value in powers.flat_map(|power| [power - 1, power, power + 1, power + power / 3]) {
            let end = largest_in(bucket_of(value));
            assert!(end >= value, "{value} is in a bucket that ends at {end}");
            let error = (end - value) as f64;
            assert!(error <= value as f64 / 128.0, "{value} becomes {end}");
            assert_eq!(bucket_of(end), bucket_of(value));
            assert_eq!(bucket_of(end + 1), bucket_of(value) + 1, "behind {value}");
        }
        assert_eq!(bucket_of(LARGEST), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        // (values, share, expected): all small enough to have a bucket each.
        let cases: &[(&[u64], f64, u64)] = &[
            (&[5], 0.0, 5),
            (&[5], 1.0, 5),
            (&[1, 2, 3, 4], 0.5, 2),
            (&[1, 2, 3, 4], 0.51, 3),
            (&[1, 2, 3, 4], 0.75, 3),
            (&[4, 1, 3, 2], 0.99, 4),
            (&[7, 7, 7, 200], 0.75, 7),
            (&[7, 7, 7, 200], 0.76, 200),
        ];
        for &(values, share, expected) in cases {
            let quantile = of(values.iter().copied()).quantile(share);
            let expected = Some(Duration::from_nanos(expected));
            assert_eq!(quantile, expected, "{share} of {values:?}");
        }
        let thousand = of((1..=1_000).map(|n| n * 1_000_000));
        for (share, exact) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let measured = thousand.quantile(share).expect("values").as_secs_f64() * 1e3;
            assert!(
                (exact..exact * 1.008).contains(&measured),
                "{measured} for {exact}"
            );
        }
        assert_eq!(
            thousand.quantile(1.0),
            Some(Duration::from_secs(1)),
            "the largest is exact"
        );
    }

    #[test]
    fn nothing_has_no_quantiles() {
        let empty = Histogram::new();
        assert_eq!(empty.quantile(0.5), None);
        assert_eq!(empty.max(), None);
        assert_eq!(empty.cumulative().count(), 0);
    }

    #[test]
    fn merging_is_as_recording_all() {
        let halves = [of([3, 900, 70_000]), of([1, 5_000_000])];
        let mut merged = Histogram::new();
        for half in &halves {
            merged.merge(half);
        }
        merged.merge(&Histogram::new());
        assert_eq!(merged, of([3, 900, 70_000, 1, 5_000_000]));
        assert_eq!(merged.len(), 5);
    }

    #[test]
    fn the_maximum_is_exact_and_the_too_long_is_cut() {
        assert_eq!(
            of([1, 3_000_003]).max(),
            Some(Duration::from_nanos(3_000_003))
        );
        assert_eq!(of([1, u64::MAX]).max(), Some(Duration::from_nanos(LARGEST)));
    }

    #[test]
    fn cumulative_shares_rise_to_one() {
        let shares: Vec<_> = of([10, 10, 20, 30]).cumulative().collect();
        let expected = [(10, 0.5), (20, 0.75), (30, 1.0)];
        assert_eq!(
            shares,
            expected.map(|(n, share)| (Duration::from_nanos(n), share))
        );
    }
}
