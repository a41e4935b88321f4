//! How often a slot may rise.
//!
//! Falling is never delayed, because the path is full already. Rising is: every switch costs a keyframe, and
//! a picture that is sharp and blurred in turn is worse than one that stays blurred. Layers, pauses and
//! resumptions share the state, so that none of them can flap in place of another.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

/// When one slot rose and fell.
#[derive(Clone, Debug)]
pub(crate) struct Damping {
    /// The last rises, the oldest first.
    rises: ArrayVec<Instant, RISES_PER_MINUTE>,
    /// How long after a fall nothing rises.
    hold: Duration,
    held_until: Option<Instant>,
}

impl Damping {
    /// One of a slot that has not changed yet.
    pub(crate) fn new() -> Self {
        Self {
            rises: ArrayVec::new(),
            hold: Duration::ZERO,
            held_until: None,
        }
    }

    /// Whether the slot may rise now.
    pub(crate) fn may_rise(&self, now: Instant) -> bool {
        self.rise_at(now).is_none()
    }

    /// When it may rise; `None`: now.
    pub(crate) fn rise_at(&self, now: Instant) -> Option<Instant> {
        let crowded = self.rises.first().filter(|_| self.rises.is_full());
        let allowed = crowded.map(|&oldest| oldest + MINUTE);
        allowed.max(self.held_until).filter(|&at| at > now)
    }

    /// The slot got more than it had.
    pub(crate) fn on_rise(&mut self, now: Instant) {
        if self.rises.is_full() {
            self.rises.remove(0);
        }
        self.rises.push(now);
    }

    /// The slot got less, for want of bandwidth. A rise that had to be taken back soon was a mistake, and
    /// the next one waits twice as long.
    pub(crate) fn on_fall(&mut self, now: Instant) {
        let lasted = self
            .rises
            .last()
            .map(|&rise| now.saturating_duration_since(rise));
        self.hold = match lasted {
            Some(lasted) if lasted < MISTAKE => (self.hold * 2).clamp(MIN_HOLD, MAX_HOLD),
            Some(lasted) if lasted < SUCCESS => self.hold,
            // What it began with was a guess, and may soon turn out to have been right.
            _ => Duration::ZERO,
        };
        self.held_until = Some(now + self.hold);
    }

    /// The subscriber wants something else now: what happened before tells nothing about that. Rises still
    /// count, or a page that changes its mind all the time would draw keyframes without end.
    pub(crate) fn forgive(&mut self) {
        self.hold = Duration::ZERO;
        self.held_until = None;
    }
}

/// A rise costs a keyframe that everybody who watches the layer gets, and can be followed by one fall.
const RISES_PER_MINUTE: usize = 6;
const MINUTE: Duration = Duration::from_secs(60);

/// After the first mistake: an estimate that has collapsed takes about a second to settle.
const MIN_HOLD: Duration = Duration::from_secs(2);

/// A path that carries a layer at times only: trying twice a minute costs little.
const MAX_HOLD: Duration = Duration::from_secs(32);

/// A rise that overloads the path is taken back within some round trips; ten seconds leave room for queues.
const MISTAKE: Duration = Duration::from_secs(10);

/// A layer that was carried this long was right: what made it fall is something else.
const SUCCESS: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_holds_the_next_rise_and_mistakes_hold_it_longer() {
        // (what happens, at which second), and the second from which a rise is allowed again.
        enum Step {
            Rise(u64),
            Fall(u64),
            Forgive,
            Held(u64, Option<u64>),
        }
        use Step::*;
        let cases: &[(&str, &[Step])] = &[
            ("nothing happened", &[Held(0, None)]),
            ("one rise", &[Rise(0), Held(0, None)]),
            ("a fall without a rise", &[Fall(10), Held(10, None)]),
            (
                "mistakes double the hold",
                &[
                    Rise(0),
                    Fall(3),
                    Held(3, Some(5)),
                    Rise(5),
                    Fall(9),
                    Held(9, Some(13)),
                    Rise(13),
                    Fall(18),
                    Held(18, Some(26)),
                    Rise(34),
                    Fall(35),
                    Held(35, Some(51)),
                    Rise(67),
                    Fall(68),
                    Held(68, Some(100)),
                    Rise(100),
                    Fall(101),
                    Held(101, Some(133)),
                ],
            ),
            (
                "what held for half a minute was no mistake",
                &[Rise(0), Fall(3), Rise(7), Fall(40), Held(40, None)],
            ),
            (
                "six rises a minute",
                &[
                    Rise(0),
                    Rise(1),
                    Rise(2),
                    Rise(3),
                    Rise(4),
                    Held(5, None),
                    Rise(5),
                    Held(5, Some(60)),
                    Held(60, None),
                    Rise(60),
                    Held(60, Some(61)),
                ],
            ),
            (
                "another wish is no mistake",
                &[Rise(0), Fall(1), Forgive, Held(1, None)],
            ),
        ];
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        for (name, steps) in cases {
            let mut damping = Damping::new();
            for step in *steps {
                match *step {
                    Rise(second) => damping.on_rise(at(second)),
                    Fall(second) => damping.on_fall(at(second)),
                    Forgive => damping.forgive(),
                    Held(second, until) => {
                        let rise_at = damping.rise_at(at(second));
                        assert_eq!(rise_at, until.map(at), "{name}, at {second} s");
                        assert_eq!(damping.may_rise(at(second)), until.is_none(), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_the_path_does_a_slot_rises_six_times_a_minute_at_most() {
        let start = Instant::now();
        let mut damping = Damping::new();
        let mut rises = Vec::new();
        for tenth in 0..6_000_u64 {
            let now = start + Duration::from_millis(100 * tenth);
            // As hostile as can be: it falls in between, and the subscriber changes its mind.
            if damping.may_rise(now) {
                damping.on_rise(now);
                rises.push(now);
            } else {
                damping.on_fall(now);
                damping.forgive();
            }
        }
        for window in rises.windows(RISES_PER_MINUTE + 1) {
            let span = window[RISES_PER_MINUTE] - window[0];
            assert!(span >= MINUTE, "seven rises within {span:?}");
        }
        assert!(rises.len() > 50, "it still rises: {}", rises.len());
    }
}
