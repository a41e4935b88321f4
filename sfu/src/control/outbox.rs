//! The queue of notifications to one session. It is bounded, and the last notification always fits:
//! whoever does not read learns at least why it was closed.

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};

use crate::room::{LeaveReason, Notification};

/// The room's end of the queue.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: Sender<Notification>,
    /// The place that is kept for [`Notification::Closed`].
    last: OwnedPermit<Notification>,
}

/// The session has not read what it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Full;

impl Outbox {
    /// A queue for this many notifications, and one more.
    pub(super) fn new(capacity: usize) -> (Self, Receiver<Notification>) {
        let (sender, receiver) = mpsc::channel(capacity + 1);
        let permit = sender.clone().try_reserve_owned();
        let last = permit.expect("a queue for at least one, whose receiver is here, has a place");
        (Self { sender, last }, receiver)
    }

    /// Queues a notification. One that nobody will read, because the receiver was dropped, is dropped
    /// too: whoever is only there to publish need not listen.
    pub(super) fn push(&self, notification: Notification) -> Result<(), Full> {
        match self.sender.try_send(notification) {
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Queues the last notification.
    pub(super) fn close(self, reason: LeaveReason) {
        self.last.send(Notification::Closed { reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TrackId;

    fn started(number: u64) -> Notification {
        Notification::TrackStarted {
            track: TrackId::new(number),
        }
    }

    #[test]
    fn a_full_queue_refuses_but_still_tells_why_it_ends() {
        let (outbox, mut receiver) = Outbox::new(2);
        assert_eq!(outbox.push(started(1)), Ok(()));
        assert_eq!(outbox.push(started(2)), Ok(()));
        assert_eq!(outbox.push(started(3)), Err(Full));
        outbox.close(LeaveReason::SlowConsumer);
        let read: Vec<_> = std::iter::from_fn(|| receiver.blocking_recv()).collect();
        let closed = Notification::Closed {
            reason: LeaveReason::SlowConsumer,
        };
        assert_eq!(read, [started(1), started(2), closed]);
    }

    #[test]
    fn without_a_reader_nothing_is_kept_and_nothing_is_full() {
        let (outbox, receiver) = Outbox::new(1);
        drop(receiver);
        for number in 0..5 {
            assert_eq!(outbox.push(started(number)), Ok(()));
        }
        outbox.close(LeaveReason::Left);
    }
}
