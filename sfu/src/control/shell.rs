//! What runs underneath a node: its workers, and the thread that takes their reports.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::time::MissedTickBehavior;

use super::negotiation::LocalNode;
use super::node::{Node, NodeConfig};
use super::workers::{CommandSink, Undelivered, Workers};
use super::{SfuConfig, StartError};
use crate::sdp::{Candidate, CodecPolicy};
use crate::transport::dtls::Identity;
use crate::worker::socket::SocketOptions;
use crate::worker::{
    Mailbox, MailboxError, Report, SpawnConfig, WorkerHandle, WorkerSnapshot, candidate_addresses,
    spawn_workers,
};

/// The threads of a node. Dropping it ends them, and waits until they have ended.
pub(super) struct Shell {
    workers: Vec<WorkerHandle>,
    reporter: Option<JoinHandle<()>>,
}

impl Shell {
    /// Starts everything.
    pub(super) fn start(config: SfuConfig) -> Result<(Arc<Node>, Self), StartError> {
        let identity = Arc::new(Identity::generate()?);
        let spawned = spawn_workers(&SpawnConfig {
            workers: config.workers,
            listen: config.listen,
            first_port: config.udp_port,
            socket: SocketOptions::default(),
            identity: identity.clone(),
            seed: rand::random(),
        })?;
        let local = LocalNode {
            fingerprint: identity.fingerprint(),
            candidates: candidates(&spawned.handles, &config.announce)?,
            codecs: CodecPolicy::default(),
        };
        let mailboxes = spawned
            .handles
            .iter()
            .map(|handle| handle.mailbox().clone());
        let sinks = mailboxes.map(|mailbox| Box::new(mailbox) as Box<dyn CommandSink>);
        let node_config = NodeConfig {
            max_rooms: config.max_rooms,
            max_participants: config.max_participants,
            room_limits: config.room_limits,
            gathered: config.spread_above,
            resume_grace: config.resume_grace,
            outbox_capacity: OUTBOX_NOTIFICATIONS,
        };
        let node = Arc::new(Node::new(node_config, local, Workers::new(sinks)));
        let reporter = start_reporter(node.clone(), spawned.reports)?;
        Ok((
            node,
            Self {
                workers: spawned.handles,
                reporter: Some(reporter),
            },
        ))
    }

    /// How the workers are doing, in the order of their ids.
    pub(super) fn snapshots(&self) -> Vec<WorkerSnapshot> {
        self.workers.iter().map(WorkerHandle::snapshot).collect()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // All at once, then one after the other: a handle waits for its thread when it is dropped.
        self.workers.iter().for_each(WorkerHandle::stop);
        self.workers.clear();
        if let Some(reporter) = self.reporter.take() {
            // The reports end with the last worker. Why it panicked is in the log.
            let _ = reporter.join();
        }
    }
}

/// Where each worker is reached.
fn candidates(
    workers: &[WorkerHandle],
    announce: &[std::net::IpAddr],
) -> Result<Vec<Vec<Candidate>>, StartError> {
    let candidates = workers.iter().map(|worker| {
        let addresses = candidate_addresses(worker.local_addresses(), announce)
            .map_err(StartError::Interfaces)?;
        if addresses.is_empty() {
            return Err(StartError::NoAddress);
        }
        let host = |ip: std::net::IpAddr| Candidate::host((ip, worker.port()).into());
        Ok(addresses.into_iter().map(host).collect())
    });
    candidates.collect()
}

/// A thread of its own, so that a busy HTTP server does not make participants wait for each other's
/// news.
fn start_reporter(
    node: Arc<Node>,
    reports: Receiver<Report>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(StartError::Thread)?;
    thread::Builder::new()
        .name("sfu-control".to_owned())
        .spawn(move || runtime.block_on(take_reports(&node, reports)))
        .map_err(StartError::Thread)
}

/// Until the last worker has ended.
async fn take_reports(node: &Node, mut reports: Receiver<Report>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            report = reports.recv() => match report {
                Some(Report::Event { event, .. }) => node.handle_event(Instant::now(), event),
                Some(Report::Ended { worker, .. }) => node.worker_ended(worker),
                None => return,
            },
            _ = tick.tick() => {
                node.expire(Instant::now());
                node.abandon_failed_workers();
            }
        }
    }
}

impl CommandSink for Mailbox {
    fn send(&self, command: crate::engine::command::Command) -> Result<(), Undelivered> {
        Mailbox::send(self, command).map_err(|error| match error {
            MailboxError::Full(_) => Undelivered::Full,
            MailboxError::Ended(_) => Undelivered::Ended,
        })
    }

    fn is_busy(&self) -> bool {
        self.waiting() > crate::worker::MAILBOX_COMMANDS / 2
    }
}

/// How often it is looked whether somebody was not resumed in time. A grace period is some seconds.
const TICK: Duration = Duration::from_millis(500);

/// How many notifications a session may leave unread: several for each participant when a room of
/// hundreds assembles at once.
const OUTBOX_NOTIFICATIONS: usize = 2_048;
