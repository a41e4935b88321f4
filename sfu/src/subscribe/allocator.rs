//! Divides what the path to one subscriber carries over its video slots.
//!
//! Three pure phases, each with a type of its own: `prioritise` puts the slots in an [`Order`], `constrain`
//! makes of a track's layers the [`Ladder`] that is of use to a slot, `divide` climbs the ladders in that
//! order for as long as the [`Budget`] lasts. Time comes in only through [`Damping`], which says whether a
//! slot may rise. `docs/bandwidth.md` has the rules with examples. What layers are, and how a slot goes
//! over to one, is not known here.

mod constrain;
mod damping;
mod divide;
mod prioritise;

use arrayvec::ArrayVec;
use sfu_rtp::Bitrate;

use crate::demand::Demand;

pub(crate) use crate::publish::layer_rates::EVERY_FRAME;

pub(crate) use damping::Damping;

use constrain::Ladder;
use prioritise::Order;

/// What can be sent of one track, and what it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rung {
    /// With all the layers that it needs.
    pub(crate) bitrate: Bitrate,
    /// Of the picture, in pixels; 0: not known.
    pub(crate) height: u16,
    /// Frames per second, if some are left out; else [`EVERY_FRAME`].
    pub(crate) frame_rate: u8,
}

/// What a slot got last time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// It is new, or shows something new: nothing that it gets now is a rise.
    Fresh,
    /// Nothing, for want of bandwidth.
    Nothing,
    /// What is now this one of its rungs.
    Rung(usize),
}

/// One video slot that shows something.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) demand: Demand,
    /// In any order.
    pub(crate) rungs: ArrayVec<Rung, MAX_RUNGS>,
    pub(crate) held: Held,
    /// Whether it may get more than it holds; see [`Damping`].
    pub(crate) may_rise: bool,
    /// Whether it may be left without its lowest rung. Only a shortage that lasts is one.
    pub(crate) may_pause: bool,
}

/// What there is to divide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Budget {
    /// What the path is believed to carry; `None`: nothing is known.
    pub(crate) estimate: Option<Bitrate>,
    /// What sound takes. It is sent always.
    pub(crate) audio: Bitrate,
}

/// What becomes of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// It shows this one of its rungs.
    Show(usize),
    /// It shows its lowest rung, this one, although that does not fit, because it may not be paused yet.
    Overdrawn(usize),
    /// Not even its lowest rung fits.
    Paused,
    /// Nobody looks at it.
    Hidden,
    /// There are no layers.
    Empty,
}

/// How a decision compares to what the slot held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Movement {
    /// It gets more.
    Rise,
    /// It gets less, for want of bandwidth.
    Fall,
    /// It gets the same, or something else because something else is wanted.
    Stay,
}

/// Divides bandwidth; keeps its memory from one time to the next.
#[derive(Debug, Default)]
pub(crate) struct Allocator {
    order: Order,
    ladders: Vec<Ladder>,
    decisions: Vec<Decision>,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allocation<'a> {
    decisions: &'a [Decision],
    ladders: &'a [Ladder],
    /// What it would take to show everything as large as it is displayed, sound included.
    pub(crate) wanted: Bitrate,
    /// What it takes to show what was decided, sound included.
    pub(crate) given: Bitrate,
}

impl Allocator {
    /// Decides what each slot gets.
    pub(crate) fn allocate(&mut self, budget: Budget, requests: &[Request]) -> Allocation<'_> {
        self.order.prioritise(requests);
        self.ladders.clear();
        self.ladders.extend(requests.iter().map(Ladder::constrain));
        divide::divide(
            budget,
            &self.order,
            &self.ladders,
            requests,
            &mut self.decisions,
        );
        let video = self.ladders.iter().filter_map(Ladder::top);
        let decided = self.decisions.iter().zip(&self.ladders);
        let shown = decided.map(|(&decision, ladder)| ladder.cost_of(decision));
        Allocation {
            decisions: &self.decisions,
            ladders: &self.ladders,
            given: shown.fold(budget.audio, Bitrate::saturating_add),
            wanted: video.fold(budget.audio, Bitrate::saturating_add),
        }
    }
}

impl Allocation<'_> {
    /// Decisions and movements, in the order of the requests.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Decision, Movement)> {
        let decided = self.decisions.iter().zip(self.ladders);
        decided.map(|(&decision, ladder)| (decision, ladder.movement(decision)))
    }
}

/// Four encodings with four layers each.
pub(crate) const MAX_RUNGS: usize = 16;

#[cfg(test)]
mod tests;
