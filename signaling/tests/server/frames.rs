//! Frames that no client of ours sends.

use futures_util::SinkExt;
use serde_json::json;
use signaling_protocol::{CloseCode, ErrorCode, MAX_MESSAGE_BYTES};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::server;
use crate::support::websocket::Client;

/// A frame with this first byte and payload, masked with zeros (RFC 6455 §5.2).
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const RESERVED: u8 = 0x83;

#[tokio::test]
async fn a_bad_frame_ends_its_connection_and_no_other() {
    let server = server("").await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let table = [
        ("a binary frame", frame(BINARY, b"{\"type\":\"ping\"}")),
        (
            "a frame that is too large",
            frame(TEXT, &vec![b' '; MAX_MESSAGE_BYTES + 1]),
        ),
        (
            "a frame that is not UTF-8",
            frame(TEXT, b"{\"type\":\"p\xffing\"}"),
        ),
        ("a frame of a reserved kind", frame(RESERVED, b"x")),
        ("a frame without a mask", vec![TEXT, 2, b'{', b'}']),
    ];
    for (what, bytes) in table {
        let (mut mallory, _) = Client::join(server.address(), "standup", "Mallory").await;
        let MaybeTlsStream::Plain(stream) = mallory.socket.get_mut() else {
            panic!("loopback has no TLS")
        };
        stream.write_all(&bytes).await.expect("the server reads");
        let closed = mallory.closed().await;
        assert_eq!(
            (closed.code, closed.retry),
            (CloseCode::BadFrame, false),
            "{what}: {}",
            closed.message
        );
        assert!(ada.is_undisturbed().await, "{what}");
    }
}

#[tokio::test]
async fn who_goes_on_sending_still_reads_why_it_is_closed() {
    let server = server("").await;
    let mut client = Client::connect(server.address()).await;
    let MaybeTlsStream::Plain(stream) = client.socket.get_mut() else {
        panic!("loopback has no TLS")
    };
    let too_large = frame(TEXT, &vec![b' '; 2 * MAX_MESSAGE_BYTES]);
    for piece in too_large.chunks(1024) {
        stream.write_all(piece).await.expect("the server reads on");
        tokio::task::yield_now().await;
    }
    assert_eq!(client.closed().await.code, CloseCode::BadFrame);
}

#[tokio::test]
async fn a_large_message_is_taken_whole_and_in_pieces() {
    let server = server("").await;
    let mut client = Client::connect(server.address()).await;
    let mut text = json!({"type": "dance", "id": 1}).to_string();
    text.push_str(&" ".repeat(MAX_MESSAGE_BYTES - text.len()));
    client.send_text(&text).await;
    assert_eq!(client.error().await.code, ErrorCode::UnknownType);

    let (first, second) = text.split_at(text.len() / 2);
    let mut pieces = frame(0x01, first.as_bytes());
    pieces.extend(frame(0x80, second.as_bytes()));
    let MaybeTlsStream::Plain(stream) = client.socket.get_mut() else {
        panic!("loopback has no TLS")
    };
    stream.write_all(&pieces).await.expect("the server reads");
    assert_eq!(client.error().await.code, ErrorCode::UnknownType);
}

#[tokio::test]
async fn pieces_that_add_up_to_too_much_are_a_bad_frame() {
    let server = server("").await;
    let mut client = Client::connect(server.address()).await;
    let piece = vec![b' '; MAX_MESSAGE_BYTES / 2 + 1];
    let mut pieces = frame(0x01, &piece);
    pieces.extend(frame(0x80, &piece));
    let MaybeTlsStream::Plain(stream) = client.socket.get_mut() else {
        panic!("loopback has no TLS")
    };
    stream.write_all(&pieces).await.expect("the server reads");
    assert_eq!(client.closed().await.code, CloseCode::BadFrame);
}

#[tokio::test]
async fn nesting_without_end_is_an_error_and_no_more() {
    let server = server("").await;
    let mut client = Client::connect(server.address()).await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"type\":\"ping\",\"x\":{}1{}}}",
            open.repeat(20_000),
            close.repeat(20_000)
        );
        client.send_text(&deep).await;
        assert_eq!(client.error().await.code, ErrorCode::InvalidJson);
    }
    assert!(client.is_undisturbed().await);
}

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_of_a_frame_is_lost_and_no_more() {
    let server = server("").await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let (mut mallory, before) = Client::join(server.address(), "standup", "Mallory").await;
    let MaybeTlsStream::Plain(stream) = mallory.socket.get_mut() else {
        panic!("loopback has no TLS")
    };
    stream
        .write_all(&frame(TEXT, b"{\"type\":\"ping\"}")[..10])
        .await
        .expect("the server reads");
    drop(mallory);
    let mut back = Client::connect(server.address()).await;
    let after = back
        .enter(json!({"room": "standup", "resume": before.resume}))
        .await;
    assert!(after.resumed, "a lost connection can be resumed");
    assert!(ada.is_undisturbed().await);
}

#[tokio::test]
async fn a_client_may_end_with_the_closing_handshake() {
    let server = server("").await;
    let (mut ada, before) = Client::join(server.address(), "standup", "Ada").await;
    ada.socket
        .send(Message::Close(None))
        .await
        .expect("the server reads");
    let mut back = Client::connect(server.address()).await;
    let after = back
        .enter(json!({"room": "standup", "resume": before.resume}))
        .await;
    assert!(after.resumed, "closing is not leaving");
}
