//! What one video slot gets of its subscriber's bandwidth: what is wanted of it, what it was given last, and
//! how often that may change.

use std::time::{Duration, Instant};

use sfu_rtp::{Bitrate, Layer};

use super::allocator::{Damping, Decision, Held, MAX_RUNGS, Movement, Request, Rung};
use crate::demand::Demand;
use crate::publish::layers::{Choice, Choices, MAX_CHOICES};

/// The share of one slot.
#[derive(Debug)]
pub(crate) struct Share {
    demand: Demand,
    given: Given,
    damping: Damping,
    /// Since when its lowest layer has not fitted.
    short_since: Option<Instant>,
}

/// What a slot was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Given {
    /// Nothing yet, or nothing because nobody looked.
    Fresh,
    /// Nothing, for want of bandwidth.
    Nothing,
    Shown(Shown),
}

/// What a slot is to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    pub(crate) encoding: usize,
    /// The highest layers of it.
    pub(crate) layers: Layer,
}

impl Share {
    pub(crate) fn new() -> Self {
        Self {
            demand: Demand::default(),
            given: Given::Fresh,
            damping: Damping::new(),
            short_since: None,
        }
    }

    /// Something else is wanted. Returns whether it is news.
    pub(crate) fn set_demand(&mut self, demand: Demand) -> bool {
        let news = self.demand != demand;
        if news {
            self.demand = demand;
            self.damping.forgive();
        }
        news
    }

    /// The slot shows another track.
    pub(crate) fn renew(&mut self) {
        self.given = Given::Fresh;
        self.short_since = None;
        self.damping.forgive();
    }

    /// Whether it was paused for want of bandwidth.
    pub(crate) fn is_paused(&self) -> bool {
        self.given == Given::Nothing
    }

    /// What the encoding that flows takes: with the layers that the slot was given, or all of them if it was given
    /// another encoding.
    pub(crate) fn bitrate_of(&self, flowing: usize, choices: &Choices) -> Bitrate {
        let shown = match self.given {
            Given::Shown(shown) if shown.encoding == flowing => position_of(shown, choices),
            _ => choices
                .iter()
                .rposition(|choice| choice.encoding == flowing),
        };
        let choice = shown.and_then(|at| choices.get(at));
        choice.map_or(Bitrate::ZERO, |choice| choice.bitrate)
    }

    /// What to ask the allocator for.
    pub(crate) fn request(&self, now: Instant, choices: &Choices) -> Request {
        let held = match self.given {
            Given::Fresh => Held::Fresh,
            Given::Nothing => Held::Nothing,
            Given::Shown(shown) => position_of(shown, choices).map_or(Held::Fresh, Held::Rung),
        };
        const { assert!(MAX_CHOICES <= MAX_RUNGS) };
        let rungs = choices.iter().map(|choice| Rung {
            bitrate: choice.bitrate,
            height: choice.height,
            frame_rate: choice.frame_rate,
        });
        Request {
            demand: self.demand,
            rungs: rungs.collect(),
            held,
            may_rise: self.damping.may_rise(now),
            may_pause: self
                .short_since
                .is_some_and(|since| now.saturating_duration_since(since) >= PATIENCE),
        }
    }

    /// Notes what came of the request, which was made of these choices. Returns what to show.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        choices: &Choices,
        decision: Decision,
        movement: Movement,
    ) -> Option<Shown> {
        match movement {
            Movement::Rise => self.damping.on_rise(now),
            Movement::Fall => self.damping.on_fall(now),
            Movement::Stay => {}
        }
        self.short_since = match decision {
            Decision::Overdrawn(_) => self.short_since.or(Some(now)),
            _ => None,
        };
        self.given = match decision {
            Decision::Show(rung) | Decision::Overdrawn(rung) => {
                choices.get(rung).map_or(Given::Fresh, |choice| {
                    Given::Shown(Shown {
                        encoding: choice.encoding,
                        layers: choice.layers,
                    })
                })
            }
            Decision::Paused => Given::Nothing,
            Decision::Hidden | Decision::Empty => Given::Fresh,
        };
        match self.given {
            Given::Shown(shown) => Some(shown),
            Given::Fresh | Given::Nothing => None,
        }
    }
}

/// Where among the choices is what was shown; if its layers are not there any more, what comes closest of the
/// encoding.
fn position_of(shown: Shown, choices: &Choices) -> Option<usize> {
    let same = |choice: &Choice| (choice.encoding, choice.layers) == (shown.encoding, shown.layers);
    choices.iter().position(same).or_else(|| {
        choices
            .iter()
            .rposition(|choice| choice.encoding == shown.encoding)
    })
}

/// What is paused is gone for seconds, and most shortages pass in one: estimates begin with a guess, and fall
/// deep when a queue has built up.
const PATIENCE: Duration = Duration::from_secs(3);
