//! A client of the signaling protocol.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use signaling_protocol::{Answer, Assignments, Closed, ErrorMessage, Joined, ServerMessage};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Ends a test that would hang; nothing on loopback takes near as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Messages leave at once, as those of browsers do.
const WITHOUT_DELAY: bool = true;

/// A connected client.
pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Client {
    /// Opens a WebSocket.
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        let (socket, _) = tokio_tungstenite::connect_async_with_config(
            format!("ws://{server}/ws"),
            None,
            WITHOUT_DELAY,
        )
        .await
        .expect("a WebSocket");
        Self { socket, next_id: 1 }
    }

    /// Opens a WebSocket with a receive buffer of a few packets, so that the server soon notices if
    /// nobody reads it.
    pub(crate) async fn connect_narrowly(server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let stream =
            MaybeTlsStream::Plain(socket.connect(server).await.expect("the server listens"));
        let url = format!("ws://{server}/ws");
        let (socket, _) = tokio_tungstenite::client_async(url, stream)
            .await
            .expect("a WebSocket");
        Self { socket, next_id: 1 }
    }

    /// Opens a WebSocket and enters the room.
    pub(crate) async fn join(server: SocketAddr, room: &str, name: &str) -> (Self, Joined) {
        let mut client = Self::connect(server).await;
        let joined = client.enter(json!({"room": room, "name": name})).await;
        (client, joined)
    }

    /// Sends `join` with these fields.
    pub(crate) async fn enter(&mut self, fields: Value) -> Joined {
        match self.request("join", fields).await {
            ServerMessage::Joined(joined) => *joined,
            other => panic!("expected joined, got {other:?}"),
        }
    }

    /// Sends an offer and returns its answer.
    pub(crate) async fn offer(&mut self, sdp: &str, tracks: Value) -> Answer {
        match self
            .request("offer", json!({"sdp": sdp, "tracks": tracks}))
            .await
        {
            ServerMessage::Answer(answer) => answer,
            other => panic!("expected an answer, got {other:?}"),
        }
    }

    /// Sends a request with an id and returns the reply to it; what else arrives is skipped.
    pub(crate) async fn request(&mut self, kind: &str, mut fields: Value) -> ServerMessage {
        let id = self.next_id;
        self.next_id += 1;
        fields["type"] = kind.into();
        fields["id"] = id.into();
        self.send_text(&fields.to_string()).await;
        loop {
            let message = self.next().await;
            let reply_to = match &message {
                ServerMessage::Joined(joined) => joined.id,
                ServerMessage::Answer(answer) => answer.id,
                ServerMessage::Done(done) => Some(done.id),
                ServerMessage::Pong(pong) => pong.id,
                ServerMessage::Error(error) => error.id,
                _ => None,
            };
            if reply_to == Some(id) {
                return message;
            }
        }
    }

    /// Sends any text.
    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket
            .send(Message::text(text))
            .await
            .expect("the server reads");
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> ServerMessage {
        match self.next_frame().await {
            Ok(Message::Text(text)) => {
                ServerMessage::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
            }
            other => panic!("expected a message, got {other:?}"),
        }
    }

    /// The next message that is not skipped by `pick`.
    pub(crate) async fn wait_for<T>(&mut self, pick: impl Fn(ServerMessage) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.next().await) {
                return picked;
            }
        }
    }

    /// The next error.
    pub(crate) async fn error(&mut self) -> ErrorMessage {
        self.wait_for(|message| match message {
            ServerMessage::Error(error) => Some(error),
            _ => None,
        })
        .await
    }

    /// The next assignments.
    pub(crate) async fn assignments(&mut self) -> Assignments {
        self.wait_for(|message| match message {
            ServerMessage::Assignments(assignments) => Some(assignments),
            _ => None,
        })
        .await
    }

    /// Waits for `closed`, and for the closing of the WebSocket, which must have the status that the
    /// protocol says.
    pub(crate) async fn closed(&mut self) -> Closed {
        let closed = self
            .wait_for(|message| match message {
                ServerMessage::Closed(closed) => Some(closed),
                _ => None,
            })
            .await;
        match self.next_frame().await {
            Ok(Message::Close(Some(frame))) => {
                assert_eq!(
                    frame.code,
                    CloseCode::from(closed.code.websocket_status()),
                    "{closed:?}"
                );
            }
            other => panic!("expected the closing of the WebSocket, got {other:?}"),
        }
        // Reading on is what sends the answer to the closing.
        while self.next_frame().await.is_ok() {}
        closed
    }

    /// Whether the server is there and this client is not disturbed.
    pub(crate) async fn is_undisturbed(&mut self) -> bool {
        matches!(
            self.request("ping", json!({})).await,
            ServerMessage::Pong(_)
        )
    }

    async fn next_frame(&mut self) -> Result<Message, Error> {
        let frame = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(frame) => return frame,
                    None => return Err(Error::ConnectionClosed),
                }
            }
        };
        timeout(PATIENCE, frame).await.expect("a message in time")
    }
}
