//! When to ask the publisher of one encoding for a keyframe: many wishes become one request, a lost
//! request is repeated, and nobody can make the publisher send nothing but keyframes.
//!
//! It does not write RTCP; whether the request goes out as PLI (RFC 4585 §6.3.1) or FIR (RFC 5104
//! §4.3.1) is the caller's decision.

use std::time::{Duration, Instant};

/// Merges the wishes for keyframes of one encoding into requests to its publisher.
///
/// A wish is fulfilled by the next keyframe that begins after it. Until then the request is repeated:
/// a few times as fast as the publisher can answer, then slowly, as it may be muted or unable.
#[derive(Debug)]
pub(crate) struct KeyframeRequester {
    state: State,
    /// When the last request went out that a keyframe may have answered.
    last_request: Option<Instant>,
}

#[derive(Debug)]
enum State {
    /// Nobody waits for a keyframe.
    Idle,
    /// Somebody does.
    Wanted {
        /// When to send a request.
        due: Instant,
        /// How many were sent since the last keyframe.
        sent: u32,
    },
}

impl KeyframeRequester {
    /// One that nobody has asked yet.
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Idle,
            last_request: None,
        }
    }

    /// Somebody needs a keyframe.
    pub(crate) fn request(&mut self, now: Instant) {
        if let State::Idle = self.state {
            let earliest = self.last_request.map(|last| last + MIN_INTERVAL);
            self.state = State::Wanted {
                due: earliest.map_or(now, |earliest| earliest.max(now)),
                sent: 0,
            };
        }
    }

    /// The first packet of a keyframe has arrived. Everybody who waited has what they wanted.
    pub(crate) fn on_keyframe(&mut self) {
        self.state = State::Idle;
    }

    /// Nobody shows the encoding any more.
    pub(crate) fn cancel(&mut self) {
        self.state = State::Idle;
    }

    /// Whether to send one request now. `rtt` is the round trip to the publisher.
    #[must_use]
    pub(crate) fn poll(&mut self, now: Instant, rtt: Duration) -> bool {
        let State::Wanted { due, sent } = &mut self.state else {
            return false;
        };
        if *due > now {
            return false;
        }
        *sent += 1;
        let pause = if *sent < QUICK_REQUESTS {
            (rtt + ENCODING_TIME).clamp(MIN_REPEAT, MAX_REPEAT)
        } else {
            SLOW_REPEAT
        };
        *due = now + pause;
        self.last_request = Some(now);
        true
    }

    /// When [`poll`](Self::poll) will say yes.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Wanted { due, .. } => Some(due),
        }
    }
}

