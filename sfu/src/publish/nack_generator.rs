//! Which sequence numbers of an encoding are missing, and when to ask for each of them: generic NACK
//! (RFC 4585 §6.2.1) with patience for reordering and a pace set by the round trip.
//!
//! It does not write RTCP, and it does not know whether repair is worth the while; for audio the
//! caller usually does not make one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_rtp::SeqNo;

/// Watches the numbers of one encoding as they arrive and says which to ask for again.
///
/// A number counts as missing once a higher one has arrived. It is asked for as soon as the gap is
/// unlikely to be mere reordering, then once per round trip until it comes or is given up.
#[derive(Debug)]
pub(crate) struct NackGenerator {
    highest: Option<SeqNo>,
    /// In ascending order; at most [`MAX_MISSING`].
    missing: VecDeque<Missing>,
    /// No request is due before this. It may be early, never late.
    due: Option<Instant>,
    /// How many packets have come, new ones and no repairs, that requests have not used up. At most
    /// [`MAX_CREDIT`].
    credit: u32,
}

/// What a newly arrived number tells about those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Gap {
    /// Nothing more is missing than can be asked for.
    Repairable,
    /// So much is missing that a keyframe costs less than all of it. The missing numbers are
    /// forgotten.
    TooWide,
}

impl NackGenerator {
    /// One that has seen nothing.
    pub(crate) const fn new() -> Self {
        Self {
            highest: None,
            missing: VecDeque::new(),
            due: None,
            credit: MAX_CREDIT,
        }
    }

    /// A packet has arrived, be it in order, late or as a retransmission.
    pub(crate) fn on_packet(&mut self, now: Instant, seq: SeqNo) -> Gap {
        let Some(highest) = self.highest else {
            self.highest = Some(seq);
            return Gap::Repairable;
        };
        if seq <= highest {
            self.remove(seq);
            return Gap::Repairable;
        }
        self.highest = Some(seq);
        self.credit = (self.credit + 1).min(MAX_CREDIT);
        let skipped = seq.distance_from(highest) - 1;
        if skipped > (MAX_MISSING - self.missing.len()) as i64 {
            self.missing.clear();
            self.due = None;
            return Gap::TooWide;
        }
        let mut absent = highest.next();
        while absent < seq {
            self.missing.push_back(Missing {
                seq: absent,
                since: now,
                due: now + REORDER_DELAY,
                requests: 0,
            });
            absent = absent.next();
        }
        if skipped > 0 {
            self.due = Some(
                self.due
                    .map_or(now + REORDER_DELAY, |due| due.min(now + REORDER_DELAY)),
            );
        }
        self.hasten(now, seq);
        Gap::Repairable
    }

    /// Appends the wire numbers to ask for now to `out`, ascending, and gives up on those that were
    /// asked for often enough or for too long. `rtt` is the round trip to the publisher.
    pub(crate) fn poll(&mut self, now: Instant, rtt: Duration, out: &mut Vec<u16>) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        let pause = (rtt + rtt / 4).max(MIN_PAUSE);
        self.missing.retain_mut(|missing| {
            if missing.due > now {
                return true;
            }
            if missing.requests >= MAX_REQUESTS || now.duration_since(missing.since) >= MAX_AGE {
                return false;
            }
            missing.due = now + pause;
            if let Some(left) = self.credit.checked_sub(PACKETS_PER_REQUEST) {
                self.credit = left;
                missing.requests += 1;
                out.push(missing.seq.wire());
            }
            true
        });
        self.due = self.missing.iter().map(|missing| missing.due).min();
    }

    /// When [`poll`](Self::poll) is due; it may turn out to have nothing to ask for.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due
    }

    fn remove(&mut self, seq: SeqNo) {
        if let Ok(at) = self
            .missing
            .binary_search_by_key(&seq, |missing| missing.seq)
        {
            self.missing.remove(at);
        }
        if self.missing.is_empty() {
            self.due = None;
        }
    }

    /// Makes those due at once that enough packets have overtaken.
    fn hasten(&mut self, now: Instant, highest: SeqNo) {
        for missing in self.missing.iter_mut().rev() {
            if missing.requests > 0 || missing.due <= now {
                break;
            }
            if highest.distance_from(missing.seq) >= REORDER_PACKETS {
                missing.due = now;
                self.due = Some(now);
            }
        }
    }
}

