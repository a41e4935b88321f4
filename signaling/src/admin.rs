//! The admin API under `/api/v1`: who is where, and showing somebody out. Where there are keys it wants
//! a token with `roomAdmin`; where there are none, a request from this machine.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use serde::Serialize;
use sfu::id::ParticipantId;
use sfu::room::{ParticipantSnapshot, Refusal, RoomName, TrackView};

use crate::access::bearer;
use crate::client_address::ClientAddress;
use crate::node::{Node, SharedNode};
use crate::problem::Problem;
use crate::tokens::TokenError;

#[derive(Serialize)]
pub(crate) struct Rooms {
    rooms: Vec<RoomSummary>,
}

#[derive(Serialize)]
struct RoomSummary {
    name: String,
    participants: usize,
    tracks: usize,
}

#[derive(Serialize)]
pub(crate) struct RoomDetails {
    name: String,
    /// Tracks that are sent from one worker to another.
    pipes: usize,
    participants: Vec<ParticipantDetails>,
}

#[derive(Serialize)]
struct ParticipantDetails {
    id: String,
    name: String,
    hidden: bool,
    worker: Option<usize>,
    protection: Option<&'static str>,
    tracks: Vec<TrackDetails>,
    slots: Vec<SlotDetails>,
}

#[derive(Serialize)]
struct TrackDetails {
    id: String,
    mid: String,
    source: &'static str,
    muted: bool,
    started: bool,
}

#[derive(Serialize)]
struct SlotDetails {
    mid: String,
    track: Option<String>,
}

/// `GET /api/v1/rooms`
pub(crate) async fn rooms(
    State(node): State<SharedNode>,
    Extension(from): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<Json<Rooms>, Problem> {
    let only = node.guard.administer(bearer(&headers), from.0)?;
    let mut rooms: Vec<RoomSummary> = node
        .sfu
        .rooms()
        .into_iter()
        .filter(|room| only.as_deref().is_none_or(|only| only == room.as_str()))
        .filter_map(|room| {
            let snapshot = node.sfu.room(&room)?;
            Some(RoomSummary {
                name: room.to_string(),
                participants: snapshot.participants.len(),
                tracks: snapshot
                    .participants
                    .iter()
                    .map(|participant| participant.tracks.len())
                    .sum(),
            })
        })
        .collect();
    rooms.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(Rooms { rooms }))
}

/// `GET /api/v1/rooms/{room}`
pub(crate) async fn room(
    State(node): State<SharedNode>,
    Extension(from): Extension<ClientAddress>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Json<RoomDetails>, Problem> {
    let room = administered(&node, &room, from, &headers)?;
    let snapshot = node.sfu.room(&room).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_room",
            "there is nobody in a room of this name",
        )
    })?;
    Ok(Json(RoomDetails {
        name: room.to_string(),
        pipes: snapshot.pipes,
        participants: snapshot.participants.iter().map(participant).collect(),
    }))
}

/// `DELETE /api/v1/rooms/{room}/participants/{participant}`
pub(crate) async fn remove(
    State(node): State<SharedNode>,
    Extension(from): Extension<ClientAddress>,
    Path((room, participant)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let room = administered(&node, &room, from, &headers)?;
    let participant = ParticipantId::parse(&participant).ok_or(Refusal::UnknownParticipant)?;
    node.sfu.remove(&room, participant)?;
    Ok(StatusCode::NO_CONTENT)
}

fn administered(
    node: &Node,
    room: &str,
    from: ClientAddress,
    headers: &HeaderMap,
) -> Result<RoomName, Problem> {
    let only = node.guard.administer(bearer(headers), from.0)?;
    if only.is_some_and(|only| only != room) {
        return Err(TokenError::OtherRoom.into());
    }
    Ok(RoomName::parse(room)?)
}

fn participant(snapshot: &ParticipantSnapshot) -> ParticipantDetails {
    let slots = snapshot.slots.slots.iter().map(|slot| SlotDetails {
        mid: slot.slot.to_string(),
        track: slot.shows.map(|shown| shown.track.to_string()),
    });
    ParticipantDetails {
        id: snapshot.participant.to_string(),
        name: snapshot.name.to_string(),
        hidden: snapshot.grants.hidden,
        worker: snapshot.peer.map(|peer| peer.worker.index()),
        protection: snapshot
            .peer
            .and_then(|peer| peer.protection)
            .map(|protection| protection.name()),
        tracks: snapshot.tracks.iter().map(track).collect(),
        slots: slots.collect(),
    }
}

fn track(view: &TrackView) -> TrackDetails {
    TrackDetails {
        id: view.track.to_string(),
        mid: view.mid.to_string(),
        source: view.source.as_str(),
        muted: view.muted,
        started: view.started,
    }
}
