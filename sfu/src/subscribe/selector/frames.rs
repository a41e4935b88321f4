//! What became of the last frames: all packets of a frame share its fate, in whatever order they come.

use crate::drop_reason::DropReason;

/// The last frames by number.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The highest number that was decided on.
    newest: Option<u64>,
    /// A bit for each of the last numbers, by their lowest bits.
    forwarded: Bits,
    left_out: Bits,
    awaited: Bits,
}

/// A bit for each number within reach.
type Bits = [u64; (REACH / 64) as usize];

impl Frames {
    /// Whether the number is above all that were decided on.
    #[inline]
    pub(super) fn is_ahead(&self, number: u64) -> bool {
        self.newest.is_none_or(|newest| number > newest)
    }

    #[inline]
    pub(super) fn was_forwarded(&self, number: u64) -> bool {
        self.is_within_reach(number) && has(&self.forwarded, number)
    }

    /// What was decided on the frame, if anything.
    #[inline]
    pub(super) fn outcome(&self, number: u64) -> Option<Result<(), DropReason>> {
        if !self.is_within_reach(number) {
            return None;
        }
        if has(&self.forwarded, number) {
            Some(Ok(()))
        } else if has(&self.left_out, number) {
            Some(Err(DropReason::LayerNotWanted))
        } else if has(&self.awaited, number) {
            Some(Err(DropReason::AwaitingKeyframe))
        } else {
            None
        }
    }

    /// Notes a decision.
    pub(super) fn decide(&mut self, number: u64, outcome: Result<(), DropReason>) {
        match self.newest {
            Some(newest) if number <= newest => {
                if newest - number >= REACH {
                    return;
                }
            }
            Some(newest) => {
                // What is between was not decided on, and takes the places of older frames.
                for skipped in (newest + 1..=number).take(REACH as usize) {
                    self.clear(skipped);
                }
                self.newest = Some(number);
            }
            None => self.newest = Some(number),
        }
        let bits = match outcome {
            Ok(()) => &mut self.forwarded,
            Err(DropReason::AwaitingKeyframe) => &mut self.awaited,
            Err(_) => &mut self.left_out,
        };
        set(bits, number);
    }

    #[inline]
    fn is_within_reach(&self, number: u64) -> bool {
        self.newest
            .is_some_and(|newest| number <= newest && newest - number < REACH)
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = place(number);
        for bits in [&mut self.forwarded, &mut self.left_out, &mut self.awaited] {
            bits[word] &= !(1 << bit);
        }
    }
}

#[inline]
fn has(bits: &Bits, number: u64) -> bool {
    let (word, bit) = place(number);
    bits[word] >> bit & 1 != 0
}

fn set(bits: &mut Bits, number: u64) {
    let (word, bit) = place(number);
    bits[word] |= 1 << bit;
}

/// Below the length of [`Bits`], and below 64.
#[inline]
const fn place(number: u64) -> (usize, u64) {
    (((number % REACH) / 64) as usize, number % 64)
}

/// Chains are told in eight bits, and so many frames are a second at the least.
const REACH: u64 = 256;
