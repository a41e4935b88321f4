//! Which of a track's encodings are flowing, and which of those shows most.
//!
//! A publisher turns simulcast layers on and off as its bandwidth allows, without a word. A layer that
//! has fallen silent while others go on is given up; a still scene in which no layer sends is not.

use std::time::{Duration, Instant};

use super::encoding::Encoding;
use crate::parameters::MAX_ENCODINGS;

/// Watches the encodings of one track.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    observed: [Observed; MAX_ENCODINGS],
    best: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Observed {
    packets: u64,
    /// Rounds in a row in which others sent and this one did not.
    silent_rounds: u8,
    flowing: bool,
}

impl Layers {
    /// How often [`observe`](Self::observe) wants to be called while packets come.
    pub(crate) const ROUND: Duration = Duration::from_millis(200);

    /// The encoding that shows most among those that flow; `None` before the first packet.
    pub(crate) fn best(&self) -> Option<usize> {
        self.best
    }

    /// Whether the encoding is known to flow.
    #[inline]
    pub(crate) fn is_flowing(&self, encoding: usize) -> bool {
        self.observed
            .get(encoding)
            .is_some_and(|observed| observed.flowing)
    }

    /// Looks again, and returns whether `best` changed. Also called when an encoding begins or returns,
    /// so that it need not wait for its round.
    pub(crate) fn observe(&mut self, now: Instant, encodings: &mut [Encoding]) -> bool {
        let any_progress = encodings
            .iter()
            .zip(&self.observed)
            .any(|(encoding, seen)| encoding.packets() > seen.packets);
        for (encoding, seen) in encodings.iter().zip(&mut self.observed) {
            let progress = encoding.packets() > seen.packets;
            seen.packets = encoding.packets();
            if progress {
                seen.flowing = true;
                seen.silent_rounds = 0;
            } else if any_progress {
                seen.silent_rounds = seen.silent_rounds.saturating_add(1);
                seen.flowing &= seen.silent_rounds < SILENT_ROUNDS;
            }
        }

        let best = encodings
            .iter_mut()
            .zip(&self.observed)
            .enumerate()
            .filter(|(_, (_, seen))| seen.flowing)
            .map(|(index, (encoding, _))| (self.rank(now, index, encoding), index))
            .max()
            .map(|(_, index)| index);
        let changed = best.is_some() && best != self.best;
        self.best = best.or(self.best);
        changed
    }

    /// Orders encodings: by the height that their keyframes tell, and where they do not, by bitrate. The
    /// order of RIDs tells nothing: applications list the largest first or last as they like.
    fn rank(&self, now: Instant, index: usize, encoding: &mut Encoding) -> (u16, u64) {
        let bitrate = encoding.bitrate(now).bps();
        let incumbent = self.best == Some(index);
        let weight = if incumbent { INCUMBENT_PERCENT } else { 100 };
        (
            encoding.height().unwrap_or(0),
            bitrate.saturating_mul(weight),
        )
    }
}

/// Three rounds: Chromium sends all layers of a frame together, so one that misses three rounds in which
/// others sent has stopped, at any frame rate.
const SILENT_ROUNDS: u8 = 3;

/// A layer must be a quarter faster than the present one to take its place. A guess, against flapping
/// between layers of one size.
const INCUMBENT_PERCENT: u64 = 125;
