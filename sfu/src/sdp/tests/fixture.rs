//! Offers put together from parts, a server to answer them, and ways to look at answers.

use std::path::PathBuf;

use crate::parameters::{Fingerprint, IceCredentials, PeerParameters};
use crate::sdp::{Candidate, CodecPolicy, LocalDescription, Negotiated, Offer, OfferError, answer};

pub(super) const FINGERPRINT: &str = "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
                                      10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

/// An offer that bundles these sections, with the transport in its session part.
pub(super) fn offer(sections: &[String]) -> String {
    let mids: Vec<&str> = sections
        .iter()
        .filter_map(|section| mid_of(section))
        .collect();
    offer_with(
        &format!(
            "a=group:BUNDLE {}\na=ice-ufrag:peer\na=ice-pwd:0123456789abcdefghijkl\n\
             a=fingerprint:{FINGERPRINT}\na=setup:actpass",
            mids.join(" ")
        ),
        sections,
    )
}

/// An offer with these attributes in its session part.
pub(super) fn offer_with(session: &str, sections: &[String]) -> String {
    let head = "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0";
    let text: Vec<&str> = [head, session]
        .into_iter()
        .chain(sections.iter().map(String::as_str))
        .collect();
    text.join("\n")
        .lines()
        .flat_map(|line| [line, "\r\n"])
        .collect()
}

/// An Opus m-line with these further lines.
pub(super) fn audio(mid: &str, lines: &str) -> String {
    let lines = format!("a=rtcp-mux\na=rtpmap:111 opus/48000/2\n{lines}");
    section("m=audio 9 UDP/TLS/RTP/SAVPF 111", mid, &lines)
}

/// A VP8 m-line, with RTX, with these further lines.
pub(super) fn video(mid: &str, lines: &str) -> String {
    let lines = format!(
        "a=rtcp-mux\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n{lines}"
    );
    section("m=video 9 UDP/TLS/RTP/SAVPF 96 97", mid, &lines)
}

pub(super) fn data(mid: &str) -> String {
    section(
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        mid,
        "a=sctp-port:5001",
    )
}

pub(super) fn section(line: &str, mid: &str, lines: &str) -> String {
    format!(
        "{line}\nc=IN IP4 0.0.0.0\na=mid:{mid}\n{}",
        lines.trim_end()
    )
}

fn mid_of(section: &str) -> Option<&str> {
    section.lines().find_map(|line| line.strip_prefix("a=mid:"))
}

pub(super) fn local() -> LocalDescription {
    LocalDescription {
        ice: IceCredentials {
            ufrag: "server".into(),
            pwd: "abcdefghijklmnopqrstuvwxyz".into(),
        },
        fingerprint: Fingerprint([0xab; 32]),
        candidates: ["192.0.2.1:7882", "[2001:db8::1]:7882"]
            .map(|address| Candidate::host(address.parse().unwrap()))
            .to_vec(),
        session_id: 42,
        session_version: 1,
        codecs: CodecPolicy::default(),
    }
}

/// Answers with SSRCs from 1000.
pub(super) fn try_answer(text: &str) -> Result<Negotiated, OfferError> {
    let mut ssrc = 999;
    let mut next = || {
        ssrc += 1;
        ssrc
    };
    answer(&Offer::parse(text)?, &local(), None, &mut next)
}

#[track_caller]
pub(super) fn answer_to(text: &str) -> Negotiated {
    try_answer(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Answers as a later offer on a connection, with SSRCs from 5000.
#[track_caller]
pub(super) fn answer_again(text: &str, previous: &PeerParameters) -> Negotiated {
    let mut ssrc = 4999;
    let mut next = || {
        ssrc += 1;
        ssrc
    };
    let offer = Offer::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    answer(&offer, &local(), Some(previous), &mut next).unwrap()
}

/// The lines of a description's session part (0) or of its n-th m-line (n).
pub(super) fn part(sdp: &str, n: usize) -> Vec<&str> {
    let mut parts = vec![Vec::new()];
    for line in sdp.lines() {
        if line.starts_with("m=") {
            parts.push(Vec::new());
        }
        parts.last_mut().unwrap().push(line);
    }
    parts.swap_remove(n)
}

/// The lines of a part that begin so.
pub(super) fn lines<'a>(part: &[&'a str], prefix: &str) -> Vec<&'a str> {
    part.iter()
        .copied()
        .filter(|line| line.starts_with(prefix))
        .collect()
}

pub(super) fn tests_dir(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// The offers of `tests/offers` with their names.
pub(super) fn sample_offers() -> Vec<(String, String)> {
    let files = std::fs::read_dir(tests_dir("offers")).unwrap();
    let mut offers: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    offers.sort();
    assert!(offers.len() >= 6, "the samples are there");
    offers
}
