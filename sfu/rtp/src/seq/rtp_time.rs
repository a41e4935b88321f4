//! RTP timestamps (RFC 3550 §5.1) and the clock rate that gives them a length in seconds.

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

/// An RTP timestamp: 32 bits that wrap, in ticks of the payload format's clock, from a random
/// origin.
///
/// It has no order of its own, hence no `Ord`; [`is_newer_than`](Self::is_newer_than) compares
/// within half a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RtpTime(u32);

impl RtpTime {
    /// From the value on the wire.
    #[inline]
    pub const fn new(ticks: u32) -> Self {
        Self(ticks)
    }

    /// The value on the wire.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Later by `ticks`, wrapping. To go back, add the `wrapping_neg` of the ticks, or use
    /// [`sub`](Self::wrapping_sub).
    #[inline]
    pub const fn wrapping_add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Earlier by `ticks`, wrapping.
    #[inline]
    pub const fn wrapping_sub(self, ticks: u32) -> Self {
        Self(self.0.wrapping_sub(ticks))
    }

    /// Ticks from `origin` to this time, the shorter way around; negative if this is earlier.
    #[inline]
    pub const fn diff(self, origin: Self) -> i32 {
        self.0.wrapping_sub(origin.0) as i32
    }

    /// Whether this is later than `other`. Times exactly half a cycle apart are neither newer nor
    /// older.
    #[inline]
    pub const fn is_newer_than(self, other: Self) -> bool {
        self.diff(other) > 0
    }
}

impl fmt::Display for RtpTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Ticks of an RTP timestamp per second; never zero. The type that turns ticks into time and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClockRate(NonZeroU32);

impl ClockRate {
    /// Every video payload format in use (RFC 3551 §5).
    pub const VIDEO: Self = Self(NonZeroU32::new(90_000).expect("not zero"));
    /// Opus, whatever rate it is coded at (RFC 7587 §4.1).
    pub const OPUS: Self = Self(NonZeroU32::new(48_000).expect("not zero"));

    /// `None` for zero.
    #[inline]
    pub const fn new(hertz: u32) -> Option<Self> {
        match NonZeroU32::new(hertz) {
            Some(hertz) => Some(Self(hertz)),
            None => None,
        }
    }

    /// Ticks per second.
    #[inline]
    pub const fn hertz(self) -> u32 {
        self.0.get()
    }

    /// How long `ticks` last, to the nanosecond below.
    #[inline]
    pub const fn duration(self, ticks: u32) -> Duration {
        let nanos = ticks as u64 * NANOS_PER_SECOND / self.hertz() as u64;
        Duration::from_nanos(nanos)
    }

    /// How many whole ticks pass in `elapsed`, modulo 2^32 as timestamps are: at 90 kHz that is 13
    /// hours.
    #[inline]
    pub const fn ticks(self, elapsed: Duration) -> u32 {
        let whole = elapsed.as_secs().wrapping_mul(self.hertz() as u64);
        let rest = elapsed.subsec_nanos() as u64 * self.hertz() as u64 / NANOS_PER_SECOND;
        whole.wrapping_add(rest) as u32
    }
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_go_the_shorter_way_around() {
        let cases = [
            (0, 0, 0),
            (1, 0, 1),
            (0, 1, -1),
            (0, u32::MAX, 1),
            (u32::MAX, 0, -1),
            (0x7fff_ffff, 0, i32::MAX),
            (0x8000_0000, 0, i32::MIN),
            (0, 0x8000_0000, i32::MIN),
            (0x8000_0001, 0, -i32::MAX),
            (100, 0xffff_ff00, 356),
        ];
        for (time, origin, expected) in cases {
            let (time, origin) = (RtpTime::new(time), RtpTime::new(origin));
            assert_eq!(time.diff(origin), expected, "{time} from {origin}");
            assert_eq!(
                time.is_newer_than(origin),
                expected > 0,
                "{time} from {origin}"
            );
            assert_eq!(origin.wrapping_add(expected as u32), time);
            assert_eq!(time.wrapping_sub(expected as u32), origin);
        }
    }

    #[test]
    fn ticks_and_durations_convert_both_ways() {
        let cases = [
            (ClockRate::VIDEO, 90_000, Duration::from_secs(1)),
            (ClockRate::VIDEO, 3_000, Duration::from_nanos(33_333_333)),
            (ClockRate::OPUS, 960, Duration::from_millis(20)),
            (
                ClockRate::OPUS,
                u32::MAX,
                Duration::from_nanos(89_478_485_312_500),
            ),
        ];
        for (clock, ticks, duration) in cases {
            assert_eq!(clock.duration(ticks), duration);
            let back = clock.ticks(duration);
            assert!(ticks - back <= 1, "{ticks} ticks came back as {back}");
        }
        assert_eq!(ClockRate::new(0), None);
    }

    #[test]
    fn ticks_wrap_as_timestamps_do() {
        assert_eq!(
            ClockRate::VIDEO.ticks(Duration::from_secs(47_722)),
            (47_722_u64 * 90_000 % (1 << 32)) as u32
        );
        assert_eq!(
            ClockRate::VIDEO.ticks(Duration::from_secs(u64::MAX)),
            0_u32.wrapping_sub(90_000)
        );
    }
}
