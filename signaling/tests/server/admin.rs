//! What operators see.

use hyper::{Method, StatusCode};
use serde_json::json;
use signaling_protocol::CloseCode;

use crate::support::http::{get, request};
use crate::support::websocket::Client;
use crate::support::{WITH_KEY, config, offers, server, start, token};

#[tokio::test]
async fn an_operator_sees_rooms_and_removes_participants() {
    let server = server("").await;
    let address = server.address();
    assert_eq!(
        get(address, "/api/v1/rooms").await.json(),
        json!({"rooms": []})
    );
    let (mut ada, joined) = Client::join(address, "standup", "Ada").await;
    ada.offer(offers::CHROMIUM, json!([])).await;
    assert_eq!(
        get(address, "/api/v1/rooms").await.json(),
        json!({"rooms": [{"name": "standup", "participants": 1, "tracks": 2}]})
    );
    let room = get(address, "/api/v1/rooms/standup").await.json();
    let [seen] = room["participants"].as_array().expect("a list").as_slice() else {
        panic!("{room}")
    };
    assert_eq!(
        (seen["id"].as_str(), seen["name"].as_str()),
        (Some(joined.participant.0.as_str()), Some("Ada"))
    );
    assert_eq!(seen["tracks"][1]["source"], "camera", "{room}");

    for path in ["/api/v1/rooms/lobby", "/api/v1/rooms/lobby/participants/p1"] {
        let method = if path.ends_with("p1") {
            Method::DELETE
        } else {
            Method::GET
        };
        assert_eq!(
            request(address, method, path, &[], "").await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let path = format!("/api/v1/rooms/standup/participants/{}", joined.participant);
    assert_eq!(
        request(address, Method::DELETE, &path, &[], "")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let closed = ada.closed().await;
    assert_eq!((closed.code, closed.retry), (CloseCode::Removed, false));
    assert_eq!(
        request(address, Method::DELETE, &path, &[], "")
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn where_there_are_keys_an_operator_needs_a_token_that_says_so() {
    let server = server(WITH_KEY).await;
    let table = [
        (None, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
        (
            Some(json!({"roomJoin": true})),
            StatusCode::FORBIDDEN,
            StatusCode::FORBIDDEN,
        ),
        (
            Some(json!({"roomAdmin": true})),
            StatusCode::OK,
            StatusCode::NOT_FOUND,
        ),
        (
            Some(json!({"roomAdmin": true, "room": "lobby"})),
            StatusCode::OK,
            StatusCode::FORBIDDEN,
        ),
        (
            Some(json!({"roomAdmin": true, "room": "standup"})),
            StatusCode::OK,
            StatusCode::NOT_FOUND,
        ),
    ];
    for (video, list, room) in table {
        let authorization = video
            .clone()
            .map(|video| format!("Bearer {}", token(video)));
        let headers: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        for (path, expected) in [("/api/v1/rooms", list), ("/api/v1/rooms/standup", room)] {
            let answer = request(server.address(), Method::GET, path, &headers, "").await;
            assert_eq!(
                answer.status, expected,
                "{path} with {video:?}: {}",
                answer.body
            );
        }
    }
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let server = server("").await;
    let address = server.address();
    let (mut ada, _) = Client::join(address, "standup", "Ada").await;
    ada.send_text("{}").await;
    ada.error().await;
    let metrics = get(address, "/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text"),
        "{metrics:?}"
    );
    for line in [
        "switchyard_rooms 1",
        "switchyard_participants 1",
        "switchyard_websockets 1",
        "switchyard_websocket_messages_received_total 2",
        "switchyard_requests_refused_total{code=\"invalid-message\"} 1",
        "switchyard_received_packets_total{worker=\"0\"} 0",
        "switchyard_dropped_packets_total{worker=\"0\",reason=\"srtp_replayed\"} 0",
        "# EOF",
    ] {
        assert!(
            metrics.body.lines().any(|found| found == line),
            "{line} is not in\n{}",
            metrics.body
        );
    }
}

#[tokio::test]
async fn metrics_move_to_an_address_of_their_own() {
    let mut config = config("");
    config.metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let server = start(config).await;
    assert_eq!(
        get(server.address(), "/metrics").await.status,
        StatusCode::NOT_FOUND
    );
    let private = server.metrics_address().expect("a private address");
    assert_eq!(get(private, "/metrics").await.status, StatusCode::OK);
    assert_eq!(get(private, "/healthz").await.status, StatusCode::OK);
    assert_eq!(
        get(private, "/api/v1/rooms").await.status,
        StatusCode::NOT_FOUND
    );
}
