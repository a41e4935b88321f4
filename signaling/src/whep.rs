//! WHEP (draft-ietf-wish-whep): a player receives a room's newest camera, or broadcast, with its sound,
//! after a single POST. Nobody in the room sees it come.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
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

/// When somebody may be live whom a player asks for: a guess between politeness and a viewer's patience.
const NOT_LIVE_RETRY: Duration = Duration::from_secs(2);

/// The endpoint and its sessions.
pub(crate) fn routes() -> Router<SharedNode> {
    Router::new()
        .route(
            "/whep/{room}",
            get(empty).head(head).post(play).options(preflight),
        )
        .merge(resource_routes(Protocol::Whep))
}

/// `GET` of the endpoint: there is nothing to see.
async fn empty() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `HEAD` of the endpoint: this is how one learns that it is one.
async fn head() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, SDP)]).into_response()
}

/// `POST` of an offer.
async fn play(
    State(node): State<SharedNode>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let room = RoomName::parse(&room)?;
    let admission = node.guard.admit(&room, bearer(&headers))?;
    if !admission.grants.can_subscribe {
        return Err(TokenError::MayNotSubscribe.into());
    }
    check_content_type(&headers, SDP)?;
    let offer = read_body(body, node.patience.request).await?;
    let offer = CheckedOffer::read(offer, Protocol::Whep)?;
    if !node.sfu.room(&room).is_some_and(|room| room.is_live()) {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "not_live",
            "nobody is live in this room",
        )
        .retry_after(NOT_LIVE_RETRY));
    }
    let beginning = Beginning {
        protocol: Protocol::Whep,
        room,
        name: admission.name,
        grants: Grants::VIEW_ONLY,
        viewing: Viewing::Newest,
        offer,
    };
    HttpSessions::begin(&node, beginning)
}
