//! Losing the WebSocket, and coming back.

use std::time::Duration;

use serde_json::json;
use signaling_protocol::{CloseCode, ServerMessage};

use crate::support::websocket::Client;
use crate::support::{WITH_KEY, config, offers, server, start, token};

#[tokio::test]
async fn who_comes_back_in_time_is_who_they_were_and_nobody_noticed() {
    let server = server("").await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let (mut grace, before) = Client::join(server.address(), "standup", "Grace").await;
    let published = grace.offer(offers::FIREFOX, json!([])).await;
    drop(grace);

    let mut grace = Client::connect(server.address()).await;
    let after = grace
        .enter(json!({"room": "standup", "name": "Grace", "resume": before.resume}))
        .await;
    assert!(after.resumed);
    assert_eq!(after.participant, before.participant);
    assert_eq!(
        after.tracks, published.tracks,
        "the client learns its own tracks again"
    );
    assert_eq!(after.permissions, before.permissions);
    assert_eq!(after.participants.len(), 1, "{after:?}");
    assert_eq!(grace.assignments().await.revision, 1, "assignments follow");

    grace
        .request(
            "mute",
            json!({"track": published.tracks[0].track, "muted": true}),
        )
        .await;
    let next = ada
        .wait_for(|message| match message {
            ServerMessage::TrackMuted(_) | ServerMessage::ParticipantLeft(_) => Some(message),
            ServerMessage::ParticipantJoined(joined)
                if joined.participant.id != before.participant =>
            {
                Some(ServerMessage::ParticipantJoined(joined))
            }
            _ => None,
        })
        .await;
    assert!(matches!(next, ServerMessage::TrackMuted(_)), "{next:?}");
}

#[tokio::test]
async fn a_second_connection_takes_the_session_over() {
    let server = server("").await;
    let (mut old, before) = Client::join(server.address(), "standup", "Ada").await;
    let mut new = Client::connect(server.address()).await;
    let after = new
        .enter(json!({"room": "standup", "resume": before.resume}))
        .await;
    assert!(after.resumed && after.participant == before.participant);
    let closed = old.closed().await;
    assert_eq!((closed.code, closed.retry), (CloseCode::Superseded, false));
    // Grace sees one Ada, so the end of the old connection took nobody along.
    let (_, joined) = Client::join(server.address(), "standup", "Grace").await;
    assert_eq!(joined.participants.len(), 1, "{joined:?}");
    assert!(new.is_undisturbed().await);
}

#[tokio::test]
async fn a_secret_that_opens_nothing_makes_a_new_session() {
    let server = server("").await;
    let (_ada, before) = Client::join(server.address(), "standup", "Ada").await;
    for (room, secret) in [
        ("standup", "nonsense"),
        ("standup", ""),
        ("lobby", before.resume.as_str()),
    ] {
        let mut client = Client::connect(server.address()).await;
        let joined = client
            .enter(json!({"room": room, "name": "Mallory", "resume": secret}))
            .await;
        assert!(
            !joined.resumed && joined.participant != before.participant,
            "{room} {secret}"
        );
    }
}

#[tokio::test]
async fn without_a_session_the_token_counts() {
    let server = server(WITH_KEY).await;
    let mut ada = Client::connect(server.address()).await;
    let before = ada
        .enter(json!({"room": "standup", "token": token(json!({"roomJoin": true}))}))
        .await;
    let mut back = Client::connect(server.address()).await;
    let after = back
        .enter(json!({"room": "standup", "resume": before.resume}))
        .await;
    assert!(after.resumed, "the secret is enough");
    let refused = Client::connect(server.address())
        .await
        .request("join", json!({"room": "standup", "resume": "x"}))
        .await;
    assert!(matches!(refused, ServerMessage::Error(_)), "{refused:?}");
}

#[tokio::test]
async fn who_does_not_come_back_in_time_has_left() {
    let mut config = config("");
    config.media.resume_grace = Duration::from_millis(100);
    let server = start(config).await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let (grace, before) = Client::join(server.address(), "standup", "Grace").await;
    drop(grace);
    let left = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(left) => Some(left),
            _ => None,
        })
        .await;
    assert_eq!(
        (left.participant, left.reason),
        (before.participant, CloseCode::SignalingLost)
    );
    let mut late = Client::connect(server.address()).await;
    let after = late
        .enter(json!({"room": "standup", "name": "Grace", "resume": before.resume}))
        .await;
    assert!(!after.resumed);
}
