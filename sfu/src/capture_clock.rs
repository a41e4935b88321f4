//! When the media of one stream was captured, on the node's own NTP timeline: the form in which a
//! publisher's sender reports (RFC 3550 §6.4.1) reach the subscribers' side, on whatever worker.

use std::time::Duration;

use sfu_rtp::{ClockRate, NtpTime, RtpTime};

/// One moment as the node's clock and as the stream's timestamp, and the rate of the latter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CaptureClock {
    rate: ClockRate,
    local: NtpTime,
    time: RtpTime,
}

impl CaptureClock {
    /// What carries `time` was captured at `local`.
    pub(crate) const fn new(rate: ClockRate, local: NtpTime, time: RtpTime) -> Self {
        Self { rate, local, time }
    }

    /// When what carries `time` was captured. Meant for timestamps within hours of the known moment:
    /// they wrap after 13 hours at 90 kHz.
    pub(crate) fn local_at(&self, time: RtpTime) -> NtpTime {
        let ticks = time.diff(self.time);
        let distance = self.rate.duration(ticks.unsigned_abs());
        if ticks < 0 {
            self.local.minus(distance)
        } else {
            self.local.plus(distance)
        }
    }

    /// The timestamp that what is captured at `local` carries.
    pub(crate) fn time_at(&self, local: NtpTime) -> RtpTime {
        let ticks = ntp_to_ticks(local.diff(self.local), self.rate);
        self.time.wrapping_add(ticks as u32)
    }
}

/// Units of 2^-32 s as ticks of `rate`, rounded.
fn ntp_to_ticks(units: i64, rate: ClockRate) -> i64 {
    let scaled = i128::from(units) * i128::from(rate.hertz());
    ((scaled + (1 << 31)) >> 32) as i64
}

/// A signed length of time in units of 2^-32 s, as [`NtpTime::diff`] gives it.
pub(crate) const fn ntp_units(length: Duration) -> i64 {
    NtpTime::new(0).plus(length).get() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_become_capture_times_and_back() {
        // A timestamp, and how long after the known moment it was captured, in milliseconds.
        let cases = [
            (1_000, 0),
            (91_000, 1_000),
            (0xffff_a510, -270),
            (1_000_u32.wrapping_sub(90_000), -1_000),
            (1_000 + 90_000 * 3_600, 3_600_000),
            (1_000_u32.wrapping_sub(90_000 * 3_600), -3_600_000),
        ];
        let known = NtpTime::new(0x0000_0001_2345_6789);
        let clock = CaptureClock::new(ClockRate::VIDEO, known, RtpTime::new(1_000));
        for (time, millis) in cases {
            let time = RtpTime::new(time);
            let local = clock.local_at(time);
            let offset = local.diff(known) as f64 / (1_u64 << 32) as f64 * 1_000.0;
            assert!((offset - f64::from(millis)).abs() < 0.6, "{time}: {offset}");
            assert_eq!(clock.time_at(local), time);
        }
    }

    #[test]
    fn lengths_of_time_become_ntp_units() {
        assert_eq!(ntp_units(Duration::from_millis(1_500)), 0x1_8000_0000);
        assert_eq!(ntp_units(Duration::ZERO), 0);
    }
}
