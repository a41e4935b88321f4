//! The second phase: what of a track is of use to a slot.

use std::cmp::{Ordering, Reverse};

use arrayvec::ArrayVec;
use sfu_rtp::Bitrate;

use super::{Decision, EVERY_FRAME, Held, MAX_RUNGS, Movement, Request, Rung};
use crate::demand::Display;

/// The rungs that a slot can climb, from cheap to dear. Each shows more than the one before.
#[derive(Debug)]
pub(super) struct Ladder {
    steps: ArrayVec<Step, MAX_RUNGS>,
    /// How many of them show no more than what the slot holds.
    held: usize,
    fresh: bool,
    /// How many of them it may have now.
    open: usize,
}

/// One rung of a ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    /// Its index among the rungs of the request.
    pub(super) rung: usize,
    /// What it takes.
    pub(super) bitrate: Bitrate,
    /// What must be free before the slot gets it.
    pub(super) needs: Bitrate,
    /// Whether none of the picture's frames are left out.
    pub(super) is_smooth: bool,
}

/// What a rung shows. The picture's size counts first; where it is not known, the bitrate must tell.
type Quality = (u16, u8, Bitrate);

impl Ladder {
    /// Leaves out what is hidden, what shows more than is displayed, and what costs more than a better one.
    pub(super) fn constrain(request: &Request) -> Self {
        let mut ladder = Self {
            steps: ArrayVec::new(),
            held: 0,
            fresh: request.held == Held::Fresh,
            open: 0,
        };
        let Some(limit) = highest_of_use(request) else {
            return ladder;
        };
        let mut useful: ArrayVec<(usize, &Rung), MAX_RUNGS> = request
            .rungs
            .iter()
            .enumerate()
            .filter(|(_, rung)| rung.height <= limit)
            .collect();
        // Of two that cost the same, the better one.
        useful.sort_unstable_by_key(|(_, rung)| (rung.bitrate, Reverse(quality(rung))));
        let held = match request.held {
            Held::Fresh => Some((u16::MAX, u8::MAX, Bitrate::from_bps(u64::MAX))),
            Held::Nothing => None,
            Held::Rung(index) => request.rungs.get(index).map(quality),
        };
        let mut best = None;
        for (rung, shown) in useful {
            if best.is_some_and(|best| quality(shown) <= best) {
                continue;
            }
            best = Some(quality(shown));
            let is_rise = held.is_none_or(|held| quality(shown) > held);
            ladder.held += usize::from(!is_rise);
            let bitrate = shown.bitrate;
            ladder.steps.push(Step {
                rung,
                bitrate,
                needs: if is_rise {
                    with_margin(bitrate)
                } else {
                    bitrate
                },
                is_smooth: shown.frame_rate == EVERY_FRAME,
            });
        }
        ladder.open = match request.may_rise {
            true => ladder.steps.len(),
            false => ladder.held,
        };
        ladder
    }

    /// How a decision compares to what was held.
    pub(super) fn movement(&self, decision: Decision) -> Movement {
        let height = match decision {
            _ if self.fresh => return Movement::Stay,
            Decision::Hidden | Decision::Empty => return Movement::Stay,
            Decision::Paused => 0,
            Decision::Show(rung) | Decision::Overdrawn(rung) => {
                self.position(rung).map_or(0, |position| position + 1)
            }
        };
        match height.cmp(&self.held) {
            Ordering::Less => Movement::Fall,
            Ordering::Equal => Movement::Stay,
            Ordering::Greater => Movement::Rise,
        }
    }

    /// The lowest step, if the slot may have it now.
    pub(super) fn lowest(&self) -> Option<&Step> {
        self.open_steps().first()
    }

    /// The step above the one with this rung, if the slot may have it now.
    pub(super) fn above(&self, rung: usize) -> Option<&Step> {
        self.open_steps().get(self.position(rung)? + 1)
    }

    /// What a rung takes that is on the ladder.
    pub(super) fn bitrate_of(&self, rung: usize) -> Bitrate {
        let step = self
            .position(rung)
            .and_then(|position| self.steps.get(position));
        step.map_or(Bitrate::ZERO, |step| step.bitrate)
    }

    /// Whether a rung that is on the ladder shows every frame.
    pub(super) fn is_smooth(&self, rung: usize) -> bool {
        let step = self
            .position(rung)
            .and_then(|position| self.steps.get(position));
        step.is_none_or(|step| step.is_smooth)
    }

    /// What a decision takes.
    pub(super) fn cost_of(&self, decision: Decision) -> Bitrate {
        match decision {
            Decision::Show(rung) | Decision::Overdrawn(rung) => self.bitrate_of(rung),
            Decision::Paused | Decision::Hidden | Decision::Empty => Bitrate::ZERO,
        }
    }

    fn position(&self, rung: usize) -> Option<usize> {
        self.steps.iter().position(|step| step.rung == rung)
    }

    fn open_steps(&self) -> &[Step] {
        self.steps.get(..self.open).unwrap_or_default()
    }

    /// What the highest rung takes, also if the slot may not have it yet.
    pub(super) fn top(&self) -> Option<Bitrate> {
        self.steps.last().map(|step| step.bitrate)
    }
}

fn quality(rung: &Rung) -> Quality {
    (rung.height, rung.frame_rate, rung.bitrate)
}

/// The height of the smallest picture that is as large as it is displayed, or of the largest; `None`: it is
/// not displayed. A rung of unknown height is taken for one of height 0 and left in.
fn highest_of_use(request: &Request) -> Option<u16> {
    let displayed = match request.demand.display {
        Display::Hidden => return None,
        Display::Unknown => u16::MAX,
        Display::Height(height) => height,
    };
    let suffices =
        |height: &u16| u32::from(*height) * STRETCH_PERCENT >= u32::from(displayed) * 100;
    let heights = || request.rungs.iter().map(|rung| rung.height);
    heights().filter(suffices).min().or_else(|| heights().max())
}

fn with_margin(bitrate: Bitrate) -> Bitrate {
    Bitrate::from_bps(bitrate.bps().saturating_mul(RISE_PERCENT) / 100)
}

/// A picture may be stretched by a tenth before the next larger one is worth its bits; a guess. A tile whose
/// borders take a few pixels should not cost four times as much.
const STRETCH_PERCENT: u32 = 110;

/// What must be free for a rise, in percent of what it takes: bitrates and estimates sway by about a tenth,
/// and a rise that has to be taken back costs two keyframes.
const RISE_PERCENT: u64 = 115;
