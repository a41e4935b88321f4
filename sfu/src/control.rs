//! The façade that signaling uses: [`Sfu`] is the node, a [`Session`] is one participant's handle.
//!
//! This is the shell around [`room`](crate::room): it holds the rooms, gives out identities, chooses
//! workers, carries commands to workers and notifications to sessions, and keeps the one timer of the
//! control plane (how long a lost signaling connection may take to come back). It knows no transport
//! of signaling and no packet.
//!
//! Lock discipline: one shard of one map at a time, never across an await, and nothing that waits is
//! called under it: commands and notifications are offered to bounded queues that refuse when full.

use std::net::IpAddr;
use std::time::Duration;

use sfu_rtp::Mid;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::id::{ParticipantId, TrackId};
use crate::room::{
    DisplayName, Grants, LeaveReason, Notification, Refusal, RoomLimits, RoomName, RoomSnapshot,
    RoomView, Subscription, TrackSource, Viewing,
};

/// What a node is told when it starts.
#[derive(Clone, Debug)]
pub struct SfuConfig {
    /// How many workers, 1 to [`WorkerId::MAX`](crate::id::WorkerId::MAX); usually one per core.
    pub workers: usize,
    /// The UDP port of the first worker; the others take the ports after it. 0: any free ports.
    pub udp_port: u16,
    /// The addresses to listen on; empty: every usable address of the machine.
    pub listen: Vec<IpAddr>,
    /// The addresses to name in answers instead of the local ones, for a machine behind 1:1 NAT.
    pub announce: Vec<IpAddr>,
    /// The most rooms.
    pub max_rooms: usize,
    /// The most participants in all rooms.
    pub max_participants: usize,
    /// The caps of each room.
    pub room_limits: RoomLimits,
    /// A room with more peers than this is spread over the workers; up to here it stays on one.
    pub spread_above: usize,
    /// How long a participant whose signaling was lost keeps its place and its media.
    pub resume_grace: Duration,
}

/// A running node. Cheap to clone; stops when the last clone, and the last session, is gone.
#[derive(Clone)]
pub struct Sfu {}

impl Sfu {
    /// Starts the workers and the event pump.
    pub fn start(config: SfuConfig) -> Result<Self, StartError>;

    /// Lets a participant into a room, which is made if it is the first.
    pub fn join(&self, room: &RoomName, request: JoinRequest) -> Result<Joined, Refusal>;

    /// Takes up a session again with the token of [`Session::resume_token`]. Whoever holds the session
    /// now gets [`LeaveReason::Superseded`]. The token stays valid.
    pub fn resume(&self, room: &RoomName, token: &str) -> Result<Joined, Refusal>;

    /// Removes a participant, as an operator.
    pub fn remove(&self, room: &RoomName, participant: ParticipantId) -> Result<(), Refusal>;

    /// The names of the rooms, in no order.
    pub fn rooms(&self) -> Vec<RoomName>;

    /// Everything about one room; `None` if there is none with this name.
    pub fn room(&self, room: &RoomName) -> Option<RoomSnapshot>;

    /// How full the node is.
    pub fn load(&self) -> Load;

    /// Ends every session with [`LeaveReason::ShuttingDown`] and stops the workers.
    pub fn stop(&self);
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
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// Who this is.
    pub fn participant(&self) -> ParticipantId;

    /// Where this is.
    pub fn room(&self) -> &RoomName;

    /// The secret for [`Sfu::resume`].
    pub fn resume_token(&self) -> String;

    /// Answers an offer. The first one makes the connection, on a worker chosen now; later ones
    /// renegotiate it. New ICE credentials in the offer restart ICE; a new certificate makes a new
    /// connection in place of the old. m-lines without a declaration are taken for a camera or a
    /// microphone, unmuted. A refused offer changes nothing.
    pub fn offer(&self, sdp: &str, tracks: &[TrackDeclaration]) -> Result<Answer, OfferRefusal>;

    /// Mutes or unmutes a track of one's own; an admin may also mute the tracks of others.
    pub fn set_muted(&self, track: TrackId, muted: bool) -> Result<(), Refusal>;

    /// Says which tracks to show first and which not at all. Replaces what was said before.
    pub fn set_subscription(&self, subscription: Subscription) -> Result<(), Refusal>;

    /// Removes another participant; for admins.
    pub fn remove(&self, participant: ParticipantId) -> Result<(), Refusal>;

    /// The signaling connection is lost: keep everything for [`SfuConfig::resume_grace`], so that
    /// [`Sfu::resume`] can take it up; then leave.
    pub fn suspend(self);

    /// Leaves. [`LeaveReason::Left`] is what a client that says goodbye gives.
    pub fn leave(self, reason: LeaveReason);
}

/// What an m-line of an offer shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackDeclaration {
    /// A sending m-line of the offer; others are ignored.
    pub mid: Mid,
    /// What it shows.
    pub source: TrackSource,
    /// Whether it is muted. Only read when the track is new; later [`Session::set_muted`] counts.
    pub muted: bool,
}

/// What an offer was answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The answer.
    pub sdp: String,
    /// The participant's own tracks, in the order of the offer.
    pub tracks: Vec<AnsweredTrack>,
}

/// A track that an m-line of an offer has become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnsweredTrack {
    /// The m-line.
    pub mid: Mid,
    /// The track.
    pub track: TrackId,
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
