//! Reading requests: what they carry must be what they say, and not too much.

use std::time::Duration;

use axum::body::{self, Body};
use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// The largest body in bytes. Offers of one audio and one video m-line have some 10 kB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Refuses everything but this media type. Parameters are allowed and mean nothing.
pub(crate) fn check_content_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = given.map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(expected)) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!("the Content-Type must be {expected}"),
    ))
}

/// Reads a body of text.
pub(crate) async fn read_body(body: Body, patience: Duration) -> Result<String, Problem> {
    let bytes = match tokio::time::timeout(patience, body::to_bytes(body, MAX_BODY_BYTES)).await {
        Err(_) => {
            return Err(Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the body took too long to arrive",
            ));
        }
        Ok(Err(error)) => return Err(unreadable(&error)),
        Ok(Ok(bytes)) => bytes,
    };
    String::from_utf8(bytes.into()).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            "the body is not UTF-8",
        )
    })
}

fn unreadable(error: &axum::Error) -> Problem {
    let cause = std::error::Error::source(error);
    if cause.is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>()) {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the body has more than {MAX_BODY_BYTES} bytes"),
        )
    } else {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_body",
            "the body could not be read",
        )
    }
}
