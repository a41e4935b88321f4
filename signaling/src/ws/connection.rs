//! One WebSocket from opening to closing: what arrives, what leaves, and the clocks in between.

use std::time::Instant;

use sfu::room::{LeaveReason, Notification};
use signaling_protocol::{
    ClientMessage, CloseCode, ErrorCode, ErrorMessage, Pong, Request, ServerMessage,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{self, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{Error, Message};
use tracing::Instrument;

use super::end::End;
use super::join;
use super::requests::{self, Member};
use super::socket::Socket;
use super::translate;
use crate::listener::Place;
use crate::node::SharedNode;
use crate::rate::TokenBucket;

/// Serves the connection until it ends.
pub(super) async fn serve(node: SharedNode, place: Place, socket: Socket) {
    node.metrics.websocket_opened();
    let span = tracing::debug_span!(
        "ws",
        participant = tracing::field::Empty,
        room = tracing::field::Empty
    );
    Connection::new(node.clone(), place, socket)
        .run()
        .instrument(span)
        .await;
    node.metrics.websocket_gone();
}

struct Connection {
    node: SharedNode,
    socket: Socket,
    stopping: watch::Receiver<bool>,
    messages: TokenBucket,
    heard_at: Instant,
    joined: Option<Joined>,
    /// Until somebody has joined.
    place: Option<Place>,
}

struct Joined {
    member: Member,
    notifications: mpsc::Receiver<Notification>,
}

/// What happens next on a connection.
enum Happening {
    Arrived(Option<Result<Message, Error>>),
    Notified(Option<Notification>),
    PingDue,
    JoinOverdue,
    Stopping,
}

impl Connection {
    fn new(node: SharedNode, place: Place, socket: Socket) -> Self {
        let now = Instant::now();
        Self {
            stopping: node.stopping.subscribe(),
            messages: TokenBucket::new(node.message_rate, now),
            heard_at: now,
            joined: None,
            place: Some(place),
            node,
            socket,
        }
    }

    async fn run(mut self) {
        let end = match self.exchange().await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        let session = self.joined.map(|joined| joined.member.session);
        end.take_leave(&self.node, session, self.socket).await;
    }

    /// Runs until there is a reason to end.
    async fn exchange(&mut self) -> Result<std::convert::Infallible, End> {
        let patience = self.node.patience;
        let join_deadline = time::Instant::now() + patience.join;
        let mut pings = time::interval(patience.ping);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let happening = tokio::select! {
                arrived = self.socket.recv() => Happening::Arrived(arrived),
                notification = next_notification(&mut self.joined) => Happening::Notified(notification),
                _ = pings.tick() => Happening::PingDue,
                () = time::sleep_until(join_deadline), if self.joined.is_none() => Happening::JoinOverdue,
                _ = self.stopping.wait_for(|stopping| *stopping) => Happening::Stopping,
            };
            match happening {
                Happening::Arrived(arrived) => self.take(arrived).await?,
                Happening::Notified(notification) => self.pass_on(notification).await?,
                Happening::PingDue if self.heard_at.elapsed() >= patience.silence => {
                    return Err(End::Lost);
                }
                Happening::PingDue => self.write(Message::Ping(Default::default())).await?,
                Happening::JoinOverdue => {
                    return Err(End::close(
                        CloseCode::JoinTimeout,
                        "the client did not join a room in time",
                    ));
                }
                Happening::Stopping => {
                    return Err(End::close(
                        CloseCode::ShuttingDown,
                        "the server is stopping",
                    ));
                }
            }
        }
    }

    async fn take(&mut self, arrived: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match arrived {
            None => return Err(End::Lost),
            Some(Err(error)) => return Err(End::of_broken(error)),
            Some(Ok(message)) => message,
        };
        let now = Instant::now();
        self.heard_at = now;
        if !self.messages.take_many(cost(&message), now) {
            return Err(End::close(
                CloseCode::Flood,
                "the client sent more messages than it may",
            ));
        }
        match message {
            Message::Text(text) => self.request(text.as_str()).await,
            Message::Binary(_) => Err(End::close(
                CloseCode::BadFrame,
                "messages must be text frames",
            )),
            // The library has answered a ping, and a closing, already.
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(End::Lost),
            Message::Frame(_) => Ok(()),
        }
    }

    async fn request(&mut self, text: &str) -> Result<(), End> {
        self.node.metrics.message_received();
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(malformed) => {
                return self
                    .refuse(ErrorMessage {
                        id: malformed.id,
                        code: malformed.code,
                        message: malformed.message,
                    })
                    .await;
            }
        };
        let id = request.id;
        let reply = match (request.message, &mut self.joined) {
            (ClientMessage::Ping(_), _) => Some(ServerMessage::Pong(Pong { id })),
            (ClientMessage::Join(request), None) => return self.join(id, request).await,
            (_, None) => {
                return self
                    .refuse(error(id, ErrorCode::NotJoined, "join a room first"))
                    .await;
            }
            (ClientMessage::Join(_), Some(_)) => {
                return self
                    .refuse(error(
                        id,
                        ErrorCode::AlreadyJoined,
                        "this connection has joined a room",
                    ))
                    .await;
            }
            (ClientMessage::Leave(_), Some(_)) => {
                return Err(End::Close(CloseCode::Left, LeaveReason::Left.to_string()));
            }
            (message, Some(joined)) => match requests::handle(&joined.member, id, message) {
                Ok(reply) => reply,
                Err(refused) => return self.refuse(refused).await,
            },
        };
        match reply {
            Some(reply) => self.send(&reply).await,
            None => Ok(()),
        }
    }

    async fn join(
        &mut self,
        id: Option<u64>,
        request: signaling_protocol::Join,
    ) -> Result<(), End> {
        let entered = match join::enter(&self.node, id, request) {
            Ok(entered) => entered,
            Err(refused) => return self.refuse(refused).await,
        };
        let span = tracing::Span::current();
        span.record(
            "participant",
            tracing::field::display(entered.member.session.participant()),
        );
        span.record(
            "room",
            tracing::field::display(entered.member.session.room()),
        );
        self.place = None;
        let known = entered
            .joined
            .resumed
            .then_some((entered.slots, entered.unwanted));
        self.joined = Some(Joined {
            member: entered.member,
            notifications: entered.notifications,
        });
        self.send(&ServerMessage::Joined(Box::new(entered.joined)))
            .await?;
        let Some((slots, unwanted)) = known else {
            return Ok(());
        };
        self.pass_on(Some(Notification::SlotsChanged(slots)))
            .await?;
        for (track, encodings) in unwanted {
            let wanted = Notification::EncodingsWanted { track, encodings };
            self.pass_on(Some(wanted)).await?;
        }
        Ok(())
    }

    async fn pass_on(&mut self, notification: Option<Notification>) -> Result<(), End> {
        let message = match notification {
            Some(Notification::Closed { reason }) => {
                return Err(End::Close(
                    translate::close_code(reason),
                    reason.to_string(),
                ));
            }
            // The room says goodbye before it hangs up, unless it has a fault.
            None => {
                return Err(End::close(
                    CloseCode::Internal,
                    "the server has lost the session",
                ));
            }
            Some(notification) => match &mut self.joined {
                Some(joined) => translate::message(notification, &mut joined.member.revision),
                None => return Ok(()),
            },
        };
        self.send(&message).await
    }

    async fn refuse(&mut self, refused: ErrorMessage) -> Result<(), End> {
        tracing::debug!(code = refused.code.as_str(), "refused a request");
        self.node.metrics.request_refused(refused.code);
        self.send(&ServerMessage::Error(refused)).await
    }

    async fn send(&mut self, message: &ServerMessage) -> Result<(), End> {
        self.write(Message::text(message.to_json())).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match time::timeout(self.node.patience.write, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::close(
                CloseCode::SlowConsumer,
                "the client did not read its messages fast enough",
            )),
        }
    }
}

/// What a message counts for. Parsing takes time by its length; pings cost a frame in return.
fn cost(message: &Message) -> u32 {
    match message {
        Message::Pong(_) | Message::Frame(_) => 0,
        Message::Ping(_) | Message::Close(_) => 1,
        Message::Text(text) => 1 + (text.len() / BYTES_PER_TOKEN) as u32,
        Message::Binary(bytes) => 1 + (bytes.len() / BYTES_PER_TOKEN) as u32,
    }
}

/// Chromium's offer for a conference of nine counts for four; the largest message fits the smallest
/// burst.
const BYTES_PER_TOKEN: usize = 16 * 1024;

/// Pending as long as nobody has joined.
async fn next_notification(joined: &mut Option<Joined>) -> Option<Notification> {
    match joined {
        Some(joined) => joined.notifications.recv().await,
        None => std::future::pending().await,
    }
}

fn error(id: Option<u64>, code: ErrorCode, sentence: &str) -> ErrorMessage {
    ErrorMessage {
        id,
        code,
        message: sentence.to_owned(),
    }
}