#[derive(Debug)]
struct Missing {
    seq: SeqNo,
    /// When a higher number arrived.
    since: Instant,
    /// When to ask for it.
    due: Instant,
    /// How often it was asked for.
    requests: u8,
}

/// What a packet may be late by without being lost. Most reordering on the Internet is within a few
/// milliseconds; a guess.
const REORDER_DELAY: Duration = Duration::from_millis(10);
/// How many later packets make a packet lost before that time is over, as in TCP and QUIC (RFC 9002
/// §6.1.1). Within a video frame packets follow each other so fast that counting is quicker.
const REORDER_PACKETS: i64 = 3;
/// The least time between two requests for a number: on a path of no length the publisher's pacer
/// still takes its time. Otherwise it is the round trip and a quarter for jitter.
const MIN_PAUSE: Duration = Duration::from_millis(20);
/// With a tenth of the packets lost either way, fewer than one missing number in ten million is left then.
const MAX_REQUESTS: u8 = 10;
/// No receiver waits longer than this for a frame; browsers ask for a keyframe before.
const MAX_AGE: Duration = Duration::from_secs(2);
/// The numbers fit into one RTCP packet however they are scattered, and the packets behind them are
/// some 300 kB of video: as much as many keyframes.
const MAX_MISSING: usize = 256;
/// All that can be missing can be asked for at once, and beyond that one number for every two packets that come: a
/// third of all packets may be lost. On a path that is full repairs would otherwise fill it further, and publishers
/// that obey every request (many that are no browsers do) would not get out of it.
const PACKETS_PER_REQUEST: u32 = 2;
const MAX_CREDIT: u32 = MAX_MISSING as u32 * PACKETS_PER_REQUEST;

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    /// What happens, at a time in milliseconds.
    enum Step {
        /// A packet with this number arrives.
        Packet(u64, u64),
        /// These numbers are asked for.
        Asks(u64, &'static [u16]),
        /// The next deadline is at that time.
        Due(u64, Option<u64>),
    }
    use Step::{Asks, Due, Packet};

    fn run(name: &str, steps: &[Step]) {
        let origin = Instant::now();
        let at = |millis: u64| origin + Duration::from_millis(millis);
        let mut generator = NackGenerator::new();
        for step in steps {
            match *step {
                Packet(time, seq) => {
                    let gap = generator.on_packet(at(time), SeqNo::new(seq));
                    assert_eq!(gap, Gap::Repairable, "{name}: packet {seq}");
                }
                Asks(time, expected) => {
                    let mut out = Vec::new();
                    generator.poll(at(time), RTT, &mut out);
                    assert_eq!(out, expected, "{name}: at {time}");
                }
                Due(time, expected) => {
                    let due = generator.next_at().map(|due| due.duration_since(origin));
                    let expected = expected.map(Duration::from_millis);
                    assert_eq!(due, expected, "{name}: at {time}");
                }
            }
        }
    }

    #[test]
    fn repairs_do_not_fill_a_path_that_is_full() {
        let origin = Instant::now();
        // (one of so many packets comes, requests for each packet that comes at least and at most)
        for (one_of, least, most) in [(1, 0.0, 0.0), (2, 0.49, 0.63), (5, 0.49, 0.63)] {
            let mut generator = NackGenerator::new();
            let (mut came, mut out) = (0, Vec::new());
            for number in 0..20_000_u64 {
                let now = origin + Duration::from_millis(5) * number as u32;
                if number % one_of == 0 {
                    came += 1;
                    let _ = generator.on_packet(now, SeqNo::new(number));
                }
                generator.poll(now, RTT, &mut out);
            }
            let share = out.len() as f64 / f64::from(came);
            assert!((least..=most).contains(&share), "one of {one_of}: {share}");
        }
    }

    #[test]
    fn missing_numbers_are_asked_for_when_reordering_has_become_unlikely() {
        let cases: &[(&str, &[Step])] = &[
            (
                "nothing missing",
                &[Packet(0, 10), Packet(1, 11), Due(1, None), Asks(500, &[])],
            ),
            (
                "after the reorder delay",
                &[
                    Packet(0, 10),
                    Packet(0, 12),
                    Due(0, Some(10)),
                    Asks(9, &[]),
                    Asks(10, &[11]),
                ],
            ),
            (
                "a new gap does not put off an old one",
                &[
                    Packet(0, 10),
                    Packet(0, 12),
                    Asks(10, &[11]),
                    Packet(130, 14),
                    Due(130, Some(135)),
                    Asks(135, &[11]),
                    Due(135, Some(140)),
                    Asks(140, &[13]),
                ],
            ),
            (
                "at once when three have overtaken it",
                &[
                    Packet(0, 10),
                    Packet(0, 12),
                    Packet(1, 13),
                    Asks(1, &[]),
                    Packet(2, 14),
                    Due(2, Some(2)),
                    Asks(2, &[11]),
                ],
            ),
            (
                "not when it was only reordered",
                &[
                    Packet(0, 10),
                    Packet(0, 12),
                    Packet(5, 11),
                    Due(5, None),
                    Asks(50, &[]),
                ],
            ),
            (
                "only those of a gap that were overtaken by enough",
                &[
                    Packet(0, 10),
                    Packet(0, 14),
                    Asks(0, &[11]),
                    Asks(10, &[12, 13]),
                ],
            ),
            (
                "over a wrap",
                &[
                    Packet(0, 131_069),
                    Packet(0, 131_074),
                    Asks(10, &[65_534, 65_535, 0, 1]),
                ],
            ),
            (
                "older than the first",
                &[Packet(0, 10), Packet(0, 5), Due(0, None), Asks(50, &[])],
            ),
        ];
        for (name, steps) in cases {
            run(name, steps);
        }
    }

    #[test]
    fn a_number_is_asked_for_once_per_round_trip_until_it_comes() {
        run(
            "resent",
            &[
                Packet(0, 10),
                Packet(0, 13),
                Asks(10, &[11, 12]),
                Due(10, Some(135)),
                Asks(134, &[]),
                Packet(134, 11),
                Asks(135, &[12]),
                Packet(200, 14),
                Asks(259, &[]),
                Packet(259, 12),
                Due(259, None),
                Asks(1000, &[]),
            ],
        );
    }

    #[test]
    fn a_number_that_never_comes_is_given_up() {
        // Round trips, how often a number is asked for, and when for the last time, in milliseconds.
        let cases = [
            (0, 10, 190),
            (10, 10, 190),
            (100, 10, 1_135),
            (160, 10, 1_810),
            (400, 4, 1_510),
            (3_000, 1, 10),
        ];
        for (rtt, expected, expected_last) in cases {
            let origin = Instant::now();
            let mut generator = NackGenerator::new();
            for seq in [1, 3] {
                assert_eq!(
                    generator.on_packet(origin, SeqNo::new(seq)),
                    Gap::Repairable
                );
            }
            let mut asked = 0;
            let mut last = origin;
            while let Some(due) = generator.next_at() {
                let mut out = Vec::new();
                generator.poll(due, Duration::from_millis(rtt), &mut out);
                asked += out.len();
                last = if out.is_empty() { last } else { due };
                assert!(
                    due - origin < Duration::from_secs(6),
                    "rtt {rtt}: asks for ever"
                );
            }
            let last = (last - origin).as_millis();
            assert_eq!((asked, last), (expected, expected_last), "rtt {rtt}");
        }
    }

    #[test]
    fn a_gap_too_wide_to_repair_asks_for_a_keyframe_instead() {
        let now = Instant::now();
        // The numbers that arrive, and whether the last of them leaves too much missing.
        let cases: &[(&[u64], Gap)] = &[
            (&[0, 257], Gap::Repairable),
            (&[0, 258], Gap::TooWide),
            (&[0, 40_000], Gap::TooWide),
            (&[0, 200, 258], Gap::Repairable),
            (&[0, 200, 259], Gap::TooWide),
            (&[0, 200, 100, 259], Gap::Repairable),
            (&[0, 300, 301], Gap::Repairable),
        ];
        for (numbers, expected) in cases {
            let mut generator = NackGenerator::new();
            let last = numbers
                .iter()
                .map(|&seq| generator.on_packet(now, SeqNo::new(seq)))
                .last();
            assert_eq!(last, Some(*expected), "{numbers:?}");
            if last == Some(Gap::TooWide) {
                assert_eq!(generator.next_at(), None, "{numbers:?}");
            }
            let mut out = Vec::new();
            generator.poll(now + REORDER_DELAY, RTT, &mut out);
            assert!(out.len() <= MAX_MISSING, "{numbers:?}");
        }
    }
}
