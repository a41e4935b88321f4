//! The text of an offer (RFC 8829 §5.2), as terse as a browser's may be.

use std::fmt::Write;
use std::net::SocketAddr;

use sfu::parameters::{Codec, IceCredentials, MediaKind};
use sfu_rtp::ExtensionKind;

use super::dialect::Dialect;
use crate::person::Guidance;

/// What an offer says.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// Where the client can be reached.
    pub address: SocketAddr,
    /// Its ICE credentials.
    pub ice: &'a IceCredentials,
    /// The SHA-256 fingerprint of its certificate, as SDP writes it.
    pub fingerprint: &'a str,
    /// Its habits.
    pub dialect: Dialect,
    /// Whether it offers redundancy for sound, and how many earlier frames it sends with each.
    pub redundancy: Option<usize>,
    /// How it finds out what its path carries.
    pub guidance: Guidance,
    /// Its m-lines.
    pub lines: &'a [OfferedLine],
    /// Rises with each offer of a connection.
    pub version: u32,
}

/// One m-line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedLine {
    /// Its MID.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// Present if it sends, else it receives.
    pub sends: Option<OfferedSender>,
}

/// What is said of a sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfferedSender {
    /// What it sends; a receiver takes anything.
    pub codec: Codec,
    /// Its RIDs; empty without simulcast.
    pub rids: Vec<String>,
    /// (SSRC, SSRC of retransmissions) of each encoding.
    pub ssrcs: Vec<(u32, Option<u32>)>,
}

impl Offer<'_> {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mids: Vec<_> = self.lines.iter().map(|line| line.mid.as_str()).collect();
        push(&mut text, "v=0");
        push(
            &mut text,
            format!("o=- 1 {} IN IP4 127.0.0.1", self.version),
        );
        push(&mut text, "s=-");
        push(&mut text, "t=0 0");
        push(&mut text, format!("a=group:BUNDLE {}", mids.join(" ")));
        push(&mut text, "a=extmap-allow-mixed");
        push(
            &mut text,
            format!("a=fingerprint:sha-256 {}", self.fingerprint),
        );
        push(&mut text, format!("a=ice-ufrag:{}", self.ice.ufrag));
        push(&mut text, format!("a=ice-pwd:{}", self.ice.pwd));
        push(&mut text, "a=ice-options:trickle");
        push(&mut text, "a=setup:actpass");
        for line in self.lines {
            self.push_line(&mut text, line);
        }
        text
    }

    fn push_line(&self, text: &mut String, line: &OfferedLine) {
        let dialect = self.dialect;
        let payload_type = dialect.payload_type(Codec::Opus);
        let red = dialect.red_payload_type();
        let preferred = line.sends.as_ref().map(|sender| sender.codec);
        let codecs = video_codecs(preferred);
        let numbered = self.guidance.allows(ExtensionKind::TransportSequence);
        let (name, formats) = match line.kind {
            MediaKind::Audio => match self.redundancy {
                None => ("audio", payload_type.to_string()),
                // What comes first is sent.
                Some(0) => ("audio", format!("{payload_type} {red}")),
                Some(_) => ("audio", format!("{red} {payload_type}")),
            },
            MediaKind::Video => {
                let types = codecs.clone().flat_map(|codec| {
                    [dialect.payload_type(codec), dialect.rtx_payload_type(codec)]
                });
                let types: Vec<_> = types.map(|it| it.to_string()).collect();
                ("video", types.join(" "))
            }
        };
        push(text, format!("m={name} 9 UDP/TLS/RTP/SAVPF {formats}"));
        push(text, "c=IN IP4 0.0.0.0");
        push(text, format!("a=mid:{}", line.mid));
        let (ip, port) = (self.address.ip(), self.address.port());
        push(
            text,
            format!("a=candidate:1 1 udp 2122262783 {ip} {port} typ host"),
        );
        push(text, "a=rtcp-mux");
        push(text, "a=rtcp-rsize");
        let simulcast = line
            .sends
            .as_ref()
            .is_some_and(|sender| !sender.rids.is_empty());
        for (id, kind) in self.dialect.extensions(line.kind) {
            let names_encoding = matches!(kind, ExtensionKind::Rid | ExtensionKind::RepairedRid);
            if (simulcast || !names_encoding) && self.guidance.allows(*kind) {
                push(text, format!("a=extmap:{id} {}", kind.uri()));
            }
        }
        match line.kind {
            MediaKind::Audio => {
                push(text, format!("a=rtpmap:{payload_type} opus/48000/2"));
                if numbered {
                    push(text, format!("a=rtcp-fb:{payload_type} transport-cc"));
                }
                push(
                    text,
                    format!("a=fmtp:{payload_type} minptime=10;useinbandfec=1"),
                );
                if self.redundancy.is_some() {
                    push(text, format!("a=rtpmap:{red} red/48000/2"));
                    push(text, format!("a=fmtp:{red} {payload_type}/{payload_type}"));
                }
            }
            MediaKind::Video => codecs.for_each(|codec| self.push_video_codec(text, codec)),
        }
        match &line.sends {
            Some(sender) => self.push_sender(text, sender),
            None => push(text, "a=recvonly"),
        }
    }

    fn push_video_codec(&self, text: &mut String, codec: Codec) {
        let payload_type = self.dialect.payload_type(codec);
        let rtx = self.dialect.rtx_payload_type(codec);
        let name = codec.name();
        push(text, format!("a=rtpmap:{payload_type} {name}/90000"));
        let numbered = self.guidance.allows(ExtensionKind::TransportSequence);
        let known = ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"];
        for feedback in known
            .iter()
            .filter(|kind| numbered || **kind != "transport-cc")
        {
            push(text, format!("a=rtcp-fb:{payload_type} {feedback}"));
        }
        let parameters = match codec {
            Codec::Vp9 => Some("profile-id=0"),
            Codec::H264 => {
                Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
            }
            Codec::Av1 => Some("level-idx=5;profile=0;tier=0"),
            Codec::Vp8 | Codec::Opus => None,
        };
        if let Some(parameters) = parameters {
            push(text, format!("a=fmtp:{payload_type} {parameters}"));
        }
        push(text, format!("a=rtpmap:{rtx} rtx/90000"));
        push(text, format!("a=fmtp:{rtx} apt={payload_type}"));
    }

    fn push_sender(&self, text: &mut String, sender: &OfferedSender) {
        push(text, "a=sendonly");
        push(text, "a=msid:stream track");
        if !sender.rids.is_empty() {
            for rid in &sender.rids {
                push(text, format!("a=rid:{rid} send"));
            }
            push(text, format!("a=simulcast:send {}", sender.rids.join(";")));
            if !self.dialect.declares_simulcast_ssrcs() {
                return;
            }
        }
        for (ssrc, rtx) in &sender.ssrcs {
            if let Some(rtx) = rtx {
                push(text, format!("a=ssrc-group:FID {ssrc} {rtx}"));
                push(text, format!("a=ssrc:{rtx} cname:sim"));
            }
            push(text, format!("a=ssrc:{ssrc} cname:sim"));
        }
    }
}

/// All of them, the preferred first: what comes first is sent.
fn video_codecs(preferred: Option<Codec>) -> impl Iterator<Item = Codec> + Clone {
    let all = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
    let others = all
        .into_iter()
        .filter(move |&codec| Some(codec) != preferred);
    let preferred = preferred.filter(|codec| codec.kind() == MediaKind::Video);
    preferred.into_iter().chain(others)
}

fn push(text: &mut String, line: impl AsRef<str>) {
    write!(text, "{}\r\n", line.as_ref()).expect("a string takes everything");
}
