//! Sleeping until there is something to do.

use std::time::Duration;

use arrayvec::ArrayVec;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::doorbell::Doorbell;
use super::socket::{MAX_ADDRESSES, MediaSocket};

/// Which sockets of a set may have something to receive: a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Readable(u32);

impl Readable {
    /// None of them.
    pub(super) const NONE: Self = Self(0);

    /// Any of them, for all that is known.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);

    /// Whether it is worth asking the socket at this position.
    pub(super) fn contains(self, position: usize) -> bool {
        self.0 & (1 << position) != 0
    }
}

/// Sleeps until a socket has something to receive, somebody rings, or `timeout` has passed; with no
/// timeout, for as long as it takes. Tells which sockets are to be read.
pub(super) fn wait(
    doorbell: &Doorbell,
    sockets: &[MediaSocket],
    timeout: Option<Duration>,
) -> Readable {
    if !doorbell.fall_asleep() {
        return Readable::UNKNOWN;
    }
    let mut fds: ArrayVec<PollFd<'_>, { MAX_ADDRESSES + 1 }> = ArrayVec::new();
    fds.push(PollFd::new(doorbell, PollFlags::IN));
    fds.extend(
        sockets
            .iter()
            .take(MAX_ADDRESSES)
            .map(|socket| PollFd::new(socket, PollFlags::IN)),
    );
    // Longer than a timespec can hold is as good as for ever.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    let woken = poll(&mut fds, timeout.as_ref());
    let mut readable = Readable::NONE;
    let mut rung = false;
    match woken {
        Ok(_) => {
            let (bell, sockets) = fds.split_at(1);
            rung = bell.iter().any(|fd| !fd.revents().is_empty());
            // An error on a socket is learnt, and so cleared, by receiving.
            for (position, fd) in sockets.iter().enumerate() {
                readable.0 |= u32::from(!fd.revents().is_empty()) << position;
            }
        }
        // A signal, or no memory for the call: look at everything.
        Err(_) => readable = Readable::UNKNOWN,
    }
    doorbell.wake_up(rung);
    readable
}
