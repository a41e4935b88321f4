//! What the server sends.

use crate::{CloseCode, ErrorCode, Participant, ParticipantId, RequestId, Track, TrackId};
use serde::{Deserialize, Serialize};

/// One message of the server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ServerMessage {
    /// The reply to `join`.
    Joined(Box<Joined>),
    /// The reply to `offer`.
    Answer(Answer),
    /// The reply to a request that has nothing else to say.
    Done(Done),
    /// The reply to `ping`.
    Pong(Pong),
    /// The reply to a request that was refused.
    Error(ErrorMessage),
    /// Somebody entered the room.
    ParticipantJoined(ParticipantJoined),
    /// Somebody left the room.
    ParticipantLeft(ParticipantLeft),
    /// Somebody publishes something new.
    TrackPublished(TrackPublished),
    /// A track is gone.
    TrackUnpublished(TrackUnpublished),
    /// Media of a track, somebody else's or one's own, has begun to flow.
    TrackStarted(TrackStarted),
    /// A track was muted or unmuted.
    TrackMuted(TrackMuted),
    /// Who talks.
    Speakers(Speakers),
    /// What each slot shows.
    Assignments(Assignments),
    /// What of one's own track anybody is to see.
    Wanted(Wanted),
    /// The media connection is up.
    Connected(Connected),
    /// A data message was not passed on.
    DataRefused(DataRefused),
    /// The session is over.
    Closed(Closed),
    /// A type of a later version; to be ignored.
    #[serde(other)]
    Unknown,
}

/// The reply to `join`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// The request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION).
    pub protocol: u32,
    /// Who the client is.
    pub participant: ParticipantId,
    /// Where it is.
    pub room: String,
    /// What it is called.
    pub name: String,
    /// The secret for coming back.
    pub resume: String,
    /// Whether an earlier session goes on; else the client must build a new media connection.
    pub resumed: bool,
    /// What the client may do.
    pub permissions: Permissions,
    /// The client's own tracks, if an earlier session goes on.
    pub tracks: Vec<AnsweredTrack>,
    /// Everybody else in the room.
    pub participants: Vec<Participant>,
    /// Who of the room talks, as in `speakers`.
    #[serde(default)]
    pub speakers: Vec<ParticipantId>,
    /// What the server puts up with.
    pub limits: Limits,
    /// For the client's `RTCPeerConnection`.
    pub ice_servers: Vec<IceServer>,
}

/// What a participant may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permissions {
    /// Send media.
    pub publish: bool,
    /// Receive media.
    pub subscribe: bool,
    /// Send data messages to the others.
    pub data: bool,
    /// Mute other people's tracks.
    pub admin: bool,
}

/// What the server puts up with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// How many messages a second a client may send for long.
    pub messages_per_second: u32,
    /// How many messages it may send at once after a pause.
    pub message_burst: u32,
    /// How many tracks it may publish.
    pub tracks: usize,
    /// How many slots it may offer.
    pub slots: usize,
    /// How long a lost WebSocket may be replaced, in seconds.
    pub resume_seconds: u64,
}

/// An entry of `RTCConfiguration.iceServers`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// The reply to `offer`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// The session description.
    pub sdp: String,
    /// The ids of the client's own tracks.
    pub tracks: Vec<AnsweredTrack>,
}

/// Which track an m-line of the client has become.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AnsweredTrack {
    /// The m-line's `a=mid`.
    pub mid: String,
    /// The track's id.
    pub track: TrackId,
}

/// The reply to a request that has nothing else to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// The request's.
    pub id: RequestId,
}

/// The reply to `ping`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pong {
    /// The request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
}

/// The reply to a request that was refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorMessage {
    /// The request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence.
    pub message: String,
}

/// Somebody entered the room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParticipantJoined {
    /// Who.
    pub participant: Participant,
}

/// Somebody left the room, after their tracks were unpublished.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParticipantLeft {
    /// Who.
    pub participant: ParticipantId,
    /// Why.
    pub reason: CloseCode,
}

/// Somebody publishes something new.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackPublished {
    /// Who.
    pub participant: ParticipantId,
    /// What.
    pub track: Track,
}

/// A track is gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackUnpublished {
    /// Whose.
    pub participant: ParticipantId,
    /// Which.
    pub track: TrackId,
}

/// Media of a track, somebody else's or one's own, has begun to flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackStarted {
    /// Which.
    pub track: TrackId,
}

/// A track was muted or unmuted: somebody else's, or one's own by an admin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrackMuted {
    /// Which.
    pub track: TrackId,
    /// Whether it is muted now.
    pub muted: bool,
}

/// Who talks: all of them, every time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Speakers {
    /// First who has the floor, then in the order in which they began.
    pub speakers: Vec<ParticipantId>,
}

/// What each slot shows: all of it, every time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assignments {
    /// Grows with every message of a WebSocket connection.
    pub revision: u64,
    /// Every slot, in the order of the offer.
    pub slots: Vec<SlotState>,
    /// Tracks that found no slot, the most wanted first.
    pub unassigned: Vec<TrackId>,
    /// Tracks that no slot of the client can show, because it does not receive their codec.
    pub unplayable: Vec<TrackId>,
}

/// What one slot shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SlotState {
    /// The slot's `a=mid`.
    pub mid: String,
    /// The track; `null` if it is free.
    pub track: Option<TrackId>,
    /// Its publisher; `null` if the slot is free.
    pub participant: Option<ParticipantId>,
    /// Whether nothing of it is sent, because the client's connection is too slow.
    #[serde(default)]
    pub paused: bool,
}

/// What of one's own track anybody is to see: all its encodings, every time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// The track.
    pub track: TrackId,
    /// In the order of the offer.
    pub encodings: Vec<WantedEncoding>,
}

/// One encoding of one's own track.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WantedEncoding {
    /// Its RID; absent if the track is not simulcast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rid: Option<String>,
    /// Whether it needs to be sent.
    pub wanted: bool,
}

/// The media connection is up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Connected {
    /// The IANA name of the SRTP protection profile.
    pub protection: String,
}

/// A data message was not passed on. Said once per media connection and code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DataRefused {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence.
    pub message: String,
}

/// The session is over, and the WebSocket closes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Closed {
    /// For programs.
    pub code: CloseCode,
    /// For people: one sentence.
    pub message: String,
    /// Whether the client should try again by itself.
    pub retry: bool,
}

impl ServerMessage {
    /// Reads a message, as a client does. Unknown fields are ignored.
    ///
    /// # Errors
    /// If the text is not a message of the server.
    pub fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Writes the message.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists of them always serialise")
    }
}

impl Closed {
    /// The message for this code.
    pub fn new(code: CloseCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            retry: code.retry(),
        }
    }
}
