//! SDP fragments, `application/trickle-ice-sdpfrag` (RFC 8840 §9): what a WHIP or WHEP client sends in
//! a PATCH to trickle candidates or to restart ICE (RFC 9725 §4.3).
//!
//! The server is a lite agent and needs no remote candidates; they are read so that a broken fragment
//! can be refused and a good one logged.

use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::lines::{Attribute, Attributes, Lines, Malformed};
use super::transport::TransportAttributes;
use crate::parameters::IceCredentials;

/// A fragment, read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TrickleFragment {
    /// The credentials of the first m-line, or of the session part, that has both parts.
    pub ice: Option<IceCredentials>,
    /// At most [`Self::MAX_CANDIDATES`], of all m-lines.
    pub candidates: Vec<RemoteCandidate>,
    /// Whether an m-line, or the session part, says that there will be no more.
    pub end_of_candidates: bool,
}

impl TrickleFragment {
    /// The largest fragment that is read, in bytes: some hundred candidates.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// The most candidates of a fragment; a guess with room to spare.
    pub const MAX_CANDIDATES: usize = 64;

    /// Reads a fragment.
    ///
    /// # Errors
    /// If it is too large or a line that matters does not follow its grammar.
    pub fn parse(text: &str) -> Result<Self, FragmentError> {
        if text.len() > Self::MAX_BYTES {
            return Err(FragmentError::TooLarge);
        }
        let mut session = Attributes::default();
        let mut media: Vec<Attributes<'_>> = Vec::new();
        for line in Lines::new(text) {
            let line = line?;
            match line.kind {
                b'm' => media.push(Attributes::default()),
                b'a' => media
                    .last_mut()
                    .unwrap_or(&mut session)
                    .push(line.attribute()),
                _ => {}
            }
        }
        let session_transport = TransportAttributes::read(&session)?;
        let mut fragment = Self::default();
        for section in media.iter().chain([&session]) {
            let transport = TransportAttributes::read(section)?.or(&session_transport);
            fragment.ice = fragment.ice.or_else(|| transport.credentials());
            fragment.end_of_candidates |= section.has("end-of-candidates");
            for candidate in section.all("candidate") {
                if fragment.candidates.len() == Self::MAX_CANDIDATES {
                    return Err(FragmentError::TooManyCandidates);
                }
                fragment.candidates.push(candidate_of(candidate)?);
            }
        }
        Ok(fragment)
    }
}

/// A candidate of the peer's (RFC 8839 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RemoteCandidate {
    /// Whether it is for ICE-TCP (RFC 6544).
    pub tcp: bool,
    /// `None` for a name, as browsers use to hide local addresses: the server resolves none.
    pub address: Option<SocketAddr>,
}

impl RemoteCandidate {
    /// Reads what stands after `a=candidate:`, or the same with `candidate:` before it, as browsers
    /// give it to pages. `None` if it does not follow the grammar.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text
            .strip_prefix("candidate:")
            .unwrap_or(text)
            .split_ascii_whitespace();
        let _foundation = fields.next()?;
        let _component: u16 = fields.next()?.parse().ok()?;
        let transport = fields.next()?;
        let _priority: u32 = fields.next()?.parse().ok()?;
        let host = fields.next()?;
        let port = fields.next()?.parse().ok()?;
        if fields.next()? != "typ" || fields.next().is_none() {
            return None;
        }
        Some(Self {
            tcp: transport.eq_ignore_ascii_case("tcp"),
            address: host
                .parse()
                .ok()
                .map(|ip: IpAddr| SocketAddr::new(ip, port)),
        })
    }
}

fn candidate_of(attribute: &Attribute<'_>) -> Result<RemoteCandidate, Malformed> {
    RemoteCandidate::parse(attribute.value)
        .ok_or_else(|| attribute.malformed("a=candidate with an address and a type"))
}

