//! Reads an answer: what the server has promised. Anything that it may not say is a panic, because
//! the server under test wrote it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sfu_rtp::ExtensionKind;

/// An answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The server's username fragment.
    pub ufrag: String,
    /// Its password.
    pub pwd: String,
    /// The fingerprint of its certificate, as SDP writes it.
    pub fingerprint: String,
    /// Where it can be reached, the preferred first.
    pub candidates: Vec<SocketAddr>,
    /// Its m-lines, in the order of the offer.
    pub lines: Vec<AnsweredLine>,
}

/// One m-line.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AnsweredLine {
    /// Its MID.
    pub mid: String,
    /// Whether it was refused with port 0.
    pub refused: bool,
    /// `sendonly`, `recvonly`, …
    pub direction: String,
    /// The payload types, in order.
    pub payload_types: Vec<u8>,
    /// `a=rtpmap` by payload type.
    pub formats: BTreeMap<u8, String>,
    /// `apt=` by payload type of retransmissions.
    pub repairs: BTreeMap<u8, u8>,
    /// The header extensions that are agreed on, by id.
    pub extensions: BTreeMap<u8, ExtensionKind>,
    /// The server's SSRCs here, in the order in which they are named first.
    pub ssrcs: Vec<u32>,
    /// Of those, (media, retransmissions).
    pub repair_ssrcs: Vec<(u32, u32)>,
    /// The MediaStream.
    pub stream: Option<String>,
    /// The RIDs that the server receives.
    pub rids: Vec<String>,
}

impl Answer {
    /// Reads one.
    ///
    /// # Panics
    /// If it says what no answer of this server may say.
    pub fn parse(text: &str) -> Self {
        let mut sections = text.split("\nm=");
        let session = sections.next().unwrap_or_default();
        let lines: Vec<_> = sections
            .map(|section| section.lines().collect::<Vec<_>>())
            .collect();
        assert!(
            attribute(&session.lines().collect::<Vec<_>>(), "ice-lite").is_some(),
            "the answer does not say that the server is ICE-lite:\n{text}"
        );
        let of_any = |name| {
            let mut found = lines.iter().filter_map(|section| attribute(section, name));
            found
                .next()
                .unwrap_or_else(|| panic!("the answer has no a={name}:\n{text}"))
        };
        assert_eq!(of_any("setup"), "passive", "the server is the DTLS server");
        let candidates = lines.iter().flatten().filter_map(|line| candidate(line));
        Self {
            ufrag: of_any("ice-ufrag").to_owned(),
            pwd: of_any("ice-pwd").to_owned(),
            fingerprint: of_any("fingerprint")
                .strip_prefix("sha-256 ")
                .expect("a SHA-256 fingerprint")
                .to_owned(),
            candidates: candidates.collect(),
            lines: lines
                .iter()
                .map(|section| AnsweredLine::parse(section))
                .collect(),
        }
    }

    /// The m-line with this MID.
    pub fn line(&self, mid: &str) -> Option<&AnsweredLine> {
        self.lines.iter().find(|line| line.mid == mid)
    }
}

impl AnsweredLine {
    fn parse(section: &[&str]) -> Self {
        let mut media = section
            .first()
            .copied()
            .unwrap_or_default()
            .split_whitespace();
        let mut line = Self {
            mid: attribute(section, "mid").unwrap_or_default().to_owned(),
            refused: media.nth(1) == Some("0"),
            ..Self::default()
        };
        if line.refused {
            return line;
        }
        line.payload_types = media.skip(1).filter_map(|word| word.parse().ok()).collect();
        for text in section {
            let Some(text) = text.trim_end().strip_prefix("a=") else {
                continue;
            };
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            line.take(name, value);
        }
        line
    }

    fn take(&mut self, name: &str, value: &str) {
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        match name {
            "sendonly" | "recvonly" | "sendrecv" | "inactive" => self.direction = name.to_owned(),
            "rtpmap" => {
                self.formats.insert(number(first), rest.to_owned());
            }
            "fmtp" => {
                if let Some(repaired) = rest.strip_prefix("apt=") {
                    self.repairs.insert(number(first), number(repaired));
                }
            }
            "extmap" => {
                let id = first.split('/').next().unwrap_or_default();
                let kind = ExtensionKind::from_uri(rest).unwrap_or_else(|| {
                    panic!("the answer has an extension nobody offered: {rest}")
                });
                self.extensions.insert(number(id), kind);
            }
            "ssrc" => {
                let ssrc = number(first);
                if !self.ssrcs.contains(&ssrc) {
                    self.ssrcs.push(ssrc);
                }
            }
            "ssrc-group" => {
                let members: Vec<u32> = rest.split(' ').map(number).collect();
                assert_eq!((first, members.len()), ("FID", 2), "a group: {value}");
                self.repair_ssrcs.push((members[0], members[1]));
            }
            "msid" => self.stream = Some(first.to_owned()),
            "rid" => self.rids.push(first.to_owned()),
            _ => {}
        }
    }
}

fn attribute<'a>(section: &[&'a str], name: &str) -> Option<&'a str> {
    section.iter().find_map(|line| {
        let rest = line.trim_end().strip_prefix("a=")?.strip_prefix(name)?;
        match rest.split_at_checked(1) {
            None => Some(rest),
            Some((":", value)) => Some(value),
            Some(_) => None,
        }
    })
}

fn candidate(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("a=candidate:")?.split_whitespace();
    let transport = words.nth(2)?;
    let (ip, port) = (words.nth(1)?, words.next()?);
    if !transport.eq_ignore_ascii_case("udp") {
        return None;
    }
    Some(SocketAddr::new(ip.parse().ok()?, port.parse().ok()?))
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    let parsed = text.trim().parse().ok();
    parsed.unwrap_or_else(|| panic!("the answer has {text:?} in place of a number"))
}
