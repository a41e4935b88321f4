//! The rate that follows from the queue's state: additive or multiplicative increase, multiplicative decrease
//! from what arrives (draft-ietf-rmcat-gcc-02 §5.5).

use super::trendline::Usage;

/// The least that is ever believed of a path, in bits per second. Less than a microphone with its headers
/// cannot be called a connection. A guess.
pub(crate) const MIN_RATE: f64 = 30_000.0;

/// More is not looked for: beyond any sum of slots. A guess.
const MAX_RATE: f64 = 200_000_000.0;

/// The controller.
#[derive(Debug)]
pub(crate) struct RateControl {
    rate: f64,
    state: State,
    changed_at: Option<i64>,
    decreased_at: Option<i64>,
    capacity: Capacity,
}

/// What the path is asked about, at each report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    /// When, in microseconds.
    pub(crate) now: i64,
    pub(crate) usage: Usage,
    /// What arrives, in bits per second, if that is known.
    pub(crate) throughput: Option<f64>,
    /// The most that has arrived for a moment, in bits per second ([`Throughput::peak`](super::Throughput::peak)).
    pub(crate) peak: Option<f64>,
    /// By how much what arrives was stretched on its way ([`Throughput::stretch`](super::Throughput::stretch)).
    pub(crate) stretch: f64,
    /// The share that arrives of what is sent.
    pub(crate) delivered: f64,
    /// In microseconds.
    pub(crate) round_trip: i64,
    /// The rate may not grow without proof beyond a multiple of what arrives. `false` where no proof can be
    /// had, as from a receiver that cannot be probed.
    pub(crate) bounded: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Hold,
    Increase,
}

impl RateControl {
    pub(crate) const fn new(start: f64) -> Self {
        Self {
            rate: start,
            state: State::Hold,
            changed_at: None,
            decreased_at: None,
            capacity: Capacity::new(),
        }
    }

    /// The rate, in bits per second.
    pub(crate) const fn rate(&self) -> f64 {
        self.rate
    }

    /// When it was last lowered, in microseconds.
    pub(crate) const fn decreased_at(&self) -> Option<i64> {
        self.decreased_at
    }

    /// A probe has shown that the path carries `rate`.
    pub(crate) fn raise_to(&mut self, now: i64, rate: f64) {
        if rate > self.rate {
            self.rate = rate.min(MAX_RATE);
            self.changed_at = Some(now);
            self.state = State::Hold;
            self.capacity.on_probe(rate);
        }
    }

    /// Something else than the queue says that this is too much.
    pub(crate) fn lower_to(&mut self, now: i64, rate: f64) {
        if rate < self.rate {
            self.rate = rate.max(MIN_RATE);
            self.changed_at = Some(now);
        }
    }

