//! Repeats our last flight until the next one is due (RFC 6347 §4.2.4).
//!
//! The library has a timer of its own, which it cancels at every handshake record that comes in and does not set again
//! if the record brings nothing new. Browsers repeat their flights well before that timer, so a lost flight of ours
//! would be lost for good. The repetition here is verbatim: records that the peer has already are ones it discards.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// Our last flight.
#[derive(Debug, Default)]
pub(super) struct Flight {
    datagrams: Vec<Bytes>,
    /// When to send it again, and how long after the last time that is.
    repeat: Option<(Instant, Duration)>,
    answers: u8,
}

impl Flight {
    /// Notes a flight that is being sent now. The one before it is never sent again.
    pub(super) fn start(&mut self, now: Instant, datagrams: Vec<Bytes>) {
        self.datagrams = datagrams;
        self.repeat = Some((now + FIRST_INTERVAL, FIRST_INTERVAL));
    }

    /// The handshake is over for us: the peer has to ask for the last flight if it needs it again.
    pub(super) fn finish(&mut self) {
        self.repeat = None;
    }

    /// There is nothing to be repeated any more.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }

    /// The datagrams to send because the peer has repeated its last flight: ours was lost. The peer's repetition is
    /// not authenticated, so only so many are answered.
    pub(super) fn answer_repetition(&mut self) -> &[Bytes] {
        if self.answers >= MAX_ANSWERS {
            return &[];
        }
        self.answers += 1;
        &self.datagrams
    }

    /// When to call [`take_due`](Self::take_due).
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.repeat.map(|(at, _)| at)
    }

    /// The datagrams to send again, if it is time.
    pub(super) fn take_due(&mut self, now: Instant) -> &[Bytes] {
        match &mut self.repeat {
            Some((at, interval)) if now >= *at => {
                *interval = (*interval * 2).min(LAST_INTERVAL);
                *at = now + *interval;
                &self.datagrams
            }
            _ => &[],
        }
    }
}

/// RFC 6347 §4.2.4.1 says one second; a person who waits for a picture should not. Most round trips are shorter.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);

/// It doubles up to here.
const LAST_INTERVAL: Duration = Duration::from_secs(1);

/// Enough for a peer whose every other datagram is lost for ten seconds.
const MAX_ANSWERS: u8 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_repeated_at_doubling_intervals_of_at_most_a_second() {
        let start = Instant::now();
        let mut flight = Flight::default();
        assert_eq!(flight.next_deadline(), None);
        flight.start(start, vec![Bytes::from_static(b"flight")]);
        let mut at = Vec::new();
        for _ in 0..8 {
            let due = flight.next_deadline().expect("a repetition");
            assert!(flight.take_due(due - Duration::from_millis(1)).is_empty());
            assert_eq!(flight.take_due(due), [Bytes::from_static(b"flight")]);
            at.push((due - start).as_millis());
        }
        assert_eq!(at, [100, 300, 700, 1_500, 2_500, 3_500, 4_500, 5_500]);

        flight.start(start, vec![Bytes::from_static(b"next")]);
        assert_eq!(
            flight.next_deadline(),
            Some(start + Duration::from_millis(100))
        );
        flight.finish();
        assert_eq!(flight.next_deadline(), None);
    }

    #[test]
    fn a_repeating_peer_is_answered_a_bounded_number_of_times() {
        let mut flight = Flight::default();
        flight.start(Instant::now(), vec![Bytes::from_static(b"last")]);
        flight.finish();
        let answered = (0..100).filter(|_| !flight.answer_repetition().is_empty());
        assert_eq!(answered.count(), usize::from(MAX_ANSWERS));
    }
}
