//! The transports of peers: ICE and DTLS datagrams, their timers, and the end of a peer.

use std::time::Instant;

use super::Engine;
use super::event::{CloseReason, Event};
use super::peer::Srtp;
use crate::drop_reason::DropReason;
use crate::key::PeerKey;
use crate::send_batch::Path;
use crate::transport::dtls::{Dtls, DtlsError, DtlsEvent};
use crate::transport::ice::{self, IceTimeout};
use crate::transport::srtp::{ReceiveContext, SendContext, SrtpKeys};

impl Engine {
    /// Takes a connectivity check.
    pub(super) fn receive_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        if let Err(reason) = self.answer_check(now, path, datagram) {
            self.counters.drop(reason);
        }
    }

    fn answer_check(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<(), DropReason> {
        let ufrag = ice::request_username(datagram).ok_or(DropReason::StunMalformed)?;
        let key = self
            .directory
            .with_ufrag(ufrag)
            .ok_or(DropReason::StunUnknownUsername)?;
        let peer = self
            .peers
            .get_mut(key)
            .ok_or(DropReason::StunUnknownUsername)?;
        let reply = peer.ice.handle_request(now, path, datagram)?;
        self.control.push(path, &reply.response);
        if let Some(address) = reply.added {
            self.directory.add_address(address, key);
        }
        if let Some(address) = reply.forgotten {
            self.directory.remove_address(address, key);
        }
        if let Some(ufrag) = &reply.retired_ufrag {
            self.directory.remove_ufrag(ufrag);
        }
        if reply.first_authenticated {
            peer.start_dtls(&self.config.identity, now);
            self.schedule_peer(key);
        }
        Ok(())
    }

    /// Takes a DTLS datagram: at once if it is data, later if it is of a handshake.
    pub(super) fn receive_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let Some(key) = self.directory.at(path.remote) else {
            self.counters.drop(DropReason::UnknownAddress);
            return;
        };
        let peer = self.peers.get(key);
        if peer.is_some_and(|peer| peer.srtp.is_some() && peer.backlog.is_empty()) {
            self.handle_dtls(now, key, datagram);
        } else if let Err(reason) = self.defer_handshake(now, key, datagram) {
            self.counters.drop(reason);
        }
    }

    /// Hands a datagram to a peer's DTLS. `false`: the peer is gone.
    pub(super) fn handle_dtls(&mut self, now: Instant, key: PeerKey, datagram: &[u8]) -> bool {
        let Some(dtls) = self.dtls_of(key) else {
            return self.peers.contains_key(key);
        };
        let outcome = dtls.handle_datagram(now, datagram);
        if outcome.is_err() {
            self.counters.drop(DropReason::DtlsRejected);
        }
        self.after_dtls(now, key, outcome)
    }

    /// Serves the transport's timers. `false`: the peer is gone.
    pub(super) fn serve_transport(&mut self, now: Instant, key: PeerKey) -> bool {
        let Some(peer) = self.peers.get_mut(key) else {
            return false;
        };
        if let Some(timeout) = peer.ice.check_deadline(now) {
            let reason = match timeout {
                IceTimeout::NeverConnected => CloseReason::IceTimeout,
                IceTimeout::ConsentExpired => CloseReason::ConsentExpired,
            };
            self.close_peer(now, key, reason);
            return false;
        }
        if let Some(dtls) = peer.dtls.as_mut()
            && dtls.next_deadline().is_some_and(|at| at <= now)
        {
            let outcome = dtls.handle_deadline(now);
            if !self.after_dtls(now, key, outcome) {
                return false;
            }
        }
        self.serve_data(now, key);
        self.peers.contains_key(key)
    }

    /// Sends what DTLS has to send, takes its events, and closes the peer if the handshake failed.
    /// `false`: the peer is gone.
    fn after_dtls(&mut self, now: Instant, key: PeerKey, outcome: Result<(), DtlsError>) -> bool {
        self.flush_dtls(key);
        while let Some(event) = self.dtls_of(key).and_then(Dtls::poll_event) {
            match event {
                DtlsEvent::Connected(keys) => self.connected(now, key, &keys),
                DtlsEvent::Data(bytes) => self.receive_data(now, key, &bytes),
                DtlsEvent::Closed => {
                    self.parting.push(key);
                    return false;
                }
            }
        }
        if let Err(error) = outcome
            && let Some(reason) = close_reason(error)
        {
            self.close_peer(now, key, reason);
            return false;
        }
        self.schedule_peer(key);
        true
    }

    /// Queues the datagrams that DTLS has ready.
    pub(super) fn flush_dtls(&mut self, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Some(path) = peer.ice.selected() else {
            return;
        };
        while let Some(datagram) = peer.dtls.as_mut().and_then(Dtls::poll_transmit) {
            self.control.push(path, &datagram);
        }
    }

    fn dtls_of(&mut self, key: PeerKey) -> Option<&mut Dtls> {
        self.peers.get_mut(key)?.dtls.as_mut()
    }

    fn connected(&mut self, now: Instant, key: PeerKey, keys: &SrtpKeys) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let before = peer.srtp.replace(Box::new(Srtp {
            receive: ReceiveContext::new(keys),
            send: SendContext::new(keys),
        }));
        self.held.connected_peers += usize::from(before.is_none());
        peer.reports_at = Some(now + super::reports::FIRST_REPORT);
        self.counters.handshakes_completed += 1;
        self.events.push_back(Event::PeerConnected {
            peer: peer.id,
            protection: keys.protection,
        });
        self.start_data(now, key);
        self.start_slots(now, key);
    }

    /// Tells the peer that it is over, as far as its transport has come.
    pub(super) fn say_goodbye(&mut self, now: Instant, key: PeerKey) {
        if let Some(dtls) = self.dtls_of(key) {
            dtls.close(now);
        }
        self.flush_dtls(key);
    }
}

/// Whether an error of DTLS ends the peer, and why; otherwise it was one bad datagram.
fn close_reason(error: DtlsError) -> Option<CloseReason> {
    match error {
        DtlsError::Rejected => None,
        DtlsError::TimedOut => Some(CloseReason::DtlsTimeout),
        DtlsError::FingerprintMismatch => Some(CloseReason::FingerprintMismatch),
        _ => Some(CloseReason::DtlsFailed),
    }
}
