//! Accepts TCP connections and serves HTTP/1.1 on them, each in a task of its own.
//!
//! Like `axum::serve`, but with a deadline for the head of a request, so that idle connections do not
//! pile up, with a cap on connections, and with ends that the client gets to read ([`lingering`]).

mod lingering;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt;

use self::lingering::Lingering;

/// How long the kernel keeps trying to give a client what it does not take: without this, a client that
/// reads nothing would keep its connection for ever.
const UNTAKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// A request with the longest token and every header of a browser has a quarter of it.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long to wait when the process has run out of file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A stranger's place. Requests carry it along, so that what outlives the HTTP connection may keep it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

/// What strangers may do before anything is known of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reception {
    /// The most TCP connections of strangers at a time; above this, connecting takes until another one
    /// ends. A WebSocket gives its place back when its client has joined a room, where other caps
    /// hold. All others have deadlines, so that whoever takes many cannot keep them.
    pub(crate) places: usize,
    /// How long the head of a request may take, and an open connection without any.
    pub(crate) head: Duration,
}

/// Serves until the server stops and then lets the requests under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    reception: Reception,
    mut stopping: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(reception.places));
    let lingering = Arc::new(Semaphore::new(lingering::AT_ONCE));
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => return,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        // Signaling messages are small and should leave at once.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN_TIMEOUT));
        let stream = Lingering::new(stream, lingering.clone());
        let (router, stopping) = (router.clone(), stopping.clone());
        tokio::spawn(serve_connection(
            stream,
            peer,
            place,
            router,
            reception.head,
            stopping,
        ));
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, Place)> {
    let permit = places
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let (stream, peer) = listener.accept().await?;
    let place = Place {
        _permit: Arc::new(permit),
    };
    Ok((stream, peer, place))
}

async fn serve_connection(
    stream: Lingering,
    peer: SocketAddr,
    place: Place,
    router: Router,
    head_timeout: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    let service =
        hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(place.clone());
            let router = router.clone();
            async move {
                Ok::<_, Infallible>(
                    router
                        .oneshot(request)
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended badly");
    }
}

/// Resolves when the server stops. The borrow that `wait_for` returns must not live across an await.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
