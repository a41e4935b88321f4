//! A path for tests: a rate, a queue, a delay, and a receiver that reports as Chromium's does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_rtp::Ssrc;
use sfu_rtp::rtcp::TransportFeedback;

use super::Estimator;
use crate::publish::transport_feedback::TransportFeedbackRecorder;

/// The path and the receiver at its end.
pub(super) struct Link {
    pub(super) estimator: Estimator,
    pub(super) now: Instant,
    /// Bits per second, headers of IP and UDP included.
    pub(super) rate: f64,
    /// The queue holds so much time at most.
    pub(super) queue: Duration,
    pub(super) delay: Duration,
    /// Loses one packet of so many.
    pub(super) loses_one_of: u32,
    /// Up to so much more delay for each packet, in an order of their own.
    pub(super) jitter: Duration,
    pub(super) reports: bool,
    free_at: Instant,
    last_arrival: Instant,
    arrivals: VecDeque<(Instant, u16)>,
    feedback: VecDeque<(Instant, Vec<u8>)>,
    recorder: TransportFeedbackRecorder,
    packets: u32,
}

impl Link {
    /// A path of so many bits per second, 25 ms each way, and a queue of half a second.
    pub(super) fn new(rate: f64) -> Self {
        let start = Instant::now();
        let mut estimator = Estimator::new(start);
        estimator.allow_probes(true);
        Self {
            estimator,
            now: start,
            rate,
            queue: Duration::from_millis(500),
            delay: Duration::from_millis(25),
            loses_one_of: u32::MAX,
            jitter: Duration::ZERO,
            reports: true,
            free_at: start,
            last_arrival: start,
            arrivals: VecDeque::new(),
            feedback: VecDeque::new(),
            recorder: TransportFeedbackRecorder::new(),
            packets: 0,
        }
    }

    /// Sends frames, 30 a second, at the rate that `choose` makes of the estimate, both in bits per second.
    /// Returns the longest wait in the queue.
    pub(super) fn run(&mut self, seconds: f64, choose: impl Fn(f64) -> f64) -> Duration {
        let end = self.now + Duration::from_secs_f64(seconds);
        let mut longest = Duration::ZERO;
        let mut millis = 0_u32;
        while self.now < end {
            if millis.is_multiple_of(33) {
                let rate = choose(self.estimate());
                let mut left = (rate / 30.3 / 8.0) as usize;
                while left > 0 {
                    let bytes = left.min(1_200);
                    self.send(bytes.max(100));
                    left -= bytes;
                }
            }
            while self.estimator.padding(self.now) > 0 {
                self.send(290);
            }
            if millis.is_multiple_of(1_000) {
                self.estimator.poll(self.now);
            }
            longest = longest.max(self.free_at.saturating_duration_since(self.now));
            self.deliver();
            self.now += Duration::from_millis(1);
            millis += 1;
        }
        longest
    }

    /// In bits per second.
    pub(super) fn estimate(&self) -> f64 {
        self.estimator
            .estimate()
            .map_or(f64::INFINITY, |rate| rate.bps() as f64)
    }

    fn send(&mut self, bytes: usize) {
        let number = self.estimator.next_number();
        self.estimator.on_sent(self.now, bytes);
        self.packets += 1;
        let begin = self.free_at.max(self.now);
        if begin - self.now > self.queue || self.packets.is_multiple_of(self.loses_one_of) {
            return;
        }
        self.free_at = begin + Duration::from_secs_f64((bytes + 28) as f64 * 8.0 / self.rate);
        let jitter = self.jitter * (self.packets * 7_919 % 100) / 100;
        let arrival = (self.free_at + self.delay + jitter).max(self.last_arrival);
        self.last_arrival = arrival;
        self.arrivals.push_back((arrival, number));
    }

    fn deliver(&mut self) {
        while let Some(&(at, number)) = self.arrivals.front()
            && at <= self.now
        {
            self.recorder.record(at, Ssrc::new(1), number);
            self.arrivals.pop_front();
        }
        let mut report = Vec::new();
        while self.recorder.poll(self.now, Ssrc::new(2), &mut report) {
            if self.reports {
                self.feedback
                    .push_back((self.now + self.delay, report.clone()));
            }
            report.clear();
        }
        while let Some((at, report)) = self.feedback.front()
            && *at <= self.now
        {
            let parsed = TransportFeedback::parse(&report[4..]).expect("of our own making");
            self.estimator
                .on_feedback(self.now, self.delay * 2, &parsed);
            self.feedback.pop_front();
        }
    }
}
