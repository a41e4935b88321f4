//! The only place with wrap-around arithmetic: sequence numbers, RTP timestamps and NTP time.
//!
//! Sequence numbers are unwrapped to 64 bits where a stream enters (RFC 3550 §A.1 calls them
//! extended), so that everything behind that point compares and subtracts them as ordinary
//! integers.

mod ntp_time;
mod rtp_time;

use core::fmt;

pub use ntp_time::{CompactNtp, NtpTime};
pub use rtp_time::{ClockRate, RtpTime};

/// An unwrapped sequence number: the 16 bits of the wire below a count of the times they wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeqNo(u64);

impl SeqNo {
    /// From an unwrapped value.
    #[inline]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The unwrapped value.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The 16 bits that travel in an RTP header.
    #[inline]
    pub const fn wire(self) -> u16 {
        self.0 as u16
    }

    /// The number after this one.
    #[inline]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The number before this one.
    #[inline]
    pub const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// Moves by `offset`; `None` outside of `u64`.
    #[inline]
    pub const fn checked_add(self, offset: i64) -> Option<Self> {
        match self.0.checked_add_signed(offset) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// Moves by `offset`, wrapping at 64 bits. What [`distance_from`](Self::distance_from) undoes.
    #[inline]
    pub const fn wrapping_add(self, offset: i64) -> Self {
        Self(self.0.wrapping_add_signed(offset))
    }

    /// How far this number is after `origin`; negative if it is before.
    #[inline]
    pub const fn distance_from(self, origin: Self) -> i64 {
        self.0.wrapping_sub(origin.0) as i64
    }
}

impl fmt::Display for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Turns 16-bit sequence numbers into [`SeqNo`], by taking each as the value nearest to the highest
/// seen.
///
/// A packet may therefore arrive up to 32768 late or 32767 early. A larger jump forward looks like
/// an old packet: it gets a number below the highest and does not move it. Whether to drop such
/// packets is the caller's decision, as is believing that the sender began anew, which
/// [`restart`](Self::restart) is for.
///
/// The numbers start one cycle above zero, so packets older than the first never get a negative
/// one.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeqUnwrapper {
    highest: Option<SeqNo>,
}

impl SeqUnwrapper {
    /// One that has seen nothing.
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// Unwraps `wire` and remembers it if it is the highest.
    #[inline]
    pub fn extend(&mut self, wire: u16) -> SeqNo {
        let number = self.peek(wire);
        if self.highest.is_none_or(|highest| number > highest) {
            self.highest = Some(number);
        }
        number
    }

    /// What [`extend`](Self::extend) would return, without remembering it: for packets not yet
    /// authenticated.
    #[inline]
    pub fn peek(&self, wire: u16) -> SeqNo {
        match self.highest {
            Some(highest) => {
                let offset = wire.wrapping_sub(highest.wire()) as i16;
                highest.wrapping_add(i64::from(offset))
            }
            None => SeqNo(CYCLE + u64::from(wire)),
        }
    }

    /// Believes that the sender began anew at `wire`, and gives it a number at least half a cycle
    /// above all before it, so that the packets around the new beginning stay apart from those
    /// around the old end.
    pub fn restart(&mut self, wire: u16) -> SeqNo {
        let number = match self.highest {
            Some(highest) => {
                let ahead = wire.wrapping_sub(highest.wire());
                let cycles = if ahead >= HALF_CYCLE { 0 } else { CYCLE };
                SeqNo(highest.0 + u64::from(ahead) + cycles)
            }
            None => self.peek(wire),
        };
        self.highest = Some(number);
        number
    }

    /// The highest number given out, if any.
    #[inline]
    pub const fn highest(&self) -> Option<SeqNo> {
        self.highest
    }
}

