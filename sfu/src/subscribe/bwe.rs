//! What the path to one subscriber is believed to carry: send-side estimation by Google congestion control
//! (draft-ietf-rmcat-gcc-02 and what libwebrtc has made of it) from transport-wide feedback, or what the
//! receiver says itself (draft-alvestrand-rmcat-remb-03) if it knows no better.
//!
//! It decides neither what is sent nor when: the allocator reads the [estimate](Estimator::estimate), the
//! pacer and the prober's padding follow it. It is told every packet that leaves and every report.
//!
//! `rtc-interceptor` has an estimator too. It is not used: it takes a `Vec` of reports per feedback and keeps
//! packets in maps; it neither probes nor knows that a sender may have too little to send, and an SFU is
//! such a sender most of the time, between two layers; nor does its loss part tell a lossy path from a
//! full one.

mod history;
mod probe;
mod wake;

use std::hint::black_box;
use std::time::{Duration, Instant};

use sfu_rtp::Bitrate;
use sfu_rtp::rtcp::TransportFeedback;

use crate::congestion::{
    Groups, LossControl, MIN_RATE, Observation, RateControl, Throughput, Trendline, Usage,
};
use crate::rate_window::RateWindow;
use history::{Fate, SentHistory};
use probe::{Prober, Situation};
use wake::Wake;

/// The estimator of one subscriber; some two kilobytes, and what its history takes.
#[derive(Debug)]
pub(crate) struct Estimator {
    /// Times in here are microseconds since then.
    origin: Instant,
    /// When the last packet left, in both ways of telling it: a frame's leave at one moment.
    left: (Instant, i64),
    history: SentHistory,
    arrivals: ArrivalClock,
    groups: Groups,
    trendline: Trendline,
    throughput: Throughput,
    rate: RateControl,
    loss: LossControl,
    prober: Prober,
    wake: Wake,
    /// What leaves, in packets that will be reported about.
    sending: RateWindow,
    sending_rate: f64,
    /// What could be sent if it fitted.
    wanted: f64,
    /// The queue has grown, or packets were lost, or a probe was slowed down, and no probe has gone through since.
    is_limited: bool,
    /// Whether padding can be sent.
    can_probe: bool,
    hearing: Hearing,
    remb: Option<f64>,
}

/// Whether the receiver reports at all.
#[derive(Clone, Copy, Debug)]
struct Hearing {
    /// Since when packets have left without a report.
    unanswered_since: Option<i64>,
    /// Whether there ever was a report.
    answered: bool,
    /// It has agreed to report and does not: nothing is known of its path.
    deaf: bool,
}

