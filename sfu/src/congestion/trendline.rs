//! Whether the queue before the bottleneck grows: the slope of the one-way delay's changes, held against a
//! threshold that adapts (draft-ietf-rmcat-gcc-02 §5.3 and §5.4; the line fit is what libwebrtc uses in place
//! of the draft's Kalman filter).

use super::groups::Spacing;

/// What the path's queue does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Usage {
    /// Neither.
    #[default]
    Normal,
    /// The queue grows: more is sent than the path carries.
    Over,
    /// The queue drains.
    Under,
}

/// Fits a line to the delay and judges its slope.
#[derive(Debug)]
pub(crate) struct Trendline {
    /// When the first group arrived, from which times count; `None` before it.
    began: Option<i64>,
    /// The delay's change since then in milliseconds, and smoothed.
    accumulated: f64,
    smoothed: f64,
    /// (arrival in ms, smoothed delay in ms) as a ring.
    points: [(f64, f64); WINDOW],
    /// How many spacings were seen.
    count: usize,
    detector: Detector,
}

/// The over-use detector with its threshold.
#[derive(Debug)]
struct Detector {
    threshold: f64,
    adapted_at: Option<i64>,
    /// For how long the trend is above the threshold, in ms, and how often it was found so.
    over_for: Option<f64>,
    over_count: u32,
    last_trend: f64,
    usage: Usage,
}

impl Trendline {
    pub(crate) const fn new() -> Self {
        Self {
            began: None,
            accumulated: 0.0,
            smoothed: 0.0,
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            detector: Detector::new(),
        }
    }

    /// What the queue does, by all that was seen.
    pub(crate) const fn usage(&self) -> Usage {
        self.detector.usage
    }

    /// Takes the next spacing and says what the queue does now.
    pub(crate) fn add(&mut self, spacing: Spacing) -> Usage {
        let began = *self.began.get_or_insert(spacing.arrived_at);
        let change = (spacing.arrived - spacing.sent) as f64 / 1_000.0;
        self.accumulated += change;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.accumulated;
        let at = (spacing.arrived_at - began) as f64 / 1_000.0;
        self.points[self.count % WINDOW] = (at, self.smoothed);
        self.count += 1;
        if let Some(slope) = self.slope() {
            let weight = self.count.min(MAX_WEIGHT) as f64;
            let trend = slope * weight * GAIN;
            let sent = spacing.sent as f64 / 1_000.0;
            self.detector.judge(trend, sent, spacing.arrived_at);
        }
        self.detector.usage
    }

    /// The slope of the least-squares line; `None` while there are too few points.
    fn slope(&self) -> Option<f64> {
        if self.count < WINDOW {
            return None;
        }
        let points = self.points.iter();
        let count = WINDOW as f64;
        let (at, delay) = points
            .clone()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (mean_at, mean_delay) = (at / count, delay / count);
        let (covariance, variance) = points.fold((0.0, 0.0), |(xy, xx), point| {
            let x = point.0 - mean_at;
            (xy + x * (point.1 - mean_delay), xx + x * x)
        });
        (variance > 0.0).then(|| covariance / variance)
    }
}

impl Detector {
    const fn new() -> Self {
        Self {
            threshold: INITIAL_THRESHOLD,
            adapted_at: None,
            over_for: None,
            over_count: 0,
            last_trend: 0.0,
            usage: Usage::Normal,
        }
    }

