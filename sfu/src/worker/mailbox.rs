//! Commands from the control plane to a worker.
//!
//! A bounded queue that never makes the sender wait. It is full only if the worker has fallen behind
//! by more commands than any room change makes, so the bound is there to be noticed, not to be met:
//! the sender gets its command back and must treat the worker as overloaded, because commands are
//! facts and leaving one out would leave the two sides with different ideas.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use thiserror::Error;

use super::doorbell::Doorbell;
use crate::engine::command::Command;
use crate::id::WorkerId;

/// Where to put a worker's commands. Cheap to clone, and for any thread.
#[derive(Clone)]
pub struct Mailbox {
    worker: WorkerId,
    commands: mpsc::Sender<Command>,
    depth: Arc<AtomicUsize>,
    doorbell: Arc<Doorbell>,
}

/// Why a command was not taken; it comes back.
#[derive(Debug, Error)]
pub enum MailboxError {
    /// The worker has fallen behind by [`MAILBOX_COMMANDS`] commands.
    #[error("the worker has fallen too far behind to take a command")]
    Full(Command),
    /// The worker has ended.
    #[error("the worker has ended")]
    Ended(Command),
}

/// The most commands that wait for a worker. The largest burst is a new arrangement of a large room:
/// a command for each slot of a thousand viewers is 25,000. What memory there is grows with use.
pub const MAILBOX_COMMANDS: usize = 65_536;

impl Mailbox {
    /// Puts a command behind those that were put before it. Never waits.
    ///
    /// # Errors
    /// If the mailbox is full or the worker has ended.
    pub fn send(&self, command: Command) -> Result<(), MailboxError> {
        if self.depth.fetch_add(1, Ordering::Relaxed) >= MAILBOX_COMMANDS {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            return Err(MailboxError::Full(command));
        }
        match self.commands.send(command) {
            Ok(()) => {
                self.doorbell.ring(self.worker);
                Ok(())
            }
            Err(mpsc::SendError(command)) => Err(MailboxError::Ended(command)),
        }
    }

    /// How many commands wait for the worker, 0 to [`MAILBOX_COMMANDS`].
    pub fn waiting(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// The worker at the other end.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("worker", &self.worker)
            .field("depth", &self.depth.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// The worker's end of its mailbox.
#[derive(Debug)]
pub(super) struct Inbox {
    commands: mpsc::Receiver<Command>,
    depth: Arc<AtomicUsize>,
}

impl Inbox {
    /// The oldest command, if there is one.
    pub(super) fn take(&mut self) -> Option<Command> {
        let command = self.commands.try_recv().ok()?;
        self.depth.fetch_sub(1, Ordering::Relaxed);
        Some(command)
    }

    /// How many there are.
    pub(super) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }
}

/// The two ends of a worker's mailbox. Whoever puts something in rings `doorbell` as `worker`.
pub(super) fn mailbox(worker: WorkerId, doorbell: Arc<Doorbell>) -> (Mailbox, Inbox) {
    let (sender, receiver) = mpsc::channel();
    let depth = Arc::new(AtomicUsize::new(0));
    let inbox = Inbox {
        commands: receiver,
        depth: depth.clone(),
    };
    (
        Mailbox {
            worker,
            commands: sender,
            depth,
            doorbell,
        },
        inbox,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PeerId;

    fn ends() -> (Mailbox, Inbox, Arc<Doorbell>) {
        let worker = WorkerId::new(5).expect("an index of the test");
        let doorbell = Arc::new(Doorbell::new().expect("an eventfd"));
        let (mailbox, inbox) = mailbox(worker, doorbell.clone());
        (mailbox, inbox, doorbell)
    }

    fn close(number: u64) -> Command {
        Command::ClosePeer {
            peer: PeerId::new(number),
        }
    }

    fn number(command: &Command) -> u64 {
        match command {
            Command::ClosePeer { peer } => peer.get(),
            other => panic!("not a command of the test: {other:?}"),
        }
    }

    #[test]
    fn commands_arrive_in_order_and_the_worker_is_rung() {
        let (mailbox, mut inbox, doorbell) = ends();
        for number in 0..3 {
            mailbox
                .clone()
                .send(close(number))
                .expect("room in the mailbox");
        }
        assert!(doorbell.take().contains(mailbox.worker()));
        assert_eq!(inbox.depth(), 3);
        let taken: Vec<_> = std::iter::from_fn(|| inbox.take())
            .map(|c| number(&c))
            .collect();
        assert_eq!(taken, [0, 1, 2]);
        assert_eq!(inbox.depth(), 0);
    }

    #[test]
    fn a_full_mailbox_gives_the_command_back_and_takes_again_once_there_is_room() {
        let (mailbox, mut inbox, _) = ends();
        for number in 0..MAILBOX_COMMANDS as u64 {
            mailbox.send(close(number)).expect("room in the mailbox");
        }
        match mailbox.send(close(777)) {
            Err(MailboxError::Full(command)) => assert_eq!(number(&command), 777),
            other => panic!("expected it to be full, got {other:?}"),
        }
        assert_eq!(
            inbox.depth(),
            MAILBOX_COMMANDS,
            "what was refused does not count"
        );
        inbox.take().expect("a command");
        mailbox.send(close(777)).expect("room for one again");
        assert!(matches!(
            mailbox.send(close(778)),
            Err(MailboxError::Full(_))
        ));
    }

    #[test]
    fn a_worker_that_has_ended_gives_the_command_back() {
        let (mailbox, inbox, _) = ends();
        drop(inbox);
        match mailbox.send(close(9)) {
            Err(MailboxError::Ended(command)) => assert_eq!(number(&command), 9),
            other => panic!("expected it to have ended, got {other:?}"),
        }
    }
}
