//! The façade that signaling uses: [`Sfu`] is the node, a [`Session`] is one participant's handle.
//!
//! This is the shell around [`room`](crate::room): it holds the rooms, gives out identities, chooses
//! workers, carries commands to workers and notifications to sessions, and keeps the one timer of the
//! control plane (how long a lost signaling connection may take to come back). It knows no transport
//! of signaling and no packet.
//!
//! Lock discipline: one shard of one map at a time, never across an await, and nothing that waits is
//! called under it: commands and notifications are offered to bounded queues that refuse when full.

mod hosted_room;
mod negotiation;
mod node;
mod outbox;
mod placement;
mod resume_token;
mod shell;
#[cfg(test)]
mod tests;
mod workers;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::mpsc;

use crate::demand::Display;
use crate::id::{ParticipantId, TrackId, WorkerId};
use crate::room::{
    DisplayName, Grants, LeaveReason, Notification, Refusal, RoomLimits, RoomName, RoomSnapshot,
    RoomView, Subscription, Viewing,
};
use crate::transport::dtls::IdentityError;
use crate::worker::{Histogram, WorkerSnapshot};
use node::{Admission, Node, SessionKey};
use resume_token::ResumeToken;
use shell::Shell;

pub use crate::room::{AnsweredTrack, TrackDeclaration};

/// What a node is told when it starts.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// How many workers, 1 to [`WorkerId::MAX`]; usually one per core.
    pub workers: usize,
    /// The UDP port of the first worker; the others take the ports after it. 0: any free ports.
    pub udp_port: u16,
    /// The addresses to listen on; empty: every usable address of the machine.
    pub listen: Vec<IpAddr>,
    /// Addresses to name in answers before the local ones, for a machine behind 1:1 NAT.
    pub announce: Vec<IpAddr>,
    /// The most rooms.
    pub max_rooms: usize,
    /// The most participants in all rooms.
    pub max_participants: usize,
    /// The caps of each room.
    pub room_limits: RoomLimits,
    /// A room with more peers than this is spread over the workers; up to here it stays on one, unless what
    /// is sent to them is more than a worker's share.
    pub spread_above: usize,
    /// How long a participant whose signaling was lost keeps its place and its media.
    pub resume_grace: Duration,
}

/// A running node. Cheap to clone; stops when the last clone and the last session are gone.
#[derive(Clone)]
pub struct Sfu {
    running: Arc<Running>,
}

/// What all handles share.
struct Running {
    node: Arc<Node>,
    /// `None` once it was stopped.
    shell: Mutex<Option<Shell>>,
}

impl Sfu {
    /// Starts the workers and the thread that takes their reports.
    ///
    /// # Errors
    /// If a port is taken, an address is not of this machine, or the machine has no address that
    /// peers could reach, or no more threads.
    pub fn start(config: SfuConfig) -> Result<Self, StartError> {
        let (node, shell) = Shell::start(config)?;
        Ok(Self {
            running: Arc::new(Running {
                node,
                shell: Mutex::new(Some(shell)),
            }),
        })
    }

    /// Lets a participant into a room, which is made if it is the first.
    pub fn join(&self, room: &RoomName, request: JoinRequest) -> Result<Joined, Refusal> {
        Ok(self.joined(self.running.node.join(room, request)?))
    }

    /// Takes up a session again with the token of [`Session::resume_token`]. Whoever holds the session
    /// now gets [`LeaveReason::Superseded`]. The token stays valid.
    pub fn resume(&self, room: &RoomName, token: &str) -> Result<Joined, Refusal> {
        Ok(self.joined(self.running.node.resume(room, token)?))
    }

    /// Removes a participant, as an operator.
    pub fn remove(&self, room: &RoomName, participant: ParticipantId) -> Result<(), Refusal> {
        self.running.node.remove(room, participant)
    }

    /// The names of the rooms, in no order.
    pub fn rooms(&self) -> Vec<RoomName> {
        self.running.node.room_names()
    }

    /// Everything about one room; `None` if there is none with this name.
    pub fn room(&self, room: &RoomName) -> Option<RoomSnapshot> {
        self.running.node.snapshot(room)
    }

    /// How full the node is.
    pub fn load(&self) -> Load {
        self.running.node.load()
    }

    /// How the workers are doing and what they count, in the order of their ids; nothing once the
    /// node was stopped.
    pub fn workers(&self) -> Vec<WorkerSnapshot> {
        self.running
            .lock_shell()
            .as_ref()
            .map(Shell::snapshots)
            .unwrap_or_default()
    }

    /// How long it took peers from the answer to their offer until their media was up, in milliseconds.
    pub fn join_milliseconds(&self) -> Histogram {
        self.running.node.join_milliseconds()
    }

    /// Ends every session with [`LeaveReason::ShuttingDown`] and then the workers, once they have said
    /// goodbye to their peers. Waits for that, some milliseconds.
    pub fn stop(&self) {
        self.running.stop();
    }

    fn joined(&self, admission: Admission) -> Joined {
        let Admission {
            key,
            token,
            notifications,
            view,
        } = admission;
        let session = Session {
            running: self.running.clone(),
            key,
            token,
            offering: Mutex::new(()),
            farewell: Farewell::Leave(LeaveReason::Left),
        };
        Joined {
            session,
            notifications,
            view,
        }
    }
}

impl Running {
    fn stop(&self) {
        self.node.shut_down();
        let shell = self.lock_shell().take();
        // Not under the lock, because it waits.
        drop(shell);
    }

