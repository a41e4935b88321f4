//! What a participant is told about its room, and the view of the room that it gets when it comes in.
//!
//! Signaling turns these into protocol messages; nothing in here names people except by the
//! [`DisplayName`] that they gave.

use std::fmt;

use sfu_rtp::{Mid, Rid};

use super::{DisplayName, Grants, TrackSource};
use crate::engine::event::{CloseReason, SrtpProtection};
use crate::id::{ParticipantId, TrackId};
use crate::parameters::MediaKind;

/// One thing that happened in the room. In order; applied to the [`RoomView`] that came with joining
/// or resuming they give the room as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notification {
    /// Somebody else came in; without tracks so far.
    ParticipantJoined(ParticipantView),
    /// Somebody else left, after all of its tracks were unpublished.
    ParticipantLeft {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// Somebody else publishes a track.
    TrackPublished {
        /// Who.
        participant: ParticipantId,
        /// The track.
        track: TrackView,
    },
    /// Media of a track, somebody else's or one's own, has begun to flow.
    TrackStarted {
        /// The track.
        track: TrackId,
    },
    /// A track was muted or unmuted by somebody else: one's own too, by an admin.
    TrackMuted {
        /// The track.
        track: TrackId,
        /// Whether it is muted from now on.
        muted: bool,
    },
    /// Somebody else's track has ended.
    TrackUnpublished {
        /// Who.
        participant: ParticipantId,
        /// The track.
        track: TrackId,
    },
    /// Somebody has begun or ended to talk, or the floor has gone to somebody else.
    SpeakersChanged {
        /// Who talks: first who has the floor, then in the order in which they began. At most 16.
        speakers: Vec<ParticipantId>,
    },
    /// One's own slots show something else, or other tracks wait for a slot.
    SlotsChanged(SlotsView),
    /// Layers of one's own track are watched by nobody and need not be sent, or are wanted again.
    EncodingsWanted {
        /// The track.
        track: TrackId,
        /// All its encodings, in the order of the offer.
        encodings: Vec<EncodingView>,
    },
    /// One's own transport is up.
    Connected {
        /// The SRTP protection in use.
        protection: SrtpProtection,
    },
    /// A data message was not passed on. Said once per connection and reason.
    DataRefused {
        /// Why.
        reason: DataRefusal,
    },
    /// The session is over; nothing follows.
    Closed {
        /// Why.
        reason: LeaveReason,
    },
}

/// The room as one participant sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomView {
    /// The participant itself.
    pub own: ParticipantView,
    /// What it may do.
    pub grants: Grants,
    /// The others, in the order of joining; hidden ones are left out.
    pub others: Vec<ParticipantView>,
    /// Its slots; empty before the first offer.
    pub slots: SlotsView,
    /// Who talks, as in [`Notification::SpeakersChanged`].
    pub speakers: Vec<ParticipantId>,
    /// Its tracks of which something need not be sent.
    pub unwanted: Vec<(TrackId, Vec<EncodingView>)>,
}

/// A participant as the others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParticipantView {
    /// Its id.
    pub participant: ParticipantId,
    /// Its name.
    pub name: DisplayName,
    /// Its tracks, in the order of publishing.
    pub tracks: Vec<TrackView>,
}

/// A track as the others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackView {
    /// Its id.
    pub track: TrackId,
    /// The m-line on which its publisher sends it.
    pub mid: Mid,
    /// What it shows.
    pub source: TrackSource,
    /// Whether its publisher has muted it.
    pub muted: bool,
    /// Whether media has begun to flow.
    pub started: bool,
}

impl TrackView {
    /// Sound or pictures.
    pub const fn kind(&self) -> MediaKind {
        self.source.kind()
    }
}

/// What the slots of one participant show: all of it, every time.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SlotsView {
    /// The slots, in the order of the offer.
    pub slots: Vec<SlotView>,
    /// The tracks that it would see if it had more slots, most wanted first; the first 32 of them.
    pub unassigned: Vec<TrackId>,
    /// The tracks that none of its slots can show, whatever their number: it has slots of the right
    /// kind, but cannot receive the codec. The first 32 of them.
    pub unplayable: Vec<TrackId>,
}

/// A slot and what it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotView {
    /// The slot's m-line.
    pub slot: Mid,
    /// What it shows; `None`: nothing.
    pub shows: Option<Shown>,
    /// Whether nothing of it is sent, because the participant's connection is too slow.
    pub paused: bool,
}

/// An encoding of one's own track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodingView {
    /// Its RID; `None`: the track is not simulcast.
    pub rid: Option<Rid>,
    /// Whether anybody is to see it.
    pub wanted: bool,
}

/// The track in a slot and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The track.
    pub track: TrackId,
    /// Its publisher.
    pub participant: ParticipantId,
}

/// Why a participant is no longer in the room, or a session no longer stands for it. `Display` is the
/// sentence that people read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeaveReason {
    /// It said so.
    Left,
    /// Its signaling connection was lost and not resumed in time.
    SignalingLost,
    /// Its transport was lost.
    MediaLost(CloseReason),
    /// An admin or an operator removed it.
    Removed,
    /// It did not read its notifications.
    SlowConsumer,
    /// Another connection resumed the session: the participant stays, this session ends.
    Superseded,
    /// The server is stopping.
    ShuttingDown,
}

impl LeaveReason {
    /// A stable code for protocol and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::SignalingLost => "signaling_lost",
            Self::MediaLost(reason) => reason.code(),
            Self::Removed => "removed",
            Self::SlowConsumer => "slow_consumer",
            Self::Superseded => "superseded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "the participant left",
            Self::SignalingLost => "the connection to the server was lost and did not come back",
            Self::MediaLost(reason) => return fmt::Display::fmt(reason, f),
            Self::Removed => "the participant was removed from the room",
            Self::SlowConsumer => "the client did not read its messages fast enough",
            Self::Superseded => "the session was resumed on another connection",
            Self::ShuttingDown => "the server is stopping",
        })
    }
}

/// Why a data message was not passed on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DataRefusal {
    /// The sender lacks `can_publish_data`.
    NotGranted,
    /// The sender sends more than the room's limits allow.
    TooFast,
}

impl DataRefusal {
    /// A stable code for protocol and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotGranted => "may_not_publish_data",
            Self::TooFast => "too_much_data",
        }
    }
}

impl fmt::Display for DataRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotGranted => "this participant may not send data messages",
            Self::TooFast => "data messages came faster than the room passes them on",
        })
    }
}