    /// `sent` is how far apart the groups left, in ms.
    fn judge(&mut self, trend: f64, sent: f64, now: i64) {
        if trend > self.threshold {
            // At first it may have been above for any part of the spacing: half of it.
            let over_for = self.over_for.map_or(sent / 2.0, |before| before + sent);
            self.over_for = Some(over_for);
            self.over_count += 1;
            if over_for > OVER_USE_MS && self.over_count > 1 && trend >= self.last_trend {
                self.over_for = Some(0.0);
                self.over_count = 0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_for = None;
            self.over_count = 0;
            self.usage = if trend < -self.threshold {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.last_trend = trend;
        self.adapt(trend, now);
    }

    /// Follows the trend slowly, so that neither a competing TCP flow starves us nor constant jitter sets it
    /// off (§5.4).
    fn adapt(&mut self, trend: f64, now: i64) {
        let since = self.adapted_at.replace(now).unwrap_or(now);
        let magnitude = trend.abs();
        if magnitude > self.threshold + MAX_ADAPTION {
            // A sudden jump of the delay, as of a handover, is not what the threshold is for.
            return;
        }
        let gain = if magnitude < self.threshold {
            GAIN_DOWN
        } else {
            GAIN_UP
        };
        let elapsed = ((now - since) as f64 / 1_000.0).clamp(0.0, MAX_ELAPSED_MS);
        self.threshold += gain * (magnitude - self.threshold) * elapsed;
        self.threshold = self.threshold.clamp(MIN_THRESHOLD, MAX_THRESHOLD);
    }
}

// All of these are libwebrtc's (`trendline_estimator.cc`), which the draft's §5.4 gives in part.
const WINDOW: usize = 20;
const SMOOTHING: f64 = 0.9;
const GAIN: f64 = 4.0;
const MAX_WEIGHT: usize = 60;
const INITIAL_THRESHOLD: f64 = 12.5;
const MIN_THRESHOLD: f64 = 6.0;
const MAX_THRESHOLD: f64 = 600.0;
const MAX_ADAPTION: f64 = 15.0;
const GAIN_UP: f64 = 0.0087;
const GAIN_DOWN: f64 = 0.039;
const MAX_ELAPSED_MS: f64 = 100.0;
const OVER_USE_MS: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// The usages seen while groups leave every 33 ms and the delay of the n-th, in ms, is `delay(n)`.
    fn usages(groups: i64, delay: impl Fn(i64) -> f64) -> Vec<Usage> {
        let mut trendline = Trendline::new();
        let arrival = |number: i64| number * 33_000 + (delay(number) * 1_000.0) as i64;
        let mut seen = Vec::new();
        for number in 1..groups {
            let usage = trendline.add(Spacing {
                sent: 33_000,
                sent_at: number * 33_000,
                arrived: arrival(number) - arrival(number - 1),
                arrived_at: arrival(number),
            });
            if seen.last() != Some(&usage) {
                seen.push(usage);
            }
        }
        seen
    }

    #[test]
    fn a_growing_queue_is_over_use_and_a_draining_one_under_use() {
        use Usage::{Normal, Over, Under};
        assert_eq!(usages(300, |_| 10.0), [Normal], "constant");
        assert_eq!(
            usages(300, |n| (n - 60).max(0) as f64 * 3.0),
            [Normal, Over],
            "3 ms more with each group"
        );
        let hill = |n: i64| match n {
            0..60 => 0.0,
            60..120 => (n - 60) as f64 * 3.0,
            120..180 => (180 - n) as f64 * 3.0,
            _ => 0.0,
        };
        assert_eq!(usages(300, hill), [Normal, Over, Normal, Under, Normal]);
    }

    #[test]
    fn one_late_group_and_steady_jitter_are_neither() {
        assert_eq!(
            usages(300, |n| if n == 100 { 60.0 } else { 0.0 }),
            [Usage::Normal],
            "one group 60 ms late"
        );
        let jitter = |n: i64| (n * 7_919 % 30) as f64;
        assert_eq!(usages(3_000, jitter), [Usage::Normal], "30 ms of jitter");
    }

    #[test]
    fn over_use_is_found_within_half_a_second_of_a_halved_rate() {
        let mut trendline = Trendline::new();
        let mut at = 0;
        for number in 0.. {
            // A queue that takes twice as long to drain as to fill.
            let arrived = if number < 60 { 33_000 } else { 66_000 };
            at += arrived;
            let usage = trendline.add(Spacing {
                sent: 33_000,
                sent_at: number * 33_000,
                arrived,
                arrived_at: at,
            });
            if usage == Usage::Over {
                assert!((62..75).contains(&number), "found after {number} groups");
                return;
            }
            assert!(number < 100, "never found");
        }
    }
}