    fn lock_shell(&self) -> MutexGuard<'_, Option<Shell>> {
        // It is only ever taken out whole.
        self.shell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why a node could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The workers could not be started.
    #[error(transparent)]
    Workers(#[from] crate::worker::StartError),
    /// The node's certificate could not be made.
    #[error("cannot make a certificate")]
    Identity(#[from] IdentityError),
    /// The machine does not tell its addresses.
    #[error("cannot list the addresses of this machine")]
    Interfaces(#[source] io::Error),
    /// There is nothing to name in answers.
    #[error("this machine has no address that a peer could reach; name one with `announce`")]
    NoAddress,
    /// There are no more threads to be had.
    #[error("cannot start the control thread")]
    Thread(#[source] io::Error),
}

/// How full the node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Load {
    /// How many rooms there are.
    pub rooms: usize,
    /// How many participants are in them.
    pub participants: usize,
    /// How many peers each worker serves.
    pub peers: Vec<usize>,
    /// The workers that have failed: their peers are gone, and they get no more until the process starts
    /// anew.
    pub failed_workers: Vec<WorkerId>,
}

/// Who wants to join, and as what.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The name that the others see.
    pub name: DisplayName,
    /// What it may do.
    pub grants: Grants,
    /// Which tracks its slots show.
    pub viewing: Viewing,
}

/// What comes of joining or resuming.
#[derive(Debug)]
pub struct Joined {
    /// The handle.
    pub session: Session,
    /// What happens from now on. Bounded: a session that does not read is closed. Ends with
    /// [`Notification::Closed`].
    pub notifications: mpsc::Receiver<Notification>,
    /// The room as it is now.
    pub view: RoomView,
}

/// One participant's handle. `Send + Sync`; dropping it makes the participant leave.
pub struct Session {
    running: Arc<Running>,
    key: SessionKey,
    token: ResumeToken,
    /// Held while an offer is answered: the next one starts from its outcome.
    offering: Mutex<()>,
    /// What to do when the handle is dropped.
    farewell: Farewell,
}

impl Session {
    /// Who this is.
    pub fn participant(&self) -> ParticipantId {
        self.key.participant
    }

    /// Where this is.
    pub fn room(&self) -> &RoomName {
        &self.key.room
    }

    /// The secret for [`Sfu::resume`].
    pub fn resume_token(&self) -> String {
        self.token.to_string()
    }

    /// Answers an offer. The first one makes the connection, on a worker chosen now; later ones
    /// renegotiate it. New ICE credentials in the offer restart ICE; a new certificate makes a new
    /// connection in place of the old. m-lines without a declaration are taken for a camera or a
    /// microphone, unmuted. A refused offer changes nothing.
    pub fn offer(&self, sdp: &str, tracks: &[TrackDeclaration]) -> Result<Answer, OfferRefusal> {
        // It guards no data that a panic could have left half-changed.
        let _one_at_a_time = self.offering.lock().unwrap_or_else(PoisonError::into_inner);
        self.running.node.offer(&self.key, sdp, tracks)
    }

    /// Mutes or unmutes a track of one's own; an admin may also mute the tracks of others.
    pub fn set_muted(&self, track: TrackId, muted: bool) -> Result<(), Refusal> {
        let by = self.participant();
        self.running
            .node
            .change(&self.key, |room| room.set_muted(by, track, muted))
    }

    /// Says which tracks to show first and which not at all. Replaces what was said before.
    pub fn set_subscription(&self, subscription: Subscription) -> Result<(), Refusal> {
        let by = self.participant();
        self.running
            .node
            .change(&self.key, |room| room.set_subscription(by, subscription))
    }

    /// Says how large tracks are shown. Replaces what was said before; a track that is not named is taken to be
    /// shown at full size.
    pub fn set_displays(
        &self,
        displays: impl IntoIterator<Item = (TrackId, Display)>,
    ) -> Result<(), Refusal> {
        let by = self.participant();
        self.running
            .node
            .change(&self.key, |room| room.set_displays(by, displays))
    }

    /// Removes another participant; for admins.
    pub fn remove(&self, participant: ParticipantId) -> Result<(), Refusal> {
        let by = self.participant();
        self.running
            .node
            .change(&self.key, |room| room.remove(by, participant))
    }

    /// The signaling connection is lost: keep everything for [`SfuConfig::resume_grace`], so that
    /// [`Sfu::resume`] can take it up; then leave.
    pub fn suspend(mut self) {
        self.farewell = Farewell::Suspend;
    }

    /// Leaves. [`LeaveReason::Left`] is what a client that says goodbye gives.
    pub fn leave(mut self, reason: LeaveReason) {
        self.farewell = Farewell::Leave(reason);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        match self.farewell {
            Farewell::Leave(reason) => self.running.node.leave(&self.key, reason),
            Farewell::Suspend => self.running.node.suspend(self.key.clone(), Instant::now()),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.key).finish()
    }
}

/// How a session ends.
#[derive(Clone, Copy, Debug)]
enum Farewell {
    Leave(LeaveReason),
    Suspend,
}

/// What an offer was answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The answer.
    pub sdp: String,
    /// The participant's own tracks, in the order of the offer.
    pub tracks: Vec<AnsweredTrack>,
}

/// Why an offer was refused; nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OfferRefusal {
    /// The SDP does not parse or breaks a rule of WebRTC; the sentence says which.
    #[error("{0}")]
    InvalidSdp(String),
    /// The SDP is right, but asks for what the server does not do; the sentence says what.
    #[error("{0}")]
    UnsupportedSdp(String),
    /// The participant may not do what the offer asks, or the server cannot.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl OfferRefusal {
    /// A stable code for protocol and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidSdp(_) => "invalid_sdp",
            Self::UnsupportedSdp(_) => "unsupported_sdp",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}
