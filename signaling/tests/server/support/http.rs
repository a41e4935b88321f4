//! A small HTTP client.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::offers;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The `code` of a problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem: serde_json::Value =
            serde_json::from_str(&self.body).expect("a problem is JSON");
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() > 10),
            "{problem}"
        );
        problem["code"].as_str().expect("a code").to_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn request(
    server: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let stream = TcpStream::connect(server)
        .await
        .expect("the server listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP");
    let connection = tokio::spawn(connection);
    let mut request = Request::new(Full::new(body.into()));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().expect("a path");
    request.headers_mut().insert(
        "host",
        HeaderValue::try_from(server.to_string()).expect("an address"),
    );
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).expect("a header's name");
        request.headers_mut().insert(
            name,
            HeaderValue::from_str(value).expect("a header's value"),
        );
    }
    let response = sender.send_request(request).await.expect("a response");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    connection.abort();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

/// Sends a GET without headers.
pub(crate) async fn get(server: SocketAddr, path: &str) -> Answer {
    request(server, Method::GET, path, &[], "").await
}

pub(crate) const SDP: (&str, &str) = ("content-type", "application/sdp");
pub(crate) const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");

/// Sends an offer.
pub(crate) async fn post(server: SocketAddr, path: &str, offer: &str) -> Answer {
    request(server, Method::POST, path, &[SDP], offer.to_owned()).await
}

/// One microphone and one camera, as an encoder offers them.
pub(crate) fn encoder() -> String {
    offers::CHROMIUM_SENDONLY.to_owned()
}

/// One audio and one video slot, as a player offers them.
pub(crate) fn player() -> String {
    offers::only(offers::FIREFOX_RECVONLY, &["0", "3"])
}
