//! Tells a publisher when each of its packets arrived: transport-wide congestion control feedback,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01. From this the publisher estimates what its
//! path carries; without it a browser stays near its start bitrate.
//!
//! One recorder per peer, over all its streams. How a feedback packet is written is in `write`.

mod arrivals;
#[cfg(test)]
mod tests;
mod write;

use std::time::{Duration, Instant};

use sfu_rtp::Ssrc;

use arrivals::Arrivals;
use write::FeedbackWriter;

/// Remembers arrivals by transport-wide sequence number and writes feedback packets about them.
///
/// Every number from the first to the highest is reported, received or not. A packet that arrives
/// after its number was reported as missing is reported again, together with those after it.
#[derive(Debug)]
pub(crate) struct TransportFeedbackRecorder {
    /// Arrival times count from here.
    origin: Option<Instant>,
    /// The stream of the last packet: reports name it as the media source.
    stream: Ssrc,
    arrivals: Arrivals,
    /// The first number that the next report is about.
    next: u64,
    due: Option<Instant>,
    /// From one report to the next.
    interval: Duration,
    /// When the last report ended, and how many packets have arrived since.
    reported_at: Option<Instant>,
    arrived: u32,
    /// How many feedback packets were sent, modulo 256.
    feedback_count: u8,
    /// What would come next if the numbering had begun anew with the last packet.
    restart_at: Option<u16>,
    writer: FeedbackWriter,
}

impl TransportFeedbackRecorder {
    /// One that has seen nothing. Takes no memory yet.
    pub(crate) const fn new() -> Self {
        Self {
            origin: None,
            stream: Ssrc::new(0),
            arrivals: Arrivals::new(),
            next: 0,
            due: None,
            interval: MIN_INTERVAL,
            reported_at: None,
            arrived: 0,
            feedback_count: 0,
            restart_at: None,
            writer: FeedbackWriter::new(),
        }
    }

    /// A packet of `stream` with the transport-wide number `seq` has arrived.
    pub(crate) fn record(&mut self, now: Instant, stream: Ssrc, seq: u16) {
        let Some(number) = self.unwrap(seq) else {
            return;
        };
        let origin = *self.origin.get_or_insert(now);
        let tick = now.saturating_duration_since(origin).as_micros() as u64 / TICK_MICROS;
        if !self.arrivals.insert(number, tick, self.next) {
            return;
        }
        self.next = self.next.min(number).max(self.arrivals.lowest());
        self.arrived += 1;
        self.stream = stream;
        if self.arrivals.end() - self.next >= LONG_REPORT {
            self.due = Some(now);
        } else if self.due.is_none() {
            self.due = Some(now + self.interval);
        }
    }

    /// If a report is due, appends one packet of it to `out` and says `true`: call again, as it may
    /// take several. Each fits a datagram by itself. `sender` is our SSRC.
    ///
    /// The media source is a stream of the peer's, although the report is about all of them: Chromium
    /// ignores feedback about an SSRC that it does not send.
    #[must_use]
    pub(crate) fn poll(&mut self, now: Instant, sender: Ssrc, out: &mut Vec<u8>) -> bool {
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        let (base, end) = (self.next, self.arrivals.end());
        self.writer.begin(out, sender, self.stream, base as u16);
        for number in base..end {
            let Some(tick) = self.arrivals.get(number) else {
                continue;
            };
            if !self.writer.push(out, (number - base) as u16, tick) {
                break;
            }
            self.next = number + 1;
        }
        if self.next >= end {
            self.end_report(now);
        }
        let is_written = self.writer.finish(out, self.feedback_count);
        if is_written {
            self.feedback_count = self.feedback_count.wrapping_add(1);
        }
        is_written
    }

    /// When [`poll`](Self::poll) is due; `None` while nothing new has arrived.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due
    }

    /// Chooses the interval so that the next report is about [`PACKETS_PER_REPORT`] packets.
    fn end_report(&mut self, now: Instant) {
        if let Some(reported_at) = self.reported_at {
            let elapsed = now
                .saturating_duration_since(reported_at)
                .min(MAX_INTERVAL * 2);
            let per_report = elapsed * PACKETS_PER_REPORT / self.arrived.max(1);
            self.interval = per_report.clamp(MIN_INTERVAL, MAX_INTERVAL);
        }
        self.reported_at = Some(now);
        self.arrived = 0;
        self.due = None;
    }

    /// The number of 64 bits that `seq` stands for, the one nearest to the highest so far. If that is
    /// too far off it is `None`, except for the second of two in a row: then the numbering has begun
    /// anew, as after an outage. What was not reported by then is not reported any more.
    fn unwrap(&mut self, seq: u16) -> Option<u64> {
        let end = self.arrivals.end();
        let ahead = seq.wrapping_sub(end as u16);
        let offset = i64::from(ahead as i16);
        let is_first = end == 0;
        if !is_first && offset.abs() < MAX_JUMP {
            self.restart_at = None;
            return end.checked_add_signed(offset);
        }
        if !is_first && self.restart_at.replace(seq.wrapping_add(1)) != Some(seq) {
            return None;
        }
        self.restart_at = None;
        self.next = end + u64::from(ahead);
        self.arrivals.restart(self.next);
        Some(self.next)
    }
}

/// The unit of arrival times (§3.1.5 of the draft).
const TICK_MICROS: u64 = 250;
/// The draft suggests once per frame; GCC needs no more than its own update rate of 20 per second.
const MIN_INTERVAL: Duration = Duration::from_millis(50);
/// A microphone alone should not cost more in feedback than in sound.
const MAX_INTERVAL: Duration = Duration::from_millis(200);
/// What the interval is chosen for: a megabit in full packets then reports every 100 ms.
const PACKETS_PER_REPORT: u32 = 10;
/// A report about so many numbers does not wait any longer: it fills a packet.
const LONG_REPORT: u64 = 400;
/// Farther from the highest than this, a number is not believed. An outage of a second at 20 Mbit/s.
const MAX_JUMP: i64 = arrivals::MAX_SPAN as i64;
