//! Why a room refuses what a participant asks; each refusal changes nothing.

use thiserror::Error;

use super::{DisplayName, RoomName, TrackSource};

/// Why something was refused. `Display` is the sentence that people read.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Refusal {
    /// Not a [`RoomName`].
    #[error(
        "a room's name is 1 to {} bytes, without control characters or white space at the ends",
        RoomName::MAX_BYTES
    )]
    BadRoomName,
    /// Not a [`DisplayName`].
    #[error(
        "a name has at most {} characters, without control characters or white space at the ends",
        DisplayName::MAX_CHARS
    )]
    BadDisplayName,
    /// The room is full.
    #[error("the room is full: {limit} participants are in it")]
    RoomFull {
        /// How many it takes.
        limit: usize,
    },
    /// The node is full.
    #[error("the server has as many rooms as it takes: {limit}")]
    TooManyRooms {
        /// How many it takes.
        limit: usize,
    },
    /// The node is full.
    #[error("the server has as many participants as it takes: {limit}")]
    TooManyParticipants {
        /// How many it takes.
        limit: usize,
    },
    /// The worker that would serve the participant has more to do than it can.
    #[error("the server is busy; try again in a moment")]
    Overloaded,
    /// The participant is not in the room any more, or another connection resumed its session.
    #[error("the session is over")]
    SessionOver,
    /// No participant waits for this token.
    #[error("there is no session to resume with this token")]
    UnknownResumeToken,
    /// The participant lacks `can_publish`, or is hidden.
    #[error("this participant may not publish")]
    MayNotPublish,
    /// The participant lacks `can_subscribe`.
    #[error("this participant may not subscribe")]
    MayNotSubscribe,
    /// The source is not among those that the participant may publish.
    #[error("this participant may not publish a {0}")]
    SourceNotAllowed(TrackSource),
    /// A picture was declared as a sound or the reverse.
    #[error("a {0} was declared for an m-line of the other kind")]
    SourceOfOtherKind(TrackSource),
    /// The offer would publish too many tracks.
    #[error("a participant publishes at most {limit} tracks")]
    TooManyTracks {
        /// How many it may.
        limit: usize,
    },
    /// The offer has too many slots.
    #[error("a participant offers at most {limit} slots")]
    TooManySlots {
        /// How many it may.
        limit: usize,
    },
    /// The participant has no transport yet, and what it asks needs one.
    #[error("there is no connection yet; send an offer first")]
    NotConnected,
    /// No such track in the room.
    #[error("there is no such track in the room")]
    UnknownTrack,
    /// No such participant in the room.
    #[error("there is no such participant in the room")]
    UnknownParticipant,
    /// Somebody else's track, and the participant lacks `room_admin`.
    #[error("only its publisher or an admin may mute a track")]
    NotYourTrack,
    /// Only its publisher may unmute a track: nobody switches on somebody else's microphone.
    #[error("only its publisher may unmute a track")]
    MayNotUnmute,
    /// The participant lacks `room_admin`.
    #[error("only an admin of the room may do this")]
    NotAdmin,
}

impl Refusal {
    /// A stable code for protocol and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadRoomName => "bad_room_name",
            Self::BadDisplayName => "bad_display_name",
            Self::RoomFull { .. } => "room_full",
            Self::TooManyRooms { .. } => "too_many_rooms",
            Self::TooManyParticipants { .. } => "too_many_participants",
            Self::Overloaded => "overloaded",
            Self::SessionOver => "session_over",
            Self::UnknownResumeToken => "unknown_resume_token",
            Self::MayNotPublish => "may_not_publish",
            Self::MayNotSubscribe => "may_not_subscribe",
            Self::SourceNotAllowed(_) => "source_not_allowed",
            Self::SourceOfOtherKind(_) => "source_of_other_kind",
            Self::TooManyTracks { .. } => "too_many_tracks",
            Self::TooManySlots { .. } => "too_many_slots",
            Self::NotConnected => "not_connected",
            Self::UnknownTrack => "unknown_track",
            Self::UnknownParticipant => "unknown_participant",
            Self::NotYourTrack => "not_your_track",
            Self::MayNotUnmute => "may_not_unmute",
            Self::NotAdmin => "not_admin",
        }
    }
}
