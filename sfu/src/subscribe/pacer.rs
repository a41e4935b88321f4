//! When what was decided for one subscriber leaves: at once as long as the path can take it, else in steps of a
//! few milliseconds, sound first.
//!
//! Packets wait as numbers in the cache. What is let through in one step lies together and leaves as one GSO
//! message, so pacing shortens no run to less than a step. A path with room is not paced at all: a burst that
//! it carries within a tenth of a second leaves in the turn in which it came.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_rtp::Bitrate;

use super::downlink::Pending;
use crate::key::SlotKey;

/// What waits of one subscriber's packets, and what it has been sent beyond its pace.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    /// Packets that were lost on the way and are worth little if they come much later.
    repairs: VecDeque<Waiting>,
    pictures: VecDeque<Waiting>,
    /// Bytes that have left and that the pace does not cover yet, by `settled_at`.
    debt: f64,
    settled_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    pending: Pending,
    since: Instant,
}

impl Pacer {
    /// Lets through what may leave now of what waits and of `turn`, in which all that leaves is then found.
    /// `None` for the limit: there is no pace. Returns how many repairs have waited in vain.
    pub(crate) fn pace(
        &mut self,
        now: Instant,
        limit: Option<Bitrate>,
        turn: &mut Vec<Pending>,
        is_sound: impl Fn(SlotKey) -> bool,
    ) -> usize {
        let Some(limit) = limit else {
            self.debt = 0.0;
            self.release_all(turn);
            return 0;
        };
        let pace = limit.bps() as f64 / 8.0 * FACTOR;
        self.settle(now, pace);
        let allowance = pace * BURST.as_secs_f64();
        let asked: usize = turn.iter().map(Pending::wire_len).sum();
        if !self.is_waiting() && self.debt + asked as f64 <= allowance {
            self.debt += asked as f64;
            return 0;
        }
        self.hold_back(now, turn, is_sound);
        self.let_through(allowance, turn);
        self.give_up_repairs(now)
    }

    /// Whether the picture of a slot has waited so long that no more of it may be queued: it must begin anew with
    /// a keyframe. What waits already has its numbers and will leave.
    #[inline]
    pub(crate) fn is_overdue(&self, now: Instant, slot: SlotKey) -> bool {
        let oldest = self.pictures.front();
        oldest.is_some_and(|oldest| {
            let waited = now.saturating_duration_since(oldest.since);
            let too_long = waited > MAX_WAIT && oldest.pending.slot == slot;
            too_long || self.pictures.len() >= MAX_WAITING
        })
    }

    /// When the next step is due; `None`: nothing waits.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let settled_at = self.settled_at.filter(|_| self.is_waiting())?;
        Some(settled_at + STEP)
    }

    /// Whether packets wait.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        !self.pictures.is_empty() || !self.repairs.is_empty()
    }

    fn settle(&mut self, now: Instant, pace: f64) {
        if let Some(since) = self.settled_at.replace(now) {
            let covered = pace * now.saturating_duration_since(since).as_secs_f64();
            self.debt = (self.debt - covered).max(0.0);
        }
    }

    /// Moves all but sound from the turn to those that wait.
    fn hold_back(
        &mut self,
        now: Instant,
        turn: &mut Vec<Pending>,
        is_sound: impl Fn(SlotKey) -> bool,
    ) {
        turn.retain(|pending| {
            if is_sound(pending.slot) {
                self.debt += pending.wire_len() as f64;
                return true;
            }
            let waiting = Waiting {
                pending: *pending,
                since: now,
            };
            if pending.again {
                self.repairs.push_back(waiting);
            } else {
                self.pictures.push_back(waiting);
            }
            false
        });
    }

    fn let_through(&mut self, allowance: f64, turn: &mut Vec<Pending>) {
        for queue in [&mut self.repairs, &mut self.pictures] {
            while self.debt <= allowance
                && let Some(waiting) = queue.pop_front()
            {
                self.debt += waiting.pending.wire_len() as f64;
                turn.push(waiting.pending);
            }
        }
    }

    /// A repair that comes so late repairs nothing.
    fn give_up_repairs(&mut self, now: Instant) -> usize {
        let mut gone = 0;
        while let Some(oldest) = self.repairs.front()
            && (now.saturating_duration_since(oldest.since) > MAX_WAIT
                || self.repairs.len() > MAX_WAITING)
        {
            self.repairs.pop_front();
            gone += 1;
        }
        gone
    }

    /// Everything goes on, before what has just come.
    fn release_all(&mut self, turn: &mut Vec<Pending>) {
        if self.is_waiting() {
            let waiting = self.repairs.drain(..).chain(self.pictures.drain(..));
            turn.splice(..0, waiting.map(|waiting| waiting.pending));
        }
    }
}

/// Faster than the estimate, as libwebrtc's (`kDefaultPaceMultiplier`): frames are bursts, and their mean is
/// what the estimate is about.
const FACTOR: f64 = 2.5;

/// What may leave at once, in time at the pace; at the estimate it is a tenth of a second. libwebrtc lets as
/// much through (`kMaxBurst` of 40 ms).
const BURST: Duration = Duration::from_millis(40);

/// From one step to the next.
const STEP: Duration = Duration::from_millis(5);

/// Longer, and what is shown lags visibly; by then the layer below has been asked for.
const MAX_WAIT: Duration = Duration::from_millis(400);

/// As many packets as the publisher's cache is sure to hold for so long.
const MAX_WAITING: usize = 512;

#[cfg(test)]
mod tests;
