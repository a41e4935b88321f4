//! From an offer to an answer: over the WebSocket of `docs/protocol.md`, or by WHIP (RFC 9725) and WHEP.

mod answer;
mod http;
mod offer;
mod websocket;

pub(crate) use answer::Answer;
pub(crate) use http::get;
pub(crate) use offer::{OfferedTrack, Transport, write_offer};

use std::time::{Duration, Instant};

use crate::client::ClientFailure;
use crate::media::Kind;
use crate::target::Target;

/// Who a client is to the server.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// The server.
    pub(crate) target: Target,
    /// How to reach it.
    pub(crate) way: Way,
    /// A JWT, if the server wants one.
    pub(crate) token: Option<String>,
}

/// How an offer gets to the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// In a message of the WebSocket at `/ws`.
    WebSocket {
        /// Which room to join.
        room: String,
        /// What to be called there.
        name: String,
    },
    /// As the body of a POST: WHIP or WHEP.
    Post {
        /// Where to.
        path: String,
    },
}

/// A session with the server: exists until it is [ended](Session::end).
pub(crate) enum Session {
    /// Its WebSocket is open.
    WebSocket(websocket::WebSocketSession),
    /// The server has given it an address.
    Http(http::HttpSession),
}

impl Session {
    /// Sends the offer; waits, if the server asks to be left alone for a while, for as long as that is
    /// before `give_up_at`.
    ///
    /// # Errors
    /// What the server says, or that it says nothing in time.
    pub(crate) async fn negotiate(
        visitor: &Visitor,
        offer: &str,
        tracks: &[(String, Kind)],
        give_up_at: Instant,
    ) -> Result<(Self, Answer), ClientFailure> {
        loop {
            let attempt = Self::attempt(visitor, offer, tracks);
            let allowed = give_up_at.saturating_duration_since(Instant::now());
            let outcome = tokio::time::timeout(allowed, attempt).await;
            match outcome
                .unwrap_or_else(|_| Err(Refusal::failed("the server did not answer in time")))
            {
                Ok((session, sdp)) => {
                    let answer = Answer::parse(&sdp).map_err(ClientFailure::new)?;
                    return Ok((session, answer));
                }
                Err(Refusal::Busy { after }) if Instant::now() + after < give_up_at => {
                    tokio::time::sleep(after).await;
                }
                Err(Refusal::Busy { .. }) => {
                    return Err(ClientFailure::new("the server stayed too busy"));
                }
                Err(Refusal::Failed(failure)) => return Err(failure),
            }
        }
    }

    async fn attempt(
        visitor: &Visitor,
        offer: &str,
        tracks: &[(String, Kind)],
    ) -> Result<(Self, String), Refusal> {
        match &visitor.way {
            Way::WebSocket { room, name } => {
                let token = visitor.token.clone();
                let mut session =
                    websocket::WebSocketSession::join(&visitor.target, room, name, token).await?;
                let answer = session.offer(offer, tracks).await?;
                session.follow();
                Ok((Self::WebSocket(session), answer))
            }
            Way::Post { path } => {
                let token = visitor.token.clone();
                let posted =
                    http::HttpSession::post(&visitor.target, path, token, offer.to_owned()).await;
                posted.map(|(session, answer)| (Self::Http(session), answer))
            }
        }
    }

    /// Takes leave; waits until the server has heard it, but not for long.
    pub(crate) async fn end(self) {
        let goodbye = async {
            match self {
                Self::WebSocket(session) => session.leave().await,
                Self::Http(session) => session.delete().await,
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// Why there is no session.
#[derive(Debug)]
enum Refusal {
    /// The server asks to come back later.
    Busy {
        /// After so long.
        after: Duration,
    },
    /// It is final.
    Failed(ClientFailure),
}

impl Refusal {
    fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(ClientFailure::new(why))
    }

    /// What a status says that is not success. `retry_after` is the header.
    fn of_status(what: &str, status: u16, retry_after: Option<&str>, body: &str) -> Self {
        let after = retry_after.and_then(|seconds| seconds.trim().parse().ok());
        match status {
            429 | 503 => Self::Busy {
                after: after.map_or(DEFAULT_RETRY, Duration::from_secs),
            },
            // WHEP, nobody live yet: only worth waiting for if the server says so.
            409 if after.is_some() => Self::Busy {
                after: after.map_or(DEFAULT_RETRY, Duration::from_secs),
            },
            _ => {
                let body: String = body.chars().take(MAX_QUOTED).collect();
                Self::failed(format_args!(
                    "the server refuses {what} with {status}: {body}"
                ))
            }
        }
    }
}

impl From<ClientFailure> for Refusal {
    fn from(failure: ClientFailure) -> Self {
        Self::Failed(failure)
    }
}

const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// Of an error's body, in characters.
const MAX_QUOTED: usize = 300;

/// A server that does not say goodbye is not waited for.
const GOODBYE: Duration = Duration::from_secs(3);