impl Estimator {
    /// One that has seen nothing. Takes no memory beside its own yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            origin: now,
            left: (now, 0),
            history: SentHistory::new(),
            arrivals: ArrivalClock::default(),
            groups: Groups::default(),
            trendline: Trendline::new(),
            throughput: Throughput::new(),
            rate: RateControl::new(START_RATE),
            loss: LossControl::new(),
            prober: Prober::new(),
            wake: Wake::default(),
            sending: RateWindow::new(),
            sending_rate: 0.0,
            wanted: 0.0,
            is_limited: false,
            can_probe: false,
            hearing: Hearing {
                unanswered_since: None,
                answered: false,
                deaf: false,
            },
            remb: None,
        }
    }

    /// The estimate; `None` for a receiver that has agreed to tell how its packets arrive and does not.
    pub(crate) fn estimate(&self) -> Option<Bitrate> {
        let rate = match self.remb {
            Some(remb) if !self.hearing.answered => remb,
            _ if self.hearing.deaf => return None,
            _ => self.rate(),
        };
        Some(Bitrate::from_bps(rate as u64))
    }

    /// How many probes were sent.
    #[cfg(test)]
    pub(crate) fn probes(&self) -> u64 {
        self.prober.sent()
    }

    /// What the path was seen not to exceed; `None` while nothing has shown that it has a limit at all. Beyond
    /// the estimate as it is at first a path may well carry all.
    pub(crate) fn limit(&self) -> Option<Bitrate> {
        // Asked for every peer in every turn, and most paths show no limit.
        if self.is_limited {
            self.estimate()
        } else {
            None
        }
    }

    /// What could be sent if it fitted: how far to probe.
    pub(crate) fn want(&mut self, wanted: Bitrate) {
        self.wanted = wanted.bps() as f64;
    }

    /// Whether there is a stream that padding can be sent on.
    pub(crate) fn allow_probes(&mut self, allowed: bool) {
        self.can_probe = allowed;
    }

    /// The transport-wide number of the next packet.
    #[inline]
    pub(crate) fn next_number(&self) -> u16 {
        self.history.next()
    }

    /// Has the processor fetch what the next turn will need.
    #[inline]
    pub(crate) fn prefetch(&self) {
        black_box(self.is_limited);
        black_box(self.hearing.answered);
        self.prober.prefetch();
        self.sending.prefetch();
        black_box(self.history.next());
    }

    /// The packet with the next number leaves; `bytes` is its length on the wire.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: usize) {
        if self.left.0 != now {
            self.left = (now, self.micros(now));
        }
        let (_, at) = self.left;
        let probe = self.prober.on_sent(at, bytes);
        self.history.push(at, bytes, probe);
        self.sending.add(now, bytes);
        self.hearing.unanswered_since.get_or_insert(at);
    }

    /// Takes a report about what has arrived.
    pub(crate) fn on_feedback(
        &mut self,
        now: Instant,
        round_trip: Duration,
        report: &TransportFeedback<'_>,
    ) {
        let at = self.micros(now);
        self.hearing = Hearing {
            unanswered_since: None,
            answered: true,
            deaf: false,
        };
        let reference = self.arrivals.unwrap(report.reference());
        for packet in report.packets() {
            let arrival = packet.arrival.map(|arrival| reference + arrival);
            self.on_packet(at, packet.number, arrival);
        }
        self.sending_rate = self.sending.rate(now).bps() as f64;
        self.rate.update(&Observation {
            now: at,
            usage: self.trendline.usage(),
            throughput: self.throughput.rate(),
            peak: self.throughput.peak(),
            delivered: self.throughput.delivered(),
            stretch: self.throughput.stretch(),
            round_trip: round_trip.as_micros() as i64,
            bounded: self.can_probe,
        });
        if self.rate.decreased_at() == Some(at) {
            self.prober.on_decrease(at);
            self.is_limited = true;
        }
        if self.loss.update(at, self.rate()) {
            self.prober.on_decrease(at);
            self.is_limited = true;
        }
        if let Some(shown) = self.prober.take_result(self.rate(), self.wanted) {
            self.rate.raise_to(at, shown.rate);
            self.loss.raise_to(shown.rate);
            self.is_limited = shown.is_slowed;
            if shown.is_slowed {
                // Nothing else may ever tell while less is sent than was believed.
                let arrives = self.throughput.rate().unwrap_or(0.0);
                self.rate.lower_to(at, shown.rate.max(arrives));
            }
        }
        self.probe(at);
    }

    /// Takes the receiver's own estimate.
    pub(crate) fn on_remb(&mut self, estimate: Bitrate) {
        self.remb = Some((estimate.bps() as f64).max(MIN_RATE));
    }

    /// Looks after what no report triggers: silence, and the first probe. Once a second is enough.
    pub(crate) fn poll(&mut self, now: Instant) {
        let at = self.micros(now);
        self.sending_rate = self.sending.rate(now).bps() as f64;
        if let Some(since) = self.hearing.unanswered_since
            && at - since > SILENCE
        {
            // Where there were reports before, the path is broken or buried under a queue.
            self.hearing.unanswered_since = Some(at);
            self.hearing.deaf = !self.hearing.answered;
            self.rate.lower_to(at, self.rate.rate() / 2.0);
        }
        self.probe(at);
    }

    /// When [`padding`](Self::padding) is wanted next.
    pub(crate) fn padding_at(&self) -> Option<Instant> {
        let at = self.prober.next_at()?;
        Some(self.origin + Duration::from_micros(u64::try_from(at).ok()?))
    }

    /// How many bytes of padding a probe needs now.
    #[inline]
    pub(crate) fn padding(&self, now: Instant) -> usize {
        self.prober.padding(self.micros(now))
    }

    fn rate(&self) -> f64 {
        let delay_based = self.rate.rate();
        self.loss
            .cap()
            .map_or(delay_based, |cap| cap.min(delay_based))
    }

    fn on_packet(&mut self, now: i64, number: u16, arrival: Option<i64>) {
        let Some(packet) = self.history.get_mut(number) else {
            return;
        };
        let (sent, before, is_probe) = (*packet, packet.fate, packet.probe != 0);
        let (at, bytes) = (sent.at(now), sent.bytes());
        match (before, arrival) {
            (Fate::Unknown, None) => {
                packet.fate = Fate::Missing;
                self.throughput.miss(bytes);
                if !is_probe {
                    self.loss.on_packet(bytes, false);
                }
            }
            (Fate::Unknown | Fate::Missing, Some(arrival)) => {
                packet.fate = Fate::Arrived;
                self.throughput.add(at, arrival, bytes);
                if is_probe {
                    // What a probe does to queue and loss is what it asks about.
                    self.prober.on_arrival(sent.probe, at, arrival, bytes);
                    self.wake.begin(at);
                    return;
                }
                if before == Fate::Missing {
                    self.loss.take_back();
                } else {
                    self.loss.on_packet(bytes, true);
                }
                let spacing = self.groups.add(at, arrival);
                if let Some(spacing) = spacing.and_then(|spacing| self.wake.pass(spacing)) {
                    self.trendline.add(spacing);
                }
            }
            (Fate::Missing, None) | (Fate::Arrived, _) => {}
        }
    }

    fn probe(&mut self, now: i64) {
        if !self.can_probe || self.hearing.deaf {
            return;
        }
        let recently = self.rate.decreased_at().is_some_and(|at| now - at < CALM);
        // Who was not told what is wanted sees at least what flows, and that it might be more.
        let wanted = if self.wanted > 0.0 {
            self.wanted
        } else {
            self.sending_rate * 2.0
        };
        self.prober.poll(&Situation {
            now,
            estimate: self.rate(),
            sending: self.sending_rate,
            wanted,
            calm: self.trendline.usage() == Usage::Normal && !recently,
        });
    }

    fn micros(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.origin).as_micros() as i64
    }
}

/// Unwraps the 24 bits of a report's reference time.
#[derive(Clone, Copy, Default, Debug)]
struct ArrivalClock {
    /// In units of 64 ms.
    last: Option<i64>,
}

impl ArrivalClock {
    /// In microseconds of the receiver's clock.
    fn unwrap(&mut self, reference: u32) -> i64 {
        let unwrapped = match self.last {
            None => i64::from(reference),
            Some(last) => {
                let ahead = reference.wrapping_sub(last as u32) << 8;
                last + i64::from(ahead as i32 >> 8)
            }
        };
        self.last = Some(unwrapped);
        unwrapped * TransportFeedback::REFERENCE_MICROS
    }
}

/// What is believed at first, as by libwebrtc: enough for sound and the lowest layer. The first train, a quarter of a
/// second later, tells whether more fits; a path that was believed to carry more would be buried by then.
const START_RATE: f64 = 300_000.0;

/// Receivers report every 250 ms at least while packets come.
const SILENCE: i64 = 1_500_000;

/// After a decrease the queue drains; until then a probe would measure that.
const CALM: i64 = 1_000_000;

#[cfg(test)]
mod link;
#[cfg(test)]
mod tests;
