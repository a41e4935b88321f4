//! Cross-origin requests (Fetch §3.2): players and publishers are pages of other sites.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Middleware: lets the page of any origin read the answers of the two protocols. Tokens are in a header, never in a cookie,
/// so an origin gains nothing by it that it could not do itself.
pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let concerns = path.starts_with("/whip/") || path.starts_with("/whep/");
    let mut response = next.run(request).await;
    if !concerns {
        return response;
    }
    for (name, value) in EVERY_RESPONSE {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// `OPTIONS`, which a browser sends before any of these requests.
pub(crate) async fn preflight() -> Response {
    (StatusCode::OK, PREFLIGHT).into_response()
}

const EVERY_RESPONSE: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        "Location, Link, ETag, Accept-Patch, Retry-After",
    ),
];

const PREFLIGHT: [(HeaderName, &str); 4] = [
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    ),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Authorization, Content-Type, If-Match",
    ),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    (HeaderName::from_static("accept-post"), super::SDP),
];
