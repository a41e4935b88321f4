//! The WebSocket itself: who may join, and how connections end.

use std::time::Duration;

use serde_json::{Value, json};
use signaling_protocol::{CloseCode, ErrorCode, ServerMessage};

use crate::support::websocket::Client;
use crate::support::{WITH_KEY, config, offers, server, start, token};

#[tokio::test]
async fn before_joining_only_join_and_ping_are_possible() {
    let server = server("").await;
    let mut client = Client::connect(server.address()).await;
    let refused = [
        (json!({"type": "leave"}), ErrorCode::NotJoined),
        (json!({"type": "offer", "sdp": "v=0"}), ErrorCode::NotJoined),
        (
            json!({"type": "mute", "track": "k1", "muted": true}),
            ErrorCode::NotJoined,
        ),
        (json!({"type": "subscribe"}), ErrorCode::NotJoined),
        (
            json!({"type": "candidate", "candidate": ""}),
            ErrorCode::NotJoined,
        ),
        (json!({"type": "dance"}), ErrorCode::UnknownType),
        (json!({"type": "join"}), ErrorCode::InvalidMessage),
        (json!({"type": "join", "room": ""}), ErrorCode::BadRoomName),
        (
            json!({"type": "join", "room": " a"}),
            ErrorCode::BadRoomName,
        ),
        (
            json!({"type": "join", "room": "a", "name": " "}),
            ErrorCode::BadDisplayName,
        ),
        (
            json!({"type": "join", "room": "a", "name": "a\u{202e}b"}),
            ErrorCode::BadDisplayName,
        ),
        (json!([]), ErrorCode::InvalidJson),
    ];
    for (message, code) in refused {
        client.send_text(&message.to_string()).await;
        let error = client.error().await;
        assert_eq!(error.code, code, "{message}: {}", error.message);
        assert!(
            error.message.len() > 10,
            "{message}: a sentence, not {}",
            error.message
        );
    }
    assert!(client.is_undisturbed().await);
    client.enter(json!({"room": "a", "name": "Ada"})).await;
}

