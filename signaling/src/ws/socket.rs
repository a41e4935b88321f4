//! A WebSocket whose memory is that of what passes through it now, not of the largest message that ever did.
//!
//! The library reads into a buffer that grows to the longest message, writes from one that does the same, and
//! shrinks neither: a browser's offer would cost up to 100 KiB for as long as its page is open. So once a large
//! message has passed the library's part is made anew. That loses nothing when all that was written has left and no
//! byte of the next message was read; [`Frames`] sees to it that reading stops there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrayvec::ArrayVec;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use signaling_protocol::MAX_MESSAGE_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// The server's end of a WebSocket.
#[derive(Debug)]
pub(super) struct Socket<S = TokioIo<Upgraded>> {
    library: WebSocketStream<Frames<S>>,
    /// A buffer has grown since the library's part was made.
    is_large: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// On a connection that has been upgraded.
    pub(super) async fn new(connection: S) -> Self {
        let frames = Frames {
            connection: Some(connection),
            passage: Passage::default(),
        };
        Self {
            library: open(frames).await,
            is_large: false,
        }
    }

    /// The next message; `None`: the connection is over. Nothing is lost if this is dropped while it waits.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let message = self.library.next().await;
        if let Some(Ok(message)) = &message {
            self.is_large |= message.len() > BUFFER_BYTES;
        }
        message
    }

    /// Sends a message, and waits until it has left.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.is_large |= message.len() > BUFFER_BYTES;
        self.library.send(message).await?;
        if self.is_large && self.library.get_ref().passage.is_between_messages() {
            self.is_large = false;
            // Nothing is waited for here, so nobody sees the empty one that stays behind.
            let frames = std::mem::take(self.library.get_mut());
            self.library = open(frames).await;
        }
        Ok(())
    }
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(frames: Frames<S>) -> WebSocketStream<Frames<S>> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .read_buffer_size(BUFFER_BYTES);
    WebSocketStream::from_raw_socket(frames, Role::Server, Some(config)).await
}

/// A connection of which no read goes beyond the end of a frame's head, or of its payload (RFC 6455 §5.2).
#[derive(Debug)]
struct Frames<S> {
    /// `None` once it was taken away.
    connection: Option<S>,
    passage: Passage,
}

/// Where in the client's frames reading has come to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
struct Passage {
    /// Of the current frame; empty between frames and within a payload.
    head: ArrayVec<u8, MAX_HEAD_BYTES>,
    /// How much of its payload is to come.
    payload: u64,
    /// The message goes on in another frame.
    continues: bool,
}

impl Passage {
    fn is_between_messages(&self) -> bool {
        self.head.is_empty() && self.payload == 0 && !self.continues
    }

    /// How many bytes may be read at once.
    fn allowance(&self) -> usize {
        match self.payload {
            0 => head_len(&self.head) - self.head.len(),
            payload => usize::try_from(payload).unwrap_or(usize::MAX),
        }
    }

    /// These bytes were read, no more than allowed.
    fn on_read(&mut self, bytes: &[u8]) {
        if self.payload > 0 {
            self.payload = self.payload.saturating_sub(bytes.len() as u64);
            return;
        }
        let _ = self.head.try_extend_from_slice(bytes);
        if let [first, second, rest @ ..] = self.head.as_slice()
            && self.head.len() == head_len(&self.head)
        {
            let is_control = first & CONTROL != 0;
            if !is_control {
                self.continues = first & FIN == 0;
            }
            self.payload = match (second & LENGTH, rest) {
                (LONG, &[a, b, ..]) => u64::from(u16::from_be_bytes([a, b])),
                (LONGER, rest) => rest.first_chunk().map_or(0, |len| u64::from_be_bytes(*len)),
                (len, _) => u64::from(len),
            };
            self.head.clear();
        }
    }
}

/// How long the head is that begins like this, as far as that can be told.
fn head_len(head: &[u8]) -> usize {
    let Some(second) = head.get(1) else {
        return 2;
    };
    let length = match second & LENGTH {
        LONG => 2,
        LONGER => 8,
        _ => 0,
    };
    let mask = if second & MASKED == 0 { 0 } else { 4 };
    2 + length + mask
}

impl<S> Default for Frames<S> {
    fn default() -> Self {
        Self {
            connection: None,
            passage: Passage::default(),
        }
    }
}

impl<S: Unpin> Frames<S> {
    fn connection(&mut self) -> Result<Pin<&mut S>, io::Error> {
        let connection = self.connection.as_mut().map(Pin::new);
        connection.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let allowed = self.passage.allowance().min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(allowed));
        let polled = self.connection()?.poll_read(context, &mut part);
        self.passage.on_read(part.filled());
        let read = part.filled().len();
        buffer.advance(read);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.connection()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection()?.poll_shutdown(context)
    }
}

/// What every connection keeps for reading. Most messages of a page fit in; a larger one gets room for itself.
const BUFFER_BYTES: usize = 2 * 1024;

/// Two bytes, a length of eight, and a mask.
const MAX_HEAD_BYTES: usize = 14;

// The bits of a frame's first two bytes (RFC 6455 §5.2).
const FIN: u8 = 0x80;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
const LONG: u8 = 126;
const LONGER: u8 = 127;

#[cfg(test)]
mod tests;
