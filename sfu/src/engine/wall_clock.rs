//! NTP time for sender reports, derived from the `now` that the engine is given.

use std::time::Instant;

use sfu_rtp::NtpTime;

/// One reading of both clocks. All workers of a node share it, so that their reports agree.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    at: Instant,
    ntp: NtpTime,
}

impl WallClock {
    /// The two readings, taken together.
    pub fn new(at: Instant, ntp: NtpTime) -> Self {
        Self { at, ntp }
    }

    /// When the readings were taken.
    pub(super) fn taken_at(&self) -> Instant {
        self.at
    }

    /// The NTP time at `now`. Steps of the host's clock after the reading do not show, which is what
    /// receivers want: they only compare reports with each other.
    pub fn ntp(&self, now: Instant) -> NtpTime {
        match now.checked_duration_since(self.at) {
            Some(elapsed) => self.ntp.plus(elapsed),
            None => self.ntp.minus(self.at.duration_since(now)),
        }
    }
}
