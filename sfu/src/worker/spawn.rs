//! Starting the workers of a node, and the handles by which they are known afterwards.
//!
//! Worker number `n` listens on port `first + n`. All sockets are opened before the first thread
//! starts, so that a port that is taken ends the start and leaves nothing behind. A thread that
//! panics says so in the log and to the control plane.

use std::any::Any;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sfu_rtp::NtpTime;
use thiserror::Error;
use tokio::sync::mpsc;

use super::doorbell::Doorbell;
use super::mailbox::{Mailbox, MailboxError, mailbox};
use super::pipe::Pipes;
use super::report::{EndCause, Outbox, REPORTS, Report};
use super::socket::{BindError, SocketOptions, SocketSet};
use super::statistics::{Board, BoardReader, WorkerSnapshot};
use super::turn::{Links, Worker};
use crate::engine::command::Command;
use crate::engine::{Engine, EngineConfig, WallClock};
use crate::id::WorkerId;
use crate::transport::dtls::Identity;

/// What the workers of a node are started with.
#[derive(Clone)]
pub struct SpawnConfig {
    /// How many, 1 to [`WorkerId::MAX`].
    pub workers: usize,
    /// The addresses to listen on, at most [`MAX_ADDRESSES`](super::socket::MAX_ADDRESSES); none
    /// means all.
    pub listen: Vec<IpAddr>,
    /// The UDP port of the first worker; the others have the ports after it. 0: the kernel chooses
    /// each.
    pub first_port: u16,
    /// What to ask of the kernel for each socket.
    pub socket: SocketOptions,
    /// The node's certificate.
    pub identity: Arc<Identity>,
    /// Seeds everything random in the engines, each in its own way.
    pub seed: u64,
}

/// The running workers.
#[derive(Debug)]
pub struct Workers {
    /// In the order of their numbers.
    pub handles: Vec<WorkerHandle>,
    /// What they tell. Ends when all of them have ended.
    pub reports: mpsc::Receiver<Report>,
}

