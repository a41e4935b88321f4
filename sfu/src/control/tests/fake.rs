//! A node whose workers are lists of commands, and which reports what the test says.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

use super::offers::NODE_FINGERPRINT;
use crate::control::negotiation::LocalNode;
use crate::control::node::{Node, NodeConfig};
use crate::control::workers::{CommandSink, Undelivered, Workers};
use crate::control::{JoinRequest, Joined, Running, Session, Sfu};
use crate::engine::command::Command;
use crate::engine::event::{CloseReason, Event, SrtpProtection};
use crate::id::PeerId;
use crate::parameters::Fingerprint;
use crate::room::{DisplayName, Grants, Notification, Refusal, RoomLimits, RoomName, Viewing};
use crate::sdp::{Candidate, CodecPolicy};

#[derive(Default)]
pub(super) struct FakeWorker {
    commands: Mutex<Vec<Command>>,
    pub(super) busy: AtomicBool,
    pub(super) full: AtomicBool,
}

impl CommandSink for Arc<FakeWorker> {
    fn send(&self, command: Command) -> Result<(), Undelivered> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Undelivered::Full);
        }
        self.commands
            .lock()
            .expect("no test panics in here")
            .push(command);
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }
}

impl FakeWorker {
    /// What it was told since the last call.
    pub(super) fn take(&self) -> Vec<Command> {
        std::mem::take(&mut self.commands.lock().expect("no test panics in here"))
    }
}

pub(super) struct FakeNode {
    pub(super) sfu: Sfu,
    pub(super) workers: Vec<Arc<FakeWorker>>,
}

pub(super) fn config() -> NodeConfig {
    NodeConfig {
        max_rooms: 100,
        max_participants: 1_000,
        room_limits: RoomLimits::default(),
        gathered: 4,
        resume_grace: Duration::from_secs(15),
        outbox_capacity: 64,
    }
}

impl FakeNode {
    pub(super) fn new(workers: usize, config: NodeConfig) -> Self {
        let workers: Vec<_> = (0..workers)
            .map(|_| Arc::new(FakeWorker::default()))
            .collect();
        let candidates = (0..workers.len())
            .map(|index| {
                vec![Candidate::host(SocketAddr::from((
                    [192, 0, 2, 1],
                    7_000 + index as u16,
                )))]
            })
            .collect();
        let local = LocalNode {
            fingerprint: Fingerprint(NODE_FINGERPRINT),
            candidates,
            codecs: CodecPolicy::default(),
        };
        let sinks = workers
            .iter()
            .map(|worker| Box::new(worker.clone()) as Box<dyn CommandSink>);
        let node = Arc::new(Node::new(config, local, Workers::new(sinks)));
        let shell = Mutex::new(None);
        let running = Arc::new(Running { node, shell });
        Self {
            sfu: Sfu { running },
            workers,
        }
    }

    pub(super) fn node(&self) -> &Node {
        &self.sfu.running.node
    }

    pub(super) fn join(&self, room: &str) -> Joined {
        self.try_join(room, Grants::CONFERENCE)
            .expect("room for one more")
    }

    pub(super) fn try_join(&self, room: &str, grants: Grants) -> Result<Joined, Refusal> {
        let name = DisplayName::parse("Somebody").expect("a good name");
        let viewing = if grants.hidden {
            Viewing::Newest
        } else {
            Viewing::Everyone
        };
        self.sfu.join(
            &room_name(room),
            JoinRequest {
                name,
                grants,
                viewing,
            },
        )
    }

    pub(super) fn event(&self, event: Event) {
        self.node().handle_event(Instant::now(), event);
    }

    pub(super) fn connected(&self, peer: PeerId) {
        self.event(Event::PeerConnected {
            peer,
            protection: SrtpProtection::AeadAes128Gcm,
        });
    }

    pub(super) fn closed(&self, peer: PeerId, reason: CloseReason) {
        self.event(Event::PeerClosed { peer, reason });
    }

    /// Does what workers do about `ClosePeer`: reports that it is done. Returns all they were told.
    pub(super) fn run(&self) -> Vec<Command> {
        let commands: Vec<_> = self
            .workers
            .iter()
            .flat_map(|worker| worker.take())
            .collect();
        for command in &commands {
            if let Command::ClosePeer { peer } = command {
                self.closed(*peer, CloseReason::Requested);
            }
        }
        commands
    }

    /// The peer of a session, by what its worker was told last.
    pub(super) fn peer_of(&self, session: &Session) -> PeerId {
        let room = self.sfu.room(session.room()).expect("the session's room");
        let mut participants = room.participants.iter();
        let found = participants.find(|other| other.participant == session.participant());
        found
            .and_then(|found| found.peer)
            .expect("a connected participant")
            .peer
    }
}

pub(super) fn room_name(text: &str) -> RoomName {
    RoomName::parse(text).expect("a good name")
}

/// What has come so far.
pub(super) fn read(notifications: &mut Receiver<Notification>) -> Vec<Notification> {
    std::iter::from_fn(|| notifications.try_recv().ok()).collect()
}