    /// Takes what was seen and moves the rate.
    pub(crate) fn update(&mut self, seen: &Observation) {
        match (seen.usage, self.state) {
            (Usage::Over, _) => self.decrease(seen),
            // While the queue drains, the rate that drains it is right.
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.state = State::Increase;
                // What was held has not grown.
                self.changed_at = Some(seen.now);
            }
            (Usage::Normal, State::Increase) => self.increase(seen),
        }
    }

    fn increase(&mut self, seen: &Observation) {
        let elapsed = seen.now - self.changed_at.replace(seen.now).unwrap_or(seen.now);
        let elapsed = (elapsed as f64 / 1e6).clamp(0.0, 1.0);
        let Some(throughput) = seen.throughput else {
            return;
        };
        self.capacity.forget_if_above(throughput);
        // What arrives without a queue is carried, whatever was believed. An encoder would send no more than
        // the estimate, but layers come in steps.
        self.rate = self.rate.max(throughput * BETA);
        let limit = if seen.bounded {
            PROOF * throughput + PROOF_FLOOR
        } else {
            MAX_RATE
        };
        if self.rate >= limit {
            return;
        }
        let more = if self.capacity.is_known() {
            self.additive_per_second(seen.round_trip) * elapsed
        } else {
            (self.rate * (GROWTH.powf(elapsed) - 1.0)).max(MIN_GROWTH * elapsed)
        };
        self.rate = (self.rate + more).min(limit).min(MAX_RATE);
    }

    /// About one packet more per two response times, as libwebrtc: that near to the limit every step is an
    /// experiment.
    fn additive_per_second(&self, round_trip: i64) -> f64 {
        let per_frame = self.rate / FRAMES_PER_SECOND;
        let packets = (per_frame / PACKET_BITS).ceil().max(1.0);
        let response = 2.0 * (round_trip as f64 / 1e6 + RESPONSE);
        (per_frame / packets / response).max(MIN_ADDITIVE)
    }

    fn decrease(&mut self, seen: &Observation) {
        if !self.may_decrease(seen) {
            return;
        }
        self.state = State::Hold;
        let Some(throughput) = seen.throughput else {
            // It is too much before it is known how much arrives.
            self.lower_to(seen.now, self.rate / 2.0);
            self.decreased_at = Some(seen.now);
            return;
        };
        if !self.is_full(seen, throughput) {
            self.lower_to(seen.now, self.rate * BETA);
            self.decreased_at = Some(seen.now);
            return;
        }
        let carried = seen.peak.unwrap_or(throughput);
        let mut lowered = carried * BETA;
        if lowered > self.rate
            && let Some(capacity) = self.capacity.estimate()
        {
            lowered = BETA * capacity;
        }
        self.capacity.on_over_use(carried);
        self.rate = lowered.clamp(MIN_RATE, self.rate.max(MIN_RATE));
        self.changed_at = Some(seen.now);
        self.decreased_at = Some(seen.now);
    }

    /// One decrease shows its effect after a round trip; only when much less arrives than was believed
    /// another one follows at once.
    fn may_decrease(&self, seen: &Observation) -> bool {
        let wait = seen.round_trip.clamp(MIN_WAIT, MAX_WAIT);
        let waited = self.decreased_at.is_none_or(|at| seen.now - at >= wait);
        let arrives = seen.throughput;
        let far_off =
            arrives.is_some_and(|rate| rate < self.rate / 2.0 && self.is_full(seen, rate));
        waited || far_off
    }

    /// Whether what arrives is all that the path carries. A little may be late although the path has room: another
    /// way through the network, or other traffic; then it tells nothing of how much would arrive.
    fn is_full(&self, seen: &Observation, throughput: f64) -> bool {
        throughput > self.rate / 2.0 || seen.stretch > FULL || seen.delivered < 1.0 / FULL
    }
}

/// What the path carried when its queue grew: near it, growth is careful.
#[derive(Debug)]
struct Capacity {
    /// In kbit/s.
    estimate: Option<f64>,
    /// Relative to the estimate, in kbit/s.
    deviation: f64,
}

impl Capacity {
    const fn new() -> Self {
        Self {
            estimate: None,
            deviation: 0.4,
        }
    }

    fn estimate(&self) -> Option<f64> {
        self.estimate.map(|kbps| kbps * 1_000.0)
    }

    fn is_known(&self) -> bool {
        self.estimate.is_some()
    }

    fn on_over_use(&mut self, throughput: f64) {
        if self
            .estimate
            .is_some_and(|estimate| throughput / 1_000.0 < estimate - self.margin(estimate))
        {
            self.estimate = None;
        }
        self.update(throughput / 1_000.0, 0.05);
    }

    fn on_probe(&mut self, rate: f64) {
        self.update(rate / 1_000.0, 0.5);
    }

    /// More arrives than it was thought to carry.
    fn forget_if_above(&mut self, throughput: f64) {
        if self
            .estimate
            .is_some_and(|estimate| throughput / 1_000.0 > estimate + self.margin(estimate))
        {
            self.estimate = None;
        }
    }

    fn update(&mut self, sample: f64, weight: f64) {
        let estimate = match self.estimate {
            None => sample,
            Some(estimate) => (1.0 - weight) * estimate + weight * sample,
        };
        let norm = estimate.max(1.0);
        let error = estimate - sample;
        self.deviation = (1.0 - weight) * self.deviation + weight * error * error / norm;
        self.deviation = self.deviation.clamp(0.4, 2.5);
        self.estimate = Some(estimate);
    }

    fn margin(&self, estimate: f64) -> f64 {
        3.0 * (self.deviation * estimate).sqrt()
    }
}

