//! The data channels of one peer: SCTP over DTLS (RFC 8831, RFC 9260), opened by the peer with DCEP (RFC 8832).
//!
//! SCTP itself is `rtc-sctp`'s. Here is what stands around it: a gate that keeps packets out which would make the library
//! work or remember too much, the channels, and bounds on all that is queued. Records come from DTLS and go there; what
//! messages mean, and who gets them, is not known here.

mod channels;
mod chunk;
mod gate;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc::sctp::{
    Association, Chunks, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppid, ServerConfig, StreamEvent, TransportConfig,
};
use rtc::shared::TransportProtocol;
use thiserror::Error;

use crate::parameters::DataParameters;
use channels::{Channels, Open};
use chunk::PacketKind;
use gate::{Gate, MAX_STREAMS, Refusal};

/// The server's end of one SCTP association, which the peer begins.
///
/// Hand in all packets of a batch before draining [`poll_transmit`](Self::poll_transmit): what is acknowledged together
/// is acknowledged in one packet.
pub struct DataTransport {
    parameters: DataParameters,
    association: Option<Peer>,
    channels: Channels,
    transmits: VecDeque<Bytes>,
    events: VecDeque<DataEvent>,
}

/// From the peer's INIT on.
struct Peer {
    endpoint: Endpoint,
    association: Association,
    gate: Gate,
    /// The INIT, and our answer to it, which may get lost.
    init: Bytes,
    init_ack: Vec<Bytes>,
}

