//! A session over the WebSocket of `docs/protocol.md`: join, offer, and then listen until it is time to
//! leave, because a server closes clients that do not read.

use futures_util::{SinkExt as _, StreamExt as _};
use signaling_protocol::{
    ClientMessage, CloseCode, Join, Leave, Offer, OfferedTrack, Request, ServerMessage, Source,
};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::Refusal;
use crate::client::ClientFailure;
use crate::media::Kind;
use crate::target::Target;

/// A participant of a room.
pub(crate) struct WebSocketSession {
    state: State,
}

enum State {
    /// We read as we need.
    Open(Box<WebSocketStream<TcpStream>>),
    /// A task reads.
    Followed {
        leave: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// It failed on the way from one to the other.
    Over,
}

impl WebSocketSession {
    /// Connects and joins a room.
    pub(super) async fn join(
        target: &Target,
        room: &str,
        name: &str,
        token: Option<String>,
    ) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(target.address())
            .await
            .map_err(|error| {
                Refusal::failed(format_args!(
                    "cannot connect to {}: {error}",
                    target.authority()
                ))
            })?;
        let _ = stream.set_nodelay(true);
        let url = format!("ws://{}/ws", target.authority());
        let opened = tokio_tungstenite::client_async(url, stream).await;
        let (socket, _) = opened.map_err(not_opened)?;
        let mut session = Self {
            state: State::Open(Box::new(socket)),
        };
        let join = Join {
            room: room.to_owned(),
            name: Some(name.to_owned()),
            token,
            resume: None,
        };
        session.send(1, ClientMessage::Join(join)).await?;
        loop {
            match session.next().await? {
                ServerMessage::Joined(_) => return Ok(session),
                ServerMessage::Error(error) => {
                    let what = format_args!("the server refuses to let it join: {}", error.message);
                    return Err(Refusal::failed(what));
                }
                other => refuse_closing(&other)?,
            }
        }
    }

    /// Sends the offer and waits for the answer.
    pub(super) async fn offer(
        &mut self,
        sdp: &str,
        tracks: &[(String, Kind)],
    ) -> Result<String, Refusal> {
        let tracks = tracks.iter().map(|(mid, kind)| OfferedTrack {
            mid: mid.clone(),
            source: match kind {
                Kind::Audio => Source::Microphone,
                Kind::Video => Source::Camera,
            },
            muted: false,
        });
        let offer = Offer {
            sdp: sdp.to_owned(),
            tracks: tracks.collect(),
        };
        self.send(2, ClientMessage::Offer(offer)).await?;
        loop {
            match self.next().await? {
                ServerMessage::Answer(answer) => return Ok(answer.sdp),
                ServerMessage::Error(error) => {
                    let what = format_args!("the server refuses the offer: {}", error.message);
                    return Err(Refusal::failed(what));
                }
                other => refuse_closing(&other)?,
            }
        }
    }

    /// Reads on, in a task of its own, until the session ends.
    pub(super) fn follow(&mut self) {
        let State::Open(socket) = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        let (leave, told) = oneshot::channel();
        let task = tokio::spawn(follow(*socket, told));
        self.state = State::Followed { leave, task };
    }

    /// Leaves the room, and waits until the server has let it go.
    pub(super) async fn leave(self) {
        if let State::Followed { leave, task } = self.state {
            let _ = leave.send(());
            let _ = task.await;
        }
    }

    async fn send(&mut self, id: u64, message: ClientMessage) -> Result<(), Refusal> {
        let request = Request {
            id: Some(id),
            message,
        };
        let State::Open(socket) = &mut self.state else {
            return Err(Refusal::failed("the WebSocket is followed already"));
        };
        socket
            .send(Message::text(request.to_json()))
            .await
            .map_err(lost)
    }

    async fn next(&mut self) -> Result<ServerMessage, Refusal> {
        let State::Open(socket) = &mut self.state else {
            return Err(Refusal::failed("the WebSocket is followed already"));
        };
        loop {
            let message = socket.next().await;
            let message =
                message.ok_or_else(|| Refusal::failed("the server closed the WebSocket"))?;
            if let Message::Text(text) = message.map_err(lost)? {
                return ServerMessage::parse(&text).map_err(|error| {
                    Refusal::failed(format_args!("the server sent what is no message: {error}"))
                });
            }
        }
    }
}

async fn follow(mut socket: WebSocketStream<TcpStream>, mut leave: oneshot::Receiver<()>) {
    let mut leaving = false;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if !leaving => note(&text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            // Also if whoever holds the session has just dropped it.
            _ = &mut leave, if !leaving => {
                leaving = true;
                let request = Request { id: None, message: ClientMessage::Leave(Leave {}) };
                if socket.send(Message::text(request.to_json())).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Most of what a server says is of no interest here; that it ends the session is.
fn note(text: &str) {
    // Parsing what hundreds of participants are told of each other would cost more than the media.
    if text.contains("\"closed\"")
        && let Ok(ServerMessage::Closed(closed)) = ServerMessage::parse(text)
        // Our own doing: media is ended before the session.
        && closed.code != CloseCode::ClosedByPeer
    {
        tracing::warn!(
            code = closed.code.as_str(),
            "the server ended a session: {}",
            closed.message
        );
    }
}

fn refuse_closing(message: &ServerMessage) -> Result<(), Refusal> {
    match message {
        ServerMessage::Closed(closed) => Err(Refusal::failed(format_args!(
            "the server ended the session: {}",
            closed.message
        ))),
        _ => Ok(()),
    }
}

fn not_opened(error: tungstenite::Error) -> Refusal {
    match error {
        tungstenite::Error::Http(response) => {
            let retry_after = response.headers().get("retry-after");
            let retry_after = retry_after.and_then(|value| value.to_str().ok());
            let body = response
                .body()
                .as_deref()
                .map(String::from_utf8_lossy)
                .unwrap_or_default();
            Refusal::of_status(
                "the WebSocket",
                response.status().as_u16(),
                retry_after,
                &body,
            )
        }
        error => lost(error),
    }
}

fn lost(error: tungstenite::Error) -> Refusal {
    Refusal::Failed(ClientFailure::new(format_args!(
        "the WebSocket broke: {error}"
    )))
}
