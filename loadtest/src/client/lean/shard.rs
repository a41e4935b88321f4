//! A thread with many lean clients: waits for all their sockets and deadlines at once.

mod member;
mod run;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::{mpsc, oneshot};

use super::peer::PeerSetup;
use crate::client::{ClientFailure, ClientSummary, ReadyWhen, SharedTally};
use crate::clock::Clock;

slotmap::new_key_type! {
    /// One client of a shard.
    pub(crate) struct PeerKey;
}

/// A client to take in.
pub(crate) struct Admission {
    /// Its socket, whose port the offer may have named.
    pub(crate) socket: UdpSocket,
    /// Where the server is.
    pub(crate) remote: SocketAddr,
    /// What offer and answer have settled.
    pub(crate) setup: PeerSetup,
    /// When its signaling began.
    pub(crate) began: Instant,
    /// When it counts as having arrived.
    pub(crate) ready_when: ReadyWhen,
}

/// The thread; it ends when this is dropped.
pub(crate) struct Shard {
    handle: ShardHandle,
    thread: Option<JoinHandle<()>>,
}

/// Talks to a shard.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    commands: mpsc::Sender<Command>,
    doorbell: Arc<EventFd>,
    tally: SharedTally,
}

/// What a shard is told.
enum Command {
    Admit(
        Box<Admission>,
        oneshot::Sender<PeerKey>,
        oneshot::Sender<Result<(), ClientFailure>>,
    ),
    Dismiss(PeerKey, oneshot::Sender<ClientSummary>),
    StopPublishing(oneshot::Sender<()>),
    End,
}

impl Shard {
    /// Starts the thread. With `coalesce`, its clients receive runs of datagrams as the kernel got them.
    ///
    /// # Errors
    /// If the machine has no descriptors or threads left.
    pub(crate) fn start(number: usize, clock: Clock, coalesce: bool) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel(MAILBOX);
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        let doorbell = Arc::new(EventFd::from_value_and_flags(0, flags)?);
        let tally = SharedTally::default();
        let looping = run::Loop::new(clock, coalesce, inbox, doorbell.clone(), tally.clone())?;
        let thread = std::thread::Builder::new()
            .name(format!("clients-{number}"))
            .spawn(move || looping.run())?;
        Ok(Self {
            handle: ShardHandle {
                commands,
                doorbell,
                tally,
            },
            thread: Some(thread),
        })
    }

    /// Talks to it.
    pub(crate) fn handle(&self) -> ShardHandle {
        self.handle.clone()
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        // The loop also ends when its mailbox is closed, should it be full now.
        let _ = self.handle.commands.try_send(Command::End);
        let _ = self.handle.doorbell.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl ShardHandle {
    /// Takes in a client. Says which it is, and later, when it has arrived or failed.
    ///
    /// # Errors
    /// If the thread is gone.
    pub(crate) async fn admit(
        &self,
        admission: Admission,
    ) -> Result<(PeerKey, oneshot::Receiver<Result<(), ClientFailure>>), ClientFailure> {
        let (key, told_key) = oneshot::channel();
        let (ready, told_ready) = oneshot::channel();
        self.send(Command::Admit(Box::new(admission), key, ready))
            .await?;
        let key = told_key.await.map_err(|_| gone())?;
        Ok((key, told_ready))
    }

    /// Ends a client. `None` if it, or the thread, is gone.
    pub(crate) async fn dismiss(&self, peer: PeerKey) -> Option<ClientSummary> {
        let (summary, told) = oneshot::channel();
        self.send(Command::Dismiss(peer, summary)).await.ok()?;
        told.await.ok()
    }

    /// Stops all publishers; nothing is sent any more when this returns.
    pub(crate) async fn stop_publishing(&self) {
        let (stopped, told) = oneshot::channel();
        if self.send(Command::StopPublishing(stopped)).await.is_ok() {
            let _ = told.await;
        }
    }

    /// What its clients count.
    pub(crate) const fn tally(&self) -> &SharedTally {
        &self.tally
    }

    async fn send(&self, command: Command) -> Result<(), ClientFailure> {
        self.commands.send(command).await.map_err(|_| gone())?;
        // It counts, and the thread wakes if the count is not zero.
        let _ = self.doorbell.write(1);
        Ok(())
    }
}

fn gone() -> ClientFailure {
    ClientFailure::new("the thread of the client is gone")
}

/// Commands that wait; who has more to say waits.
const MAILBOX: usize = 256;
