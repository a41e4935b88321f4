//! How a peer connection of the library is made: codecs, extensions, transceivers.

use std::net::SocketAddr;
use std::time::Instant;

use rtc::interceptor::{ReceiverReportBuilder, Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_nack, configure_simulcast_extension_headers, configure_twcc_receiver_only,
};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine,
};
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpRtxParameters, RTCRtpSender, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpSenderId, RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtp::Packet;
use sfu::parameters::{Codec, MediaKind};

use super::ExtensionKind;
use crate::client::dialect::Dialect;
use crate::client::offer::{OfferedLine, OfferedSender};

/// A connection with a host candidate and no media yet.
pub(super) fn connection(now: Instant, address: SocketAddr) -> RTCPeerConnection {
    let mut media = MediaEngine::default();
    for (codec, payload_type, kind) in codecs() {
        let parameters = RTCRtpCodecParameters {
            rtp_codec: codec,
            payload_type,
        };
        media.register_codec(parameters, kind).expect("each once");
    }
    let interceptors = interceptors(&mut media);
    let connection = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(media)
        .with_interceptor_registry(interceptors)
        .build(now);
    let mut connection = connection.expect("a connection of our own making");
    let candidate = CandidateHostConfig {
        base_config: CandidateConfig {
            network: "udp".to_owned(),
            address: address.ip().to_string(),
            port: address.port(),
            component: 1,
            ..Default::default()
        },
        ..Default::default()
    };
    let candidate = candidate.new_candidate_host().expect("an address");
    let candidate = RTCIceCandidate::from(&candidate).to_json();
    let added = connection.add_local_candidate(candidate.expect("a candidate"));
    added.expect("the connection is new");
    connection
}

/// The default ones but for sender reports: those name the machine's time, which is not the world's.
fn interceptors(media: &mut MediaEngine) -> Registry {
    let registry = configure_nack(Registry::new(), media);
    configure_simulcast_extension_headers(media).expect("each once");
    let registry = configure_twcc_receiver_only(registry, media).expect("each once");
    registry.with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
}

/// Adds an m-line that sends.
pub(super) fn add_sender(
    connection: &mut RTCPeerConnection,
    kind: MediaKind,
    offered: &OfferedSender,
) -> RTCRtpSenderId {
    let encodings = offered
        .ssrcs
        .iter()
        .enumerate()
        .map(|(index, (ssrc, rtx))| RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                rid: offered.rids.get(index).cloned().unwrap_or_default(),
                ssrc: Some(*ssrc),
                rtx: rtx.map(|ssrc| RTCRtpRtxParameters { ssrc }),
                ..Default::default()
            },
            codec: codec(kind),
            ..Default::default()
        });
    let name = offered.ssrcs[0].0.to_string();
    let track = MediaStreamTrack::new(
        "stream".to_owned(),
        name.clone(),
        name,
        codec_kind(kind),
        encodings.collect(),
    );
    let transceiver = connection.add_transceiver_from_track(
        track,
        Some(RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            streams: vec![],
            send_encodings: vec![],
        }),
    );
    let transceiver = transceiver.expect("the connection is new");
    let sender = connection
        .rtp_transceiver(transceiver)
        .and_then(|it| it.sender());
    sender.expect("it sends")
}

/// Adds m-lines that receive.
pub(super) fn add_slots(connection: &mut RTCPeerConnection, audio: usize, video: usize) {
    for pair in 0..audio.max(video) {
        for (kind, slots) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            if pair < slots {
                let added = connection.add_transceiver_from_kind(codec_kind(kind), None);
                added.expect("the codec is registered");
            }
        }
    }
}

/// The media lines of an offer, as far as an oracle must know them.
pub(super) fn offered_lines(offer: &str) -> Vec<OfferedLine> {
    let sections = offer.split("\nm=").skip(1);
    let lines = sections.filter_map(|section| {
        let kind = match section.split(' ').next()? {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return None,
        };
        let mut attributes = section.lines().map(str::trim_end);
        let mid = attributes.find_map(|line| line.strip_prefix("a=mid:"))?;
        let sends = !section.contains("a=recvonly");
        Some(OfferedLine {
            mid: mid.to_owned(),
            kind,
            sends: sends.then(|| OfferedSender {
                codec: if kind == MediaKind::Audio {
                    Codec::Opus
                } else {
                    Codec::Vp8
                },
                rids: Vec::new(),
                ssrcs: Vec::new(),
            }),
        })
    });
    lines.collect()
}

/// Gives a packet the payload type and the extension ids that the library has negotiated.
pub(super) fn renumber(dialect: Dialect, sender: &mut RTCRtpSender<'_>, packet: &mut Packet) {
    let kind = sender.track().kind();
    let parameters = &sender.get_parameters().rtp_parameters;
    let media_kind = match kind {
        RtpCodecKind::Audio => MediaKind::Audio,
        _ => MediaKind::Video,
    };
    let mime = codec(media_kind).mime_type;
    let mut codecs = parameters.codecs.iter();
    if let Some(codec) = codecs.find(|codec| codec.rtp_codec.mime_type == mime) {
        packet.header.payload_type = codec.payload_type;
    }
    let known = dialect.extensions(media_kind);
    packet.header.extensions.retain_mut(|extension| {
        let kind = known
            .iter()
            .find(|(id, _)| *id == extension.id)
            .map(|(_, kind)| *kind);
        let uri = kind.map(ExtensionKind::uri);
        let mut negotiated = parameters.header_extensions.iter();
        let negotiated = negotiated.find(|negotiated| Some(negotiated.uri.as_str()) == uri);
        if let Some(negotiated) = negotiated {
            extension.id = negotiated.id as u8;
        }
        negotiated.is_some()
    });
    packet.header.extension = !packet.header.extensions.is_empty();
}

fn codecs() -> [(RTCRtpCodec, u8, RtpCodecKind); 3] {
    let rtx = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: format!("apt={VP8}"),
        rtcp_feedback: vec![],
    };
    [
        (codec(MediaKind::Audio), OPUS, RtpCodecKind::Audio),
        (codec(MediaKind::Video), VP8, RtpCodecKind::Video),
        (rtx, RTX, RtpCodecKind::Video),
    ]
}

fn codec(kind: MediaKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match kind {
        MediaKind::Audio => (MIME_TYPE_OPUS, 48_000, 2),
        MediaKind::Video => (MIME_TYPE_VP8, 90_000, 0),
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![],
    }
}

const fn codec_kind(kind: MediaKind) -> RtpCodecKind {
    match kind {
        MediaKind::Audio => RtpCodecKind::Audio,
        MediaKind::Video => RtpCodecKind::Video,
    }
}

/// Payload types that neither dialect of the synthetic clients has.
const OPUS: u8 = 100;
const VP8: u8 = 101;
const RTX: u8 = 102;
