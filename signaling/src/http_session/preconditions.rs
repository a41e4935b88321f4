//! `If-Match` of a PATCH (RFC 9110 §13.1.1): which ICE session the client believes to be in.

use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// What a client believes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Precondition {
    /// Any ICE session will do: it begins a new one.
    Any,
    /// One with one of these entity tags, in quotes.
    OneOf(Vec<String>),
}

impl Precondition {
    /// Reads the header, which every PATCH must have.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let Ok(value) = value.to_str() else { continue };
            for tag in value.split(',').map(str::trim) {
                // The RFC's own example has the asterisk in quotes.
                if tag == "*" || tag == "\"*\"" {
                    return Ok(Self::Any);
                }
                tags.push(tag.to_owned());
            }
        }
        if tags.is_empty() {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "a PATCH needs If-Match with the ETag of the session, or * to restart ICE",
            ));
        }
        Ok(Self::OneOf(tags))
    }

    /// Refuses a client that is in another ICE session.
    pub(super) fn check(&self, entity_tag: &str) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::OneOf(tags) if tags.iter().any(|tag| tag == entity_tag) => Ok(()),
            Self::OneOf(_) => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                "If-Match does not name the current ICE session",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_entity_tag_or_an_asterisk_is_required() {
        let table: [(&[&str], StatusCode); 8] = [
            (&[], StatusCode::PRECONDITION_REQUIRED),
            (&["*"], StatusCode::OK),
            (&["\"*\""], StatusCode::OK),
            (&["\"now\""], StatusCode::OK),
            (&["\"then\", \"now\""], StatusCode::OK),
            (&["\"then\"", "\"now\""], StatusCode::OK),
            (&["\"then\""], StatusCode::PRECONDITION_FAILED),
            // If-Match compares strongly (RFC 9110 §8.8.3.2): a weak tag never matches.
            (&["W/\"now\""], StatusCode::PRECONDITION_FAILED),
        ];
        for (values, expected) in table {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::from_static(value));
            }
            let result =
                Precondition::read(&headers).and_then(|precondition| precondition.check("\"now\""));
            let status = result.map_or_else(|problem| problem.status(), |()| StatusCode::OK);
            assert_eq!(status, expected, "{values:?}");
        }
    }
}
