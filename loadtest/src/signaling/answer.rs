//! What a lean client needs of an answer.

use std::io::Cursor;
use std::net::SocketAddr;

use rtc::sdp::SessionDescription;
use rtc::sdp::description::media::MediaDescription;
use thiserror::Error;

use super::offer::TRANSPORT_NUMBERS;
use crate::client::lean::{Credentials, Fingerprint};
use crate::media::Kind;

/// An answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// As it came.
    pub(crate) sdp: String,
    /// The server's.
    pub(crate) credentials: Credentials,
    /// Those that the server's certificate may have.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// Where the server can be reached over UDP.
    pub(crate) candidates: Vec<SocketAddr>,
    /// The m-lines, in order.
    pub(crate) media: Vec<AnsweredMedia>,
}

/// An m-line of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AnsweredMedia {
    /// Sound or picture; `None` if it is something else.
    pub(crate) kind: Option<Kind>,
    /// The payload type that both sides use; `None` if the server refuses the m-line.
    pub(crate) payload_type: Option<u8>,
    /// The header extension that has the transport-wide number; `None` if there is none.
    pub(crate) transport_numbers: Option<u8>,
}

/// Why an answer is of no use.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(crate) enum AnswerError {
    /// It does not parse.
    #[error("the server's answer is not SDP: {0}")]
    Malformed(String),
    /// Something that it must have is not there.
    #[error("the server's answer has no {0}")]
    Without(&'static str),
    /// It wants to be the client of the DTLS handshake.
    #[error("the server's answer says a=setup:{0}, but the offer left it only passive")]
    WrongSetup(String),
}

impl Answer {
    /// Reads it.
    ///
    /// # Errors
    /// If it is not one that a bundled connection can be made of.
    pub(crate) fn parse(sdp: &str) -> Result<Self, AnswerError> {
        let session = SessionDescription::unmarshal(&mut Cursor::new(sdp.as_bytes()))
            .map_err(|error| AnswerError::Malformed(error.to_string()))?;
        let transport = |name: &'static str| {
            attributes(&session, name)
                .next()
                .ok_or(AnswerError::Without(name))
        };
        if let Some(setup) = attributes(&session, "setup").find(|setup| *setup != "passive") {
            return Err(AnswerError::WrongSetup(setup.to_owned()));
        }
        let fingerprints: Vec<_> = attributes(&session, "fingerprint")
            .filter_map(Fingerprint::parse)
            .collect();
        if fingerprints.is_empty() {
            return Err(AnswerError::Without("SHA-256 fingerprint"));
        }
        let mut candidates: Vec<_> = attributes(&session, "candidate")
            .filter_map(candidate)
            .collect();
        let mut seen = Vec::new();
        candidates.retain(|candidate| {
            let new = !seen.contains(candidate);
            seen.push(*candidate);
            new
        });
        Ok(Self {
            credentials: Credentials {
                ufrag: transport("ice-ufrag")?.to_owned(),
                pwd: transport("ice-pwd")?.to_owned(),
            },
            fingerprints,
            candidates,
            media: session
                .media_descriptions
                .iter()
                .map(AnsweredMedia::of)
                .collect(),
            sdp: sdp.to_owned(),
        })
    }
}

impl AnsweredMedia {
    fn of(media: &MediaDescription) -> Self {
        let kind = match media.media_name.media.as_str() {
            "audio" => Some(Kind::Audio),
            "video" => Some(Kind::Video),
            _ => None,
        };
        let first = media.media_name.formats.first();
        let refused = media.media_name.port.value == 0 || media.has_attribute("inactive");
        Self {
            kind,
            payload_type: first
                .and_then(|format| format.parse().ok())
                .filter(|_| !refused),
            transport_numbers: media
                .attributes
                .iter()
                .filter(|attribute| attribute.key == "extmap")
                .filter_map(|attribute| extension(attribute.value.as_deref()?))
                .find_map(|(id, uri)| (uri == TRANSPORT_NUMBERS).then_some(id)),
        }
    }
}

