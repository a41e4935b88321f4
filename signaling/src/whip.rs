//! WHIP (RFC 9725): an encoder publishes one audio and one video track with a single POST. What it
//! publishes is in the room like anybody else's camera and microphone.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use sfu::room::{Grants, RoomName, Viewing};

use crate::access::bearer;
use crate::http_session::{
    Beginning, CheckedOffer, HttpSessions, Protocol, SDP, check_content_type, preflight, read_body,
    resource_routes,
};
use crate::node::SharedNode;
use crate::problem::Problem;
use crate::tokens::TokenError;

/// The endpoint and its sessions.
pub(crate) fn routes() -> Router<SharedNode> {
    Router::new()
        .route("/whip/{room}", get(empty).post(publish).options(preflight))
        .merge(resource_routes(Protocol::Whip))
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
    let offer = CheckedOffer::read(offer, Protocol::Whip)?;
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
    HttpSessions::begin(&node, beginning)
}
