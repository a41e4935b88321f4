//! Offers of lean clients (RFC 8866, RFC 8829): Opus and VP8, one candidate, transport-wide feedback from
//! those who receive, and no retransmission, so that what is lost stays lost and is seen.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::client::lean::{Credentials, Fingerprint};
use crate::media::Kind;

/// The transport part of an offer.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// Ours.
    pub(crate) credentials: Credentials,
    /// Of our certificate.
    pub(crate) fingerprint: Fingerprint,
    /// Our only candidate.
    pub(crate) candidate: SocketAddr,
}

/// A track that the offer sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OfferedTrack {
    /// Sound or picture.
    pub(crate) kind: Kind,
    /// Its stream.
    pub(crate) ssrc: u32,
}

/// Writes an offer that sends `tracks` and has so many slots, in pairs as far as there are as many of both
/// kinds. The tracks come first; the MIDs are `0`, `1`, …
pub(crate) fn write_offer(
    transport: &Transport,
    tracks: &[OfferedTrack],
    audio_slots: usize,
    video_slots: usize,
) -> String {
    let pairs = 0..audio_slots.max(video_slots);
    let slots = pairs.flat_map(|pair| {
        let audio = (pair < audio_slots).then_some(Kind::Audio);
        audio
            .into_iter()
            .chain((pair < video_slots).then_some(Kind::Video))
    });
    let sending = tracks.iter().map(|track| (track.kind, Some(track.ssrc)));
    let media: Vec<_> = sending.chain(slots.map(|kind| (kind, None))).collect();

    let mut sdp = String::new();
    let mids: Vec<_> = (0..media.len()).map(|mid| mid.to_string()).collect();
    let session = u64::from(transport.candidate.port());
    line(&mut sdp, format_args!("v=0"));
    line(&mut sdp, format_args!("o=- {session} 1 IN IP4 127.0.0.1"));
    line(&mut sdp, format_args!("s=-"));
    line(&mut sdp, format_args!("t=0 0"));
    line(&mut sdp, format_args!("a=group:BUNDLE {}", mids.join(" ")));
    for (mid, (kind, ssrc)) in media.into_iter().enumerate() {
        write_media(&mut sdp, transport, mid, kind, ssrc);
    }
    sdp
}

fn write_media(sdp: &mut String, transport: &Transport, mid: usize, kind: Kind, ssrc: Option<u32>) {
    let payload_type = kind.payload_type();
    let Transport {
        credentials,
        fingerprint,
        candidate,
    } = transport;
    let kind_name = kind.as_str();
    line(
        sdp,
        format_args!("m={kind_name} 9 UDP/TLS/RTP/SAVPF {payload_type}"),
    );
    line(sdp, format_args!("c=IN IP4 0.0.0.0"));
    line(sdp, format_args!("a=mid:{mid}"));
    line(sdp, format_args!("a=ice-ufrag:{}", credentials.ufrag));
    line(sdp, format_args!("a=ice-pwd:{}", credentials.pwd));
    line(sdp, format_args!("a=fingerprint:{fingerprint}"));
    // We cannot be the server of a handshake, so `actpass` would be a lie.
    line(sdp, format_args!("a=setup:active"));
    line(sdp, format_args!("a=rtcp-mux"));
    line(sdp, format_args!("a=rtcp-rsize"));
    let (ip, port) = (candidate.ip(), candidate.port());
    line(
        sdp,
        format_args!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host"),
    );
    line(sdp, format_args!("a=end-of-candidates"));
    match kind {
        Kind::Audio => line(sdp, format_args!("a=rtpmap:{payload_type} opus/48000/2")),
        Kind::Video => {
            line(sdp, format_args!("a=rtpmap:{payload_type} VP8/90000"));
            line(sdp, format_args!("a=rtcp-fb:{payload_type} ccm fir"));
            line(sdp, format_args!("a=rtcp-fb:{payload_type} nack pli"));
        }
    }
    match ssrc {
        Some(ssrc) => {
            line(sdp, format_args!("a=sendonly"));
            line(sdp, format_args!("a=msid:loadtest {kind_name}"));
            line(sdp, format_args!("a=ssrc:{ssrc} cname:loadtest"));
        }
        None => {
            line(sdp, format_args!("a=rtcp-fb:{payload_type} transport-cc"));
            line(
                sdp,
                format_args!("a=extmap:{TRANSPORT_NUMBERS_ID} {TRANSPORT_NUMBERS}"),
            );
            line(sdp, format_args!("a=recvonly"));
        }
    }
}

fn line(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    write!(sdp, "{text}\r\n").expect("a String takes everything");
}

/// The header extension with the transport-wide number of a packet.
pub(super) const TRANSPORT_NUMBERS: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

const TRANSPORT_NUMBERS_ID: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::lean::Identity;

    fn offer(tracks: &[OfferedTrack], audio_slots: usize, video_slots: usize) -> String {
        let identity = Identity::generate(&[]).expect("randomness");
        let transport = Transport {
            credentials: Credentials {
                ufrag: "ours".to_owned(),
                pwd: "a-password-of-ours-that-is-long".to_owned(),
            },
            fingerprint: identity.fingerprint(),
            candidate: ([127, 0, 0, 1], 40_000).into(),
        };
        write_offer(&transport, tracks, audio_slots, video_slots)
    }

    /// The kind and direction of every m-line.
    fn outline(sdp: &str) -> Vec<(&str, &str)> {
        let kinds = sdp.lines().filter_map(|line| line.strip_prefix("m="));
        let directions = sdp
            .lines()
            .filter(|line| ["a=sendonly", "a=recvonly"].contains(line));
        kinds
            .map(|line| &line[..5])
            .zip(directions.map(|line| &line[2..6]))
            .collect()
    }

    #[test]
    fn tracks_come_first_and_slots_in_pairs() {
        let track = |kind| OfferedTrack { kind, ssrc: 7 };
        let both = [track(Kind::Audio), track(Kind::Video)];
        type Case<'a> = (&'a [OfferedTrack], usize, usize, &'a [(&'a str, &'a str)]);
        let cases: &[Case<'_>] = &[
            (&both, 0, 0, &[("audio", "send"), ("video", "send")]),
            (&[], 1, 1, &[("audio", "recv"), ("video", "recv")]),
            (
                &both[..1],
                2,
                1,
                &[
                    ("audio", "send"),
                    ("audio", "recv"),
                    ("video", "recv"),
                    ("audio", "recv"),
                ],
            ),
        ];
        for &(tracks, audio, video, expected) in cases {
            assert_eq!(outline(&offer(tracks, audio, video)), expected);
        }
    }

    #[test]
    fn the_server_can_read_it() {
        let tracks = [Kind::Audio, Kind::Video].map(|kind| OfferedTrack {
            kind,
            ssrc: 7 + kind as u32,
        });
        for (tracks, slots) in [(&tracks[..], 0), (&[][..], 1), (&tracks[..], 49)] {
            let text = offer(tracks, slots, slots);
            if let Err(error) = sfu::sdp::Offer::parse(&text) {
                panic!("{error}: {text}");
            }
        }
    }
}
