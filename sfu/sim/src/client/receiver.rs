//! What a receiver asks for: lost packets again, keyframes when it can show nothing, and reports of
//! what it got.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use sfu::parameters::MediaKind;
use sfu_rtp::{CompactNtp, NtpTime};

use crate::oracle::Accepted;

/// What one slot asks for.
#[derive(Debug)]
pub struct SlotFeedback {
    kind: MediaKind,
    highest: Option<u64>,
    missing: BTreeMap<u64, Missing>,
    last_keyframe_request: Option<Instant>,
    /// The last sender report: its compact NTP time, and when it arrived.
    last_report: Option<(u32, Instant)>,
    reported: Reported,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Instant,
    asked_at: Option<Instant>,
    asked: u32,
}

/// What the last reception report counted.
#[derive(Clone, Copy, Default, Debug)]
struct Reported {
    received: u64,
    expected: u64,
}

impl SlotFeedback {
    /// Of a slot that has received nothing.
    pub fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            highest: None,
            missing: BTreeMap::new(),
            last_keyframe_request: None,
            last_report: None,
            reported: Reported::default(),
        }
    }

    /// Notes an arrival. Sound is not asked for again: it would come too late.
    pub fn on_packet(&mut self, now: Instant, accepted: Accepted) {
        let sequence = accepted.sequence;
        self.missing.remove(&sequence);
        if self.kind == MediaKind::Video
            && let Some(highest) = self.highest
        {
            for skipped in highest + 1..sequence {
                let missing = Missing {
                    since: now,
                    asked_at: None,
                    asked: 0,
                };
                self.missing.insert(skipped, missing);
            }
            while self.missing.len() > MOST_MISSING {
                self.missing.pop_first();
            }
        }
        self.highest = self.highest.max(Some(sequence));
    }

    /// Notes a sender report.
    pub fn on_sender_report(&mut self, now: Instant, report: &SenderReport) {
        let compact = NtpTime::new(report.ntp_time).compact().get();
        self.last_report = Some((compact, now));
    }

    /// The numbers to ask for now.
    pub fn poll_missing(&mut self, now: Instant, round_trip: Duration) -> Vec<u16> {
        self.missing.retain(|_, missing| {
            now - missing.since < WORTH_ASKING && missing.asked < MOST_REQUESTS
        });
        let mut wanted = Vec::new();
        for (sequence, missing) in &mut self.missing {
            if missing.due(round_trip) <= now {
                missing.asked_at = Some(now);
                missing.asked += 1;
                wanted.push(*sequence as u16);
            }
        }
        wanted
    }

    /// When something is to be asked for, if nothing else happens.
    pub fn next_deadline(&self, round_trip: Duration) -> Option<Instant> {
        let due = self.missing.values().map(|missing| missing.due(round_trip));
        due.min()
    }

    /// Whether to ask for a keyframe now, given that one is wanted.
    pub fn poll_keyframe_request(&mut self, now: Instant) -> bool {
        let recently = self
            .last_keyframe_request
            .is_some_and(|at| now - at < KEYFRAME_REQUEST_INTERVAL);
        if !recently {
            self.last_keyframe_request = Some(now);
        }
        !recently
    }

    /// A report block; `None` before the first packet.
    pub fn report(
        &mut self,
        now: Instant,
        ssrc: u32,
        (received, highest, expected): (u64, u64, u64),
    ) -> ReceptionReport {
        let newly_expected = expected - self.reported.expected;
        let newly_received = received.saturating_sub(self.reported.received);
        self.reported = Reported { received, expected };
        let newly_lost = newly_expected.saturating_sub(newly_received);
        let fraction = (newly_lost * 256).checked_div(newly_expected);
        let (last_sender_report, delay) = self.last_report.map_or((0, 0), |(report, at)| {
            (report, CompactNtp::from_duration(now - at).get())
        });
        ReceptionReport {
            ssrc,
            fraction_lost: fraction.unwrap_or(0).min(255) as u8,
            total_lost: expected.saturating_sub(received) as u32,
            last_sequence_number: highest as u32,
            jitter: 0,
            last_sender_report,
            delay,
        }
    }
}

impl Missing {
    fn due(&self, round_trip: Duration) -> Instant {
        match self.asked_at {
            None => self.since + REORDERING,
            Some(asked_at) => asked_at + round_trip + REORDERING,
        }
    }
}

/// How long a packet may be overtaken before it is asked for.
const REORDERING: Duration = Duration::from_millis(10);

/// As libwebrtc: ten times, and not for packets of long ago.
const MOST_REQUESTS: u32 = 10;
const WORTH_ASKING: Duration = Duration::from_millis(1_500);
const MOST_MISSING: usize = 1_000;

const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(300);
