//! NTP timestamps as RTCP sender reports carry them (RFC 3550 §4): 32 bits of seconds, 32 bits of
//! fraction.
//!
//! The seconds wrap in February 2036, so differences are taken the shorter way around, as for RTP
//! timestamps.

use core::time::Duration;

/// Wall-clock time since 1900 in units of 2^-32 s, modulo 136 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NtpTime(u64);

impl NtpTime {
    /// From the 64 bits of the wire.
    #[inline]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits of the wire.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// From the time since the Unix epoch.
    pub const fn from_unix(since_1970: Duration) -> Self {
        Self(UNIX_EPOCH_SECONDS << 32).plus(since_1970)
    }

    /// The middle 32 bits, as reception reports echo them.
    #[inline]
    pub const fn compact(self) -> CompactNtp {
        CompactNtp((self.0 >> 16) as u32)
    }

    /// Later by `elapsed`, to the fraction below.
    pub const fn plus(self, elapsed: Duration) -> Self {
        Self(self.0.wrapping_add(to_q32(elapsed)))
    }

    /// Earlier by `elapsed`, to the fraction above: what [`plus`](Self::plus) undoes.
    pub const fn minus(self, elapsed: Duration) -> Self {
        Self(self.0.wrapping_sub(to_q32(elapsed)))
    }

    /// Units of 2^-32 s from `origin` to this time; negative if this is earlier.
    pub const fn diff(self, origin: Self) -> i64 {
        self.0.wrapping_sub(origin.0) as i64
    }

    /// Time passed since `earlier`, rounded to the nanosecond; `None` if that lies in the future.
    pub fn duration_since(self, earlier: Self) -> Option<Duration> {
        let units = u64::try_from(self.diff(earlier)).ok()?;
        let nanos = ((units & FRACTION) * NANOS_PER_SECOND + (1 << 31)) >> 32;
        Some(Duration::from_secs(units >> 32) + Duration::from_nanos(nanos))
    }
}

/// The middle 32 bits of an [`NtpTime`]: units of 2^-16 s that wrap every 18 hours (LSR and DLSR,
/// RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CompactNtp(u32);

impl CompactNtp {
    /// From the 32 bits of the wire.
    #[inline]
    pub const fn new(bits: u32) -> Self {
        Self(bits)
    }

    /// The 32 bits of the wire.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// A length of time, such as a DLSR, to the unit below; at most some 18 hours.
    pub const fn from_duration(elapsed: Duration) -> Self {
        let units = to_q32(elapsed) >> 16;
        let fits = elapsed.as_secs() < 1 << 16;
        Self(if fits { units as u32 } else { u32::MAX })
    }

    /// This as a length of time.
    pub const fn to_duration(self) -> Duration {
        Duration::from_nanos((self.0 as u64 * NANOS_PER_SECOND) >> 16)
    }

    /// The round trip told by a reception report that arrives at `self` (RFC 3550 §6.4.1): the time
    /// since `last_report` was sent, less the `delay` it lay with the receiver.
    ///
    /// `None` if the receiver had seen no report (`last_report` is zero) or if the figures give a
    /// negative time. A path of less than one unit, 15 µs, is zero.
    pub fn round_trip(self, last_report: Self, delay: Self) -> Option<Duration> {
        if last_report.0 == 0 {
            return None;
        }
        let units = self.0.wrapping_sub(last_report.0).wrapping_sub(delay.0) as i32;
        u32::try_from(units)
            .ok()
            .map(|units| Self(units).to_duration())
    }
}

/// From 1900 to 1970: 70 years with 17 leap days.
const UNIX_EPOCH_SECONDS: u64 = (70 * 365 + 17) * 86_400;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
const FRACTION: u64 = 0xffff_ffff;

const fn to_q32(elapsed: Duration) -> u64 {
    let fraction = ((elapsed.subsec_nanos() as u64) << 32) / NANOS_PER_SECOND;
    (elapsed.as_secs() << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_time_becomes_ntp_time() {
        // RFC 868 gives 2208988800 as the Unix epoch.
        assert_eq!(
            NtpTime::from_unix(Duration::ZERO).get(),
            2_208_988_800 << 32
        );
        let half = NtpTime::from_unix(Duration::from_millis(1_500));
        assert_eq!(half.get(), (2_208_988_801 << 32) | 0x8000_0000);
        assert_eq!(half.compact().get(), 0x7e81_8000);
    }

    #[test]
    fn time_passes_through_the_wrap_of_2036() {
        let before = NtpTime::new(0xffff_ffff_8000_0000);
        let after = before.plus(Duration::from_secs(1));
        assert_eq!(after.get(), 0x8000_0000);
        assert_eq!(after.duration_since(before), Some(Duration::from_secs(1)));
        assert_eq!(before.duration_since(after), None);
        assert_eq!(after.minus(Duration::from_secs(1)), before);
        assert_eq!(before.diff(after), -(1 << 32));
    }

    #[test]
    fn durations_survive_a_round_trip_to_the_nanosecond() {
        let origin = NtpTime::new(0x1234_5678_9abc_def0);
        for nanos in [
            0,
            1,
            2,
            999,
            20_000_000,
            999_999_999,
            1_000_000_001,
            86_400_000_000_007,
        ] {
            let elapsed = Duration::from_nanos(nanos);
            assert_eq!(origin.plus(elapsed).duration_since(origin), Some(elapsed));
        }
    }

    #[test]
    fn round_trips_are_computed_as_in_the_rfc() {
        // The example of RFC 3550 §6.4.1, figure 2: 6.125 s, in units of 2^-16 s, and what is wrong
        // or wraps.
        let cases = [
            (0xb710_8000, 0xb705_2000, 0x0005_4000, Some(6.125)),
            (0x0000_8000, 0xffff_8000, 0x0000_8000, Some(0.5)),
            (0x0001_0000, 0x0000_8000, 0x0000_8000, Some(0.0)),
            (0x0001_0000, 0x0000_8000, 0x0000_8001, None),
            (0x0001_0000, 0, 0, None),
        ];
        for (now, last_report, delay, expected) in cases {
            let [now, last_report, delay] = [now, last_report, delay].map(CompactNtp::new);
            let expected = expected.map(Duration::from_secs_f64);
            assert_eq!(
                now.round_trip(last_report, delay),
                expected,
                "{now:?} {last_report:?} {delay:?}"
            );
        }
    }

    #[test]
    fn compact_durations_saturate() {
        assert_eq!(
            CompactNtp::from_duration(Duration::from_millis(5_250)).get(),
            0x0005_4000
        );
        assert_eq!(
            CompactNtp::from_duration(Duration::from_secs(65_536)).get(),
            u32::MAX
        );
        assert_eq!(CompactNtp::from_duration(Duration::MAX).get(), u32::MAX);
    }
}
