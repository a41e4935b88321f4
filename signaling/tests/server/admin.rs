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
            .starts_with("text/plain; version=0.0.4"),
        "{metrics:?}"
    );
    for line in [
        "switchyard_rooms 1",
        "switchyard_participants 1",
        "switchyard_websockets 1",
        "switchyard_websocket_messages_received_total 2",
        "switchyard_requests_refused_total{code=\"invalid-message\"} 1",
        "switchyard_received_packets_total{worker=\"0\",kind=\"video\"} 0",
        "switchyard_forward_latency_seconds_count{worker=\"0\"} 0",
        "switchyard_join_seconds_bucket{le=\"+Inf\"} 0",
        "switchyard_worker_failed{worker=\"0\"} 0",
        "switchyard_requests_refused_total{code=\"overloaded\"} 0",
        "switchyard_http_sessions{protocol=\"whep\"} 0",
        "# TYPE process_cpu_seconds_total counter",
        concat!(
            "switchyard_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
        "switchyard_dropped_packets_total{worker=\"0\",reason=\"srtp_replayed\"} 0",
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
    assert_eq!(get(private, "/readyz").await.status, StatusCode::OK);
    for path in ["/api/v1/rooms", "/", "/js/page.js", "/whip/stage"] {
        let answer = get(private, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_figures_of_the_ops_page_are_those_of_the_server() {
    let server = server("workers = 2").await;
    let address = server.address();
    let (mut ada, _) = Client::join(address, "standup", "Ada").await;
    ada.offer(offers::CHROMIUM, json!([])).await;
    let answer = get(address, "/api/v1/stats").await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let stats = answer.json();
    assert_eq!(
        (&stats["rooms"], &stats["participants"]),
        (&json!(1), &json!(1)),
        "{stats}"
    );
    assert_eq!(stats["workers"].as_array().map(Vec::len), Some(2));
    assert_eq!(stats["workers"][1]["failed"], false);
    assert_eq!(stats["sent"]["audio"]["packets"], 0, "{stats}");
    let latency = &stats["forward_latency"];
    let len = |key: &str| latency[key].as_array().map(Vec::len);
    assert_eq!(len("counts"), len("bounds_seconds").map(|n| n + 1));
    assert!(stats["uptime_seconds"].as_f64() > Some(0.0), "{stats}");
    assert!(stats["process"]["resident_memory_bytes"].as_u64() > Some(1 << 20));
}

#[tokio::test]
async fn figures_of_all_rooms_need_a_token_for_all_rooms() {
    let mut config = config(WITH_KEY);
    config.metrics_listen = Some(([127, 0, 0, 1], 0).into());
    let server = start(config).await;
    let table = [
        (None, StatusCode::UNAUTHORIZED),
        (Some(json!({"roomJoin": true})), StatusCode::FORBIDDEN),
        (
            Some(json!({"roomAdmin": true, "room": "lobby"})),
            StatusCode::FORBIDDEN,
        ),
        (Some(json!({"roomAdmin": true})), StatusCode::OK),
    ];
    for (video, expected) in table {
        let authorization = video
            .clone()
            .map(|video| format!("Bearer {}", token(video)));
        let headers: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let path = "/api/v1/stats";
        let answer = request(server.address(), Method::GET, path, &headers, "").await;
        assert_eq!(answer.status, expected, "{video:?}: {}", answer.body);
    }
    // Whoever reaches the private address may look, as at the metrics.
    let private = server.metrics_address().expect("a private address");
    for path in [
        "/api/v1/stats",
        "/ops",
        "/ops/page.js",
        "/ops/style.css",
        "/js/dom.js",
        "/favicon.svg",
    ] {
        assert_eq!(get(private, path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_ops_page_has_all_that_it_names() {
    let server = server("").await;
    let address = server.address();
    let page = get(address, "/ops").await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (StatusCode::OK, "text/html; charset=utf-8")
    );
    let named: Vec<_> = page
        .body
        .split('"')
        .filter(|text| {
            [".js", ".css", ".svg"]
                .iter()
                .any(|end| text.ends_with(end))
        })
        .collect();
    assert!(named.len() >= 3, "{named:?}");
    for path in named {
        let file = get(address, &format!("/{path}")).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
    }
    let slash = get(address, "/ops/").await;
    assert_eq!(
        (slash.status, slash.header("location")),
        (StatusCode::PERMANENT_REDIRECT, "../ops")
    );
}