/// Why a fragment was not read. `Display` is the sentence that the peer reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum FragmentError {
    /// Over [`TrickleFragment::MAX_BYTES`].
    #[error(
        "the fragment is larger than the {} bytes that the server reads",
        TrickleFragment::MAX_BYTES
    )]
    TooLarge,
    /// Over [`TrickleFragment::MAX_CANDIDATES`].
    #[error(
        "the fragment has more than the {} candidates that the server reads",
        TrickleFragment::MAX_CANDIDATES
    )]
    TooManyCandidates,
    /// A line does not follow its grammar.
    #[error("line {line} of the fragment is not {expected}")]
    Malformed {
        /// Its number, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
}

impl From<Malformed> for FragmentError {
    fn from(Malformed { line, expected }: Malformed) -> Self {
        Self::Malformed { line, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";

    fn candidate(address: Option<&str>, tcp: bool) -> RemoteCandidate {
        let address = address.map(|address| address.parse().unwrap());
        RemoteCandidate { tcp, address }
    }

    #[test]
    fn credentials_and_candidates_are_read_wherever_they_stand() {
        let ice = Some(IceCredentials {
            ufrag: "EsAw".into(),
            pwd: "P2uYro0UCOQ4zxjKXaWCBui1".into(),
        });
        let media = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n";
        let host = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n";
        let name = "a=candidate:2 1 UDP 1 3c06.local 9 typ srflx raddr 0.0.0.0 rport 0\r\n";
        let tcp = "a=candidate:3 1 TCP 1 2001:db8::1 9 typ host tcptype active\r\n";
        let end = "a=end-of-candidates\r\n";
        let cases = [
            (String::new(), TrickleFragment::default()),
            (
                CREDENTIALS.into(),
                TrickleFragment {
                    ice: ice.clone(),
                    ..Default::default()
                },
            ),
            (
                format!(
                    "a=ice-options:trickle ice2\r\na=group:BUNDLE 0\r\n{media}{CREDENTIALS}{host}{tcp}{end}"
                ),
                TrickleFragment {
                    ice: ice.clone(),
                    candidates: vec![
                        candidate(Some("192.0.2.1:61764"), false),
                        candidate(Some("[2001:db8::1]:9"), true),
                    ],
                    end_of_candidates: true,
                },
            ),
            (
                format!("{CREDENTIALS}{media}{name}"),
                TrickleFragment {
                    ice: ice.clone(),
                    candidates: vec![candidate(None, false)],
                    end_of_candidates: false,
                },
            ),
            ("a=ice-ufrag:EsAw".into(), TrickleFragment::default()),
        ];
        for (text, expected) in cases {
            assert_eq!(TrickleFragment::parse(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn broken_fragments_are_refused_with_the_line() {
        let malformed = |line, expected| FragmentError::Malformed { line, expected };
        let no_candidate = "a=candidate with an address and a type";
        let many = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".repeat(65);
        let cases = [
            ("{}".into(), malformed(1, "a line of SDP (RFC 8866)")),
            (
                "a=x\r\na=candidate:1 1 udp 1 192.0.2.1 9".into(),
                malformed(2, no_candidate),
            ),
            (
                "a=candidate:1 1 udp -1 192.0.2.1 9 typ host".into(),
                malformed(1, no_candidate),
            ),
            (
                "a=candidate:1 1 udp 1 192.0.2.1 70000 typ host".into(),
                malformed(1, no_candidate),
            ),
            (
                "a=ice-ufrag:a".into(),
                malformed(1, "a=ice-ufrag with 4 to 256 characters"),
            ),
            (many, FragmentError::TooManyCandidates),
            (
                " ".repeat(TrickleFragment::MAX_BYTES + 1),
                FragmentError::TooLarge,
            ),
        ];
        for (text, expected) in cases {
            let error = TrickleFragment::parse(&text);
            assert_eq!(error, Err(expected), "{}", text.get(..60).unwrap_or(&text));
        }
    }

    #[test]
    fn candidates_are_read_as_pages_hold_them() {
        let text = "candidate:842163049 1 udp 1677729535 198.51.100.7 3478 typ srflx";
        let expected = candidate(Some("198.51.100.7:3478"), false);
        assert_eq!(RemoteCandidate::parse(text), Some(expected));
        assert_eq!(
            RemoteCandidate::parse(""),
            None,
            "the end of candidates is no candidate"
        );
    }
}