/// Only where it is too much takes what arrives so much longer than what leaves, over half a second (a queue of
/// 125 ms), or is so much more sent than arrives (a queue that overflows). A guess.
const FULL: f64 = 1.25;
/// draft-ietf-rmcat-gcc-02 §5.5: the decrease.
const BETA: f64 = 0.85;
/// The same: 8 % per second.
const GROWTH: f64 = 1.08;
const MIN_GROWTH: f64 = 1_000.0;
/// The same: no more than half more than what arrives.
const PROOF: f64 = 1.5;
const PROOF_FLOOR: f64 = 10_000.0;
/// The same, for the additive increase: an over-use is found after about 100 ms and a round trip.
const RESPONSE: f64 = 0.1;
const FRAMES_PER_SECOND: f64 = 30.0;
const PACKET_BITS: f64 = 1_200.0 * 8.0;
const MIN_ADDITIVE: f64 = 4_000.0;
const MIN_WAIT: i64 = 10_000;
const MAX_WAIT: i64 = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(millis: i64, usage: Usage, throughput: f64) -> Observation {
        Observation {
            now: millis * 1_000,
            usage,
            throughput: Some(throughput),
            peak: Some(throughput),
            stretch: 1.5,
            delivered: 1.0,
            round_trip: 50_000,
            bounded: true,
        }
    }

    /// Ten reports a second for so many milliseconds, at full use of the rate.
    fn run(control: &mut RateControl, from: i64, millis: i64, usage: Usage) {
        for at in (from..from + millis).step_by(100) {
            let rate = control.rate();
            control.update(&seen(at, usage, rate));
        }
    }

    #[test]
    fn it_grows_by_eight_per_cent_a_second_while_what_is_sent_arrives() {
        let mut control = RateControl::new(1e6);
        run(&mut control, 0, 10_000, Usage::Normal);
        let rate = control.rate();
        assert!((2.0e6..2.2e6).contains(&rate), "{rate}");
    }

    #[test]
    fn what_arrives_without_a_queue_is_believed() {
        let mut control = RateControl::new(1e6);
        control.update(&seen(0, Usage::Over, 0.1e6));
        assert_eq!(control.rate(), 85e3);
        control.update(&seen(100, Usage::Normal, 0.4e6));
        control.update(&seen(200, Usage::Normal, 0.4e6));
        assert!(control.rate() > 0.34e6, "{}", control.rate());
    }

    #[test]
    fn it_does_not_grow_without_proof_nor_decay() {
        let mut control = RateControl::new(1e6);
        for at in (0..60_000).step_by(100) {
            control.update(&seen(at, Usage::Normal, 150_000.0));
        }
        assert_eq!(control.rate(), 1e6);
        for at in (60_000..120_000).step_by(100) {
            control.update(&seen(at, Usage::Normal, 800_000.0));
        }
        assert_eq!(control.rate(), 1.21e6, "half more than arrives");
    }

    #[test]
    fn over_use_brings_it_below_what_arrives_and_then_it_grows_slowly() {
        let mut control = RateControl::new(3e6);
        run(&mut control, 0, 1_000, Usage::Normal);
        control.update(&seen(1_000, Usage::Over, 1e6));
        assert_eq!(control.rate(), 0.85e6);
        control.update(&seen(1_100, Usage::Over, 1e6));
        assert_eq!(control.rate(), 0.85e6, "never up on over-use");
        run(&mut control, 1_200, 1_000, Usage::Under);
        assert_eq!(control.rate(), 0.85e6, "the queue drains");
        run(&mut control, 2_200, 1_100, Usage::Normal);
        let grown = control.rate() - 0.85e6;
        assert!((20e3..80e3).contains(&grown), "{grown} bit/s in a second");
    }

    #[test]
    fn a_little_that_is_late_tells_nothing_of_how_much_would_arrive() {
        let mut control = RateControl::new(1e6);
        let late = |millis| Observation {
            stretch: 1.1,
            ..seen(millis, Usage::Over, 50e3)
        };
        control.update(&late(0));
        assert_eq!(control.rate(), 0.85e6);
        control.update(&late(20));
        assert_eq!(control.rate(), 0.85e6, "not before a round trip");
        for at in 1..30 {
            control.update(&late(at * 60));
        }
        let rate = control.rate();
        assert!(rate < 100e3, "but it does not go on: {rate}");
    }

    #[test]
    fn a_second_over_use_counts_only_after_a_round_trip() {
        let mut control = RateControl::new(1e6);
        control.update(&seen(0, Usage::Over, 0.9e6));
        let lowered = control.rate();
        control.update(&seen(20, Usage::Over, 0.7e6));
        assert_eq!(control.rate(), lowered);
        control.update(&seen(60, Usage::Over, 0.7e6));
        assert!(control.rate() < lowered);
        control.update(&seen(61, Usage::Over, 0.2e6));
        assert_eq!(control.rate(), 170_000.0, "or if it is far off");
    }

    #[test]
    fn probes_raise_and_nothing_goes_below_the_least() {
        let mut control = RateControl::new(1e6);
        control.raise_to(0, 0.5e6);
        assert_eq!(control.rate(), 1e6);
        control.raise_to(0, 4e6);
        assert_eq!(control.rate(), 4e6);
        control.update(&seen(500, Usage::Over, 0.0));
        assert_eq!(control.rate(), MIN_RATE);
    }
}
