//! A client's clocks: the wall clock that its sender reports name, which is nobody else's, and the RTP
//! timestamps that it stamps media with.

use std::time::{Duration, Instant};

use sfu_rtp::NtpTime;

/// The clocks of one client.
#[derive(Clone, Copy, Debug)]
pub struct ClientClock {
    start: Instant,
    ntp_at_start: NtpTime,
}

impl ClientClock {
    /// One that shows `ntp_at_start` at the world's start.
    pub fn new(start: Instant, ntp_at_start: NtpTime) -> Self {
        Self {
            start,
            ntp_at_start,
        }
    }

    /// Time since the world's start.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now - self.start
    }

    /// The instant at which so much has passed since the world's start.
    pub fn at(&self, elapsed: Duration) -> Instant {
        self.start + elapsed
    }

    /// What the client's wall clock shows.
    pub fn ntp(&self, now: Instant) -> NtpTime {
        self.ntp_at_start.plus(self.elapsed(now))
    }
}

/// RTP ticks that pass in `elapsed`, modulo 2^32.
pub fn ticks(elapsed: Duration, clock_rate: u32) -> u32 {
    (elapsed.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}