const CYCLE: u64 = 1 << 16;
const HALF_CYCLE: u16 = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwrapping_follows_a_stream_through_reordering_and_wraps() {
        // Wire values in order of arrival, and what each becomes, less the one cycle of headroom.
        let cases: &[(&str, &[(u16, i64)])] = &[
            ("in order", &[(0, 0), (1, 1), (2, 2)]),
            (
                "wrap",
                &[(65534, 65534), (65535, 65535), (0, 65536), (1, 65537)],
            ),
            (
                "late over a wrap",
                &[(65534, 65534), (0, 65536), (65535, 65535), (1, 65537)],
            ),
            ("older than the first", &[(5, 5), (3, 3), (6, 6)]),
            (
                "older than the first, over a wrap",
                &[(1, 1), (65535, -1), (2, 2)],
            ),
            ("repeated", &[(7, 7), (7, 7)]),
            (
                "furthest early",
                &[(0, 0), (32767, 32767), (65534, 65534), (32765, 98301)],
            ),
            ("furthest late", &[(0, 0), (32768, -32768), (0, 0)]),
            (
                "a jump too far reads as old and moves nothing",
                &[(100, 100), (32868, -32668), (101, 101)],
            ),
            (
                "lateness is measured from the highest",
                &[(40000, 40000), (7232, 7232), (10000, 10000), (40001, 40001)],
            ),
        ];
        for (name, steps) in cases {
            let mut unwrapper = SeqUnwrapper::new();
            for &(wire, expected) in *steps {
                let number = unwrapper.extend(wire);
                assert_eq!(
                    number.get() as i64 - CYCLE as i64,
                    expected,
                    "{name}: {wire}"
                );
                assert_eq!(number.wire(), wire, "{name}");
            }
        }
    }

    #[test]
    fn every_offset_from_every_phase_unwraps_to_the_nearest() {
        for start in [0_u16, 1, 32767, 32768, 65535] {
            let mut unwrapper = SeqUnwrapper::new();
            let first = unwrapper.extend(start);
            for offset in i16::MIN..=i16::MAX {
                let wire = start.wrapping_add_signed(offset);
                assert_eq!(
                    unwrapper.peek(wire).distance_from(first),
                    i64::from(offset),
                    "{start} then {wire}"
                );
            }
            assert_eq!(
                unwrapper.highest(),
                Some(first),
                "peek must not move the highest"
            );
        }
    }

    #[test]
    fn a_long_stream_counts_every_packet() {
        let mut unwrapper = SeqUnwrapper::new();
        let first = unwrapper.extend(65000);
        let mut last = first;
        for step in 1..=300_000_u64 {
            last = unwrapper.extend((65000 + step) as u16);
        }
        assert_eq!(last.distance_from(first), 300_000);
    }

    #[test]
    fn a_restart_lands_clear_of_the_old_stream() {
        for (last, new) in [
            (100_u16, 100_u16),
            (100, 101),
            (100, 99),
            (100, 32867),
            (100, 32868),
            (65535, 0),
            (0, 65535),
        ] {
            let mut unwrapper = SeqUnwrapper::new();
            let before = unwrapper.extend(last);
            let after = unwrapper.restart(new);
            let gap = after.distance_from(before);
            assert_eq!(after.wire(), new);
            assert!((32768..98304).contains(&gap), "{last} to {new}: {gap}");
            assert_eq!(unwrapper.extend(new.wrapping_add(1)), after.next());
        }
        assert_eq!(
            SeqUnwrapper::new().restart(9),
            SeqUnwrapper::new().extend(9)
        );
    }

    #[test]
    fn distance_and_addition_undo_each_other() {
        let numbers = [0, 1, 65535, 65536, u64::MAX - 1, u64::MAX].map(SeqNo::new);
        for a in numbers {
            for b in numbers {
                assert_eq!(b.wrapping_add(a.distance_from(b)), a, "{a} from {b}");
            }
        }
        assert_eq!(SeqNo::new(3).checked_add(-4), None);
        assert_eq!(SeqNo::new(u64::MAX).checked_add(1), None);
        assert_eq!(SeqNo::new(3).checked_add(-3), Some(SeqNo::new(0)));
        assert_eq!(SeqNo::new(65535).next().wire(), 0);
        assert_eq!(SeqNo::new(65536).previous().wire(), 65535);
    }
}
