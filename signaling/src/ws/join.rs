//! Entering a room, or coming back to it.

use sfu::control::{self, JoinRequest};
use sfu::id::TrackId;
use sfu::room::{
    DisplayName, EncodingView, Grants, Notification, Refusal, RoomName, RoomView, SlotsView,
    Viewing,
};
use signaling_protocol::{ErrorMessage, Join, Joined, PROTOCOL_VERSION, Permissions, RequestId};
use tokio::sync::mpsc;

use super::requests::Member;
use super::translate;
use crate::node::Node;
use crate::refusal::{error_code, token_error_code};

/// Somebody has entered.
pub(super) struct Entered {
    /// The handle.
    pub(super) member: Member,
    /// What happens from now on.
    pub(super) notifications: mpsc::Receiver<Notification>,
    /// What the client is told.
    pub(super) joined: Joined,
    /// What its slots show.
    pub(super) slots: SlotsView,
    /// Its tracks of which something need not be sent.
    pub(super) unwanted: Vec<(TrackId, Vec<EncodingView>)>,
}

/// Handles `join`.
pub(super) fn enter(
    node: &Node,
    id: Option<RequestId>,
    request: Join,
) -> Result<Entered, ErrorMessage> {
    let refuse = |refusal: Refusal| ErrorMessage {
        id,
        code: error_code(&refusal),
        message: refusal.to_string(),
    };
    let room = RoomName::parse(&request.room).map_err(refuse)?;
    if let Some(secret) = &request.resume {
        // A session that is over is no reason to refuse: the client wants to be in the room.
        if let Ok(resumed) = node.sfu.resume(&room, secret) {
            return Ok(entered(node, id, resumed, true));
        }
    }
    let admission = node
        .guard
        .admit(&room, request.token.as_deref())
        .map_err(|error| ErrorMessage {
            id,
            code: token_error_code(error),
            message: error.to_string(),
        })?;
    let name = admission.name.or(request.name).unwrap_or_default();
    let name = DisplayName::parse(&name).map_err(refuse)?;
    let request = JoinRequest {
        name,
        grants: admission.grants,
        viewing: Viewing::Everyone,
    };
    let joined = node.sfu.join(&room, request).map_err(refuse)?;
    Ok(entered(node, id, joined, false))
}

fn entered(node: &Node, id: Option<RequestId>, joined: control::Joined, resumed: bool) -> Entered {
    let control::Joined {
        session,
        notifications,
        view,
    } = joined;
    let RoomView {
        own,
        grants,
        others,
        slots,
        speakers,
        unwanted,
    } = view;
    let joined = Joined {
        id,
        protocol: PROTOCOL_VERSION,
        participant: translate::participant_id(own.participant),
        room: session.room().to_string(),
        name: own.name.to_string(),
        resume: session.resume_token(),
        resumed,
        permissions: permissions(&grants),
        tracks: translate::own_tracks(&own.tracks),
        participants: others.iter().map(translate::participant).collect(),
        speakers: speakers
            .into_iter()
            .map(translate::participant_id)
            .collect(),
        limits: node.limits,
        ice_servers: node.ice_servers.clone(),
    };
    Entered {
        member: Member {
            session,
            revision: 0,
        },
        notifications,
        joined,
        slots,
        unwanted,
    }
}

fn permissions(grants: &Grants) -> Permissions {
    Permissions {
        publish: grants.can_publish,
        subscribe: grants.can_subscribe,
        data: grants.can_publish_data,
        admin: grants.room_admin,
    }
}
