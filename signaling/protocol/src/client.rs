//! What a client sends.

use crate::{ErrorCode, Source, TrackId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A number that a client puts into a request to find the answer: 0 to [`MAX_REQUEST_ID`].
pub type RequestId = u64;

/// The largest number that JavaScript keeps apart from its neighbours.
pub const MAX_REQUEST_ID: RequestId = (1 << 53) - 1;

/// One message of a client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Request {
    /// Repeated in the reply, if given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RequestId>,
    /// What is asked.
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// What a client can ask.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ClientMessage {
    /// Enter a room.
    Join(Join),
    /// Begin or renegotiate the media connection.
    Offer(Offer),
    /// An ICE candidate of the client.
    Candidate(Candidate),
    /// Mute or unmute a track.
    Mute(Mute),
    /// Say what one wants to see.
    Subscribe(Subscribe),
    /// Say how large one sees it.
    View(View),
    /// Leave the room.
    Leave(Leave),
    /// See whether the server is there.
    Ping(Ping),
}

/// Enter a room, or come back after the WebSocket was lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// Which.
    pub room: String,
    /// What to be called. A name in the token goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A JWT, if the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The secret of an earlier `joined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

/// An SDP offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The session description.
    pub sdp: String,
    /// What its sending m-lines are.
    #[serde(default)]
    pub tracks: Vec<OfferedTrack>,
}

/// What a sending m-line of an offer is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferedTrack {
    /// The m-line's `a=mid`.
    pub mid: String,
    /// What it shows.
    pub source: Source,
    /// Whether it starts muted.
    #[serde(default)]
    pub muted: bool,
}

/// An ICE candidate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The `candidate` of an `RTCIceCandidate`; empty when there are no more.
    pub candidate: String,
    /// Its `sdpMid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
}

/// Mute or unmute a track.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mute {
    /// One of one's own; an admin may mute, but not unmute, anybody's.
    pub track: TrackId,
    /// Whether it is muted from now on.
    pub muted: bool,
}

/// What one wants to see. Replaces all that was said before.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Tracks to show before all others, the most important first.
    #[serde(default)]
    pub pinned: Vec<TrackId>,
    /// Tracks not to show at all.
    #[serde(default)]
    pub hidden: Vec<TrackId>,
}

/// How large tracks are shown. Replaces all that was said before.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// One that is not named is taken to be shown at full size.
    #[serde(default)]
    pub tracks: Vec<ViewedTrack>,
}

/// How large one track is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewedTrack {
    /// Which.
    pub track: TrackId,
    /// How many device pixels high its picture is; 0 if it cannot be seen.
    pub height: u16,
}

/// Leave the room.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {}

/// See whether the server is there.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {}

/// A message that is not a request, and what to answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Malformed {
    /// The request's id, if that much could be read.
    pub id: Option<RequestId>,
    /// What is wrong.
    pub code: ErrorCode,
    /// What is wrong, as a sentence.
    pub message: String,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// If the text is not a JSON object of a known `type` with the fields of that type and no others.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            Malformed::new(
                None,
                ErrorCode::InvalidJson,
                format!("not a JSON object: {error}"),
            )
        })?;
        let id = take_id(&mut fields)?;
        let kind = match fields.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => {
                return Err(Malformed::new(
                    id,
                    ErrorCode::InvalidMessage,
                    "`type` is missing or no string".into(),
                ));
            }
        };
        let message = ClientMessage::from_fields(&kind, fields)
            .ok_or_else(|| {
                Malformed::new(
                    id,
                    ErrorCode::UnknownType,
                    format!("there is no message type `{kind}`"),
                )
            })?
            .map_err(|error| {
                Malformed::new(id, ErrorCode::InvalidMessage, format!("`{kind}`: {error}"))
            })?;
        Ok(Self { id, message })
    }

    /// Writes the message.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and lists of them always serialise")
    }
}

impl ClientMessage {
    /// The `type` of the message.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::Offer(_) => "offer",
            Self::Candidate(_) => "candidate",
            Self::Mute(_) => "mute",
            Self::Subscribe(_) => "subscribe",
            Self::View(_) => "view",
            Self::Leave(_) => "leave",
            Self::Ping(_) => "ping",
        }
    }

    /// `None` if there is no such type.
    fn from_fields(kind: &str, fields: Map<String, Value>) -> Option<serde_json::Result<Self>> {
        Some(match kind {
            "join" => read(fields).map(Self::Join),
            "offer" => read(fields).map(Self::Offer),
            "candidate" => read(fields).map(Self::Candidate),
            "mute" => read(fields).map(Self::Mute),
            "subscribe" => read(fields).map(Self::Subscribe),
            "view" => read(fields).map(Self::View),
            "leave" => read(fields).map(Self::Leave),
            "ping" => read(fields).map(Self::Ping),
            _ => return None,
        })
    }
}

fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> serde_json::Result<T> {
    serde_json::from_value(Value::Object(fields))
}

fn take_id(fields: &mut Map<String, Value>) -> Result<Option<RequestId>, Malformed> {
    match fields.remove("id") {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(id) if id <= MAX_REQUEST_ID => Ok(Some(id)),
            _ => Err(Malformed::new(
                None,
                ErrorCode::InvalidMessage,
                format!("`id` is not a whole number from 0 to {MAX_REQUEST_ID}"),
            )),
        },
    }
}

/// The longest explanation, in bytes: parsers quote their input, and that may be long.
const MAX_EXPLANATION_BYTES: usize = 300;

impl Malformed {
    fn new(id: Option<RequestId>, code: ErrorCode, mut message: String) -> Self {
        if message.len() > MAX_EXPLANATION_BYTES {
            message.truncate(message.floor_char_boundary(MAX_EXPLANATION_BYTES));
            message.push('…');
        }
        Self { id, code, message }
    }
}

#[cfg(test)]
mod tests;
