//! Data channels of peers: SCTP in DTLS (RFC 8831), and messages to and from the control plane.
//!
//! A message arrives on a channel of one peer and goes out on the channels of others that have the same
//! label; who they are is the room's decision.

use std::sync::Arc;
use std::time::Instant;

use super::Engine;
use super::command::DataMessage;
use super::event::Event;
use crate::drop_reason::DropReason;
use crate::id::PeerId;
use crate::key::PeerKey;
use crate::transport::data::{DataEvent, DataTransport};

impl Engine {
    /// Starts the association once DTLS is up and data channels are negotiated.
    pub(super) fn start_data(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.srtp.is_some()
            && peer.data.is_none()
            && let Some(parameters) = peer.data_parameters
        {
            peer.data = Some(Box::new(DataTransport::new(parameters)));
            self.after_data(now, key);
        }
    }

    /// Takes what came out of DTLS.
    pub(super) fn receive_data(&mut self, now: Instant, key: PeerKey, packet: &[u8]) {
        if let Some(data) = self.peers.get_mut(key).and_then(|peer| peer.data.as_mut()) {
            if data.handle(now, packet).is_err() {
                self.counters.drop(DropReason::DataRejected);
            }
            self.after_data(now, key);
        }
    }

    /// Serves the association's timers.
    pub(super) fn serve_data(&mut self, now: Instant, key: PeerKey) {
        if let Some(data) = self.peers.get_mut(key).and_then(|peer| peer.data.as_mut())
            && data.next_deadline().is_some_and(|at| at <= now)
        {
            data.handle_deadline(now);
            self.after_data(now, key);
        }
    }

    /// Sends a message on the channel with this label, if the peer has one open.
    pub(super) fn send_data(
        &mut self,
        now: Instant,
        id: PeerId,
        label: &str,
        message: &DataMessage,
    ) {
        let Some(key) = self.directory.with_id(id) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let channel = peer
            .channels
            .iter()
            .find(|(_, open)| open.as_ref() == label);
        if let (Some(&(channel, _)), Some(data)) = (channel, peer.data.as_mut()) {
            // A receiver that does not keep up loses messages, which is what its buffer's cap says.
            if data
                .send(now, channel, message.binary, &message.bytes)
                .is_err()
            {
                self.counters.data_messages_dropped += 1;
            }
            self.after_data(now, key);
        }
    }

    /// Takes the association's events and sends what it has to send.
    fn after_data(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Some(data) = peer.data.as_mut() else {
            return;
        };
        while let Some(event) = data.poll_event() {
            match event {
                DataEvent::Opened { id, label } => peer.channels.push((id, label)),
                DataEvent::Closed { id } => peer.channels.retain(|&(open, _)| open != id),
                DataEvent::Message {
                    id,
                    binary,
                    data: bytes,
                } => {
                    let label = peer.channels.iter().find(|&&(open, _)| open == id);
                    if let Some((_, label)) = label {
                        self.events.push_back(Event::Data {
                            peer: peer.id,
                            label: Arc::clone(label),
                            message: DataMessage { binary, bytes },
                        });
                    }
                }
            }
        }
        while let Some(packet) = data.poll_transmit(now) {
            // After close_notify there is nobody to write to.
            let sent = peer.dtls.as_mut().map(|dtls| dtls.send(now, &packet));
            if !matches!(sent, Some(Ok(()))) {
                break;
            }
        }
        self.flush_dtls(key);
        self.schedule_peer(key);
    }
}
