//! How much arrives: the acknowledged bitrate. Each sample is a short window; how much a sample counts depends
//! on how far it is from what was believed (libwebrtc's `BitrateEstimator`).

/// Follows the rate of what arrives.
#[derive(Debug)]
pub(crate) struct Throughput {
    /// In bits per second; `None` before the first window is full.
    estimate: Option<f64>,
    /// In (kbit/s)².
    variance: f64,
    bytes: u64,
    /// How much of the current window has passed, in microseconds.
    filled: i64,
    last: Option<i64>,
}

impl Throughput {
    pub(crate) const fn new() -> Self {
        Self {
            estimate: None,
            variance: INITIAL_VARIANCE,
            bytes: 0,
            filled: 0,
            last: None,
        }
    }

    /// The rate in bits per second; `None` while too little has arrived.
    pub(crate) const fn rate(&self) -> Option<f64> {
        self.estimate
    }

    /// Believes the next samples more than what was: sending has just become much faster or slower.
    pub(crate) fn expect_change(&mut self) {
        self.variance += CHANGE_VARIANCE;
    }

    /// Notes that `bytes` arrived.
    pub(crate) fn add(&mut self, arrived: i64, bytes: usize) {
        let window = match self.estimate {
            None => FIRST_WINDOW,
            Some(_) => WINDOW,
        };
        if let Some(last) = self.last {
            // An earlier packet that came later belongs to what has passed.
            let elapsed = (arrived - last).max(0);
            self.filled += elapsed;
            if elapsed > window {
                // Nothing arrived for a whole window; the rate of what came before and after is not one rate.
                self.bytes = 0;
                self.filled %= window;
            }
        }
        self.last = self.last.max(Some(arrived));
        if self.filled >= window {
            let sample = self.bytes as f64 * 8.0 * 1e6 / window as f64;
            self.filled -= window;
            self.bytes = 0;
            self.weigh(sample);
        }
        self.bytes += bytes as u64;
    }

    fn weigh(&mut self, sample: f64) {
        let Some(estimate) = self.estimate else {
            self.estimate = Some(sample);
            return;
        };
        let deviation = UNCERTAINTY * (estimate - sample).abs() / estimate.max(1.0);
        let sample_variance = deviation * deviation;
        let variance = self.variance + DRIFT;
        let sum = sample_variance + variance;
        self.estimate = Some((sample_variance * estimate + variance * sample) / sum);
        self.variance = sample_variance * variance / sum;
    }
}

/// 500 ms, and 150 ms after the first, as libwebrtc.
const FIRST_WINDOW: i64 = 500_000;
const WINDOW: i64 = 150_000;
// As libwebrtc's; they are fitted to kbit/s, but only their ratio to a relative error of `UNCERTAINTY` counts.
const UNCERTAINTY: f64 = 10.0;
const INITIAL_VARIANCE: f64 = 50.0;
const CHANGE_VARIANCE: f64 = 200.0;
/// How much less certain the estimate is after each window.
const DRIFT: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate in kbit/s after frames of `bytes` every 33 ms, for stretches of (frames, bytes).
    fn after(stretches: &[(i64, usize)]) -> Option<u64> {
        let mut throughput = Throughput::new();
        let mut at = 0;
        for &(frames, bytes) in stretches {
            for _ in 0..frames {
                throughput.add(at, bytes);
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
            ("too little", &[(10, 4_125)], None),
            ("steady", &[(150, 4_125)], Some((900, 1_100))),
            (
                "a third, half a second later",
                &[(150, 4_125), (15, 1_375)],
                Some((330, 700)),
            ),
            (
                "a third, two seconds later",
                &[(150, 4_125), (60, 1_375)],
                Some((310, 380)),
            ),
            (
                "twice, a second later",
                &[(150, 4_125), (30, 8_250)],
                Some((1_600, 2_150)),
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
    fn silence_does_not_count_as_a_low_rate() {
        let mut throughput = Throughput::new();
        for number in 0..60 {
            let pause = if number < 30 { 0 } else { 60_000_000 };
            throughput.add(number * 33_000 + pause, 4_125);
        }
        let rate = throughput.rate().unwrap_or_default();
        assert!(rate > 900_000.0, "{rate}");
    }
}
