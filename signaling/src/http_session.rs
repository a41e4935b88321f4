//! Sessions that HTTP began: one offer, one answer, and a URL to end them by (RFC 9725 §4, the WHEP
//! draft). WHIP and WHEP differ in the direction of media only, so all of it is here but that.
//!
//! A session lives as long as its place in the room: when the peer closes, or falls silent, it is
//! forgotten, and its URL leads nowhere.

mod cors;
mod offer;
mod patch;
mod preconditions;
mod request;
mod resource;

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dashmap::DashMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use sfu::control::{JoinRequest, Joined, Session};
use sfu::room::{DisplayName, Grants, LeaveReason, Notification, RoomName, Viewing};
use tokio::sync::Mutex;
use tokio::sync::mpsc;

use crate::node::{Node, SharedNode};
use crate::problem::Problem;
use crate::secret::unguessable;

pub(crate) use cors::{cors, preflight};
pub(crate) use offer::CheckedOffer;
pub(crate) use request::{check_content_type, read_body};
pub(crate) use resource::resource_routes;

/// Which of the two protocols.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Protocol {
    /// Publishes.
    Whip,
    /// Plays.
    Whep,
}

impl Protocol {
    /// The first part of its paths.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// The sessions of this node by the secret in their URL. No more than there are participants.
#[derive(Default)]
pub(crate) struct HttpSessions(DashMap<String, Arc<HttpSession>>);

/// A session.
pub(crate) struct HttpSession {
    protocol: Protocol,
    room: RoomName,
    /// `None` once it has ended.
    state: Mutex<Option<State>>,
}

struct State {
    session: Session,
    /// Names the ICE session (RFC 9725 §4.3.1); in quotes.
    entity_tag: String,
    /// With the ICE credentials that are in use.
    offer: CheckedOffer,
}

/// Who begins a session, and with what.
pub(crate) struct Beginning {
    /// Which protocol.
    pub(crate) protocol: Protocol,
    /// Where.
    pub(crate) room: RoomName,
    /// What a token calls the participant.
    pub(crate) name: Option<String>,
    /// What it may do.
    pub(crate) grants: Grants,
    /// What its slots are for.
    pub(crate) viewing: Viewing,
    /// Its offer.
    pub(crate) offer: CheckedOffer,
}

impl HttpSessions {
    /// Begins a session: enters the room and answers the offer.
    pub(crate) fn begin(node: &SharedNode, beginning: Beginning) -> Result<Response, Problem> {
        let Beginning {
            protocol,
            room,
            name,
            grants,
            viewing,
            offer,
        } = beginning;
        let name = name.and_then(|name| DisplayName::parse(&name).ok());
        let name = match name {
            Some(name) => name,
            None => DisplayName::parse(protocol.path())?,
        };
        let joined = node.sfu.join(
            &room,
            JoinRequest {
                name,
                grants,
                viewing,
            },
        )?;
        let Joined {
            session,
            notifications,
            ..
        } = joined;
        let answer = match session.offer(offer.text(), &[]) {
            Ok(answer) => answer,
            Err(refusal) => {
                session.leave(LeaveReason::Left);
                return Err(refusal.into());
            }
        };
        let secret = unguessable();
        let entity_tag = format!("\"{}\"", unguessable());
        let location = format!("/{}/{}/{secret}", protocol.path(), path_segment(&room));
        let response = created(node, &location, &entity_tag, answer.sdp);
        let participant = session.participant();
        let state = Mutex::new(Some(State {
            session,
            entity_tag,
            offer,
        }));
        node.http_sessions.0.insert(
            secret.clone(),
            Arc::new(HttpSession {
                protocol,
                room,
                state,
            }),
        );
        node.metrics.http_session_began(protocol);
        tokio::spawn(follow(node.clone(), protocol, secret, notifications));
        tracing::debug!(%participant, protocol = protocol.path(), "an HTTP session began");
        Ok(response)
    }

    /// Ends a session, as its client asks.
    pub(crate) async fn end(
        &self,
        protocol: Protocol,
        room: &RoomName,
        secret: &str,
    ) -> Result<Response, Problem> {
        let session = self.find(protocol, room, secret)?;
        self.0.remove(secret);
        match session.state.lock().await.take() {
            Some(state) => {
                state.session.leave(LeaveReason::Left);
                Ok(StatusCode::OK.into_response())
            }
            None => Err(unknown_session()),
        }
    }

    /// The session at this address.
    pub(crate) fn find(
        &self,
        protocol: Protocol,
        room: &RoomName,
        secret: &str,
    ) -> Result<Arc<HttpSession>, Problem> {
        self.0
            .get(secret)
            .filter(|session| session.protocol == protocol && session.room == *room)
            .map(|session| session.value().clone())
            .ok_or_else(unknown_session)
    }
}

/// Follows the session to its end, or to that of the server, and forgets it.
async fn follow(
    node: SharedNode,
    protocol: Protocol,
    secret: String,
    mut notifications: mpsc::Receiver<Notification>,
) {
    let mut stopping = node.stopping.subscribe();
    let over = async {
        while let Some(notification) = notifications.recv().await {
            if let Notification::Closed { reason } = notification {
                return reason;
            }
        }
        LeaveReason::Left
    };
    let reason = tokio::select! {
        reason = over => reason,
        _ = stopping.wait_for(|stopping| *stopping) => LeaveReason::ShuttingDown,
    };
    tracing::debug!(reason = reason.code(), "an HTTP session is over");
    node.metrics.http_session_ended(protocol);
    let Some((_, session)) = node.http_sessions.0.remove(&secret) else {
        return;
    };
    if let Some(state) = session.state.lock().await.take() {
        state.session.leave(reason);
    }
}

fn created(node: &Node, location: &str, entity_tag: &str, answer: String) -> Response {
    let mut response = (StatusCode::CREATED, [(header::CONTENT_TYPE, SDP)], answer).into_response();
    let headers = response.headers_mut();
    let mut add = |name, value: &str| {
        // None of these texts has a character that a header may not have; see where they are made.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    };
    add(header::LOCATION, location);
    add(header::ETAG, entity_tag);
    add(
        header::HeaderName::from_static("accept-patch"),
        SDP_FRAGMENT,
    );
    for link in &node.ice_server_links {
        add(header::LINK, link);
    }
    response
}

/// A room's name may have characters that a path has not (RFC 3986 §3.3).
fn path_segment(room: &RoomName) -> PercentEncode<'_> {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(room.as_str(), ESCAPED)
}

fn unknown_session() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown_session",
        "there is no such session, or it is over",
    )
}

/// RFC 8866 §8.1
pub(crate) const SDP: &str = "application/sdp";
/// RFC 8840 §9
pub(crate) const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";
