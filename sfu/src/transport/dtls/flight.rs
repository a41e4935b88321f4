//! Repeats our last flight until the next one is due (RFC 6347 §4.2.4).
//!
//! The library has a timer of its own, which it cancels at every handshake record that comes in and does not set again
//! if the record brings nothing new. Browsers repeat their flights well before that timer, so a lost flight of ours
//! would be lost for good. The repetition here is verbatim: records that the peer has already are ones it discards.
//! What changes is how many travel together: if repeating does not help, the datagrams may be longer than the path
//! carries, and from then on each record goes by itself (§4.1.1.1).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::record::records;

/// Our last flight.
#[derive(Debug, Default)]
pub(super) struct Flight {
    datagrams: Vec<Bytes>,
    /// When to send it again, and how long after the last time that is.
    repeat: Option<(Instant, Duration)>,
    /// How often it was sent again because nothing came.
    repetitions: u8,
    answers: u8,
}

impl Flight {
    /// Notes a flight that is being sent now. The one before it is never sent again.
    pub(super) fn start(&mut self, now: Instant, datagrams: Vec<Bytes>) {
        self.datagrams = datagrams;
        self.repeat = Some((now + FIRST_INTERVAL, FIRST_INTERVAL));
        self.repetitions = 0;
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
                self.repetitions = self.repetitions.saturating_add(1);
                if self.repetitions == REPETITIONS_AS_SENT + 1 {
                    self.datagrams = self.datagrams.iter().flat_map(apart).collect();
                }
                &self.datagrams
            }
            _ => &[],
        }
    }
}

/// Each record of a datagram of ours by itself.
fn apart(datagram: &Bytes) -> impl Iterator<Item = Bytes> {
    records(datagram).map(|record| datagram.slice_ref(record.bytes))
}

/// RFC 6347 §4.2.4.1 says one second; a person who waits for a picture should not. Most round trips are shorter.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);

/// It doubles up to here.
const LAST_INTERVAL: Duration = Duration::from_secs(1);

/// Our longest flight has some 800 bytes, and its longest record, the certificate, some 400. Where datagrams are lost by
/// chance, two repetitions help more often than not; and 300 ms late, a path that carries less still connects. A guess.
const REPETITIONS_AS_SENT: u8 = 2;

/// Enough for a peer whose every other datagram is lost for ten seconds.
const MAX_ANSWERS: u8 = 12;

#[cfg(test)]
mod tests {
    use super::super::record::{ContentType, write_plaintext};
    use super::*;

    /// A record with this number.
    fn record(sequence: u64) -> Bytes {
        let mut bytes = Vec::new();
        write_plaintext(&mut bytes, ContentType::HANDSHAKE, sequence, &[b"message"]);
        bytes.into()
    }

    #[test]
    fn a_flight_is_repeated_at_doubling_intervals_of_at_most_a_second() {
        let start = Instant::now();
        let mut flight = Flight::default();
        assert_eq!(flight.next_deadline(), None);
        flight.start(start, vec![record(0)]);
        let mut at = Vec::new();
        for _ in 0..8 {
            let due = flight.next_deadline().expect("a repetition");
            assert!(flight.take_due(due - Duration::from_millis(1)).is_empty());
            assert_eq!(flight.take_due(due), [record(0)]);
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
    fn what_does_not_arrive_in_three_attempts_is_sent_record_by_record() {
        let together = [[record(0), record(1)].concat().into(), record(2)];
        let mut flight = Flight::default();
        // The next flight begins anew.
        for _ in 0..2 {
            flight.start(Instant::now(), together.to_vec());
            for expected in [2, 2, 3, 3, 3] {
                let due = flight.next_deadline().expect("a repetition");
                let sent = flight.take_due(due);
                assert_eq!(sent.len(), expected);
                assert_eq!(sent.concat(), together.concat());
            }
        }
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
