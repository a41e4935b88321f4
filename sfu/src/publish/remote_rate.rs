//! The bitrate that publishers are told who cannot find it out themselves (REMB,
//! draft-alvestrand-rmcat-remb-03): those without transport-wide feedback.
//!
//! The queue on the way is judged as toward subscribers: by when packets arrive, and when they say that they left
//! (`abs-send-time`). Where they do not say, a picture leaves when it was captured, by the timestamps of one stream.
//! What is lost counts as well, and nothing is promised far beyond what arrives.

use std::time::{Duration, Instant};

use sfu_rtp::extension::AbsSendTime;
use sfu_rtp::{Bitrate, ExtensionKind, RtpTime, Ssrc};

use crate::congestion::{
    Groups, LossControl, Observation, RateControl, Throughput, Trendline, Usage,
};
use crate::parameters::PeerParameters;

/// The estimate of the path from one publisher; of a fixed size, some 1.5 kilobytes.
#[derive(Debug)]
pub(crate) struct RemoteRate {
    /// Times in here are microseconds since then: the first packet.
    origin: Option<Instant>,
    departures: DepartureClock,
    /// The stream whose timestamps tell when packets left, if nothing else does, and when its last packet came.
    timed_by: Option<(Ssrc, i64)>,
    groups: Groups,
    trendline: Trendline,
    throughput: Throughput,
    rate: RateControl,
    loss: LossControl,
    /// What has arrived since loss was told last.
    arrived: Arrived,
    /// The share that arrived then.
    delivered: f64,
    /// The rate was lowered for loss, and what is told next of loss is still of what was sent before.
    settling: bool,
    /// When the last packet came.
    heard_at: i64,
    /// What was told last, and when.
    told: Option<(i64, f64)>,
    next_at: Option<Instant>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Arrived {
    packets: u32,
    bytes: usize,
}

impl RemoteRate {
    /// Whether a peer wants to be told: it publishes pictures, knows REMB and nothing better.
    pub(crate) fn is_wanted(parameters: &PeerParameters) -> bool {
        let codecs = || parameters.published.iter().flat_map(|media| &media.codecs);
        let numbers = &parameters.receive_extensions;
        let numbered = numbers.id_of(ExtensionKind::TransportSequence).is_some();
        let knows_better = numbered && codecs().any(|codec| codec.feedback.transport_cc);
        !knows_better && codecs().any(|codec| codec.feedback.remb)
    }

    pub(crate) const fn new() -> Self {
        Self {
            origin: None,
            departures: DepartureClock { last: None },
            timed_by: None,
            groups: Groups::new(),
            trendline: Trendline::new(),
            throughput: Throughput::new(),
            rate: RateControl::new(START_RATE),
            loss: LossControl::new(),
            arrived: Arrived {
                packets: 0,
                bytes: 0,
            },
            delivered: 1.0,
            settling: false,
            heard_at: 0,
            told: None,
            next_at: None,
        }
    }

    /// Takes an authenticated packet of `bytes`, and what it tells of when it left.
    pub(crate) fn on_packet(&mut self, now: Instant, leaving: Leaving, bytes: usize) {
        self.origin.get_or_insert(now);
        let at = self.micros(now);
        self.heard_at = at;
        self.arrived.packets = self.arrived.packets.saturating_add(1);
        self.arrived.bytes = self.arrived.bytes.saturating_add(bytes);
        self.loss.on_packet(bytes, true);
        let departure = match leaving {
            Leaving::At(time) => Some(self.departures.unwrap(micros_of(time), SEND_TIME_CYCLE, at)),
            Leaving::Captured(ssrc, time) if self.is_timed_by(ssrc, at) => Some(
                self.departures
                    .unwrap(micros_at_90_khz(time), TIMESTAMP_CYCLE, at),
            ),
            Leaving::Captured(..) | Leaving::Unknown => None,
        };
        let Some(Departure { at: sent, jumps }) = departure else {
            self.throughput.add(self.departures.expected(at), at, bytes);
            self.look_by(now + PERIOD);
            return;
        };
        if jumps {
            self.groups = Groups::new();
        }
        self.throughput.add(sent, at, bytes);
        if let Some(spacing) = self.groups.add(sent, at)
            && self.trendline.add(spacing) == Usage::Over
        {
            // Each moment in which nothing is said makes the queue longer.
            self.look_by(now + HASTE);
        }
        self.look_by(now + PERIOD);
    }

    /// Whether this stream's timestamps are those that count; another takes its place when it pauses.
    fn is_timed_by(&mut self, ssrc: Ssrc, at: i64) -> bool {
        match self.timed_by {
            Some((timing, heard_at)) if timing != ssrc && at - heard_at < SILENCE => false,
            _ => {
                self.timed_by = Some((ssrc, at));
                true
            }
        }
    }

