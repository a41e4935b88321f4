//! Handshakes that wait for their next step.
//!
//! A step costs signatures and key agreements, some 300 µs or as much as three hundred packets, so DTLS
//! datagrams of handshakes are put aside and one peer's are taken up in each turn, after its media is
//! on its way. A thousand viewers who arrive together then wait for each other and not in the way of
//! those who are there already. What is put aside is bounded; what does not fit is dropped, and the
//! client sends it again (RFC 6347 §4.2.4).

use std::collections::VecDeque;
use std::time::Instant;

use super::Engine;
use crate::drop_reason::DropReason;
use crate::key::PeerKey;

/// Whose handshakes wait, those that came first in front.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    queue: VecDeque<(Instant, PeerKey)>,
}

/// The DTLS datagrams of one peer that wait to be taken up; lives with the peer.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    datagrams: Vec<Box<[u8]>>,
}

impl Handshakes {
    /// How many peers wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Since when the first has waited.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.queue.front().map(|&(since, _)| since)
    }
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }
}

impl Engine {
    /// Puts a datagram of a handshake aside.
    ///
    /// # Errors
    /// If too much waits already, of this peer or of all.
    pub(super) fn defer_handshake(
        &mut self,
        now: Instant,
        key: PeerKey,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let peer = self.peers.get_mut(key).ok_or(DropReason::UnknownAddress)?;
        let backlog = &mut peer.backlog.datagrams;
        if backlog.len() >= MAX_DATAGRAMS {
            return Err(DropReason::HandshakesFull);
        }
        if backlog.is_empty() {
            if self.handshakes.queue.len() >= MAX_WAITING {
                return Err(DropReason::HandshakesFull);
            }
            self.handshakes.queue.push_back((now, key));
        }
        backlog.push(datagram.into());
        Ok(())
    }

    /// Takes up the datagrams of the peer that has waited longest.
    pub(super) fn advance_handshake(&mut self, now: Instant) {
        while let Some((_, key)) = self.handshakes.queue.pop_front() {
            // Those who have gone meanwhile are passed over.
            let Some(peer) = self.peers.get_mut(key) else {
                continue;
            };
            for datagram in std::mem::take(&mut peer.backlog.datagrams) {
                if !self.handle_dtls(now, key, &datagram) {
                    break;
                }
            }
            return;
        }
    }
}

/// A flight of a client is a handful of datagrams at most: five messages, a certificate in pieces.
const MAX_DATAGRAMS: usize = 8;

/// Half a second's worth of handshakes: a client waits for as long, or twice that, before it tries
/// again, and then what it sent first would be of no more use than what it sends now.
const MAX_WAITING: usize = 2_048;