impl DataTransport {
    /// Waits for the peer to begin.
    pub fn new(parameters: DataParameters) -> Self {
        Self {
            parameters,
            association: None,
            channels: Channels::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes one SCTP packet: the application data of one DTLS record.
    ///
    /// # Errors
    /// [`DataError::Rejected`] if the packet was dropped.
    pub fn handle(&mut self, now: Instant, packet: &[u8]) -> Result<(), DataError> {
        match PacketKind::of(packet, self.parameters.remote_port).ok_or(DataError::Rejected)? {
            PacketKind::Init { initial_tsn } => self.handle_init(now, initial_tsn, packet),
            PacketKind::Other => self.handle_packet(now, packet),
        }
    }

    /// The next packet to send to the peer, in a DTLS record.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if self.transmits.is_empty()
            && let Some(peer) = &mut self.association
        {
            self.transmits.extend(peer.drain(now));
        }
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<DataEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_deadline`](Self::handle_deadline); `None`: never.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.association.as_ref()?.association.poll_timeout()
    }

    /// Does what is due: acknowledgements and retransmissions, which then wait in
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn handle_deadline(&mut self, now: Instant) {
        if let Some(peer) = &mut self.association {
            peer.association.handle_timeout(now);
            self.pump(now);
        }
    }

    /// Sends a message on an open channel, as binary or as UTF-8 text. It is queued; see
    /// [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    /// [`DataError::NoChannel`], [`DataError::TooLarge`], or [`DataError::Full`] if the peer does not take messages as
    /// fast as they come.
    pub fn send(
        &mut self,
        now: Instant,
        id: u16,
        binary: bool,
        message: &[u8],
    ) -> Result<(), DataError> {
        let limit = self.max_sent_message();
        let Some(peer) = &mut self.association else {
            return Err(DataError::NoChannel);
        };
        if !self.channels.contains(id) {
            return Err(DataError::NoChannel);
        }
        if message.len() > limit {
            return Err(DataError::TooLarge);
        }
        let mut queued = 0;
        for open in self.channels.iter() {
            let stream = peer.association.stream(open);
            queued += stream
                .and_then(|stream| stream.buffered_amount())
                .unwrap_or(0);
        }
        if queued + message.len() > MAX_QUEUED_BYTES {
            return Err(DataError::Full);
        }
        // SCTP has no empty messages (RFC 8831 §6.6).
        let (ppid, payload) = match (binary, message) {
            (true, []) => (Ppid::BinaryEmpty, &[0][..]),
            (false, []) => (Ppid::StringEmpty, &[0][..]),
            (true, _) => (Ppid::Binary, message),
            (false, _) => (Ppid::String, message),
        };
        let payload = Bytes::copy_from_slice(payload);
        let written = peer
            .association
            .stream(id)
            .and_then(|mut stream| stream.write_chunk_with_ppi(now, &payload, ppid));
        written.map(drop).map_err(|_| DataError::NoChannel)
    }

    fn handle_init(
        &mut self,
        now: Instant,
        initial_tsn: u32,
        packet: &[u8],
    ) -> Result<(), DataError> {
        match &self.association {
            // Our answer was lost, or is slow. Another association would not know the cookie of this one.
            Some(peer) if peer.association.is_handshaking() && peer.init == packet => {
                self.transmits.extend(peer.init_ack.iter().cloned());
                return Ok(());
            }
            // A late repetition; browsers do not restart an association.
            Some(peer) if peer.is_established() => return Err(DataError::Rejected),
            _ => {}
        }
        let config = TransportConfig::default()
            .with_max_receive_buffer_size(RECEIVE_BUFFER_BYTES)
            .with_max_message_size(self.max_sent_message() as u32)
            .with_max_num_inbound_streams(MAX_STREAMS)
            .with_max_num_outbound_streams(MAX_STREAMS);
        let mut endpoint = Endpoint::new(
            LOCAL,
            TransportProtocol::UDP,
            Arc::new(EndpointConfig::new()),
            Some(Arc::new(ServerConfig::new(config))),
        );
        let packet = Bytes::copy_from_slice(packet);
        let begun = endpoint.handle(now, PEER, None, packet.clone());
        let Some((_, DatagramEvent::NewAssociation(association))) = begun else {
            return Err(DataError::Rejected);
        };
        let mut peer = Peer {
            endpoint,
            association,
            gate: Gate::new(initial_tsn),
            init: packet,
            init_ack: Vec::new(),
        };
        peer.init_ack = peer.drain(now);
        self.transmits.extend(peer.init_ack.iter().cloned());
        self.association = Some(peer);
        Ok(())
    }

    fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Result<(), DataError> {
        let peer = self.association.as_mut().ok_or(DataError::Rejected)?;
        let admitted = peer.gate.admit(packet);
        if admitted == Err(Refusal::Association) {
            tracing::debug!("peer sent more data chunks than can be put together; aborting sctp");
            // It fails only if it is over already.
            let _ = peer.association.abort();
            self.pump(now);
            return Err(DataError::Rejected);
        }
        admitted.map_err(|_| DataError::Rejected)?;
        let packet = Bytes::copy_from_slice(packet);
        match peer.endpoint.handle(now, PEER, None, packet) {
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                peer.association.handle_event(event);
                self.pump(now);
                Ok(())
            }
            _ => Err(DataError::Rejected),
        }
    }

    /// Reads what has arrived and notes what has closed.
    fn pump(&mut self, now: Instant) {
        while let Some(peer) = &mut self.association
            && let Some(event) = peer.association.poll()
        {
            match event {
                Event::Stream(StreamEvent::Readable { id }) => self.read_stream(now, id),
                Event::AssociationLost { id, .. } if self.channels.remove(id) => {
                    self.events.push_back(DataEvent::Closed { id });
                }
                _ => {}
            }
        }
    }

    /// Reads until there is nothing left: the library does not say again that there is.
    fn read_stream(&mut self, now: Instant, id: u16) {
        while let Some(peer) = &mut self.association
            && let Ok(mut stream) = peer.association.stream(id)
            && let Ok(Some(message)) = stream.read_sctp()
        {
            peer.gate.delivered(message.chunks.len());
            self.handle_message(now, id, &message);
        }
    }

    fn handle_message(&mut self, now: Instant, id: u16, message: &Chunks) {
        let binary = match message.ppi {
            Ppid::Dcep if !self.channels.contains(id) => return self.open(now, id, message),
            Ppid::String | Ppid::StringEmpty => false,
            Ppid::Binary | Ppid::BinaryEmpty => true,
            // An acknowledgement of nothing, or a protocol that is not WebRTC's.
            _ => return,
        };
        // A channel that was agreed on elsewhere, or refused: nobody here knows it.
        if !self.channels.contains(id) {
            return;
        }
        let empty = matches!(message.ppi, Ppid::StringEmpty | Ppid::BinaryEmpty);
        let data = match message.to_payload(MAX_MESSAGE_BYTES) {
            Ok(_) if empty => Bytes::new(),
            Ok(bytes) if binary || std::str::from_utf8(&bytes).is_ok() => bytes.freeze(),
            // Larger than our answer allowed, or text that is none.
            _ => return self.refuse(now, id),
        };
        self.events
            .push_back(DataEvent::Message { id, binary, data });
    }

    fn open(&mut self, now: Instant, id: u16, message: &Chunks) {
        let open = message
            .to_payload(MAX_MESSAGE_BYTES)
            .ok()
            .and_then(|payload| Open::parse(&payload));
        let Some(open) = open.filter(|_| !self.channels.is_full()) else {
            return self.refuse(now, id);
        };
        let Some(peer) = &mut self.association else {
            return;
        };
        let acknowledged = peer.association.stream(id).and_then(|mut stream| {
            // The library leaves our direction ordered and reliable.
            stream.set_reliability_params(
                open.unordered,
                open.reliability,
                open.reliability_value,
            )?;
            stream.write_chunk_with_ppi(now, &channels::ack().unwrap_or_default(), Ppid::Dcep)
        });
        if acknowledged.is_ok() && self.channels.insert(id) {
            let label = open.label;
            self.events.push_back(DataEvent::Opened { id, label });
        }
    }

    /// Closes a channel from our side: its page sees it close (RFC 8831 §6.7).
    fn refuse(&mut self, now: Instant, id: u16) {
        if let Some(peer) = &mut self.association
            && let Ok(mut stream) = peer.association.stream(id)
        {
            // It fails only if the association is over, and the channel with it.
            let _ = stream.close(now);
        }
        if self.channels.remove(id) {
            self.events.push_back(DataEvent::Closed { id });
        }
    }

    /// The largest message that both sides allow; 0 from the peer means any (RFC 8841 §6.1).
    fn max_sent_message(&self) -> usize {
        match self.parameters.max_message_size as usize {
            0 => MAX_MESSAGE_BYTES,
            size => size.min(MAX_MESSAGE_BYTES),
        }
    }
}

impl Peer {
    fn is_established(&self) -> bool {
        !self.association.is_handshaking() && !self.association.is_closed()
    }

    /// What the association has to send now.
    fn drain(&mut self, now: Instant) -> Vec<Bytes> {
        let mut packets = Vec::new();
        while let Some(transmit) = self.association.poll_transmit(now) {
            if let Payload::RawEncode(raw) = transmit.message {
                packets.extend(raw);
            }
        }
        for packet in &packets {
            self.gate.note_outgoing(packet, RECEIVE_BUFFER_BYTES);
        }
        packets
    }
}

/// What happened to the channels. An `id` is the channel's SCTP stream, below 1024; it may be used again once the channel
/// is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DataEvent {
    /// The peer has opened a channel.
    Opened {
        /// Its id.
        id: u16,
        /// Its label, at most 64 bytes.
        label: Arc<str>,
    },
    /// A message.
    Message {
        /// The channel.
        id: u16,
        /// Whether it is binary; else it is UTF-8.
        binary: bool,
        /// Its bytes, at most [`MAX_MESSAGE_BYTES`]; may be empty.
        data: Bytes,
    },
    /// A channel is closed, by either side or with the association.
    Closed {
        /// The channel.
        id: u16,
    },
}

/// Why a packet or message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DataError {
    /// The packet is not SCTP of this association, or would cost too much.
    #[error("the peer sent an sctp packet that cannot be used")]
    Rejected,
    /// No such channel is open.
    #[error("there is no such data channel")]
    NoChannel,
    /// The message is larger than both sides allow.
    #[error("the message is larger than the peer takes")]
    TooLarge,
    /// Too many bytes wait to be taken by the peer.
    #[error("the peer does not take messages as fast as they come")]
    Full,
}

/// The largest message taken or sent, in bytes. Chromium announces the same.
pub const MAX_MESSAGE_BYTES: usize = 262_144;

/// What the peer may have under way: two messages of the largest size.
const RECEIVE_BUFFER_BYTES: u32 = 512 * 1024;

/// What may wait for a peer that is slow, over all of its channels: four messages of the largest size.
const MAX_QUEUED_BYTES: usize = 1024 * 1024;

/// The library tells associations apart by address, too; there is one per endpoint.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2));
const LOCAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

#[cfg(test)]
mod tests;
