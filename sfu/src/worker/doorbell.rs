//! How a sleeping worker is woken: an eventfd, and what was rung for.
//!
//! Whoever puts something into one of a worker's queues rings afterwards. Ringing costs a system call
//! only if the worker is asleep, which under load it never is. No ring is lost: the ringer first says
//! what it is for and then looks whether the worker sleeps; the worker first says that it sleeps and
//! then looks whether anybody rang. All four are sequentially consistent, so one of the two sees the
//! other.

use std::io;
use std::iter;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::event::EventfdFlags;

use crate::id::WorkerId;

/// One worker's doorbell, shared by all who may ring it.
#[derive(Debug)]
pub(super) struct Doorbell {
    rung: AtomicU64,
    asleep: AtomicBool,
    stop: AtomicBool,
    event: OwnedFd,
}

/// Who rang: a set of workers. The worker's own number stands for the control plane, because no
/// worker has a pipe to itself.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Rung(u64);

const _: () = assert!(WorkerId::MAX <= u64::BITS as usize, "a bit for each worker");

impl Doorbell {
    /// A doorbell that nobody has rung.
    ///
    /// # Errors
    /// If there are no file descriptors left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            rung: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            event: rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// Says that `from` has put something into its queue, and wakes the worker if it sleeps.
    pub(super) fn ring(&self, from: WorkerId) {
        self.rung.fetch_or(Rung::of(from).0, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) && self.asleep.swap(false, Ordering::SeqCst) {
            // It can only fail if the count is at its limit, and then the worker wakes anyway.
            let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        }
    }

    /// Tells `worker`, whose doorbell this is, to end.
    pub(super) fn stop(&self, worker: WorkerId) {
        self.stop.store(true, Ordering::SeqCst);
        self.ring(worker);
    }

    /// Whether the worker was told to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Who rang since the last call. For the worker alone.
    pub(super) fn take(&self) -> Rung {
        if self.rung.load(Ordering::Relaxed) == 0 {
            return Rung::default();
        }
        Rung(self.rung.swap(0, Ordering::SeqCst))
    }

    /// Says that the worker is about to sleep until [`Self::as_fd`] is readable. `false`: somebody
    /// has rung, it must not. For the worker alone.
    pub(super) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let nobody_rang = self.rung.load(Ordering::SeqCst) == 0;
        if !nobody_rang {
            self.asleep.store(false, Ordering::Relaxed);
        }
        nobody_rang
    }

    /// Says that the worker is awake, and if it was `rung` awake silences the bell. For the worker
    /// alone.
    pub(super) fn wake_up(&self, rung: bool) {
        self.asleep.store(false, Ordering::Relaxed);
        if rung {
            // Nothing to read is fine: whoever rang had not come to writing yet.
            let _ = rustix::io::read(&self.event, &mut [0; 8]);
        }
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl Rung {
    fn of(worker: WorkerId) -> Self {
        Self(1 << worker.index())
    }

    /// Whether nobody did.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `worker` did.
    pub(super) fn contains(self, worker: WorkerId) -> bool {
        self.0 & Self::of(worker).0 != 0
    }

    /// Who did, in the order of their numbers.
    pub(super) fn workers(self) -> impl Iterator<Item = WorkerId> {
        let mut left = self.0;
        iter::from_fn(move || {
            let worker = WorkerId::new(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(worker)
        })
    }

    /// Adds `worker`.
    pub(super) fn insert(&mut self, worker: WorkerId) {
        self.0 |= Self::of(worker).0;
    }

    /// Everybody who is in either.
    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn worker(index: usize) -> WorkerId {
        WorkerId::new(index).expect("an index of the test")
    }

    fn is_audible(bell: &Doorbell) -> bool {
        let mut fds = [PollFd::new(bell, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default())).expect("poll") == 1
    }

    #[test]
    fn whoever_rings_a_sleeper_wakes_it_and_is_told_apart() {
        let bell = Doorbell::new().expect("an eventfd");
        assert!(bell.fall_asleep());
        bell.ring(worker(3));
        bell.ring(worker(63));
        assert!(is_audible(&bell));
        bell.wake_up(true);
        assert!(!is_audible(&bell));
        let rung = bell.take();
        assert_eq!(rung.workers().collect::<Vec<_>>(), [worker(3), worker(63)]);
        assert!(rung.contains(worker(3)) && !rung.contains(worker(4)));
        assert!(bell.take().is_empty(), "each ring is taken once");
    }

    #[test]
    fn ringing_one_who_is_awake_costs_no_system_call_and_keeps_it_from_sleeping() {
        let bell = Doorbell::new().expect("an eventfd");
        bell.ring(worker(0));
        assert!(!is_audible(&bell));
        assert!(!bell.fall_asleep());
        assert!(bell.take().contains(worker(0)));
        assert!(bell.fall_asleep());
    }

    #[test]
    fn no_ring_is_lost_between_falling_asleep_and_sleeping() {
        const RINGS: u64 = 20_000;
        let bell = Arc::new(Doorbell::new().expect("an eventfd"));
        let rung = Arc::new(AtomicU64::new(0));
        let ringer = thread::spawn({
            let (bell, rung) = (bell.clone(), rung.clone());
            move || {
                for count in 1..=RINGS {
                    rung.store(count, Ordering::Release);
                    bell.ring(worker(1));
                }
            }
        });
        let patience = Timespec {
            tv_sec: 10,
            tv_nsec: 0,
        };
        while rung.load(Ordering::Acquire) < RINGS {
            let mut audible = false;
            if bell.fall_asleep() {
                let mut fds = [PollFd::new(&*bell, PollFlags::IN)];
                audible = poll(&mut fds, Some(&patience)).expect("poll") == 1;
                let seen = rung.load(Ordering::Acquire);
                assert!(audible, "slept through a ring, {seen} of {RINGS} were rung");
            }
            bell.wake_up(audible);
            bell.take();
        }
        ringer.join().expect("the ringer");
    }
}
