//! What one direction of a host's connection does to datagrams: plain data, made fluently.

use std::time::Duration;

/// One direction of a host's connection. [`Link::PERFECT`] and go from there.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Link {
    /// How long a datagram is under way at least.
    pub delay: Duration,
    /// How much longer at most; uniformly distributed. Jitter alone does not reorder.
    pub jitter: Duration,
    /// Which datagrams are lost.
    pub loss: Loss,
    /// Which datagrams are overtaken.
    pub reorder: Reorder,
    /// The share of datagrams that arrive twice, 0 to 1.
    pub duplicate: f64,
    /// The rate and the queue before it; `None`: as fast as one likes.
    pub rate: Option<Rate>,
}

impl Link {
    /// No delay, no loss, no limit.
    pub const PERFECT: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: Loss::None,
        reorder: Reorder {
            share: 0.0,
            by: Duration::ZERO,
        },
        duplicate: 0.0,
        rate: None,
    };

    /// Perfect but for a delay.
    pub const fn delayed(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::PERFECT
        }
    }

    /// Whether nothing about it but its delay can make a server send less or later.
    pub fn is_plain(&self) -> bool {
        self.rate.is_none() && self.loss == Loss::None && self.jitter.is_zero()
    }

    /// Whether a server may have to interrupt a picture on it: it carries only so much, or loses more than
    /// repairs can make up for.
    pub fn is_bad(&self) -> bool {
        let lost = match self.loss {
            Loss::None => 0.0,
            Loss::Random { share } | Loss::Bursts { share, .. } => share,
        };
        self.rate.is_some() || lost > 0.2
    }

    /// This, with up to `jitter` more delay.
    #[must_use]
    pub const fn jittery(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// This, losing each datagram with the probability `share`.
    #[must_use]
    pub const fn losing(self, share: f64) -> Self {
        Self {
            loss: Loss::Random { share },
            ..self
        }
    }

    /// This, losing a `share` of datagrams in bursts that are `burst` long on average.
    #[must_use]
    pub const fn losing_in_bursts(self, share: f64, burst: f64) -> Self {
        Self {
            loss: Loss::Bursts { share, burst },
            ..self
        }
    }

    /// This, losing everything.
    #[must_use]
    pub const fn dead(self) -> Self {
        self.losing(1.0)
    }

    /// This, holding a `share` of datagrams back by a further `by`.
    #[must_use]
    pub const fn reordering(self, share: f64, by: Duration) -> Self {
        Self {
            reorder: Reorder { share, by },
            ..self
        }
    }

    /// This, delivering a `share` of datagrams twice.
    #[must_use]
    pub const fn duplicating(self, share: f64) -> Self {
        Self {
            duplicate: share,
            ..self
        }
    }

    /// This, carrying no more than `bits_per_second`, with a drop-tail queue of `queue_bytes`.
    #[must_use]
    pub const fn limited(self, bits_per_second: u64, queue_bytes: usize) -> Self {
        Self {
            rate: Some(Rate {
                bits_per_second,
                queue_bytes,
            }),
            ..self
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::PERFECT
    }
}

/// Which datagrams a link loses.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Loss {
    /// None.
    None,
    /// Each with the same probability.
    Random {
        /// The probability, 0 to 1.
        share: f64,
    },
    /// Whole runs of them: the Gilbert–Elliott model with a state that loses nothing and one that
    /// loses everything.
    Bursts {
        /// The share lost on average, 0 to less than 1.
        share: f64,
        /// How many in a row on average, at least 1.
        burst: f64,
    },
}

/// Which datagrams a link holds back until others have overtaken them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reorder {
    /// The probability of each, 0 to 1.
    pub share: f64,
    /// For how long.
    pub by: Duration,
}

/// How much a link carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Bits per second, headers of IP and UDP included; not zero.
    pub bits_per_second: u64,
    /// How much may wait; what comes on top is dropped.
    pub queue_bytes: usize,
}
