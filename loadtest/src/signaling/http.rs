//! The HTTP that WHIP and WHEP need of a client (RFC 9725 §4.2, §4.3.1), and what the admin API and
//! metrics need. Plain HTTP/1.1, a connection for each request.

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Refusal;
use crate::client::ClientFailure;
use crate::target::Target;

/// A session that a server has given an address.
pub(crate) struct HttpSession {
    target: Target,
    path: String,
    token: Option<String>,
}

/// What a server replied.
#[derive(Clone, Debug)]
pub(crate) struct HttpReply {
    /// The status code.
    pub(crate) status: u16,
    /// The body, if it is text.
    pub(crate) body: String,
    location: Option<String>,
    retry_after: Option<String>,
}

impl HttpSession {
    /// Posts an offer to the endpoint at `path`.
    pub(super) async fn post(
        target: &Target,
        path: &str,
        token: Option<String>,
        offer: String,
    ) -> Result<(Self, String), Refusal> {
        let reply = send(target, Method::POST, path, token.as_deref(), Some(offer)).await?;
        if reply.status != StatusCode::CREATED.as_u16() {
            let retry_after = reply.retry_after.as_deref();
            return Err(Refusal::of_status(
                "the offer",
                reply.status,
                retry_after,
                &reply.body,
            ));
        }
        let location = reply.location.as_deref();
        let location = location.ok_or_else(|| Refusal::failed("the 201 has no Location"))?;
        let session = Self {
            target: target.clone(),
            path: resolve(path, location),
            token,
        };
        Ok((session, reply.body))
    }

    /// Ends the session, once the server has the time.
    pub(super) async fn delete(self) {
        let token = self.token.as_deref();
        loop {
            let deleted = send(&self.target, Method::DELETE, &self.path, token, None).await;
            let refusal = match deleted {
                Ok(reply) if reply.status < 300 => return,
                Ok(reply) => {
                    let retry_after = reply.retry_after.as_deref();
                    Refusal::of_status("the end", reply.status, retry_after, &reply.body)
                }
                Err(failure) => Refusal::Failed(failure),
            };
            match refusal {
                Refusal::Busy { after } => tokio::time::sleep(after).await,
                Refusal::Failed(failure) => {
                    tracing::debug!(%failure, "a session could not be deleted");
                    return;
                }
            }
        }
    }
}

/// Gets a resource of the server.
///
/// # Errors
/// If the server cannot be reached or does not speak HTTP. A status that is no success is none.
pub(crate) async fn get(
    target: &Target,
    path: &str,
    token: Option<&str>,
) -> Result<HttpReply, ClientFailure> {
    send(target, Method::GET, path, token, None).await
}

async fn send(
    target: &Target,
    method: Method,
    path: &str,
    token: Option<&str>,
    offer: Option<String>,
) -> Result<HttpReply, ClientFailure> {
    let stream = TcpStream::connect(target.address())
        .await
        .map_err(|error| {
            ClientFailure::new(format_args!(
                "cannot connect to {}: {error}",
                target.authority()
            ))
        })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // It ends with the reply; what goes wrong is told there.
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, target.authority())
        .header(header::CONNECTION, "close");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    if offer.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/sdp");
    }
    let body = Full::new(Bytes::from(offer.unwrap_or_default()));
    let request = request.body(body).map_err(ClientFailure::new)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    let (head, body) = response.into_parts();
    let text = |name: header::HeaderName| {
        let value = head.headers.get(name).map(HeaderValue::to_str)?.ok()?;
        Some(value.to_owned())
    };
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(ClientFailure::new)?
        .to_bytes();
    connection.abort();
    Ok(HttpReply {
        status: head.status.as_u16(),
        body: String::from_utf8_lossy(&body).into_owned(),
        location: text(header::LOCATION),
        retry_after: text(header::RETRY_AFTER),
    })
}

fn broken(error: hyper::Error) -> ClientFailure {
    ClientFailure::new(format_args!("the HTTP connection broke: {error}"))
}

/// The path of `location`, which may be relative to `base` and may be a URL of the same server (RFC 3986
/// §5.2; what servers do, not every case of it).
fn resolve(base: &str, location: &str) -> String {
    if let Some((_, rest)) = location.split_once("://") {
        let path = rest.find('/').map(|slash| &rest[slash..]);
        return path.unwrap_or("/").to_owned();
    }
    if location.starts_with('/') {
        return location.to_owned();
    }
    let directory = base.rfind('/').map_or("/", |slash| &base[..=slash]);
    format!("{directory}{location}")
}

/// The metrics of a server with many workers are some 100 KiB.
const MAX_BODY: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_may_be_absolute_or_relative() {
        let cases = [
            ("/whip/room", "/whip/room/session", "/whip/room/session"),
            ("/whip/room", "session", "/whip/session"),
            ("/whip/", "session", "/whip/session"),
            ("/whip/room", "http://127.0.0.1:8080/a/b", "/a/b"),
            ("/whip/room", "http://127.0.0.1:8080", "/"),
        ];
        for (base, location, expected) in cases {
            assert_eq!(resolve(base, location), expected, "{location} from {base}");
        }
    }

    #[test]
    fn a_busy_server_is_one_to_come_back_to() {
        let cases = [
            (429, Some("7"), Some(7)),
            (503, None, Some(1)),
            (409, Some("2"), Some(2)),
            (409, None, None),
            (404, Some("2"), None),
            (500, None, None),
        ];
        for (status, retry_after, expected) in cases {
            let after = match Refusal::of_status("it", status, retry_after, "body") {
                Refusal::Busy { after } => Some(after.as_secs()),
                Refusal::Failed(failure) => {
                    assert!(failure.0.contains("body"), "{failure}");
                    None
                }
            };
            assert_eq!(after, expected, "{status} with Retry-After {retry_after:?}");
        }
    }
}
