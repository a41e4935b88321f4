//! A room as an operator sees it: plain data for the admin API and metrics.

use super::notification::{SlotsView, TrackView};
use super::{DisplayName, Grants, Viewing};
use crate::engine::event::SrtpProtection;
use crate::id::{ParticipantId, PeerId, WorkerId};

/// What one worker serves of a room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Share {
    /// Peers.
    pub peers: usize,
    /// Slots of theirs that show something: streams that are sent.
    pub streams: usize,
}

/// Everything about a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomSnapshot {
    /// The participants, hidden ones too, in the order of joining.
    pub participants: Vec<ParticipantSnapshot>,
    /// How many tracks are sent from one worker to another.
    pub pipes: usize,
}

impl RoomSnapshot {
    /// Whether somebody publishes something: what a WHEP player asks.
    pub fn is_live(&self) -> bool {
        self.participants
            .iter()
            .any(|participant| !participant.tracks.is_empty())
    }
}

/// Everything about a participant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParticipantSnapshot {
    /// Its id.
    pub participant: ParticipantId,
    /// Its name.
    pub name: DisplayName,
    /// What it may do.
    pub grants: Grants,
    /// What its slots are for.
    pub viewing: Viewing,
    /// Its transport, once it has offered.
    pub peer: Option<PeerSnapshot>,
    /// Its tracks.
    pub tracks: Vec<TrackView>,
    /// Its slots.
    pub slots: SlotsView,
}

/// A participant's transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerSnapshot {
    /// Its id.
    pub peer: PeerId,
    /// The worker that serves it.
    pub worker: WorkerId,
    /// How it is protected, once it is connected.
    pub protection: Option<SrtpProtection>,
}