/// The values of an attribute, of the session and then of its m-lines.
fn attributes<'a>(
    session: &'a SessionDescription,
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let media = session
        .media_descriptions
        .iter()
        .flat_map(|media| &media.attributes);
    let all = session.attributes.iter().chain(media);
    all.filter(move |attribute| attribute.key == name)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// The id and the URI of an `a=extmap` (RFC 8285 §8).
fn extension(value: &str) -> Option<(u8, &str)> {
    let (id, uri) = value.split_once(' ')?;
    // A direction may follow the id.
    let id = id.split('/').next()?.parse().ok()?;
    Some((id, uri.split(' ').next()?))
}

/// The address of a UDP candidate of component 1 (RFC 8839 §5.1). Others, and names, are passed over.
fn candidate(value: &str) -> Option<SocketAddr> {
    let mut fields = value.split_ascii_whitespace().skip(1);
    let (component, transport) = (fields.next()?, fields.next()?);
    let (ip, port) = (fields.nth(1)?, fields.next()?);
    if component != "1" || !transport.eq_ignore_ascii_case("udp") {
        return None;
    }
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINGERPRINT: &str = "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
                               10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

    fn answer(session: &str, media: &str) -> String {
        let head = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0";
        let text = [head, session, media].join("\n");
        text.lines()
            .filter(|line| !line.is_empty())
            .flat_map(|line| [line, "\r\n"])
            .collect()
    }

    fn media() -> String {
        format!(
            "m=audio 7882 UDP/TLS/RTP/SAVPF 109\nc=IN IP4 127.0.0.1\na=ice-ufrag:u\na=ice-pwd:p\n\
             a=fingerprint:{FINGERPRINT}\na=setup:passive\na=sendonly\n\
             a=candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host\n\
             a=candidate:2 1 UDP 2130706431 ::1 7882 typ host\n\
             a=candidate:3 1 tcp 2130706431 127.0.0.1 7882 typ host tcptype passive\n\
             a=candidate:4 1 udp 1 a-name.local 7882 typ host\n\
             a=candidate:5 2 udp 1 127.0.0.1 7883 typ host\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\n\
             a=extmap:7/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n\
             m=video 0 UDP/TLS/RTP/SAVPF 96\nc=IN IP4 0.0.0.0\na=inactive\n\
             a=candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host"
        )
    }

    #[test]
    fn transport_candidates_and_payload_types_are_read() {
        let answer = Answer::parse(&answer("", &media())).expect("an answer");
        assert_eq!(
            (
                answer.credentials.ufrag.as_str(),
                answer.credentials.pwd.as_str()
            ),
            ("u", "p")
        );
        assert_eq!(
            answer.fingerprints.first(),
            Fingerprint::parse(FINGERPRINT).as_ref()
        );
        let candidates: Vec<_> = answer.candidates.iter().map(ToString::to_string).collect();
        assert_eq!(candidates, ["127.0.0.1:7882", "[::1]:7882"]);
        let expected = [
            (Some(Kind::Audio), Some(109), Some(7)),
            (Some(Kind::Video), None, None),
        ];
        let seen: Vec<_> = answer
            .media
            .iter()
            .map(|media| (media.kind, media.payload_type, media.transport_numbers))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_the_session_says_counts_for_all() {
        let session = format!("a=fingerprint:{FINGERPRINT}\na=ice-ufrag:s\na=ice-pwd:t");
        let answer = Answer::parse(&answer(
            &session,
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=recvonly",
        ));
        assert_eq!(answer.expect("an answer").credentials.ufrag, "s");
    }

    #[test]
    fn answers_that_cannot_be_used_say_why() {
        let without = |what: &str| answer("", &media().replace(what, "a=nothing:"));
        let cases = [
            ("hello".to_owned(), "is not SDP"),
            (without("a=ice-ufrag:"), "has no ice-ufrag"),
            (without("a=ice-pwd:"), "has no ice-pwd"),
            (
                without("a=fingerprint:sha-256"),
                "has no SHA-256 fingerprint",
            ),
            (
                answer("", &media().replace("setup:passive", "setup:active")),
                "a=setup:active",
            ),
        ];
        for (sdp, expected) in cases {
            let error = Answer::parse(&sdp).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error} for {sdp}");
        }
    }
}
