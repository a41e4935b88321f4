//! WHIP (RFC 9725): an encoder publishes one audio and one video track with a single POST. What it
//! publishes is in the room like anybody else's camera and microphone.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sfu::room::{Grants, RoomName, Viewing};

use crate::access::bearer;
use crate::http_session::{
    Beginning, Direction, HttpSessions, Protocol, SDP, SdpOutline, check_content_type, cors,
    preflight, read_body, resource_routes,
};
use crate::node::SharedNode;
use crate::problem::Problem;
use crate::tokens::TokenError;

/// The endpoint and its sessions.
pub(crate) fn routes() -> Router<SharedNode> {
    Router::new()
        .route("/whip/{room}", get(empty).post(publish).options(preflight))
        .merge(resource_routes(Protocol::Whip))
        .layer(middleware::from_fn(cors))
}

/// `GET` of the endpoint: there is nothing to see (RFC 9725 §4.2).
async fn empty() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `POST` of an offer.
async fn publish(
    State(node): State<SharedNode>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let room = RoomName::parse(&room)?;
    let admission = node.guard.admit(&room, bearer(&headers))?;
    if !admission.grants.can_publish {
        return Err(TokenError::MayNotPublish.into());
    }
    check_content_type(&headers, SDP)?;
    let offer = read_body(body, node.patience.request).await?;
    check_directions(&SdpOutline::read(&offer))?;
    let beginning = Beginning {
        protocol: Protocol::Whip,
        room,
        name: admission.name,
        grants: Grants {
            can_subscribe: false,
            can_publish_data: false,
            ..admission.grants
        },
        viewing: Viewing::default(),
        offer,
    };
    Ok(HttpSessions::begin(&node, beginning)?.into_response())
}

/// RFC 9725 §4.4: media goes from the client, in one track of a kind at most.
fn check_directions(outline: &SdpOutline) -> Result<(), Problem> {
    let refuse = |sentence| {
        Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "wrong_direction",
            sentence,
        ))
    };
    let sends = |way: &Direction| matches!(way, Direction::SendOnly | Direction::SendRecv);
    if outline.directions().any(|way| way == Direction::RecvOnly) {
        return refuse("WHIP only publishes: an m-line of the offer is recvonly");
    }
    if !outline.directions().any(|way| sends(&way)) {
        return refuse("the offer sends neither audio nor video");
    }
    for tracks in [&outline.audio, &outline.video] {
        if tracks.iter().filter(|way| sends(way)).count() > 1 {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "too_many_tracks",
                "a WHIP session has at most one audio and one video track",
            ));
        }
    }
    Ok(())
}
