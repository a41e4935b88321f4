//! Who gets in at all: pages of other sites, and too many requests.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use signaling_protocol::CloseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::http::{get, request};
use crate::support::websocket::Client;
use crate::support::{WITH_KEY, config, server, start};

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
    assert_eq!(last.header("access-control-allow-origin"), "*");
    if last.status == StatusCode::TOO_MANY_REQUESTS {
        assert_eq!(
            (last.problem().as_str(), last.header("retry-after")),
            ("too_many_requests", "1")
        );
    }
    let forwarded = [("x-forwarded-for", "203.0.113.1")];
    let other = request(
        server.address(),
        Method::GET,
        "/whip/standup",
        &forwarded,
        "",
    )
    .await;
    assert_eq!(
        other.status,
        StatusCode::NO_CONTENT,
        "another client of a proxy on this machine is another"
    );
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(
            get(server.address(), path).await.status,
            StatusCode::OK,
            "{path} is for machines that ask often"
        );
    }
}

/// What the server answers to these bytes before it hangs up. It must, although the client does not.
async fn answer_to(server: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server)
        .await
        .expect("the server listens");
    stream.write_all(bytes).await.expect("the server reads");
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("it hangs up");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_dawdles_is_not_waited_for() {
    let mut config = config("");
    config.patience.request = Duration::from_millis(500);
    let server = start(config).await;
    let head = "Host: localhost\r\nContent-Type: application/sdp\r\nContent-Length: 10\r\n";
    let table = [
        ("nothing".to_owned(), String::new(), ""),
        (
            "half a head".to_owned(),
            "GET / HTTP/1.1\r\nHost: loc".to_owned(),
            "",
        ),
        (
            "half a body".to_owned(),
            format!("POST /whip/a HTTP/1.1\r\n{head}\r\nv=0"),
            "HTTP/1.1 408",
        ),
        (
            "one request, and then nothing".to_owned(),
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "HTTP/1.1 200",
        ),
    ];
    for (what, bytes, expected) in table {
        let answer = answer_to(server.address(), bytes.as_bytes()).await;
        assert!(answer.starts_with(expected), "{what}: {answer}");
    }
}

#[tokio::test]
async fn strangers_share_a_few_places_and_give_them_back_when_they_join_or_tire() {
    let mut config = config("");
    config.max_strangers = 1;
    config.patience.join = Duration::from_millis(600);
    config.patience.request = Duration::from_millis(600);
    let server = start(config).await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let mute = TcpStream::connect(server.address())
        .await
        .expect("the kernel accepts");
    let mut idle = Client::connect(server.address()).await;
    let (mut grace, joined) = Client::join(server.address(), "standup", "Grace").await;
    assert_eq!(joined.participants.len(), 1, "all of them had their turn");
    assert_eq!(idle.closed().await.code, CloseCode::JoinTimeout);
    assert!(ada.is_undisturbed().await && grace.is_undisturbed().await);
    drop(mute);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let server = server("").await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    for bytes in ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "GET\r\n\r\n", &long] {
        let answer = answer_to(server.address(), bytes.as_bytes()).await;
        // What it said is lost if it hung up before all was read.
        let is_cut_off = bytes.len() > 1 << 20 && answer.is_empty();
        assert!(answer.starts_with("HTTP/1.1 4") || is_cut_off, "{answer}");
    }
}

#[tokio::test]
async fn a_request_to_ws_that_is_no_websocket_is_refused() {
    let server = server("").await;
    let answer = get(server.address(), "/ws").await;
    assert!(answer.status.is_client_error(), "{answer:?}");
}
