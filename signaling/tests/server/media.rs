//! Media through a running server, between peer connections of the `webrtc` crate.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use rtc::rtp::Packet;
use serde_json::json;
use signaling_protocol::{CloseCode, ServerMessage};

use crate::support::http::request;
use crate::support::peer::{Filming, Peer};
use crate::support::websocket::Client;
use crate::support::{server, vp8};

/// Somebody in a room with a camera.
async fn with_camera(server: SocketAddr, room: &str, ssrc: u32) -> (Client, Peer, Filming) {
    let (mut client, _) = Client::join(server, room, "Ada").await;
    let (peer, camera) = Peer::with_camera(ssrc).await;
    let answer = client.offer(&peer.offer().await, json!([])).await;
    peer.accept(answer.sdp).await;
    (client, peer, camera.film())
}

/// Somebody in a room with a slot.
async fn with_slot(server: SocketAddr, room: &str) -> (Client, Peer) {
    let (mut client, _) = Client::join(server, room, "Grace").await;
    let peer = Peer::with_slot().await;
    let answer = client.offer(&peer.offer().await, json!([])).await;
    peer.accept(answer.sdp).await;
    (client, peer)
}

async fn connected(client: &mut Client) -> String {
    client
        .wait_for(|message| match message {
            ServerMessage::Connected(connected) => Some(connected.protection),
            _ => None,
        })
        .await
}

/// Takes `count` packets of frames, which must look like those of one well-behaved sender.
async fn watch(slot: &mut Peer, count: usize) -> Vec<(Packet, u32)> {
    let mut seen: Vec<(Packet, u32)> = Vec::new();
    // Frames from the cache come at once and are stamped close together; those after them are not.
    let mut caught_up = false;
    while seen.len() < count {
        let packet = slot.receive().await;
        let frame =
            vp8::number(&packet).unwrap_or_else(|| panic!("this is not what was sent: {packet:?}"));
        if let Some((before, frame_before)) = seen.last() {
            let (now, then) = (&packet.header, &before.header);
            assert_eq!(now.ssrc, then.ssrc, "a slot has one SSRC");
            assert_eq!(
                now.sequence_number,
                then.sequence_number.wrapping_add(1),
                "after frame {frame_before}"
            );
            let ticks = (frame - frame_before) * vp8::FRAME_TICKS;
            let passed = now.timestamp.wrapping_sub(then.timestamp);
            caught_up |= passed == ticks;
            assert!(
                passed == ticks || (!caught_up && (1..=ticks).contains(&passed)),
                "time runs as at the camera: {passed} ticks after frame {frame_before}, not {ticks}"
            );
            let next_id = vp8::picture_id(before).map(|id| (id + 1) & 0x7fff);
            assert_eq!(
                vp8::picture_id(&packet),
                next_id,
                "picture ids have no gaps"
            );
        }
        seen.push((packet, frame));
    }
    seen
}

#[tokio::test]
async fn who_watches_sees_who_publishes() {
    let server = server("workers = 2").await;
    let (mut ada, _camera, _filming) = with_camera(server.address(), "standup", 1111).await;
    assert_eq!(connected(&mut ada).await, "AEAD_AES_128_GCM");
    let (mut grace, mut slot) = with_slot(server.address(), "standup").await;
    assert_eq!(connected(&mut grace).await, "AEAD_AES_128_GCM");
    let seen = watch(&mut slot, 30).await;
    let (first, frame) = &seen[0];
    assert!(
        frame.is_multiple_of(10),
        "it begins with a keyframe, not with frame {frame}"
    );
    assert_ne!(first.header.ssrc, 1111, "the SSRC is the server's own");
}

#[tokio::test]
async fn a_track_that_is_muted_is_not_forwarded_and_one_that_ends_leaves_its_slot() {
    let server = server("").await;
    let (mut ada, camera, filming) = with_camera(server.address(), "standup", 1111).await;
    let (mut grace, mut slot) = with_slot(server.address(), "standup").await;
    let shown = grace
        .wait_for(|message| match message {
            ServerMessage::Assignments(assignments) => assignments.slots[0].track.clone(),
            _ => None,
        })
        .await;
    watch(&mut slot, 5).await;

    ada.request("mute", json!({"track": shown, "muted": true}))
        .await;
    // What was on its way when the mute was answered may still come; then nothing does.
    while slot.receives_within(Duration::from_millis(200)).await {}
    ada.request("mute", json!({"track": shown, "muted": false}))
        .await;
    let again = watch(&mut slot, 5).await;
    assert!(
        again[0].1.is_multiple_of(10),
        "it goes on with a keyframe: {}",
        again[0].1
    );

    drop(filming);
    camera.close().await;
    // In which order Grace hears of the slot and of the participant does not matter.
    let (mut left, mut is_free) = (None, false);
    while left.is_none() || !is_free {
        match grace.next().await {
            ServerMessage::ParticipantLeft(message) => left = Some(message.reason),
            ServerMessage::Assignments(message) => is_free = message.slots[0].track.is_none(),
            _ => {}
        }
    }
    assert_eq!(left, Some(CloseCode::ClosedByPeer));
    assert_eq!(
        ada.closed().await.code,
        CloseCode::ClosedByPeer,
        "the session ends with its media"
    );
}

#[tokio::test]
async fn what_whip_publishes_whep_plays() {
    let server = server("workers = 2").await;
    let address = server.address();
    let post = async |path: &str, peer: &Peer| {
        let headers = [("content-type", "application/sdp")];
        let created = request(address, Method::POST, path, &headers, peer.offer().await).await;
        assert_eq!(
            created.status,
            StatusCode::CREATED,
            "{path}: {}",
            created.body
        );
        peer.accept(created.body.clone()).await;
        created.header("location").to_owned()
    };
    let (encoder, camera) = Peer::with_camera(2222).await;
    let ingest = post("/whip/stage", &encoder).await;
    let _filming = camera.film();
    let (mut grace, mut slot) = with_slot(address, "stage").await;
    watch(&mut slot, 10).await;

    let mut player = Peer::with_slot().await;
    let playback = post("/whep/stage", &player).await;
    watch(&mut player, 10).await;
    assert_eq!(
        request(address, Method::DELETE, &playback, &[], "")
            .await
            .status,
        StatusCode::OK
    );
    watch(&mut slot, 10).await;

    assert_eq!(
        request(address, Method::DELETE, &ingest, &[], "")
            .await
            .status,
        StatusCode::OK
    );
    grace
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(_) => Some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn a_session_whose_peer_closes_is_forgotten() {
    let server = server("").await;
    let address = server.address();
    let (mut ada, _) = Client::join(address, "stage", "Ada").await;
    let (encoder, camera) = Peer::with_camera(3333).await;
    let headers = [("content-type", "application/sdp")];
    let created = request(
        address,
        Method::POST,
        "/whip/stage",
        &headers,
        encoder.offer().await,
    )
    .await;
    encoder.accept(created.body.clone()).await;
    let _filming = camera.film();
    let started = ada
        .wait_for(|message| match message {
            ServerMessage::TrackStarted(started) => Some(started),
            _ => None,
        })
        .await;
    assert!(!started.track.0.is_empty());
    encoder.close().await;
    ada.wait_for(|message| match message {
        ServerMessage::ParticipantLeft(_) => Some(()),
        _ => None,
    })
    .await;
    let gone = request(address, Method::DELETE, created.header("location"), &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}
