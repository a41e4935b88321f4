//! A client in its shard: the peer, its socket, and who waits to hear of it.

use std::time::Instant;

use tokio::sync::oneshot;

use super::Admission;
use crate::client::lean::peer::{Happened, Peer};
use crate::client::lean::socket::ClientSocket;
use crate::client::{ClientFailure, ReadyWhen, Tally};

/// One client.
pub(super) struct Member {
    pub(super) peer: Peer,
    pub(super) socket: ClientSocket,
    /// The deadline that is in the queue for it.
    pub(super) due_at: Instant,
    /// No longer: why there is nothing more to expect of it is told already.
    pub(super) alive: bool,
    began: Instant,
    ready_when: ReadyWhen,
    ready: Option<oneshot::Sender<Result<(), ClientFailure>>>,
    connected: bool,
}

impl Member {
    /// A client that begins now.
    ///
    /// # Errors
    /// If its socket cannot be connected.
    pub(super) fn new(
        admission: Admission,
        coalesce: bool,
        ready: oneshot::Sender<Result<(), ClientFailure>>,
        now: Instant,
    ) -> Result<Self, (oneshot::Sender<Result<(), ClientFailure>>, ClientFailure)> {
        let socket = match ClientSocket::connect(admission.socket, admission.remote, coalesce) {
            Ok(socket) => socket,
            Err(error) => {
                let failure =
                    ClientFailure::new(format_args!("cannot reach {}: {error}", admission.remote));
                return Err((ready, failure));
            }
        };
        let peer = Peer::new(admission.setup, now);
        Ok(Self {
            due_at: peer.next_deadline(),
            peer,
            socket,
            alive: true,
            began: admission.began,
            ready_when: admission.ready_when,
            ready: Some(ready),
            connected: false,
        })
    }

    /// Counts what happened and tells who waits for it.
    pub(super) fn note(&mut self, happened: Happened, now: Instant, tally: &mut Tally) {
        let since = now.saturating_duration_since(self.began);
        if happened.connected {
            self.connected = true;
            tally.join.record(since);
            if self.ready_when == ReadyWhen::Connected {
                self.tell(Ok(()));
            }
        }
        if happened.firsts.media {
            tally.first_media.record(since);
            if self.ready_when == ReadyWhen::FirstMedia {
                self.tell(Ok(()));
            }
        }
        if happened.firsts.frame {
            tally.first_frame.record(since);
        }
        if let Some(failure) = happened.ended {
            self.alive = false;
            tally.disconnected += u64::from(self.connected);
            self.tell(Err(failure));
        }
    }

    fn tell(&mut self, news: Result<(), ClientFailure>) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(news);
        }
    }
}
