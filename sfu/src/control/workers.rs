//! The workers as the control plane sees them: where their commands go, how many peers each serves,
//! and which of them have failed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::engine::command::Command;
use crate::id::WorkerId;

/// Where one worker's commands go: in order, without waiting.
pub(super) trait CommandSink: Send + Sync {
    /// Hands a command over, or says that it is lost.
    fn send(&self, command: Command) -> Result<(), Undelivered>;

    /// Whether the worker has so many commands before it that it should not get more work.
    fn is_busy(&self) -> bool;
}

/// Why a command could not be handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Undelivered {
    /// The worker is too far behind.
    Full,
    /// The worker is not there any more.
    Ended,
}

/// All workers of the node.
pub(super) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    sink: Box<dyn CommandSink>,
    peers: AtomicUsize,
    /// Commands are facts: a worker that missed one has another idea of the world than we have, and
    /// gets no more of them.
    failed: AtomicBool,
}

impl Workers {
    /// These, in the order of their ids.
    pub(super) fn new(sinks: impl IntoIterator<Item = Box<dyn CommandSink>>) -> Self {
        let worker = |sink| Worker {
            sink,
            peers: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        Self {
            workers: sinks.into_iter().map(worker).collect(),
        }
    }

    /// Hands a command over. One that cannot be delivered makes the worker a failed one.
    pub(super) fn send(&self, id: WorkerId, command: Command) {
        let Some(worker) = self.workers.get(id.index()) else {
            return;
        };
        if worker.failed.load(Ordering::Relaxed) {
            return;
        }
        // Messages are the one thing that may be lost, so they are, before anything else has to be.
        if matches!(command, Command::SendData { .. }) && worker.sink.is_busy() {
            return;
        }
        if let Err(undelivered) = worker.sink.send(command) {
            tracing::error!(worker = %id, ?undelivered, "a worker takes no more commands and is given up");
            worker.failed.store(true, Ordering::Relaxed);
        }
    }

    /// The worker takes no more commands.
    pub(super) fn give_up(&self, id: WorkerId) {
        if let Some(worker) = self.workers.get(id.index()) {
            worker.failed.store(true, Ordering::Relaxed);
        }
    }

    /// One more peer, from before its `AddPeer`.
    pub(super) fn count_peer(&self, id: WorkerId) {
        if let Some(worker) = self.workers.get(id.index()) {
            worker.peers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One peer less, from its `PeerClosed`.
    pub(super) fn uncount_peer(&self, id: WorkerId) {
        if let Some(worker) = self.workers.get(id.index()) {
            worker.peers.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether the worker can take a new peer.
    pub(super) fn takes_peers(&self, id: WorkerId) -> bool {
        let worker = self.workers.get(id.index());
        worker.is_some_and(|worker| !worker.failed.load(Ordering::Relaxed))
    }

    /// Whether all keep up. While one does not, participants must not make more work: what one of
    /// them does can concern everybody in its room, wherever they are served, and a mailbox that
    /// overflows costs the worker. What ends work is always done.
    pub(super) fn keep_up(&self) -> bool {
        !self.workers.iter().any(|worker| worker.sink.is_busy())
    }

    /// How many peers each worker serves; for placement, so that a failed one seems full.
    pub(super) fn load(&self) -> Vec<usize> {
        let load = |worker: &Worker| match worker.failed.load(Ordering::Relaxed) {
            true => usize::MAX,
            false => worker.peers.load(Ordering::Relaxed),
        };
        self.workers.iter().map(load).collect()
    }

    /// How many peers each worker serves.
    pub(super) fn peers(&self) -> Vec<usize> {
        self.workers
            .iter()
            .map(|worker| worker.peers.load(Ordering::Relaxed))
            .collect()
    }

    /// The workers that have failed.
    pub(super) fn failed(&self) -> Vec<WorkerId> {
        let failed = |(index, worker): (usize, &Worker)| {
            let id = WorkerId::new(index)?;
            worker.failed.load(Ordering::Relaxed).then_some(id)
        };
        self.workers.iter().enumerate().filter_map(failed).collect()
    }
}
