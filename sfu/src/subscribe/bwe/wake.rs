//! What a probe's train leaves behind it: a queue of its own making, through which the next pictures have to go.
//! It drains by itself, and tells nothing of whether the pictures are too much for the path.

use crate::congestion::Spacing;

/// Holds spacings back while they lie behind a train.
#[derive(Debug, Default)]
pub(super) struct Wake {
    /// When the last train's last packet left, until its queue has drained.
    train: Option<i64>,
    /// All spacings since, as one.
    held: Option<Spacing>,
}

impl Wake {
    /// A packet of a train left at `sent`, and has arrived.
    pub(super) fn begin(&mut self, sent: i64) {
        self.train = self.train.max(Some(sent));
    }

    /// Takes a spacing between groups of pictures and sound. Gives it back, or, when the delay is again what it
    /// was before the train, all that were held back as one; `None` while it is not.
    pub(super) fn pass(&mut self, spacing: Spacing) -> Option<Spacing> {
        let Some(train) = self.train.filter(|&train| spacing.sent_at >= train) else {
            return Some(spacing);
        };
        let spacing = match self.held {
            Some(held) => Spacing {
                sent: held.sent + spacing.sent,
                arrived: held.arrived + spacing.arrived,
                ..spacing
            },
            None => spacing,
        };
        if spacing.arrived - spacing.sent > DRAINED && spacing.sent_at - train < LONGEST {
            self.held = Some(spacing);
            return None;
        }
        *self = Self::default();
        Some(spacing)
    }
}

/// Frames differ in size, and so in how long their last packet takes.
const DRAINED: i64 = 5_000;

/// A train is 25 ms at mostly twice what is believed. Where its queue takes longer to drain, the path is full without
/// it.
const LONGEST: i64 = 300_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets groups pass that leave every 33 ms behind a train at 1 s, and arrive with these delays in milliseconds.
    /// Returns by how many milliseconds the delay is said to have grown, for each spacing that comes out.
    fn growth(delays: &[i64]) -> Vec<i64> {
        let mut wake = Wake::default();
        wake.begin(1_000_000);
        let mut before = 0;
        let mut grown = Vec::new();
        for (number, &delay) in (0..).zip(delays) {
            let sent_at = 1_000_000 + number * 33_000;
            let spacing = Spacing {
                sent: 33_000,
                arrived: 33_000 + (delay - before) * 1_000,
                sent_at,
                arrived_at: sent_at + delay * 1_000,
            };
            before = delay;
            grown.extend(wake.pass(spacing));
        }
        let growth = |spacing: &Spacing| (spacing.arrived - spacing.sent) / 1_000;
        grown.iter().map(growth).collect()
    }

    #[test]
    fn the_queue_of_a_train_is_not_taken_for_one_that_grows() {
        let full: Vec<_> = (1..=20).map(|number| number * 8).collect();
        let cases: &[(&str, &[i64], &[i64])] = &[
            ("no queue", &[0, 0, 1, 0], &[0, 0, 1, -1]),
            ("one that drains", &[40, 30, 20, 10, 0, 0], &[0, 0]),
            ("not quite", &[40, 20, 4, 4], &[4, 0]),
            ("one that does not", &full, &[88, 8, 8, 8, 8, 8, 8, 8, 8, 8]),
        ];
        for &(name, delays, expected) in cases {
            assert_eq!(growth(delays), expected, "{name}");
        }
    }

    #[test]
    fn what_left_before_the_train_counts() {
        let mut wake = Wake::default();
        wake.begin(1_000_000);
        let before = Spacing {
            sent: 33_000,
            arrived: 73_000,
            sent_at: 990_000,
            arrived_at: 1_100_000,
        };
        assert_eq!(wake.pass(before), Some(before));
    }
}
