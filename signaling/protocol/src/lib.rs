//! The messages of the WebSocket signaling protocol, one JSON object each; `docs/protocol.md` is the
//! specification and its examples are a test of this crate.
//!
//! [`Request`] is what a client sends and [`ServerMessage`] what it gets. Parsing a request also
//! checks its form: every field is there, has its type, and none is unknown.
//! What a message *does* is not decided here.

mod client;
mod code;
mod participant;
mod server;

pub use client::{
    Candidate, ClientMessage, Join, Leave, MAX_REQUEST_ID, Malformed, Mute, Offer, OfferedTrack,
    Ping, Request, RequestId, Subscribe, View, ViewedTrack,
};
pub use code::{CloseCode, ErrorCode};
pub use participant::{Kind, Participant, ParticipantId, Source, Track, TrackId};
pub use server::{
    Answer, AnsweredTrack, Assignments, Closed, Connected, DataRefused, Done, ErrorMessage,
    IceServer, Joined, Limits, ParticipantJoined, ParticipantLeft, Permissions, Pong,
    ServerMessage, SlotState, Speakers, TrackMuted, TrackPublished, TrackStarted, TrackUnpublished,
    Wanted, WantedEncoding,
};

/// The version of the protocol; it changes when an old client could no longer understand the server.
pub const PROTOCOL_VERSION: u32 = 1;

/// The largest message in bytes, in either direction. Chromium's offer for 160 m-lines is 257 KB; the largest offer that
/// is read has 512 KiB, and JSON escapes make it longer.
pub const MAX_MESSAGE_BYTES: usize = 640 * 1024;