#[tokio::test]
async fn a_token_opens_the_room_it_names_with_what_it_allows() {
    let server = server(WITH_KEY).await;
    /// May publish, may subscribe, may administer.
    type Permitted = (bool, bool, bool);
    let table: [(Value, Result<Permitted, ErrorCode>); 8] = [
        (json!(null), Err(ErrorCode::Unauthorized)),
        (json!("nonsense"), Err(ErrorCode::Unauthorized)),
        (json!(token(json!({}))), Err(ErrorCode::Forbidden)),
        (
            json!(token(json!({"roomJoin": true, "room": "lobby"}))),
            Err(ErrorCode::Forbidden),
        ),
        (
            json!(token(json!({"roomJoin": true, "room": "standup"}))),
            Ok((true, true, false)),
        ),
        (
            json!(token(json!({"roomJoin": true, "canPublish": false}))),
            Ok((false, true, false)),
        ),
        (
            json!(token(json!({"roomJoin": true, "canSubscribe": false}))),
            Ok((true, false, false)),
        ),
        (
            json!(token(json!({"roomJoin": true, "roomAdmin": true}))),
            Ok((true, true, true)),
        ),
    ];
    for (token, expected) in table {
        let mut client = Client::connect(server.address()).await;
        let mut join = json!({"room": "standup", "name": "Ada by herself"});
        if !token.is_null() {
            join["token"] = token.clone();
        }
        match client.request("join", join).await {
            ServerMessage::Joined(joined) => {
                let may = joined.permissions;
                assert_eq!(
                    Ok((may.publish, may.subscribe, may.admin)),
                    expected,
                    "{token}"
                );
                assert_eq!(joined.name, "Ada by token", "the token's name goes before");
            }
            ServerMessage::Error(error) => assert_eq!(Err(error.code), expected, "{token}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn who_does_not_join_in_time_is_closed() {
    let mut config = config("");
    config.patience.join = Duration::from_millis(600);
    let server = start(config).await;
    let mut client = Client::connect(server.address()).await;
    assert!(client.is_undisturbed().await, "a ping is no join");
    assert_eq!(client.closed().await.code, CloseCode::JoinTimeout);
}

#[tokio::test]
async fn who_joined_stays_longer_than_one_may_take_to_join() {
    let mut config = config("");
    config.patience.join = Duration::from_millis(600);
    let server = start(config).await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let mut stranger = Client::connect(server.address()).await;
    assert_eq!(stranger.closed().await.code, CloseCode::JoinTimeout);
    assert!(ada.is_undisturbed().await);
}

#[tokio::test]
async fn a_flood_ends_the_flooder_and_nobody_else() {
    let server = server("message-rate = 10").await;
    let (mut ada, joined) = Client::join(server.address(), "standup", "Ada").await;
    assert_eq!(
        (
            joined.limits.messages_per_second,
            joined.limits.message_burst
        ),
        (10, 50)
    );
    let (mut mallory, _) = Client::join(server.address(), "standup", "Mallory").await;
    for _ in 0..200 {
        // The server may have hung up before the last of them.
        let text = tokio_tungstenite::tungstenite::Message::text(r#"{"type":"ping"}"#);
        if futures_util::SinkExt::send(&mut mallory.socket, text)
            .await
            .is_err()
        {
            break;
        }
    }
    let closed = mallory.closed().await;
    assert_eq!((closed.code, closed.retry), (CloseCode::Flood, false));
    let left = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(left) => Some(left.reason),
            _ => None,
        })
        .await;
    assert_eq!(left, CloseCode::Removed);
    assert!(ada.is_undisturbed().await);
}

#[tokio::test]
async fn a_client_that_falls_silent_is_noticed_and_given_up() {
    let mut config = config("");
    config.patience.ping = Duration::from_millis(200);
    config.patience.silence = Duration::from_millis(1500);
    config.media.resume_grace = Duration::from_millis(200);
    let server = start(config).await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    // Nobody reads this socket from now on, so nobody answers its pings.
    let (_silent, joined) = Client::join(server.address(), "standup", "Grace").await;
    let left = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(left) => Some(left),
            _ => None,
        })
        .await;
    assert_eq!(
        (left.participant, left.reason),
        (joined.participant, CloseCode::SignalingLost)
    );
    assert!(ada.is_undisturbed().await, "whoever answers pings stays");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_nobody_waits_for_it() {
    let mut config = config("message-rate = 100000");
    config.patience.write = Duration::from_millis(300);
    let server = start(config).await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let answer = ada.offer(offers::CHROMIUM_SENDONLY, json!([])).await;
    let track = &answer.tracks[0].track;
    let mut mallory = Client::connect_narrowly(server.address()).await;
    mallory
        .enter(json!({"room": "standup", "name": "Mallory"}))
        .await;
    // From here on Mallory reads nothing, while there is always news.
    let reason = loop {
        for muted in [true, false].repeat(50) {
            let mute = json!({"type": "mute", "track": track, "muted": muted});
            ada.send_text(&mute.to_string()).await;
        }
        ada.send_text(r#"{"type":"ping"}"#).await;
        let left = ada
            .wait_for(|message| match message {
                ServerMessage::Pong(_) => Some(None),
                ServerMessage::ParticipantLeft(left) => Some(Some(left.reason)),
                _ => None,
            })
            .await;
        if let Some(reason) = left {
            break reason;
        }
    };
    assert_eq!(reason, CloseCode::SlowConsumer);
}

#[tokio::test]
async fn a_server_that_stops_tells_everybody_to_come_back() {
    let server = server("").await;
    let address = server.address();
    let (mut ada, _) = Client::join(address, "standup", "Ada").await;
    let mut stranger = Client::connect(address).await;
    let stopped = tokio::spawn(server.stop());
    for client in [&mut ada, &mut stranger] {
        let closed = client.closed().await;
        assert_eq!((closed.code, closed.retry), (CloseCode::ShuttingDown, true));
    }
    stopped.await.expect("it stops");
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}
