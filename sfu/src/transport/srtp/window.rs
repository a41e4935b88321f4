//! Packet indices: what a sequence number stands for (RFC 3711 §3.3.1) and whether it was used before (§3.3.2).
//!
//! The window is a ring of words, and entering a word clears it whole (RFC 6479), so that a step costs the same however
//! far it goes.

use std::hint::black_box;

/// The highest index of a stream, and which of those just below it were used.
///
/// It reaches back `(WORDS - 1) * 64` indices; a lower one counts as used.
#[derive(Clone, Debug)]
pub(super) struct IndexWindow<const WORDS: usize> {
    highest: Option<u64>,
    used: [u64; WORDS],
}

impl<const WORDS: usize> IndexWindow<WORDS> {
    /// How far below the highest index one may lie and still be told from a used one.
    pub(super) const REACH: u64 = (WORDS as u64 - 1) * WORD_BITS;

    /// One in which no index was used.
    pub(super) const fn new() -> Self {
        Self {
            highest: None,
            used: [0; WORDS],
        }
    }

    /// Has the processor fetch where the next index will lie.
    #[inline]
    pub(super) fn prefetch(&self) {
        let next = self.highest.unwrap_or(0).wrapping_add(1);
        black_box(self.used[word_of::<WORDS>(next)]);
    }

    /// The index that is likeliest for a packet with this sequence number: that of the rollover count which brings it
    /// nearest to the highest (RFC 3711 §3.3.1). Counts start at zero and nothing is before the start, so a number that
    /// would be is taken as ahead.
    #[inline]
    pub(super) fn estimate(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return u64::from(sequence);
        };
        let (rollovers, last) = (highest >> 16, highest as u16);
        let rollovers = if last < HALF && sequence > last + HALF {
            rollovers.saturating_sub(1)
        } else if last > HALF && sequence < last - HALF {
            rollovers + 1
        } else {
            rollovers
        };
        rollovers << 16 | u64::from(sequence)
    }

    /// Whether the index is new, as far as can be told.
    #[inline]
    pub(super) fn is_new(&self, index: u64) -> bool {
        match self.highest {
            Some(highest) if index > highest => true,
            Some(highest) if highest - index >= Self::REACH => false,
            Some(_) => self.used[word_of::<WORDS>(index)] & bit_of(index) == 0,
            None => true,
        }
    }

    /// Marks an index as used; it must be new.
    #[inline]
    pub(super) fn mark(&mut self, index: u64) {
        let previous = self.highest.unwrap_or(index);
        if index >= previous {
            let entered = (index / WORD_BITS - previous / WORD_BITS).min(WORDS as u64);
            for step in 0..entered {
                self.used[word_of::<WORDS>(index - step * WORD_BITS)] = 0;
            }
            self.highest = Some(index);
        }
        self.used[word_of::<WORDS>(index)] |= bit_of(index);
    }
}

#[inline]
const fn word_of<const WORDS: usize>(index: u64) -> usize {
    (index / WORD_BITS % WORDS as u64) as usize
}

#[inline]
const fn bit_of(index: u64) -> u64 {
    1 << (index % WORD_BITS)
}

const WORD_BITS: u64 = u64::BITS as u64;

/// Half of the sequence numbers.
const HALF: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    type Window = IndexWindow<3>;

    #[test]
    fn indices_are_taken_once_and_not_from_below_the_reach() {
        assert_eq!(Window::REACH, 128);
        // Indices in the order of arrival, and whether each is taken.
        let cases: &[(&str, &[(u64, bool)])] = &[
            ("in order", &[(0, true), (1, true), (2, true)]),
            ("repeated", &[(7, true), (7, false), (8, true), (7, false)]),
            (
                "late",
                &[(10, true), (8, true), (9, true), (8, false), (10, false)],
            ),
            (
                "the last within reach",
                &[(128, true), (1, true), (1, false)],
            ),
            ("the first beyond reach", &[(128, true), (0, false)]),
            (
                "beyond reach after a jump",
                &[
                    (5, true),
                    (1_000_000, true),
                    (5, false),
                    (999_872, false),
                    (999_873, true),
                ],
            ),
            (
                "a jump of one turn leaves nothing behind",
                &[
                    (3, true),
                    (195, true),
                    (131, true),
                    (194, true),
                    (195, false),
                ],
            ),
            (
                "over a rollover",
                &[
                    (65_534, true),
                    (65_537, true),
                    (65_535, true),
                    (65_536, true),
                    (65_535, false),
                ],
            ),
        ];
        for (name, steps) in cases {
            let mut window = Window::new();
            for &(index, taken) in *steps {
                assert_eq!(window.is_new(index), taken, "{name}: {index}");
                if taken {
                    window.mark(index);
                }
            }
        }
    }

    #[test]
    fn a_window_agrees_with_a_set_of_all_that_was_used() {
        for seed in 0..20 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut window = Window::new();
            let mut used = BTreeSet::new();
            let mut highest = 1_000_u64;
            for _ in 0..5_000 {
                let index = if rng.random_bool(0.01) {
                    highest + rng.random_range(0..1_000)
                } else {
                    (highest + 3).saturating_sub(rng.random_range(0..200))
                };
                let top = used.last().copied();
                let expected = top.is_none_or(|top| {
                    index > top || (top - index < Window::REACH && !used.contains(&index))
                });
                assert_eq!(
                    window.is_new(index),
                    expected,
                    "seed {seed}, index {index}, top {top:?}"
                );
                if expected {
                    window.mark(index);
                    used.insert(index);
                    highest = highest.max(index);
                }
            }
        }
    }

    #[test]
    fn a_sequence_number_gets_the_nearest_rollover_count() {
        // The highest index, a sequence number, and the index it stands for.
        let cases: &[(Option<u64>, u16, u64)] = &[
            (None, 0, 0),
            (None, 65_535, 65_535),
            (Some(10), 11, 11),
            (Some(10), 9, 9),
            (Some(65_535), 0, 0x1_0000),
            (Some(0x1_0000), 65_535, 65_535),
            (Some(0x1_0000), 1, 0x1_0001),
            (Some(0x1_8000), 0, 0x1_0000),
            (Some(0x1_8001), 0, 0x2_0000),
            (Some(0x1_7fff), 0xffff, 0x1_ffff),
            (Some(0x1_7ffe), 0xffff, 0x0_ffff),
            (Some(0x2_fff0), 0x0010, 0x3_0010),
            (Some(0x3_0010), 0xfff0, 0x2_fff0),
            // Before the very first packet there is nothing, so this one is ahead.
            (Some(5), 40_000, 40_000),
        ];
        for &(highest, sequence, expected) in cases {
            let mut window = Window::new();
            if let Some(highest) = highest {
                window.mark(highest);
            }
            assert_eq!(
                window.estimate(sequence),
                expected,
                "{sequence} after {highest:x?}"
            );
        }
    }
}
