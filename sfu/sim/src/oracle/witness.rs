//! Says what was broken, so that it can be found again: seed, virtual time, who and where.

use std::fmt;
use std::time::{Duration, Instant};

/// On whose behalf an oracle objects.
#[derive(Clone, Debug)]
pub struct Witness {
    seed: u64,
    start: Instant,
    who: String,
}

impl Witness {
    /// `who` is the receiver, as the scenario knows it; `start` is the world's start.
    pub fn new(seed: u64, start: Instant, who: String) -> Self {
        Self { seed, start, who }
    }

    /// The world's start.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Virtual time.
    pub fn elapsed(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start)
    }

    /// Ends the test.
    ///
    /// # Panics
    /// Always.
    pub fn object(&self, at: Instant, slot: &str, sentence: impl fmt::Display) -> ! {
        let Self { seed, who, .. } = self;
        let elapsed = self.elapsed(at).as_secs_f64();
        let slot = match slot {
            "" => String::new(),
            mid => format!(", slot {mid}"),
        };
        panic!("seed {seed}, at {elapsed:.6} s, {who}{slot}: {sentence}");
    }
}
