//! One clock for everything that is compared: `CLOCK_MONOTONIC` of this machine, in nanoseconds.
//!
//! Publishers write a [`Stamp`] into what they send, viewers subtract it from when the packet reached
//! their socket. Both may be different processes of one machine. When a packet reached a socket the
//! kernel says, in `CLOCK_REALTIME`; [`KernelClock`] translates, so that a step of the wall clock during
//! a test costs at most the packets of one loop turn.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// A moment of `CLOCK_MONOTONIC`, in nanoseconds since the machine started.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The moment that a payload names.
    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// What a payload says.
    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// Nanoseconds since then; `None` if it is later than this.
    pub(crate) const fn nanos_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

/// Translates `Instant`s, which are the same clock but do not show their number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    anchor: Instant,
    nanos: u64,
}

impl Clock {
    /// Reads both once; they are some 50 ns apart, and stay so.
    pub(crate) fn new() -> Self {
        Self {
            anchor: Instant::now(),
            nanos: read(ClockId::CLOCK_MONOTONIC),
        }
    }

    /// This moment.
    pub(crate) fn now(&self) -> Stamp {
        self.stamp(Instant::now())
    }

    /// This moment on the wall clock, as RTCP has it: 32 bits of seconds since 1900, 32 of fraction
    /// (RFC 3550 §4).
    pub(crate) fn ntp(&self) -> u64 {
        let nanos = read(ClockId::CLOCK_REALTIME);
        let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        ((seconds + SECONDS_FROM_1900_TO_1970) << 32) | ((rest << 32) / 1_000_000_000)
    }

    /// That moment.
    pub(crate) fn stamp(&self, at: Instant) -> Stamp {
        let since = at.saturating_duration_since(self.anchor).as_nanos() as u64;
        let before = self.anchor.saturating_duration_since(at).as_nanos() as u64;
        Stamp(self.nanos.saturating_add(since).saturating_sub(before))
    }
}

/// Translates the timestamps that the kernel gives received datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KernelClock {
    /// `CLOCK_REALTIME` less `CLOCK_MONOTONIC`, in nanoseconds.
    ahead: u64,
}

impl KernelClock {
    /// Compares the clocks. To be done anew every loop turn: both are read without a system call.
    pub(crate) fn read() -> Self {
        let before = read(ClockId::CLOCK_MONOTONIC);
        let realtime = read(ClockId::CLOCK_REALTIME);
        let after = read(ClockId::CLOCK_MONOTONIC);
        let monotonic = before + (after - before) / 2;
        Self {
            ahead: realtime.saturating_sub(monotonic),
        }
    }

    /// When it arrived.
    pub(crate) fn stamp(&self, kernel: Duration) -> Stamp {
        Stamp((kernel.as_nanos() as u64).saturating_sub(self.ahead))
    }
}

/// The CPU time that the calling thread has used, in nanoseconds.
pub(crate) fn thread_cpu_nanos() -> u64 {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// 70 years, 17 of them leap years.
const SECONDS_FROM_1900_TO_1970: u64 = (70 * 365 + 17) * 24 * 3_600;

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("Linux has this clock");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_as_far_apart_as_the_instants() {
        let clock = Clock::new();
        let start = Instant::now();
        for apart in [0, 1, 1_000, 3_600_000_000_000] {
            let later = start + Duration::from_nanos(apart);
            let measured = clock.stamp(later).nanos_since(clock.stamp(start));
            assert_eq!(measured, Some(apart));
            if apart > 0 {
                let backwards = clock.stamp(start).nanos_since(clock.stamp(later));
                assert_eq!(backwards, None, "{apart} ns before");
            }
        }
    }

    #[test]
    fn kernel_time_lies_between_the_stamps_around_it() {
        let clock = Clock::new();
        let kernel = KernelClock::read();
        let before = clock.now();
        let realtime = Duration::from_nanos(read(ClockId::CLOCK_REALTIME));
        let after = clock.now();
        let stamp = kernel.stamp(realtime);
        // The two clocks are compared by reading one after the other, and the host may pause in between.
        let slack = 50_000_000;
        assert!(
            stamp.nanos() + slack >= before.nanos() && stamp.nanos() <= after.nanos() + slack,
            "{stamp:?} is not between {before:?} and {after:?}"
        );
    }

    #[test]
    fn working_costs_cpu_time_of_the_thread() {
        let before = thread_cpu_nanos();
        let mut sum = 0_u64;
        while thread_cpu_nanos() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(thread_cpu_nanos() > before);
    }
}
