//! A TCP stream that, when it is dropped, is closed in steps (RFC 9112 §9.6).
//!
//! Closing a socket while the client still sends resets the connection (RFC 1122 §4.2.2.13), and with it
//! goes what was written last: the reason. So our side ends first, and what still comes is thrown away
//! until the client has read to the end and ends its side too, within limits of time, bytes and streams.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

/// How long the client has to read what was written last: several round trips of a bad path.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is thrown away at most, in bytes: some of the largest messages that anybody would send in good
/// faith, and a millisecond of work.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// How many streams may linger at a time; more are closed at once.
pub(super) const AT_ONCE: usize = 1_000;

pub(super) struct Lingering {
    /// There until dropped.
    stream: Option<TcpStream>,
    /// The places of those who linger.
    places: Arc<Semaphore>,
    /// Nothing more will come: there is nothing to wait for.
    ended: bool,
}

impl Lingering {
    /// Takes one of `places` when it is dropped, if there is one.
    pub(super) fn new(stream: TcpStream, places: Arc<Semaphore>) -> Self {
        Self {
            stream: Some(stream),
            places,
            ended: false,
        }
    }

    fn with<T>(
        &mut self,
        attempt: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let done = ready!(attempt(Pin::new(stream)));
        self.ended |= done.is_err();
        Poll::Ready(done)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if let Some(stream) = self.stream.take()
            && let Ok(place) = self.places.clone().try_acquire_owned()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(linger(stream, place));
        }
    }
}

async fn linger(mut stream: TcpStream, _place: OwnedSemaphorePermit) {
    let _ = time::timeout(PATIENCE, async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(MAX_BYTES), &mut tokio::io::sink()).await
    })
    .await;
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (filled, room) = (buffer.filled().len(), buffer.remaining());
        let read = ready!(self.with(|stream| stream.poll_read(context, buffer)));
        self.ended |= room > 0 && buffer.filled().len() == filled;
        Poll::Ready(read)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}