    /// Takes how many packets were expected of all of the peer's streams since this was told last, and how many
    /// of them did not come.
    pub(crate) fn on_loss(&mut self, now: Instant, expected: u64, lost: u64) {
        let arrived = std::mem::take(&mut self.arrived);
        if expected == 0 || arrived.packets == 0 {
            return;
        }
        let lost = lost.min(expected);
        self.delivered = 1.0 - lost as f64 / expected as f64;
        // They were about as large as the others. More are not believed of a path that anything comes over.
        let size = arrived.bytes / arrived.packets as usize;
        for _ in 0..lost.min(u64::from(arrived.packets) * MAX_LOST_OF_ARRIVED) {
            self.loss.on_packet(size, false);
        }
        let at = self.micros(now);
        if std::mem::take(&mut self.settling) {
            self.loss.skip(at);
        } else if self.loss.update(at, self.rate()) {
            // At once it becomes what arrives: a path that is full loses nothing then, and one that goes on losing
            // does so by itself.
            if let Some(arrives) = self.throughput.rate() {
                self.rate.lower_to(at, arrives * BELOW_CARRIED);
            }
            self.settling = true;
            self.look_by(now);
        }
    }

    /// What the publisher is to be told, if that is due.
    pub(crate) fn poll(&mut self, now: Instant, round_trip: Duration) -> Option<Bitrate> {
        self.next_at.take_if(|at| *at <= now)?;
        let at = self.micros(now);
        if at - self.heard_at > SILENCE {
            // Nothing comes, so nothing can be said; with the next packet it goes on.
            return None;
        }
        self.next_at = Some(now + PERIOD);
        self.rate.update(&Observation {
            now: at,
            usage: self.trendline.usage(),
            throughput: self.throughput.rate(),
            // An encoder follows what it is told, and does not go up by a layer.
            peak: self.throughput.rate(),
            stretch: self.throughput.stretch(),
            delivered: self.delivered,
            round_trip: round_trip.as_micros() as i64,
            bounded: true,
        });
        let rate = self.rate();
        let is_news = self
            .told
            .is_none_or(|(told_at, told)| at - told_at >= INTERVAL || rate < told * CLEARLY_LESS);
        if !is_news {
            return None;
        }
        self.told = Some((at, rate));
        Some(Bitrate::from_bps(rate as u64))
    }

    /// When [`poll`](Self::poll) is due; `None` while nothing comes.
    pub(crate) const fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    fn rate(&self) -> f64 {
        let rate = self.rate.rate();
        self.loss.cap().map_or(rate, |cap| cap.min(rate))
    }

    fn look_by(&mut self, at: Instant) {
        self.next_at = Some(self.next_at.map_or(at, |next| next.min(at)));
    }

    fn micros(&self, now: Instant) -> i64 {
        let since = self
            .origin
            .map(|origin| now.saturating_duration_since(origin));
        since.unwrap_or_default().as_micros() as i64
    }
}

/// What a packet tells of when it left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaving {
    /// The time itself.
    At(AbsSendTime),
    /// The timestamp of a picture, of this stream.
    Captured(Ssrc, RtpTime),
    /// Nothing.
    Unknown,
}

/// Unwraps the times at which packets leave, which wrap after a minute or after half a day.
#[derive(Clone, Copy, Debug)]
struct DepartureClock {
    /// When a packet left by the sender's clock, and when it arrived, in microseconds.
    last: Option<(i64, i64)>,
}

/// When a packet left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Departure {
    /// In microseconds of the sender's clock.
    at: i64,
    /// That clock was put forward or back, or is another stream's.
    jumps: bool,
}

impl DepartureClock {
    /// When what has arrived at `arrived` left, if it was under way for as long as the last packet was.
    fn expected(&self, arrived: i64) -> i64 {
        let (last_sent, last_arrived) = self.last.unwrap_or((arrived, arrived));
        last_sent + (arrived - last_arrived)
    }

    /// Of all the times that `said` may mean, the one that lies nearest to what is expected: a publisher may pause
    /// for longer than a cycle.
    fn unwrap(&mut self, said: i64, cycle: i64, arrived: i64) -> Departure {
        let expected = match self.last {
            None => said,
            Some(_) => self.expected(arrived),
        };
        let off = (said - expected + cycle / 2).rem_euclid(cycle) - cycle / 2;
        let at = expected + off;
        self.last = Some((at, arrived));
        Departure {
            at,
            jumps: off.abs() > MAX_OFF,
        }
    }
}

fn micros_of(time: AbsSendTime) -> i64 {
    (i64::from(time.get()) * 1_000_000) >> 18
}

fn micros_at_90_khz(time: RtpTime) -> i64 {
    i64::from(time.get()) * 100 / 9
}

/// What is told first: what one camera needs. It is raised by what arrives. A guess.
const START_RATE: f64 = 1_000_000.0;

/// How often the rate is looked at, and how soon when the queue grows.
const PERIOD: Duration = Duration::from_millis(200);
const HASTE: Duration = Duration::from_millis(20);

/// It is told every second, and at once when it is clearly less, as libwebrtc does (`RembThrottler`).
const INTERVAL: i64 = 1_000_000;
const CLEARLY_LESS: f64 = 0.97;

/// Who has sent nothing for so long has paused.
const SILENCE: i64 = 2_000_000;

/// Enough below for the queue to drain.
const BELOW_CARRIED: f64 = 0.95;

/// A publisher may leave out thousands of numbers; that is no reason to count for long.
const MAX_LOST_OF_ARRIVED: u64 = 9;

/// In microseconds: 64 s, and 2^32 ticks of 90 kHz.
const SEND_TIME_CYCLE: i64 = 64_000_000;
const TIMESTAMP_CYCLE: i64 = (1 << 32) * 100 / 9;

/// More than any queue: the sender's clock has jumped.
const MAX_OFF: i64 = 3_000_000;

#[cfg(test)]
mod tests;
