//! A client that is a whole WebRTC implementation: the `webrtc` crate's peer connection, with
//! retransmission, transport-wide feedback and reports.
//!
//! It costs several times what the server costs for it, so it is for a few clients among many lean ones,
//! or for seeing that both kinds measure the same.

mod connection;
mod keyframes;
mod publish;
mod view;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use webrtc::peer_connection::{PeerConnection, RTCPeerConnectionState, RTCSessionDescription};

use super::{ClientFailure, ClientSummary, ReadyWhen, Role, SharedTally, StreamAccount};
use crate::clock::Clock;
use crate::media::{Kind, SourceId};
use crate::signaling::{Session, Visitor};

/// What a full client needs that is not its own.
#[derive(Clone)]
pub(crate) struct Surroundings {
    /// For what is written into packets.
    pub(crate) clock: Clock,
    /// Takes counts.
    pub(crate) tally: SharedTally,
    /// True once publishers are to stop.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// The client.
pub(crate) struct FullClient {
    connection: Arc<dyn PeerConnection>,
    streams: Streams,
    publishers: Vec<JoinHandle<(SourceId, u64)>>,
    /// Ends the publishers.
    leaving: watch::Sender<bool>,
}

/// The streams that a client receives.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Vec<StreamAccount>>>);

impl Streams {
    /// Adds one that is complete.
    fn add(&self, account: StreamAccount) -> usize {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.push(account);
        accounts.len() - 1
    }

    /// Works on one of them.
    fn with<T>(&self, stream: usize, work: impl FnOnce(&mut StreamAccount) -> T) -> Option<T> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get_mut(stream).map(work)
    }

    fn all<T>(&self, work: impl FnMut(&StreamAccount) -> T) -> Vec<T> {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(work).collect()
    }
}

/// What a client has come to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Progress {
    state: RTCPeerConnectionState,
    gathered: bool,
    media: bool,
}

impl FullClient {
    /// Connects, and waits until it has arrived.
    ///
    /// # Errors
    /// What failed, in whichever part.
    pub(crate) async fn join(
        surroundings: &Surroundings,
        visitor: &Visitor,
        role: Role,
        ready_when: ReadyWhen,
        give_up_at: Instant,
    ) -> Result<(Session, Self), ClientFailure> {
        let began = Instant::now();
        let (progress, mut told) = watch::channel(Progress::default());
        let streams = Streams::default();
        let viewer = view::Viewer::new(surroundings, streams.clone(), progress, began);
        let connection = connection::build(visitor, viewer).await?;
        let tracks = connection::add_media(&*connection, role).await?;
        let offer = connection::offer(&*connection, &mut told).await?;
        let named = connection::sending_mids(&offer);
        let (session, answer) = Session::negotiate(visitor, &offer, &named, give_up_at).await?;
        let answer = RTCSessionDescription::answer(answer.sdp).map_err(ClientFailure::new)?;
        connection
            .set_remote_description(answer)
            .await
            .map_err(ClientFailure::new)?;

        let connected = |progress: &Progress| match progress.state {
            RTCPeerConnectionState::Connected => Some(Ok(())),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => {
                Some(Err(ClientFailure::new("the peer connection failed")))
            }
            _ => None,
        };
        let outcome = reach(&mut told, give_up_at, connected).await;
        let mut client = Self {
            connection,
            streams,
            publishers: Vec::new(),
            leaving: watch::Sender::new(false),
        };
        if let Err(failure) = outcome {
            client.leave().await;
            session.end().await;
            return Err(failure);
        }
        surroundings.tally.lock().join.record(began.elapsed());
        for track in tracks {
            let leaving = client.leaving.subscribe();
            let publisher = publish::Publisher::new(track, surroundings, leaving);
            client.publishers.push(tokio::spawn(publisher.run()));
        }
        if ready_when == ReadyWhen::FirstMedia {
            let media = |progress: &Progress| progress.media.then_some(Ok(()));
            if let Err(failure) = reach(&mut told, give_up_at, media).await {
                client.leave().await;
                session.end().await;
                return Err(failure);
            }
        }
        Ok((session, client))
    }

    /// Ends the connection.
    pub(crate) async fn leave(&mut self) -> ClientSummary {
        self.leaving.send_replace(true);
        let mut sent = Vec::new();
        for publisher in self.publishers.drain(..) {
            sent.extend(publisher.await);
        }
        let closing = tokio::time::timeout(CLOSING, self.connection.close()).await;
        if !matches!(closing, Ok(Ok(()))) {
            tracing::debug!("a peer connection did not close");
        }
        ClientSummary {
            streams: self.streams.all(StreamAccount::summary),
            sent,
        }
    }
}

/// Waits until `done` says something.
async fn reach(
    told: &mut watch::Receiver<Progress>,
    give_up_at: Instant,
    done: impl Fn(&Progress) -> Option<Result<(), ClientFailure>>,
) -> Result<(), ClientFailure> {
    let arrival = told.wait_for(|progress| done(progress).is_some());
    match tokio::time::timeout_at(give_up_at.into(), arrival).await {
        Ok(Ok(progress)) => done(&progress).unwrap_or(Ok(())),
        Ok(Err(_)) => Err(ClientFailure::new("the peer connection is gone")),
        Err(_) => Err(ClientFailure::new(
            "the peer connection did not come up in time",
        )),
    }
}

/// The kind in the words of the library.
fn codec_kind(kind: Kind) -> connection::RtpCodecKind {
    match kind {
        Kind::Audio => connection::RtpCodecKind::Audio,
        Kind::Video => connection::RtpCodecKind::Video,
    }
}

/// The library waits 100 ms at most; this is for when it is stuck.
const CLOSING: Duration = Duration::from_secs(2);
