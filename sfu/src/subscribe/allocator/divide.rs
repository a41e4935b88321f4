//! The third phase: who gets what.
//!
//! First everybody gets the lowest rung, the most important first, and then every frame of that picture: fewer
//! frames are for when there would else be nothing. What is left raises the most important ones as far as it goes, then the next; those of one importance rise together, a rung at a
//! time, so that none of them is sharp at the expense of its equals.

use sfu_rtp::Bitrate;

use super::constrain::{Ladder, Step};
use super::prioritise::Order;
use super::{Budget, Decision, Held, Request};
use crate::demand::Display;

/// Writes one decision for each request.
pub(super) fn divide(
    budget: Budget,
    order: &Order,
    ladders: &[Ladder],
    requests: &[Request],
    decisions: &mut Vec<Decision>,
) {
    decisions.clear();
    decisions.extend(requests.iter().map(|request| match request {
        request if request.demand.display == Display::Hidden => Decision::Hidden,
        request if request.rungs.is_empty() => Decision::Empty,
        _ => Decision::Paused,
    }));
    let mut purse = Purse::new(budget);
    for slot in order.slots() {
        if !climb(slot, ladders, decisions, &mut purse) {
            overdraw(slot, ladders, requests, decisions, &mut purse);
        }
    }
    let mut raise = |may_climb: fn(Decision, &Ladder) -> bool| {
        for group in order.groups() {
            let mut risen = true;
            while risen {
                risen = false;
                for slot in group.clone() {
                    let state = decisions.get(slot).zip(ladders.get(slot));
                    risen |= state.is_some_and(|(&decision, ladder)| may_climb(decision, ladder))
                        && climb(slot, ladders, decisions, &mut purse);
                }
            }
        }
    };
    raise(|decision, ladder| matches!(decision, Decision::Show(rung) if !ladder.is_smooth(rung)));
    raise(|decision, _| matches!(decision, Decision::Show(_)));
}

/// Gives a slot the lowest rung although there is not enough left, if it has something that it may not lose yet.
fn overdraw(
    slot: usize,
    ladders: &[Ladder],
    requests: &[Request],
    decisions: &mut [Decision],
    purse: &mut Purse,
) {
    if let (Some(ladder), Some(request), Some(decision)) = (
        ladders.get(slot),
        requests.get(slot),
        decisions.get_mut(slot),
    ) && !request.may_pause
        && request.held != Held::Nothing
        && let Some(step) = ladder.lowest()
    {
        *decision = Decision::Overdrawn(step.rung);
        purse.overdraw(step);
    }
}

/// Takes a slot one step up, if that can be paid. Each step is taken once, so climbing ends.
fn climb(slot: usize, ladders: &[Ladder], decisions: &mut [Decision], purse: &mut Purse) -> bool {
    let (Some(ladder), Some(decision)) = (ladders.get(slot), decisions.get_mut(slot)) else {
        return false;
    };
    let (next, before) = match *decision {
        Decision::Show(rung) => (ladder.above(rung), ladder.bitrate_of(rung)),
        _ => (ladder.lowest(), Bitrate::ZERO),
    };
    let Some(step) = next.filter(|step| purse.pays(step, before)) else {
        return false;
    };
    *decision = Decision::Show(step.rung);
    true
}

/// What is left of the budget; `None`: nobody knows of a limit.
struct Purse {
    left: Option<Bitrate>,
}

impl Purse {
    fn new(budget: Budget) -> Self {
        let after_audio = |estimate: Bitrate| estimate.bps().saturating_sub(budget.audio.bps());
        Self {
            left: budget.estimate.map(after_audio).map(Bitrate::from_bps),
        }
    }

    /// Pays as much of a step as there is.
    fn overdraw(&mut self, step: &Step) {
        let rest = |left: Bitrate| left.bps().saturating_sub(step.bitrate.bps());
        self.left = self.left.map(rest).map(Bitrate::from_bps);
    }

    /// Pays for a step in place of what the slot had, if there is enough.
    fn pays(&mut self, step: &Step, before: Bitrate) -> bool {
        let Some(left) = self.left else {
            return true;
        };
        let available = left.saturating_add(before);
        let enough = available >= step.needs;
        if enough {
            self.left = Some(Bitrate::from_bps(available.bps() - step.bitrate.bps()));
        }
        enough
    }
}
