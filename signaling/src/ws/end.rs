//! How a connection ends: who is told what, the room and the client.

use sfu::control::Session;
use sfu::room::LeaveReason;
use signaling_protocol::{CloseCode, Closed, ServerMessage};
use tokio::time;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::socket::Socket;
use crate::node::Node;

/// Why a connection ends.
pub(super) enum End {
    /// We close it, and say why.
    Close(CloseCode, String),
    /// It is gone, or as good as: the client may come back.
    Lost,
}

impl End {
    /// We close it for this reason.
    pub(super) fn close(code: CloseCode, sentence: &str) -> Self {
        Self::Close(code, sentence.to_owned())
    }

    /// Nothing more can be read: whose fault it is.
    pub(super) fn of_broken(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::close(CloseCode::BadFrame, "the message is too large"),
            Error::Utf8(_) => Self::close(CloseCode::BadFrame, "the message is not UTF-8"),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => {
                Self::close(CloseCode::BadFrame, "the frame is not allowed by RFC 6455")
            }
            _ => Self::Lost,
        }
    }

    /// Takes leave of the room, if one was entered, then of the client.
    pub(super) async fn take_leave(self, node: &Node, session: Option<Session>, socket: Socket) {
        let (code, sentence) = match self {
            Self::Lost => {
                tracing::debug!("the connection was lost");
                if let Some(session) = session {
                    session.suspend();
                }
                return;
            }
            Self::Close(code, sentence) => (code, sentence),
        };
        tracing::debug!(code = code.as_str(), "closing");
        node.metrics.websocket_closed(code);
        if let Some(session) = session {
            session.leave(leave_reason(code));
        }
        let _ = time::timeout(node.patience.farewell, say_goodbye(socket, code, sentence)).await;
    }
}

async fn say_goodbye(mut socket: Socket, code: CloseCode, sentence: String) -> Result<(), Error> {
    let closed = ServerMessage::Closed(Closed::new(code, sentence));
    socket.send(Message::text(closed.to_json())).await?;
    let frame = CloseFrame {
        code: code.websocket_status().into(),
        reason: code.as_str().into(),
    };
    socket.send(Message::Close(Some(frame))).await?;
    // RFC 6455 §7.1.1: the client answers, then the server ends the TCP connection.
    while let Some(Ok(_)) = socket.recv().await {}
    Ok(())
}

/// What the others are told. A session that the room has ended already is not changed by it.
fn leave_reason(code: CloseCode) -> LeaveReason {
    match code {
        CloseCode::Left => LeaveReason::Left,
        CloseCode::ShuttingDown => LeaveReason::ShuttingDown,
        CloseCode::SlowConsumer => LeaveReason::SlowConsumer,
        _ => LeaveReason::Removed,
    }
}
