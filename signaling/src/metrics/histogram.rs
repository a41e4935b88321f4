//! Histograms that workers count, as Prometheus knows them.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use sfu::worker::{Histogram, WorkerSnapshot};

/// A histogram that was counted elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct CountedHistogram {
    sum: f64,
    /// The largest value of each bucket, and how many values are in it alone.
    buckets: Vec<(f64, u64)>,
}

impl CountedHistogram {
    /// One of microseconds, in seconds.
    pub(super) fn of_microseconds(counted: &Histogram) -> Self {
        Self::in_seconds(counted, 1e6)
    }

    /// One of milliseconds, in seconds.
    pub(super) fn of_milliseconds(counted: &Histogram) -> Self {
        Self::in_seconds(counted, 1e3)
    }

    fn in_seconds(counted: &Histogram, per_second: f64) -> Self {
        let seconds = |bound: Option<u64>| match bound {
            Some(bound) => bound as f64 / per_second,
            None => f64::INFINITY,
        };
        Self {
            sum: counted.sum() as f64 / per_second,
            buckets: counted
                .buckets()
                .map(|(bound, count)| (seconds(bound), count))
                .collect(),
        }
    }

    /// How many datagrams went to the kernel as one message.
    pub(super) fn of_segments(worker: &WorkerSnapshot) -> Self {
        let mut buckets: Vec<(f64, u64)> = SEGMENT_BOUNDS
            .iter()
            .map(|&bound| (bound as f64, 0))
            .collect();
        buckets.push((f64::INFINITY, 0));
        for (segments, &messages) in worker.statistics.sent.by_segments.iter().enumerate() {
            let place = SEGMENT_BOUNDS.partition_point(|&bound| bound < segments);
            if let Some((_, count)) = buckets.get_mut(place) {
                *count += messages;
            }
        }
        Self {
            sum: worker.statistics.sent.datagrams as f64,
            buckets,
        }
    }
}

impl EncodeMetric for CountedHistogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<[(&str, &str); 0]>(self.sum, count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// A frame of video is a handful of packets, and 64 is the most that a message may hold.
const SEGMENT_BOUNDS: &[usize] = &[1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_how_many_datagrams_they_had() {
        let mut worker = WorkerSnapshot::default();
        for (segments, messages) in [(1, 10), (5, 3), (7, 2), (64, 1)] {
            worker.statistics.sent.by_segments[segments] = messages;
        }
        worker.statistics.sent.datagrams = 10 + 15 + 14 + 64;
        let histogram = CountedHistogram::of_segments(&worker);
        let counted: Vec<_> = histogram
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counted, [&(1.0, 10), &(5.0, 3), &(8.0, 2), &(64.0, 1)]);
        assert!((histogram.sum - 103.0).abs() < f64::EPSILON);
    }

    #[test]
    fn microseconds_become_seconds() {
        let mut turns = Histogram::default();
        turns.record(1_000);
        turns.record(10_000_000);
        let histogram = CountedHistogram::of_microseconds(&turns);
        let counted: Vec<_> = histogram
            .buckets
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(counted, [&(0.001_024, 1), &(f64::INFINITY, 1)]);
        assert!((histogram.sum - 10.001).abs() < 1e-9);
    }
}
