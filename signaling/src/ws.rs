//! The WebSocket at `/ws`: signaling as `docs/protocol.md` specifies it.
//!
//! One task per connection ([`connection`]) reads requests ([`requests`]), writes what the room tells
//! ([`translate`]), and notices clients that are gone. What a request means is decided by the room.

mod connection;
mod end;
mod join;
mod requests;
mod socket;
mod translate;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use self::socket::Socket;
use crate::listener::Place;
use crate::node::SharedNode;

/// `GET /ws`. Not by axum's own extractor, which hides the connection ([`socket`]).
pub(crate) async fn upgrade(
    State(node): State<SharedNode>,
    Extension(place): Extension<Place>,
    mut request: Request,
) -> Response {
    let response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => {
                let socket = Socket::new(TokioIo::new(upgraded)).await;
                connection::serve(node, place, socket).await;
            }
            Err(error) => tracing::debug!(%error, "a connection did not become a WebSocket"),
        }
    });
    response
}
