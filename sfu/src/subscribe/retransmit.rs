//! Whether a packet that a subscriber misses is sent again: not while the last one may still be under way,
//! not for ever, and not more than a share of what the subscriber gets anyway.

use std::time::{Duration, Instant};

use super::history::{Entry, Moment};

/// The bytes that retransmissions to one peer may take.
#[derive(Debug)]
pub(crate) struct RetransmitBudget {
    bytes: u64,
    refilled_at: Option<Instant>,
}

impl RetransmitBudget {
    pub(crate) fn new() -> Self {
        Self {
            bytes: MAX_BYTES,
            refilled_at: None,
        }
    }

    /// What the peer is sent for the first time earns room for repetitions.
    #[inline]
    pub(crate) fn on_sent(&mut self, bytes: usize) {
        self.bytes = (self.bytes + bytes as u64 / EARNING_DIVISOR).min(MAX_BYTES);
    }

    /// Takes room for a repetition of `bytes`. `false`: there is none, let it be lost.
    pub(crate) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let since = self.refilled_at.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(since);
        let earned = elapsed.as_micros() as u64 * FLOOR_BYTES_PER_SECOND / 1_000_000;
        self.bytes = self.bytes.saturating_add(earned).min(MAX_BYTES);
        let room = self.bytes >= bytes as u64;
        if room {
            self.bytes -= bytes as u64;
        }
        room
    }
}

/// Whether the packet may be sent again now, given the round-trip time to the subscriber.
pub(crate) fn may_resend<T>(entry: &Entry<T>, now: Moment, round_trip: Duration) -> bool {
    let waited = now.since(entry.resent_at);
    // A NACK for the first transmission arrives a round trip after it at the earliest anyway.
    let under_way = entry.resends > 0 && waited < round_trip.min(MAX_WAIT);
    entry.resends < MAX_RESENDS && !under_way
}

/// Half of the rate that a subscriber gets: room for a third of all packets lost, repetitions included,
/// and a bound on what forged haste can draw from us. A guess.
const EARNING_DIVISOR: u64 = 2;

/// 128 kbit/s besides, so that a slow or just begun stream can be repaired at all. A guess.
const FLOOR_BYTES_PER_SECOND: u64 = 16_000;

/// A burst of one keyframe of 100 kB.
const MAX_BYTES: u64 = 100_000;

/// As many as Chromium asks for (`kMaxNackRetries` of its NACK module is 10).
const MAX_RESENDS: u8 = 10;

/// A round-trip estimate beyond this is not believed.
const MAX_WAIT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscribe::history::History;

    #[test]
    fn a_flood_of_requests_draws_no_more_than_the_share() {
        let start = Instant::now();
        let mut budget = RetransmitBudget::new();
        let mut resent = 0;
        // Ten seconds of 1 Mbit/s, every packet asked for five times over.
        for number in 0..1_000_u32 {
            let now = start + Duration::from_millis(10) * number;
            budget.on_sent(1_250);
            resent += (0..5).filter(|_| budget.take(now, 1_250)).count();
        }
        let allowed = 500 + (160_000 + MAX_BYTES) / 1_250;
        assert!(
            (500..=allowed as usize).contains(&resent),
            "{resent} of 1000 packets were sent again, {allowed} allowed"
        );
    }

    #[test]
    fn a_packet_is_not_sent_again_while_it_may_be_under_way() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let round_trip = Duration::from_millis(50);
        let mut history = History::new();
        history.push(start, 1, ());
        let moment = |ms| history.moment(at(ms));
        let moments = [10, 40, 60, 900].map(|ms| (ms, moment(ms)));
        let moment = |ms| {
            moments
                .iter()
                .find(|(at, _)| *at == ms)
                .expect("one of them")
                .1
        };
        let entry = history.get_mut(1).expect("just pushed");

        // (resends so far, last sent at, asked at, expected)
        for (resends, sent, asked, expected) in [
            (0, 10, 10, true),
            (1, 10, 40, false),
            (1, 10, 60, true),
            (MAX_RESENDS, 10, 900, false),
        ] {
            entry.resends = resends;
            entry.resent_at = moment(sent);
            assert_eq!(
                may_resend(entry, moment(asked), round_trip),
                expected,
                "{resends} resends, the last at {sent} ms, asked at {asked} ms"
            );
        }
    }
}
