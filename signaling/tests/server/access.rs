//! Who gets in at all: pages of other sites, and too many requests.

use hyper::{Method, StatusCode};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::http::{get, request};
use crate::support::{WITH_KEY, server};

#[tokio::test]
async fn without_keys_only_pages_of_this_machine_are_answered() {
    let server = server("").await;
    let address = server.address();
    let port = address.port();
    let own = format!("http://localhost:{port}");
    let table = [
        (vec![("host", "localhost")], StatusCode::OK),
        (
            vec![("host", "localhost"), ("origin", own.as_str())],
            StatusCode::OK,
        ),
        (
            vec![("host", "localhost"), ("origin", "https://example.org")],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![
                ("host", "rebound.example.org"),
                ("origin", "http://rebound.example.org"),
            ],
            StatusCode::FORBIDDEN,
        ),
    ];
    for (headers, expected) in table {
        let answer = request(address, Method::GET, "/api/v1/rooms", &headers, "").await;
        assert_eq!(answer.status, expected, "{headers:?}");
        if expected == StatusCode::FORBIDDEN {
            assert_eq!(answer.problem(), "open_to_this_machine_only");
        }
    }
}

#[tokio::test]
async fn a_websocket_of_another_site_is_refused_unless_tokens_are_wanted() {
    for (settings, expected) in [
        ("", Some(403)),
        ("insecure-open = true", None),
        (WITH_KEY, None),
    ] {
        let server = server(settings).await;
        let mut request = format!("ws://{}/ws", server.address())
            .into_client_request()
            .expect("a request");
        request
            .headers_mut()
            .insert("origin", "https://example.org".parse().expect("an origin"));
        let status = match tokio_tungstenite::connect_async(request).await {
            Ok(_) => None,
            Err(Error::Http(response)) => Some(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(status, expected, "{settings}");
    }
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_to_wait() {
    let server = server("http-rate = 1").await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(get(server.address(), "/api/v1/rooms").await.status);
    }
    assert_eq!(statuses.first(), Some(&StatusCode::OK));
    assert!(
        statuses.contains(&StatusCode::TOO_MANY_REQUESTS),
        "{statuses:?}"
    );
    let last = get(server.address(), "/whip/standup").await;
    if last.status == StatusCode::TOO_MANY_REQUESTS {
        assert_eq!(
            (last.problem().as_str(), last.header("retry-after")),
            ("too_many_requests", "1")
        );
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(
            get(server.address(), path).await.status,
            StatusCode::OK,
            "{path} is for machines that ask often"
        );
    }
}

#[tokio::test]
async fn a_request_to_ws_that_is_no_websocket_is_refused() {
    let server = server("").await;
    let answer = get(server.address(), "/ws").await;
    assert!(answer.status.is_client_error(), "{answer:?}");
}
