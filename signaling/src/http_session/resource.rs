//! The URL of a session: `/whip/{room}/{secret}` and `/whep/{room}/{secret}`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use sfu::room::RoomName;

use super::{Protocol, SDP_FRAGMENT, check_content_type, preflight, read_body};
use crate::access::bearer;
use crate::node::{Node, SharedNode};
use crate::problem::Problem;

/// The routes of the sessions of this protocol.
pub(crate) fn resource_routes(protocol: Protocol) -> Router<SharedNode> {
    let show = move |State(node): State<SharedNode>,
                     Path(address): Path<Address>,
                     headers: HeaderMap| async move {
        let (room, secret) = authorise(&node, address, &headers)?;
        node.http_sessions
            .find(protocol, &room, &secret)
            .map(|_| StatusCode::NO_CONTENT)
    };
    let end = move |State(node): State<SharedNode>,
                    Path(address): Path<Address>,
                    headers: HeaderMap| async move {
        let (room, secret) = authorise(&node, address, &headers)?;
        node.http_sessions.end(protocol, &room, &secret).await
    };
    let patch = move |State(node): State<SharedNode>,
                      Path(address): Path<Address>,
                      headers: HeaderMap,
                      body: Body| { patch(protocol, node, address, headers, body) };
    let path = format!("/{}/{{room}}/{{secret}}", protocol.path());
    Router::new().route(&path, get(show).delete(end).patch(patch).options(preflight))
}

/// The room and the secret in the path.
type Address = (String, String);

/// Knowing the address is not enough where there are keys: a token of the room is needed too.
fn authorise(
    node: &Node,
    (room, secret): Address,
    headers: &HeaderMap,
) -> Result<(RoomName, String), Problem> {
    let room = RoomName::parse(&room)?;
    node.guard.admit(&room, bearer(headers))?;
    Ok((room, secret))
}

async fn patch(
    protocol: Protocol,
    node: SharedNode,
    address: Address,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (room, secret) = authorise(&node, address, &headers)?;
    let session = node.http_sessions.find(protocol, &room, &secret)?;
    check_content_type(&headers, SDP_FRAGMENT)?;
    let fragment = read_body(body, node.patience.request).await?;
    session.patch(&headers, &fragment).await
}
