//! Making the peer connection and its offer.

use std::sync::Arc;
use std::time::Duration;

use rtc::interceptor::Slot;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{
    Registry, register_default_interceptors,
};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8, MediaEngine,
};
pub(super) use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder};
use webrtc::runtime::default_runtime;

use super::keyframes::KeyframeRequests;
use super::view::Viewer;
use super::{Progress, codec_kind};
use crate::client::{ClientFailure, Role};
use crate::media::{Kind, PacketWriter, SourceId, WriterIdentity};
use crate::signaling::Visitor;

/// A track that will be published.
pub(super) struct LocalTrack {
    pub(super) track: Arc<TrackLocalStaticRTP>,
    pub(super) writer: PacketWriter,
    pub(super) frames_per_second: u32,
}

/// A connection without media.
pub(super) async fn build(
    visitor: &Visitor,
    viewer: Viewer,
) -> Result<Arc<dyn PeerConnection>, ClientFailure> {
    let mut media_engine = media_engine().map_err(ClientFailure::new)?;
    let registry = register_default_interceptors(Registry::new(), &mut media_engine)
        .map_err(ClientFailure::new)?
        .with(Slot::from(BEHIND_ALL_OTHERS), KeyframeRequests::default());
    let local = crate::client::lean::bind_towards(visitor.target.address().ip())
        .and_then(|socket| socket.local_addr())
        .map_err(ClientFailure::new)?;
    let runtime = default_runtime().ok_or_else(|| ClientFailure::new("there is no runtime"))?;
    let connection = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_media_engine(media_engine)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(viewer))
        .with_runtime(runtime)
        .with_udp_addrs(vec![(local.ip(), 0)])
        .build()
        .await
        .map_err(ClientFailure::new)?;
    Ok(Arc::new(connection))
}

/// Adds what the role says; gives the tracks to be published.
pub(super) async fn add_media(
    connection: &dyn PeerConnection,
    role: Role,
) -> Result<Vec<LocalTrack>, ClientFailure> {
    let mut tracks = Vec::new();
    if let Some(publishing) = role.publishes {
        for kind in publishing.mix.kinds() {
            let Some(bursts) = publishing.mix.bursts(kind) else {
                continue;
            };
            let identity = WriterIdentity {
                source: SourceId {
                    publisher: publishing.publisher,
                    kind,
                },
                ssrc: rand::random(),
                first_sequence: rand::random(),
            };
            let track = local_track(kind, identity.ssrc);
            let init = direction(RTCRtpTransceiverDirection::Sendonly);
            connection
                .add_transceiver_from_track(Arc::clone(&track) as Arc<dyn TrackLocal>, Some(init))
                .await
                .map_err(ClientFailure::new)?;
            tracks.push(LocalTrack {
                track,
                writer: PacketWriter::new(identity, bursts),
                frames_per_second: bursts.per_second,
            });
        }
    }
    for pair in 0..role.audio_slots.max(role.video_slots) {
        for (kind, slots) in [
            (Kind::Audio, role.audio_slots),
            (Kind::Video, role.video_slots),
        ] {
            if pair < slots {
                let init = direction(RTCRtpTransceiverDirection::Recvonly);
                connection
                    .add_transceiver_from_kind(codec_kind(kind), Some(init))
                    .await
                    .map_err(ClientFailure::new)?;
            }
        }
    }
    Ok(tracks)
}

/// The offer, with candidates.
pub(super) async fn offer(
    connection: &dyn PeerConnection,
    told: &mut watch::Receiver<Progress>,
) -> Result<String, ClientFailure> {
    let offer = connection
        .create_offer(None)
        .await
        .map_err(ClientFailure::new)?;
    connection
        .set_local_description(offer)
        .await
        .map_err(ClientFailure::new)?;
    // A server that is a lite agent needs no candidates, so late ones are no reason to fail.
    let gathered = told.wait_for(|progress| progress.gathered);
    let _ = tokio::time::timeout(GATHERING, gathered).await;
    let description = connection.local_description().await;
    let description = description.ok_or_else(|| ClientFailure::new("there is no offer"))?;
    Ok(description.sdp)
}

/// The MIDs and kinds of the m-lines that send.
pub(super) fn sending_mids(offer: &str) -> Vec<(String, Kind)> {
    let sections = offer.split("\r\nm=").skip(1);
    let sending = sections.filter_map(|section| {
        let kind = match section.split(' ').next() {
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            _ => return None,
        };
        let mut lines = section.lines();
        let sends = lines
            .clone()
            .any(|line| ["a=sendonly", "a=sendrecv"].contains(&line));
        let mid = lines.find_map(|line| line.strip_prefix("a=mid:"))?;
        sends.then(|| (mid.to_owned(), kind))
    });
    sending.collect()
}

fn local_track(kind: Kind, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            ssrc: Some(ssrc),
            ..RTCRtpCodingParameters::default()
        },
        codec: codec(kind),
        ..RTCRtpEncodingParameters::default()
    };
    Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "loadtest".to_owned(),
        kind.as_str().to_owned(),
        kind.as_str().to_owned(),
        codec_kind(kind),
        vec![encoding],
    )))
}

fn direction(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit {
        direction,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    }
}

/// Opus, VP8, and retransmission of VP8.
fn media_engine() -> Result<MediaEngine, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    for kind in [Kind::Audio, Kind::Video] {
        let parameters = RTCRtpCodecParameters {
            rtp_codec: codec(kind),
            payload_type: kind.payload_type(),
        };
        engine.register_codec(parameters, codec_kind(kind))?;
    }
    let rtx = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        sdp_fmtp_line: format!("apt={}", Kind::Video.payload_type()),
        ..codec(Kind::Video)
    };
    let parameters = RTCRtpCodecParameters {
        rtp_codec: rtx,
        payload_type: Kind::Video.payload_type() + 1,
    };
    engine.register_codec(parameters, RtpCodecKind::Video)?;
    Ok(engine)
}

fn codec(kind: Kind) -> RTCRtpCodec {
    let (mime_type, channels) = match kind {
        Kind::Audio => (MIME_TYPE_OPUS, 2),
        Kind::Video => (MIME_TYPE_VP8, 0),
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: kind.clock_rate(),
        channels,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    }
}

/// The default interceptors are in front of it, and have seen everything.
const BEHIND_ALL_OTHERS: usize = 14_000;

/// One socket is bound in no time.
const GATHERING: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_m_lines_that_send_are_found() {
        let offer = "v=0\r\na=mid:x\r\nm=audio 9 X 1\r\na=sendonly\r\na=mid:0\r\n\
                     m=video 9 X 2\r\na=mid:1\r\na=recvonly\r\n\
                     m=application 9 X 3\r\na=mid:2\r\na=sendrecv\r\n\
                     m=video 9 X 2\r\na=mid:v\r\na=sendrecv\r\n";
        let expected = [("0".to_owned(), Kind::Audio), ("v".to_owned(), Kind::Video)];
        assert_eq!(sending_mids(offer), expected);
        assert_eq!(sending_mids(""), []);
    }
}
