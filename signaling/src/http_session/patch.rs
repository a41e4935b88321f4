//! `PATCH` of a session: trickle ICE and ICE restart (RFC 9725 §4.3, RFC 8840).
//!
//! Candidates are read and not used: the server learns addresses from connectivity checks. A restart
//! is the offer again with the new credentials; the ICE part of its answer goes back.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sfu::parameters::IceCredentials;
use sfu::sdp::{FragmentError, TrickleFragment};

use super::offer::{PWD, UFRAG};
use super::preconditions::Precondition;
use super::{HttpSession, SDP_FRAGMENT, State, unknown_session};
use crate::problem::Problem;
use crate::secret::unguessable;

impl HttpSession {
    /// Handles the fragment of a PATCH.
    pub(crate) async fn patch(
        &self,
        headers: &HeaderMap,
        fragment: &str,
    ) -> Result<Response, Problem> {
        let precondition = Precondition::read(headers)?;
        let mut state = self.state.lock().await;
        let state = state.as_mut().ok_or_else(unknown_session)?;
        precondition.check(&state.entity_tag)?;
        let fragment = TrickleFragment::parse(fragment)?;
        match fragment.ice.filter(|ice| ice != state.offer.ice()) {
            None => Ok(StatusCode::NO_CONTENT.into_response()),
            Some(ice) if precondition == Precondition::Any => state.restart(ice),
            Some(_) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "restart_needs_asterisk",
                "new ICE credentials restart ICE, which needs If-Match: *",
            )),
        }
    }
}

impl State {
    /// If it fails, the session goes on as it is.
    fn restart(&mut self, ice: IceCredentials) -> Result<Response, Problem> {
        let offer = self.offer.with_ice(ice);
        let answer = self.session.offer(offer.text(), &[])?;
        self.offer = offer;
        self.entity_tag = format!("\"{}\"", unguessable());
        let mut response =
            ([(header::CONTENT_TYPE, SDP_FRAGMENT)], ice_of(&answer.sdp)).into_response();
        if let Ok(tag) = HeaderValue::try_from(&self.entity_tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        Ok(response)
    }
}

/// The lines of an answer that a fragment has (RFC 8840 §9.2): those of the session and of the first
/// m-line, for with BUNDLE all the others are the same.
fn ice_of(answer: &str) -> String {
    const OF_THE_SESSION: [&str; 5] =
        ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE", UFRAG, PWD];
    const OF_THE_MEDIA: [&str; 6] = [
        "m=",
        "a=mid:",
        UFRAG,
        PWD,
        "a=candidate:",
        "a=end-of-candidates",
    ];
    let mut fragment = String::new();
    let mut m_lines = 0;
    for line in answer.lines() {
        m_lines += usize::from(line.starts_with("m="));
        let wanted = match m_lines {
            0 => OF_THE_SESSION.as_slice(),
            1 => OF_THE_MEDIA.as_slice(),
            _ => break,
        };
        if wanted.iter().any(|name| line.starts_with(name)) {
            fragment.extend([line, "\r\n"]);
        }
    }
    fragment
}

impl From<FragmentError> for Problem {
    fn from(error: FragmentError) -> Self {
        let status = match error {
            FragmentError::TooLarge | FragmentError::TooManyCandidates => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            FragmentError::Malformed { .. } => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "invalid_fragment", error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fragment_of_an_answer_is_its_ice_part() {
        let answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=group:BUNDLE 0 1\r\n\
                      m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:u\r\n\
                      a=ice-pwd:p\r\na=setup:passive\r\na=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n\
                      a=end-of-candidates\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:u\r\n";
        assert_eq!(
            ice_of(answer),
            "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
             a=ice-ufrag:u\r\na=ice-pwd:p\r\na=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n\
             a=end-of-candidates\r\n"
        );
    }
}
