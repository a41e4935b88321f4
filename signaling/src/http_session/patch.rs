//! `PATCH` of a session: trickle ICE and ICE restart (RFC 9725 §4.3, RFC 8840).
//!
//! Candidates are read over: the server learns addresses from connectivity checks. A restart is the
//! offer again with the new credentials; a fragment of the answer goes back.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

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
        let credentials = Credentials::read(fragment);
        let restarts = credentials
            .as_ref()
            .is_some_and(|new| Credentials::read(&state.offer).as_ref() != Some(new));
        match (credentials, restarts) {
            (Some(credentials), true) if precondition == Precondition::Any => {
                state.restart(&credentials)
            }
            (_, true) => Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "restart_needs_asterisk",
                "new ICE credentials restart ICE, which needs If-Match: *",
            )),
            (_, false) => Ok(StatusCode::NO_CONTENT.into_response()),
        }
    }
}

impl State {
    fn restart(&mut self, credentials: &Credentials) -> Result<Response, Problem> {
        let offer = credentials.put_into(&self.offer);
        let answer = self.session.offer(&offer, &[])?;
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

/// The ICE credentials of a description or a fragment: with BUNDLE there is one pair of them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Credentials {
    ufrag: String,
    pwd: String,
}

const UFRAG: &str = "a=ice-ufrag:";
const PWD: &str = "a=ice-pwd:";

impl Credentials {
    /// The first pair.
    fn read(sdp: &str) -> Option<Self> {
        let value = |name| {
            sdp.lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        Some(Self {
            ufrag: value(UFRAG)?,
            pwd: value(PWD)?,
        })
    }

    /// The description with this pair in place of every other. What is wrong with the pair is found
    /// when the description is parsed.
    fn put_into(&self, sdp: &str) -> String {
        let mut out = String::with_capacity(sdp.len() + 64);
        for line in sdp.lines() {
            match line {
                line if line.starts_with(UFRAG) => out.extend([UFRAG, &self.ufrag]),
                line if line.starts_with(PWD) => out.extend([PWD, &self.pwd]),
                line => out.push_str(line.trim_end_matches('\r')),
            }
            out.push_str("\r\n");
        }
        out
    }
}

/// The lines of an answer that a fragment has (RFC 8840 §9.2): those of the session and of the first
/// m-line, for with BUNDLE all the others are the same.
fn ice_of(answer: &str) -> String {
    const OF_THE_SESSION: [&str; 3] = ["a=ice-lite", "a=ice-options:", "a=group:BUNDLE"];
    const OF_THE_MEDIA: [&str; 6] = [
        "m=",
        "a=mid:",
        UFRAG,
        PWD,
        "a=candidate:",
        "a=end-of-candidates",
    ];
    let mut out = String::new();
    let mut m_lines = 0;
    for line in answer.lines() {
        m_lines += usize::from(line.starts_with("m="));
        let belongs = match m_lines {
            0 => [UFRAG, PWD]
                .iter()
                .chain(&OF_THE_SESSION)
                .any(|name| line.starts_with(name)),
            1 => OF_THE_MEDIA.iter().any(|name| line.starts_with(name)),
            _ => break,
        };
        if belongs {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_credentials_replace_the_old_ones_in_every_m_line() {
        let offer = "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpwd\r\na=mid:0\r\n\
                     m=video 9 X 1\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpwd\r\n";
        let new =
            Credentials::read("a=ice-ufrag:new1\r\na=ice-pwd:newpwd\r\n").expect("credentials");
        let changed = new.put_into(offer);
        assert_eq!(
            changed,
            offer.replace("old1", "new1").replace("oldpwd", "newpwd")
        );
        assert_eq!(Credentials::read(&changed), Some(new));
        assert_eq!(Credentials::read("a=ice-ufrag:alone\r\n"), None);
    }

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
