//! Which of a track's encodings are flowing, what each takes and how large its picture is.
//!
//! A publisher turns simulcast layers on and off as its bandwidth allows, without a word. A layer that
//! has fallen silent while others go on is given up; a still scene in which no layer sends is not.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use sfu_rtp::{Bitrate, Layer};

use super::encoding::Encoding;
use super::layer_rates::{MAX_PORTIONS, Portions};
use crate::parameters::MAX_ENCODINGS;

/// Watches the encodings of one track.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    observed: [Observed; MAX_ENCODINGS],
    best: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Observed {
    packets: u64,
    /// Rounds in a row in which others sent and this one did not.
    silent_rounds: u8,
    flowing: bool,
    /// Since when it has flowed without a pause.
    since: Option<Instant>,
    /// Smoothed; kept while it does not flow.
    bitrate: Bitrate,
    /// Whether it was measured for long enough.
    is_known: bool,
    height: u16,
    /// What can be forwarded of it.
    portions: Portions,
}

/// An encoding that can be shown, or some layers of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Choice {
    pub(crate) encoding: usize,
    /// The highest layers of it.
    pub(crate) layers: Layer,
    /// What it takes, over a second or two.
    pub(crate) bitrate: Bitrate,
    /// Of its picture, in pixels; 0 if no keyframe has told.
    pub(crate) height: u16,
    /// Frames per second; [`EVERY_FRAME`]: none are left out.
    pub(crate) frame_rate: u8,
}

/// All that can be shown of a track, in the order of its encodings.
pub(crate) type Choices = ArrayVec<Choice, MAX_CHOICES>;

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

    /// Whether any encoding is known to flow.
    pub(crate) fn any_flows(&self) -> bool {
        self.observed.iter().any(|observed| observed.flowing)
    }

    /// What can be shown of the encodings that flow, and of those that `would_return`: each of their spatial layers
    /// with all its frames. Of the smallest picture also fewer frames: it is that or nothing. Of a larger one they
    /// would never be shown, because a picture's size counts before its frames.
    pub(crate) fn choices(&self, would_return: impl Fn(usize) -> bool) -> Choices {
        let portions = || {
            let known = self.observed.iter().enumerate();
            known
                .filter(|(index, seen)| seen.flowing || seen.packets > 0 && would_return(*index))
                .flat_map(|(index, seen)| seen.portions.iter().map(move |it| (index, seen, it)))
        };
        let smallest = portions().map(|(.., portion)| portion.height).min();
        portions()
            .filter(|(.., portion)| portion.is_every_frame() || Some(portion.height) == smallest)
            .map(|(encoding, seen, portion)| Choice {
                encoding,
                layers: portion.layers,
                bitrate: portion.of(seen.bitrate),
                height: portion.height,
                frame_rate: portion.frame_rate,
            })
            .take(MAX_CHOICES)
            .collect()
    }

    /// Looks again, and returns whether there is something else to choose from. Also called when an encoding
    /// begins or returns, so that it need not wait for its round.
    ///
    /// `others_are_paused`: the publisher has stopped some because it was told to. Then those that are left have
    /// nothing to be measured against, and their silence alone must tell.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        encodings: &mut [Encoding],
        others_are_paused: bool,
    ) -> bool {
        let mut changed = false;
        let any_progress = encodings
            .iter()
            .zip(&self.observed)
            .any(|(encoding, seen)| encoding.packets() > seen.packets);
        for (encoding, seen) in encodings.iter_mut().zip(&mut self.observed) {
            let progress = encoding.packets() > seen.packets;
            let before = (seen.flowing, seen.height, seen.shape());
            seen.packets = encoding.packets();
            if progress {
                seen.flowing = true;
                seen.silent_rounds = 0;
                seen.height = encoding.height().unwrap_or(0);
                seen.measure(now, encoding.bitrate(now));
                seen.portions = encoding.portions(now);
            } else if any_progress || others_are_paused {
                seen.silent_rounds = seen.silent_rounds.saturating_add(1);
                let patience = if any_progress {
                    SILENT_ROUNDS
                } else {
                    ALONE_ROUNDS
                };
                seen.flowing &= seen.silent_rounds < patience;
                if !seen.flowing {
                    seen.since = None;
                }
            }
            changed |= before != (seen.flowing, seen.height, seen.shape());
        }

        let best = encodings
            .iter_mut()
            .zip(&self.observed)
            .enumerate()
            .filter(|(_, (_, seen))| seen.flowing)
            .map(|(index, (encoding, _))| (self.rank(now, index, encoding), index))
            .max()
            .map(|(_, index)| index);
        changed |= best.is_some() && best != self.best;
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

impl Observed {
    /// Which layers there are to choose from.
    fn shape(&self) -> ArrayVec<(Layer, u16), MAX_PORTIONS> {
        let portions = self.portions.iter();
        portions.map(|it| (it.layers, it.height)).collect()
    }

    /// Takes in the rate of the last second. At first that is what little has come, then mostly a keyframe; the
    /// size of the picture says better how much it will be, and of a layer that was known, what was known.
    fn measure(&mut self, now: Instant, measured: Bitrate) {
        let since = *self.since.get_or_insert(now);
        let settled = now.saturating_duration_since(since) >= SETTLING;
        let (known, measured) = (self.bitrate.bps(), measured.bps());
        let bits = match (self.is_known, settled) {
            (false, false) if self.height > 0 => expected(self.height),
            (false, _) => measured,
            (true, true) => {
                let weighted = known.saturating_mul(SMOOTHING - 1);
                weighted.saturating_add(measured) / SMOOTHING
            }
            (true, false) => known,
        };
        self.is_known |= settled;
        self.bitrate = Bitrate::from_bps(bits);
    }
}

/// What a camera picture of this height takes: 16:9, 30 frames a second, 0.06 bits a pixel, which is what
/// browsers aim at for VP8 (a guess).
fn expected(height: u16) -> u64 {
    u64::from(height).pow(2) * 16 / 9 * 30 * 6 / 100
}

/// Four encodings of four layers each. Nobody sends more, and the allocator takes as many.
pub(crate) const MAX_CHOICES: usize = 16;

/// Three rounds: Chromium sends all layers of a frame together, so one that misses three rounds in which
/// others sent has stopped, at any frame rate.
const SILENT_ROUNDS: u8 = 3;

/// A camera sends something every second, whatever it sees.
const ALONE_ROUNDS: u8 = 6;

/// A layer must be a quarter faster than the present one to take its place. A guess, against flapping
/// between layers of one size.
const INCUMBENT_PERCENT: u64 = 125;

/// The rate is of the last second; until one without the first keyframe has passed it is too high.
const SETTLING: Duration = Duration::from_millis(1_500);

/// One part in four at each look, that is over about a second: a keyframe must not look like a richer layer.
const SMOOTHING: u64 = 4;
