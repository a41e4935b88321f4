//! A whole WebRTC implementation offers, and takes the answer.

use std::time::Instant;

use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::fixture::{answer_again, answer_to};
use crate::parameters::{Codec, PeerParameters};
use crate::sdp::Negotiated;

fn peer_connection() -> RTCPeerConnection {
    let mut media_engine = MediaEngine::default();
    media_engine.register_default_codecs().unwrap();
    RTCPeerConnectionBuilder::new()
        .with_media_engine(media_engine)
        .build(Instant::now())
        .unwrap()
}

fn add(peer: &mut RTCPeerConnection, kind: RtpCodecKind, direction: RTCRtpTransceiverDirection) {
    let init = RTCRtpTransceiverInit {
        direction,
        streams: vec![],
        send_encodings: vec![],
    };
    peer.add_transceiver_from_kind(kind, Some(init)).unwrap();
}

fn negotiate(peer: &mut RTCPeerConnection, previous: Option<&PeerParameters>) -> Negotiated {
    let offer = peer.create_offer(None).unwrap();
    peer.set_local_description(Instant::now(), offer.clone())
        .unwrap();
    let negotiated = match previous {
        Some(previous) => answer_again(&offer.sdp, previous),
        None => answer_to(&offer.sdp),
    };
    let answer = RTCSessionDescription::answer(negotiated.sdp.clone()).unwrap();
    peer.set_remote_description(Instant::now(), answer)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", offer.sdp, negotiated.sdp));
    negotiated
}

#[test]
fn a_peer_connection_takes_the_answer_and_those_after_it() {
    let mut peer = peer_connection();
    peer.create_data_channel("chat", None).unwrap();
    add(
        &mut peer,
        RtpCodecKind::Audio,
        RTCRtpTransceiverDirection::Recvonly,
    );
    add(
        &mut peer,
        RtpCodecKind::Video,
        RTCRtpTransceiverDirection::Recvonly,
    );
    let first = negotiate(&mut peer, None);
    assert_eq!(first.refused, []);
    assert_eq!(first.parameters.slots.len(), 2);
    assert!(first.parameters.data.is_some());
    let video = first.parameters.slots.last().unwrap();
    let codecs: Vec<_> = video.codecs.iter().map(|codec| codec.codec).collect();
    for codec in [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1] {
        assert!(codecs.contains(&codec), "{codecs:?}");
    }
    assert_eq!(peer.can_trickle_ice_candidates(), Some(true));

    add(
        &mut peer,
        RtpCodecKind::Video,
        RTCRtpTransceiverDirection::Recvonly,
    );
    let second = negotiate(&mut peer, Some(&first.parameters));
    assert_eq!(second.parameters.slots.len(), 3);
    for (before, after) in first.parameters.slots.iter().zip(&second.parameters.slots) {
        assert_eq!((before.mid, before.ssrc), (after.mid, after.ssrc));
    }
}
