//! The WebSocket at `/ws`: signaling as `docs/protocol.md` specifies it.
//!
//! One task per connection ([`connection`]) reads requests ([`requests`]), writes what the room tells
//! ([`translate`]), and notices clients that are gone. What a request means is decided by the room.

mod connection;
mod end;
mod join;
mod requests;
mod translate;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use signaling_protocol::MAX_MESSAGE_BYTES;

use crate::listener::Place;
use crate::node::SharedNode;

/// `GET /ws`
pub(crate) async fn upgrade(
    State(node): State<SharedNode>,
    Extension(place): Extension<Place>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .on_upgrade(move |socket| connection::serve(node, place, socket))
}

/// What is read at once, and held by every connection. All messages but offers fit in; one that does not
/// gets room for itself. The library's own 128 KiB would be most of what a viewer costs.
const READ_BUFFER_BYTES: usize = 4 * 1024;