/// Why the workers could not be started. None is running then.
#[derive(Debug, Error)]
pub enum StartError {
    /// There may not be as many, or there must be one.
    #[error("{0} workers are not between 1 and {max}", max = WorkerId::MAX)]
    WorkerCount(usize),
    /// The ports would end before the workers do.
    #[error("there are not {workers} UDP ports from {first_port} on")]
    TooFewPorts {
        /// The port of the first worker.
        first_port: u16,
        /// How many workers there are to be.
        workers: usize,
    },
    /// A socket could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// There are no more file descriptors or threads to be had.
    #[error("cannot start a worker's thread")]
    Resources(#[from] io::Error),
}

/// Starts them.
///
/// # Errors
/// If a port is taken, an address is not ours, or the machine has no more threads or descriptors.
pub fn spawn_workers(config: &SpawnConfig) -> Result<Workers, StartError> {
    let ids: Vec<WorkerId> = (0..config.workers).filter_map(WorkerId::new).collect();
    if ids.is_empty() || ids.len() != config.workers {
        return Err(StartError::WorkerCount(config.workers));
    }
    let sockets = open_sockets(config)?;
    let doorbells = ids
        .iter()
        .map(|_| Doorbell::new().map(Arc::new))
        .collect::<io::Result<Vec<_>>>()?;
    // Besides the events there is one place for the end of each, which must never find it full.
    let (sender, reports) = mpsc::channel(REPORTS + ids.len());
    let pipes = Pipes::mesh(&doorbells);
    let clock = read_clocks();
    let mut handles = Vec::with_capacity(ids.len());
    for (((id, sockets), doorbell), pipes) in ids.into_iter().zip(sockets).zip(doorbells).zip(pipes)
    {
        let own = Own {
            id,
            sockets,
            doorbell,
            pipes,
        };
        // Those that were started end when their handles are dropped.
        handles.push(WorkerHandle::start(config, clock, own, &sender)?);
    }
    Ok(Workers { handles, reports })
}

/// One reading for all workers, so that what they report of time agrees.
fn read_clocks() -> WallClock {
    // A host whose clock is before 1970 has none; receivers only compare our reports with each other.
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallClock::new(Instant::now(), NtpTime::from_unix(since_1970))
}

fn open_sockets(config: &SpawnConfig) -> Result<Vec<SocketSet>, StartError> {
    let too_few = StartError::TooFewPorts {
        first_port: config.first_port,
        workers: config.workers,
    };
    if config.first_port != 0 && usize::from(u16::MAX - config.first_port) < config.workers - 1 {
        return Err(too_few);
    }
    let sets = (0..config.workers as u16).map(|index| {
        let port = match config.first_port {
            0 => 0,
            first => first + index,
        };
        SocketSet::bind(&config.listen, port, config.socket)
    });
    let sets = sets.collect::<Result<Vec<_>, _>>()?;
    for set in &sets {
        for socket in set.as_slice() {
            tracing::debug!(address = %socket.local_address(), buffers = ?socket.buffers(), "listening (UDP)");
        }
    }
    warn_of_small_buffers(&sets, config.socket);
    Ok(sets)
}

fn warn_of_small_buffers(sets: &[SocketSet], wanted: SocketOptions) {
    let socket = sets.iter().flat_map(SocketSet::as_slice).next();
    let Some(granted) = socket.map(super::socket::MediaSocket::buffers) else {
        return;
    };
    let wanted = wanted.buffers;
    if granted.receive < wanted.receive || granted.send < wanted.send {
        tracing::warn!(
            granted_bytes = granted.receive.min(granted.send),
            "socket buffers are small, bursts may be lost: raise net.core.rmem_max to {} and \
             net.core.wmem_max to {}",
            wanted.receive / 2,
            wanted.send / 2,
        );
    }
}

/// A running worker. Dropping the handle ends it.
#[derive(Debug)]
pub struct WorkerHandle {
    id: WorkerId,
    addresses: Vec<SocketAddr>,
    mailbox: Mailbox,
    doorbell: Arc<Doorbell>,
    board: BoardReader,
    thread: Option<JoinHandle<()>>,
}

/// What is one worker's own from before its thread starts.
struct Own {
    id: WorkerId,
    sockets: SocketSet,
    doorbell: Arc<Doorbell>,
    pipes: Pipes,
}

impl WorkerHandle {
    fn start(
        config: &SpawnConfig,
        clock: WallClock,
        own: Own,
        reports: &mpsc::Sender<Report>,
    ) -> Result<Self, StartError> {
        let Own {
            id,
            sockets,
            doorbell,
            pipes,
        } = own;
        let (mailbox, inbox) = mailbox(id, doorbell.clone());
        let board = BoardReader::default();
        let engine = EngineConfig {
            worker: id,
            workers: config.workers,
            identity: config.identity.clone(),
            clock,
            seed: config.seed.wrapping_add(id.index() as u64),
        };
        let addresses = sockets
            .as_slice()
            .iter()
            .map(|socket| socket.local_address())
            .collect();
        let links = Links {
            sockets,
            doorbell: doorbell.clone(),
            inbox,
            pipes,
            outbox: Outbox::new(id, reports.clone()),
            board: Board::new(&board),
        };
        let last_word = reports.clone().try_reserve_owned();
        let last_word = last_word.expect("the queue is new and has a place for each worker");
        let thread = thread::Builder::new()
            .name(format!("worker-{id}"))
            .spawn(move || {
                let cause = run_to_the_end(id, engine, links);
                last_word.send(Report::Ended { worker: id, cause });
            })?;
        Ok(Self {
            id,
            addresses,
            mailbox,
            doorbell,
            board,
            thread: Some(thread),
        })
    }

    /// Which worker it is.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Its UDP port, on all of its addresses.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Where it listens. `[::]` stands for IPv4 too.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where others may put its commands.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Puts a command into its mailbox. Never waits.
    ///
    /// # Errors
    /// If the mailbox is full or the worker has ended.
    pub fn send(&self, command: Command) -> Result<(), MailboxError> {
        self.mailbox.send(command)
    }

    /// How it was doing a quarter of a second ago, or when it last did something.
    pub fn snapshot(&self) -> WorkerSnapshot {
        self.board.read()
    }

    /// Tells it to end, once it has carried out the commands before, and does not wait for it.
    pub fn stop(&self) {
        self.doorbell.stop(self.id);
    }

    /// Ends it, waits until its thread is gone, which takes a turn, and gives its last snapshot.
    pub fn shutdown(self) -> WorkerSnapshot {
        let board = self.board.clone();
        drop(self);
        board.read()
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic was told of already.
            let _ = thread.join();
        }
    }
}

/// Runs a worker on this thread.
fn run_to_the_end(id: WorkerId, engine: EngineConfig, links: Links) -> EndCause {
    let _span = tracing::error_span!("worker", %id).entered();
    guarded(|| Worker::new(id, Engine::new(engine), links).run())
}

/// Runs `run`, which looks at nothing of it after a panic: a worker that panics is dropped as it is.
fn guarded(run: impl FnOnce()) -> EndCause {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => {
            tracing::debug!("ended");
            EndCause::Requested
        }
        Err(panic) => {
            let message = message_of(panic.as_ref());
            tracing::error!(message, "a worker panicked, and all of its peers are lost");
            EndCause::Panicked(message.to_owned())
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    let formatted = || panic.downcast_ref::<String>().map(String::as_str);
    literal.or_else(formatted).unwrap_or("without a message")
}

#[cfg(test)]
mod tests;