/// Between an answered request and the next one. A keyframe is as large as five to ten other frames,
/// so at two per second the picture is still mostly made of those. Chromium ignores what comes
/// within 300 ms of the last request it heeded; jitter must not make one of ours fall into that.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// What a publisher takes to encode and pace out the beginning of a keyframe: three frames at 30 per
/// second; a guess.
const ENCODING_TIME: Duration = Duration::from_millis(100);
/// A request that got lost should be repeated soon, but one that Chromium ignores helps nobody.
const MIN_REPEAT: Duration = Duration::from_millis(310);
/// However long the round trip claims to be.
const MAX_REPEAT: Duration = Duration::from_secs(1);
/// So many requests are lost together with a probability of 1 in 100,000 at a loss of a tenth.
const QUICK_REQUESTS: u32 = 5;
/// For a publisher that does not answer: a packet now and then, to find out when it can again.
const SLOW_REPEAT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens, at a time in milliseconds.
    #[derive(Debug)]
    enum Step {
        Request(u64),
        Keyframe,
        Cancel,
        /// A poll with this round trip, and whether a request goes out.
        Poll(u64, u64, bool),
        /// The next deadline.
        Due(u64),
        Never,
    }
    use Step::{Cancel, Due, Keyframe, Never, Poll, Request};

    #[test]
    fn wishes_become_requests_at_a_bounded_pace() {
        let cases: &[(&str, &[Step])] = &[
            ("nobody asks", &[Never, Poll(0, 50, false)]),
            (
                "the first wish is passed on at once",
                &[Request(7), Due(7), Poll(7, 50, true)],
            ),
            (
                "wishes merge",
                &[
                    Request(0),
                    Poll(0, 50, true),
                    Request(1),
                    Request(2),
                    Poll(2, 50, false),
                    Due(310),
                ],
            ),
            (
                "a keyframe fulfils all wishes before it",
                &[
                    Request(0),
                    Poll(0, 50, true),
                    Request(30),
                    Keyframe,
                    Never,
                    Poll(5000, 50, false),
                ],
            ),
            (
                "a wish after the keyframe waits for the interval to pass",
                &[
                    Request(0),
                    Poll(0, 50, true),
                    Keyframe,
                    Request(100),
                    Due(500),
                    Poll(499, 50, false),
                    Poll(500, 50, true),
                    Due(810),
                ],
            ),
            (
                "a wish long after the keyframe does not wait",
                &[
                    Request(0),
                    Poll(0, 50, true),
                    Keyframe,
                    Request(700),
                    Due(700),
                    Poll(700, 50, true),
                ],
            ),
            (
                "a keyframe of the publisher's own accord delays nothing",
                &[Keyframe, Request(10), Due(10), Poll(10, 50, true)],
            ),
            (
                "a repetition waits for a long round trip",
                &[
                    Request(0),
                    Poll(0, 400, true),
                    Due(500),
                    Poll(500, 5000, true),
                    Due(1500),
                ],
            ),
            (
                "after five unanswered requests it slows down",
                &[
                    Request(0),
                    Poll(0, 0, true),
                    Poll(310, 0, true),
                    Poll(620, 0, true),
                    Poll(930, 0, true),
                    Due(1240),
                    Poll(1240, 0, true),
                    Due(4240),
                    Request(2000),
                    Due(4240),
                    Poll(4240, 0, true),
                    Due(7240),
                    Keyframe,
                    Request(7100),
                    Poll(7100, 0, true),
                    Due(7410),
                ],
            ),
            (
                "when nobody watches any more it stops",
                &[
                    Request(0),
                    Cancel,
                    Never,
                    Request(1),
                    Poll(1, 50, true),
                    Cancel,
                    Never,
                    Request(3),
                    Due(501),
                ],
            ),
        ];
        let origin = Instant::now();
        let at = |millis: u64| origin + Duration::from_millis(millis);
        for (name, steps) in cases {
            let mut requester = KeyframeRequester::new();
            for step in *steps {
                match *step {
                    Request(time) => requester.request(at(time)),
                    Keyframe => requester.on_keyframe(),
                    Cancel => requester.cancel(),
                    Poll(time, rtt, expected) => {
                        let sent = requester.poll(at(time), Duration::from_millis(rtt));
                        assert_eq!(sent, expected, "{name}: {step:?}");
                    }
                    Due(time) => {
                        assert_eq!(requester.next_at(), Some(at(time)), "{name}: {step:?}")
                    }
                    Never => assert_eq!(requester.next_at(), None, "{name}: {step:?}"),
                }
            }
        }
    }

    #[test]
    fn no_storm_of_wishes_asks_for_more_than_two_keyframes_a_second() {
        let origin = Instant::now();
        let mut requester = KeyframeRequester::new();
        let mut sent = 0;
        // A wish every millisecond, and a publisher that answers each request within 20 ms.
        let mut answer_at = None;
        for millis in 0..10_000 {
            let now = origin + Duration::from_millis(millis);
            if answer_at == Some(millis) {
                requester.on_keyframe();
            }
            requester.request(now);
            if requester.poll(now, Duration::from_millis(10)) {
                sent += 1;
                answer_at = Some(millis + 20);
            }
        }
        assert_eq!(sent, 20);
    }
}
