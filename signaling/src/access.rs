//! Who may do what: tokens where there are keys, and where there are none, only this machine.

use std::net::IpAddr;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sfu::room::{Grants, RoomName};

use crate::config::Access;
use crate::node::SharedNode;
use crate::problem::Problem;
use crate::tokens::{Authority, Claims, TokenError};

/// Decides.
pub(crate) enum Guard {
    /// By token.
    Tokens(Box<Authority>),
    /// Everybody may do everything but administer; `local_pages_only` keeps out web pages of others.
    Open {
        /// Whether requests must name this machine as their target and origin.
        local_pages_only: bool,
    },
}

/// Somebody who may enter a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Admission {
    /// What it may do there.
    pub(crate) grants: Grants,
    /// What the token calls it, if there is one.
    pub(crate) name: Option<String>,
}

impl Guard {
    /// The guard for this access.
    pub(crate) fn new(access: &Access) -> Self {
        match access {
            Access::Keys(keys) => Self::Tokens(Box::new(Authority::new(keys))),
            Access::OpenToThisMachine => Self::Open {
                local_pages_only: true,
            },
            Access::OpenToEverybody => Self::Open {
                local_pages_only: false,
            },
        }
    }

    /// Lets somebody into a room, or not.
    pub(crate) fn admit(
        &self,
        room: &RoomName,
        token: Option<&str>,
    ) -> Result<Admission, TokenError> {
        let Some(claims) = self.claims(token)? else {
            return Ok(Admission {
                grants: Grants::CONFERENCE,
                name: None,
            });
        };
        let grants = claims.grants_in(room.as_str())?;
        let name = claims
            .name
            .filter(|name| !name.is_empty())
            .or(Some(claims.sub));
        Ok(Admission {
            grants,
            name: name.filter(|name| !name.is_empty()),
        })
    }

    /// Lets somebody use the admin API; `from` is where the request came from. Returns the only room
    /// that it may see, if there is a restriction.
    pub(crate) fn administer(
        &self,
        token: Option<&str>,
        from: IpAddr,
    ) -> Result<Option<String>, TokenError> {
        match self.claims(token)? {
            // Without keys nobody can show who they are; who sits at the machine may look.
            None if from.to_canonical().is_loopback() => Ok(None),
            None => Err(TokenError::NotAdmin),
            Some(claims) if claims.video.room_admin => {
                Ok(claims.video.room.filter(|room| !room.is_empty()))
            }
            Some(_) => Err(TokenError::NotAdmin),
        }
    }

    /// `None` if no token is needed.
    fn claims(&self, token: Option<&str>) -> Result<Option<Claims>, TokenError> {
        match self {
            Self::Open { .. } => Ok(None),
            Self::Tokens(authority) => {
                let token = token.ok_or(TokenError::Missing)?;
                authority.verify(token, SystemTime::now()).map(Some)
            }
        }
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        if error.is_forbidden() {
            Self::new(StatusCode::FORBIDDEN, "forbidden", error.to_string())
        } else {
            Self::new(StatusCode::UNAUTHORIZED, "unauthorized", error.to_string())
        }
    }
}

/// Middleware. A server without keys listens on loopback, but any web page that somebody opens on this
/// machine can send requests there, and could listen to a room. So only pages of this machine may,
/// and only under a name of this machine, lest a page's own name be pointed here (DNS rebinding).
pub(crate) async fn local_pages_only(
    State(node): State<SharedNode>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(
        node.guard,
        Guard::Open {
            local_pages_only: true
        }
    ) && !is_local(request.headers(), request.uri())
    {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "open_to_this_machine_only",
            "this server has no keys and so answers only pages of its own machine; see insecure-open",
        )
        .into_response();
    }
    next.run(request).await
}

fn is_local(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = match (uri.host(), headers.get(header::HOST)) {
        (Some(host), _) => Some(host),
        (None, Some(value)) => value.to_str().ok().map(without_port),
        (None, None) => None,
    };
    let target_is_local = host.is_some_and(is_local_name);
    let origin_is_local = headers.get(header::ORIGIN).is_none_or(|origin| {
        let parsed = origin
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Uri>().ok());
        parsed
            .as_ref()
            .and_then(Uri::host)
            .is_some_and(is_local_name)
    });
    target_is_local && origin_is_local
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // A colon inside of brackets belongs to an IPv6 address.
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

fn is_local_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // RFC 6761 §6.3: browsers resolve these to loopback themselves.
        Err(_) => {
            host.eq_ignore_ascii_case("localhost")
                || host.to_ascii_lowercase().ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_requests_between_this_machine_and_itself_are_local() {
        let table = [
            ("localhost:8080", None, true),
            ("127.0.0.1:8080", None, true),
            ("[::1]:8080", None, true),
            ("[::1]", None, true),
            ("127.9.9.9", None, true),
            ("localhost:8080", Some("http://localhost:8080"), true),
            ("localhost:8080", Some("http://127.0.0.1:5173"), true),
            (
                "dev.localhost:8080",
                Some("http://dev.localhost:8080"),
                true,
            ),
            ("localhost:8080", Some("https://example.org"), false),
            (
                "localhost:8080",
                Some("http://localhost.example.org"),
                false,
            ),
            ("localhost:8080", Some("null"), false),
            ("localhost:8080", Some(""), false),
            ("example.org:8080", None, false),
            ("example.org:8080", Some("http://example.org:8080"), false),
            ("192.0.2.1:8080", None, false),
            ("", None, false),
        ];
        for (host, origin, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(
                is_local(&headers, &Uri::from_static("/ws")),
                expected,
                "{host} {origin:?}"
            );
        }
        assert!(
            !is_local(&HeaderMap::new(), &Uri::from_static("/ws")),
            "no Host"
        );
    }

    #[test]
    fn the_bearer_is_read_from_its_header_alone() {
        let table = [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic abc", None),
            ("Bearer", None),
            ("abc", None),
        ];
        for (value, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(bearer(&headers), expected, "{value}");
        }
    }
}
