//! What a client asks once it is in a room.

use sfu::control::{Session, TrackDeclaration};
use sfu::demand::Display;
use sfu::id::TrackId;
use sfu::room::{Refusal, Subscription};
use sfu_rtp::Mid;
use signaling_protocol::{
    Answer, AnsweredTrack, ClientMessage, Done, ErrorCode, ErrorMessage, Mute, Offer, OfferedTrack,
    RequestId, ServerMessage, Subscribe, View, ViewedTrack,
};

use super::translate;
use crate::refusal::{error_code, offer_error_code};

/// A client that is in a room.
pub(super) struct Member {
    /// Its handle.
    pub(super) session: Session,
    /// Of the last `assignments`.
    pub(super) revision: u64,
}

/// Does what is asked. `None`: there is nothing to say, because the client gave no `id`.
pub(super) fn handle(
    member: &Member,
    id: Option<RequestId>,
    message: ClientMessage,
) -> Result<Option<ServerMessage>, ErrorMessage> {
    let result = match message {
        ClientMessage::Offer(request) => {
            return offer(member, id, &request)
                .map(Some)
                .map_err(|e| e.with(id));
        }
        ClientMessage::Mute(request) => mute(member, &request),
        ClientMessage::Subscribe(request) => subscribe(member, &request),
        ClientMessage::View(request) => view(member, &request),
        // The server learns addresses from connectivity checks; see docs/protocol.md.
        ClientMessage::Candidate(_) => Ok(()),
        // Answered where the connection is known.
        ClientMessage::Join(_) | ClientMessage::Leave(_) | ClientMessage::Ping(_) => Ok(()),
    };
    result
        .map(|()| id.map(|id| ServerMessage::Done(Done { id })))
        .map_err(|error| error.with(id))
}

/// A refusal before the request's id is put in.
struct Refused {
    code: ErrorCode,
    message: String,
}

impl Refused {
    fn with(self, id: Option<RequestId>) -> ErrorMessage {
        ErrorMessage {
            id,
            code: self.code,
            message: self.message,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: error_code(&refusal),
            message: refusal.to_string(),
        }
    }
}

fn offer(
    member: &Member,
    id: Option<RequestId>,
    request: &Offer,
) -> Result<ServerMessage, Refused> {
    let tracks = request
        .tracks
        .iter()
        .map(declaration)
        .collect::<Result<Vec<_>, _>>()?;
    let answer = member
        .session
        .offer(&request.sdp, &tracks)
        .map_err(|refusal| Refused {
            code: offer_error_code(&refusal),
            message: refusal.to_string(),
        })?;
    let tracks = answer.tracks.iter().map(|answered| AnsweredTrack {
        mid: answered.mid.to_string(),
        track: translate::track_id(answered.track),
    });
    Ok(ServerMessage::Answer(Answer {
        id,
        sdp: answer.sdp,
        tracks: tracks.collect(),
    }))
}

fn declaration(track: &OfferedTrack) -> Result<TrackDeclaration, Refused> {
    let Some(mid) = Mid::parse(track.mid.as_bytes()) else {
        return Err(Refused {
            code: ErrorCode::InvalidMessage,
            message: "`tracks` has a `mid` that no m-line can have".to_owned(),
        });
    };
    Ok(TrackDeclaration {
        mid,
        source: translate::source(track.source),
        muted: track.muted,
    })
}

fn mute(member: &Member, request: &Mute) -> Result<(), Refused> {
    let track = TrackId::parse(&request.track.0).ok_or(Refusal::UnknownTrack)?;
    Ok(member.session.set_muted(track, request.muted)?)
}

/// The most tracks that `subscribe` and `view` name in one list: more than a page has room for.
const MAX_PREFERENCES: usize = 256;

fn subscribe(member: &Member, request: &Subscribe) -> Result<(), Refused> {
    if request.pinned.len() > MAX_PREFERENCES || request.hidden.len() > MAX_PREFERENCES {
        return Err(Refused {
            code: ErrorCode::TooManyPreferences,
            message: format!("at most {MAX_PREFERENCES} tracks can be pinned, and as many hidden"),
        });
    }
    // An id that is none of ours is one of a track that is gone.
    let known = |tracks: &[signaling_protocol::TrackId]| {
        tracks
            .iter()
            .filter_map(|id| TrackId::parse(&id.0))
            .collect()
    };
    let subscription = Subscription {
        pinned: known(&request.pinned),
        hidden: known(&request.hidden),
    };
    Ok(member.session.set_subscription(subscription)?)
}

fn view(member: &Member, request: &View) -> Result<(), Refused> {
    if request.tracks.len() > MAX_PREFERENCES {
        return Err(Refused {
            code: ErrorCode::TooManyPreferences,
            message: format!("at most {MAX_PREFERENCES} tracks can be viewed"),
        });
    }
    let displays = request.tracks.iter().filter_map(|viewed: &ViewedTrack| {
        let display = match viewed.height {
            0 => Display::Hidden,
            height => Display::Height(height),
        };
        Some((TrackId::parse(&viewed.track.0)?, display))
    });
    Ok(member.session.set_displays(displays)?)
}
