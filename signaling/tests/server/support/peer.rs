//! A peer connection of the `webrtc` crate that publishes a camera or shows one, on loopback.

use std::sync::Arc;
use std::time::Duration;

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{
    Registry, register_default_interceptors,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_VP8, MediaEngine};
use rtc::rtp::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::mpsc;
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCSessionDescription,
};
use webrtc::runtime::default_runtime;

use super::vp8;

/// Ends a test that would hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// A peer connection.
pub(crate) struct Peer {
    connection: Arc<dyn PeerConnection>,
    received: mpsc::UnboundedReceiver<Packet>,
}

/// A camera that is being published.
pub(crate) struct Camera {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    next_frame: u32,
}

struct Handler(mpsc::UnboundedSender<Packet>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let received = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = received.send(packet);
                }
            }
        });
    }
}

impl Peer {
    /// One that publishes a camera.
    pub(crate) async fn with_camera(ssrc: u32) -> (Self, Camera) {
        let peer = Self::new().await;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec: vp8_codec(),
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "stream".to_owned(),
            "camera".to_owned(),
            "camera".to_owned(),
            RtpCodecKind::Video,
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let local = Arc::clone(&track) as Arc<dyn TrackLocal>;
        let init = init(RTCRtpTransceiverDirection::Sendonly);
        peer.connection
            .add_transceiver_from_track(local, Some(init))
            .await
            .expect("a transceiver");
        (
            peer,
            Camera {
                track,
                ssrc,
                next_frame: 0,
            },
        )
    }

    /// One that has a slot for video.
    pub(crate) async fn with_slot() -> Self {
        let peer = Self::new().await;
        let init = init(RTCRtpTransceiverDirection::Recvonly);
        peer.connection
            .add_transceiver_from_kind(RtpCodecKind::Video, Some(init))
            .await
            .expect("a transceiver");
        peer
    }

    async fn new() -> Self {
        let mut engine = MediaEngine::default();
        let codec = RTCRtpCodecParameters {
            rtp_codec: vp8_codec(),
            payload_type: vp8::PAYLOAD_TYPE,
        };
        engine
            .register_codec(codec, RtpCodecKind::Video)
            .expect("VP8");
        let registry =
            register_default_interceptors(Registry::new(), &mut engine).expect("interceptors");
        let (sender, received) = mpsc::unbounded_channel();
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(sender)))
            .with_runtime(default_runtime().expect("the tests run on tokio"))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a peer connection");
        Self {
            connection: Arc::new(connection),
            received,
        }
    }

    /// Its offer. The server is a lite agent and needs no candidates.
    pub(crate) async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        self.connection
            .set_local_description(offer)
            .await
            .expect("its own offer");
        self.connection
            .local_description()
            .await
            .expect("set above")
            .sdp
    }

    /// Takes the server's answer.
    pub(crate) async fn accept(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        self.connection
            .set_remote_description(answer)
            .await
            .expect("an answer that fits");
    }

    /// The next packet with a payload; padding probes the path and is no media.
    pub(crate) async fn receive(&mut self) -> Packet {
        loop {
            let packet = timeout(PATIENCE, self.received.recv())
                .await
                .expect("media in time");
            let packet = packet.expect("the connection is open");
            if !packet.payload.is_empty() {
                return packet;
            }
        }
    }

    /// Whether a packet with a payload comes within this time.
    pub(crate) async fn receives_within(&mut self, time: Duration) -> bool {
        timeout(time, self.receive()).await.is_ok()
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        self.connection.close().await.expect("it closes");
    }
}

impl Camera {
    /// Films in a task, 30 frames a second, for as long as the handle lives.
    pub(crate) fn film(mut self) -> Filming {
        Filming(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(33));
            loop {
                ticks.tick().await;
                // Before the connection is up there is nowhere to write to.
                let _ = self
                    .track
                    .write_rtp(vp8::frame(self.ssrc, self.next_frame))
                    .await;
                self.next_frame += 1;
            }
        }))
    }
}

/// A camera that films until this is dropped.
pub(crate) struct Filming(tokio::task::JoinHandle<()>);

impl Drop for Filming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn init(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit {
        direction,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    }
}

fn vp8_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: Vec::new(),
    }
}
