//! DTLS 1.2 of one peer, in the server role (RFC 6347, RFC 5764): keys for SRTP, and a channel for SCTP.
//!
//! The handshake itself is `rtc-dtls`'. Around it stand what it lacks: reassembly that survives any fragmentation, the
//! choice of the SRTP profile, repetition of lost flights, bounds on what an unauthenticated peer may make us keep, and
//! the check of the fingerprint. The peer's address is none of our business; it may change at any time.
//!
//! The library asks every client for a cookie (HelloVerifyRequest), which costs a round trip and proves nothing here,
//! where datagrams come only from addresses that ICE has authenticated. It cannot be told not to.

mod client_hello;
mod flight;
mod identity;
mod reassembly;
mod record;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error as RtcError;
use thiserror::Error;

use crate::parameters::Fingerprint;
use crate::transport::srtp::{SrtpKeys, SrtpProtection};
use client_hello::choose_protection;
use flight::Flight;
use identity::fingerprint_of;
use reassembly::{Message, Reassembler};
use record::{ContentType, Record, records, write_plaintext};

pub use identity::{Identity, IdentityError};

/// The server's end of one DTLS connection.
///
/// After every call that may have changed something, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), also when the call returned an error.
pub struct Dtls {
    identity: Arc<Identity>,
    /// Those that the client's certificate may have.
    fingerprints: Vec<Fingerprint>,
    state: State,
    flight: Flight,
    transmits: VecDeque<Bytes>,
    events: VecDeque<DtlsEvent>,
}

enum State {
    Handshaking(Box<Handshake>),
    Connected(Endpoint),
    Closed,
}

/// What is needed until the handshake is complete.
struct Handshake {
    deadline: Instant,
    reassembler: Reassembler,
    /// From the first whole ClientHello on.
    endpoint: Option<(Endpoint, SrtpProtection)>,
    /// Of the unencrypted records that the endpoint is given: it remembers which it has had.
    next_sequence: u64,
    datagrams: usize,
    bytes: usize,
}

impl Dtls {
    /// Waits for a client whose certificate has one of the fingerprints. It has 15 seconds from now, so this is best
    /// called when the peer can first be reached.
    pub fn new(identity: &Arc<Identity>, fingerprints: Vec<Fingerprint>, now: Instant) -> Self {
        Self {
            identity: Arc::clone(identity),
            fingerprints,
            state: State::Handshaking(Box::new(Handshake {
                deadline: now + HANDSHAKE_TIMEOUT,
                reassembler: Reassembler::default(),
                endpoint: None,
                next_sequence: 0,
                datagrams: 0,
                bytes: 0,
            })),
            flight: Flight::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes one datagram. It must come from an address that ICE has authenticated as the peer's.
    ///
    /// # Errors
    /// [`DtlsError::Rejected`] if nothing in the datagram was of use. Any other error ends the connection.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DtlsError> {
        let result = match &mut self.state {
            State::Handshaking(_) => self.handle_handshake_datagram(now, datagram),
            State::Connected(_) => self.handle_connected_datagram(now, datagram),
            State::Closed => Err(DtlsError::Rejected),
        };
        if result.is_err_and(DtlsError::ends_connection) {
            if result == Err(DtlsError::NoSrtpProfile) {
                // Nothing was sent before, so this is our first record.
                let mut alert = BytesMut::new();
                write_plaintext(&mut alert, ContentType::ALERT, 0, &[&HANDSHAKE_FAILURE]);
                self.transmits.push_back(alert.freeze());
            }
            self.state = State::Closed;
            self.flight.abandon();
        }
        result
    }

    /// The next datagram to send to the peer.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    /// When to call [`handle_deadline`](Self::handle_deadline); `None`: never.
    pub fn next_deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Handshaking(handshake) => {
                let repetition = self.flight.next_deadline();
                Some(repetition.map_or(handshake.deadline, |at| at.min(handshake.deadline)))
            }
            State::Connected(_) | State::Closed => None,
        }
    }

    /// Repeats a flight that is due.
    ///
    /// # Errors
    /// [`DtlsError::TimedOut`] if the handshake has taken too long.
    pub fn handle_deadline(&mut self, now: Instant) -> Result<(), DtlsError> {
        let State::Handshaking(handshake) = &self.state else {
            return Ok(());
        };
        if now >= handshake.deadline {
            self.state = State::Closed;
            self.flight.abandon();
            return Err(DtlsError::TimedOut);
        }
        self.transmits
            .extend(self.flight.take_due(now).iter().cloned());
        Ok(())
    }

    /// Sends application data: one SCTP packet.
    ///
    /// # Errors
    /// [`DtlsError::Rejected`] while there is no connection.
    pub fn send(&mut self, now: Instant, data: &[u8]) -> Result<(), DtlsError> {
        let State::Connected(endpoint) = &mut self.state else {
            return Err(DtlsError::Rejected);
        };
        let written = endpoint.write(now, PEER, data);
        self.transmits.extend(drain(endpoint));
        written.map_err(|_| DtlsError::Rejected)
    }

    /// Ends the connection; the peer is told, if there is one.
    pub fn close(&mut self, now: Instant) {
        if let State::Connected(endpoint) = &mut self.state {
            endpoint.stop(now, PEER);
            self.transmits.extend(drain(endpoint));
        }
        self.state = State::Closed;
        self.flight.abandon();
    }

    fn handle_handshake_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Result<(), DtlsError> {
        let State::Handshaking(handshake) = &mut self.state else {
            return Err(DtlsError::Rejected);
        };
        let input = handshake.admit(&self.identity, datagram)?;
        let Some((endpoint, protection)) = &mut handshake.endpoint else {
            // Part of a ClientHello; the rest is on its way.
            return Ok(());
        };
        let protection = *protection;
        let read = endpoint.read(now, PEER, None, input);
        let flight: Vec<Bytes> = drain(endpoint).collect();
        self.transmits.extend(flight.iter().cloned());
        if !flight.is_empty() {
            self.flight.start(now, flight);
        }
        let events = read.map_err(|error| {
            tracing::debug!(%error, "dtls handshake failed");
            DtlsError::Failed
        })?;

        let mut complete = false;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.complete_handshake(now, protection)?;
                    complete = true;
                }
                event if complete => self.handle_event(event),
                // A close_notify is all that is left, and comes too soon.
                _ => return Err(DtlsError::Failed),
            }
        }
        Ok(())
    }

    fn complete_handshake(
        &mut self,
        now: Instant,
        protection: SrtpProtection,
    ) -> Result<(), DtlsError> {
        let State::Handshaking(handshake) = std::mem::replace(&mut self.state, State::Closed)
        else {
            return Err(DtlsError::Failed);
        };
        let (mut endpoint, _) = handshake.endpoint.ok_or(DtlsError::Failed)?;
        let keys = match verify_and_export(&endpoint, &self.fingerprints, protection) {
            Ok(keys) => keys,
            Err(error) => {
                endpoint.stop(now, PEER);
                self.transmits.extend(drain(&mut endpoint));
                return Err(error);
            }
        };
        self.flight.finish();
        self.events.push_back(DtlsEvent::Connected(keys));
        self.state = State::Connected(endpoint);
        Ok(())
    }

    fn handle_connected_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Result<(), DtlsError> {
        let State::Connected(endpoint) = &mut self.state else {
            return Err(DtlsError::Rejected);
        };
        let mut input = BytesMut::new();
        let mut repeated = false;
        for record in records(datagram).filter(|record| record.epoch > 0) {
            match record.content {
                ContentType::APPLICATION_DATA | ContentType::ALERT => {
                    input.extend_from_slice(record.bytes);
                }
                // The client's Finished again: it has not got ours.
                ContentType::HANDSHAKE => repeated = true,
                // The library would take a ChangeCipherSpec of any epoch without authentication, and be deaf after.
                _ => {}
            }
        }
        if repeated {
            let again = self.flight.answer_repetition();
            self.transmits.extend(again.iter().cloned());
        }
        if input.is_empty() {
            return if repeated {
                Ok(())
            } else {
                Err(DtlsError::Rejected)
            };
        }

        let read = endpoint.read(now, PEER, None, input);
        self.transmits.extend(drain(endpoint));
        match read {
            Ok(events) if events.is_empty() => Err(DtlsError::Rejected),
            Ok(events) => {
                for event in events {
                    self.handle_event(event);
                }
                Ok(())
            }
            // The peer has ended the connection for a reason of its own.
            Err(RtcError::ErrAlertFatalOrClose) => {
                self.handle_event(EndpointEvent::PeerClosed);
                Ok(())
            }
            Err(_) => Err(DtlsError::Rejected),
        }
    }

    fn handle_event(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::ApplicationData(data) => {
                self.events.push_back(DtlsEvent::Data(data.freeze()));
            }
            EndpointEvent::PeerClosed => {
                self.events.push_back(DtlsEvent::Closed);
                self.state = State::Closed;
                self.flight.abandon();
            }
            // Completion comes once and is handled where it comes; there are no others.
            _ => {}
        }
    }
}

impl Handshake {
    /// Picks what may go on to the endpoint out of a datagram. Makes the endpoint when it is known what for.
    fn admit(&mut self, identity: &Identity, datagram: &[u8]) -> Result<BytesMut, DtlsError> {
        self.datagrams += 1;
        self.bytes += datagram.len();
        if self.datagrams > MAX_HANDSHAKE_DATAGRAMS || self.bytes > MAX_HANDSHAKE_BYTES {
            return Err(DtlsError::Rejected);
        }
        let mut input = BytesMut::new();
        let mut of_use = false;
        for record in records(datagram) {
            of_use |= self.admit_record(identity, &record, &mut input)?;
        }
        if of_use {
            Ok(input)
        } else {
            Err(DtlsError::Rejected)
        }
    }

    fn admit_record(
        &mut self,
        identity: &Identity,
        record: &Record<'_>,
        input: &mut BytesMut,
    ) -> Result<bool, DtlsError> {
        match (record.epoch, record.content) {
            (0, ContentType::HANDSHAKE) => {
                let taken = self.reassembler.push(record.body);
                while let Some(message) = self.reassembler.pop() {
                    self.check_hello(identity, &message)?;
                    let parts = [&message.header[..], &message.body];
                    self.write_record(input, ContentType::HANDSHAKE, &parts);
                }
                Ok(taken)
            }
            (0, ContentType::ALERT) => match *record.body {
                [2, description] | [_, description @ 0] => Err(DtlsError::Alert(description)),
                _ => Ok(false),
            },
            _ if self.endpoint.is_none() => Ok(false),
            (0, ContentType::CHANGE_CIPHER_SPEC) if *record.body == [1] => {
                self.write_record(input, record.content, &[record.body]);
                Ok(true)
            }
            // Encrypted already; the endpoint keeps it until it has the keys.
            (1, ContentType::HANDSHAKE | ContentType::ALERT | ContentType::APPLICATION_DATA) => {
                input.extend_from_slice(record.bytes);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Settles on an SRTP profile by the first ClientHello, and holds the second to it (RFC 6347 §4.2.1): the first is
    /// not authenticated by the handshake, so a stranger could have changed it.
    fn check_hello(&mut self, identity: &Identity, message: &Message) -> Result<(), DtlsError> {
        if message.sequence > 1 {
            return Ok(());
        }
        let chosen = choose_protection(&message.body).ok_or(DtlsError::NoSrtpProfile)?;
        match &self.endpoint {
            None => {
                let config = Some(identity.handshake_config(chosen));
                let endpoint = Endpoint::new(LOCAL, TransportProtocol::UDP, config);
                self.endpoint = Some((endpoint, chosen));
                Ok(())
            }
            Some((_, settled)) if *settled == chosen => Ok(()),
            Some(_) => Err(DtlsError::Failed),
        }
    }

    fn write_record(&mut self, input: &mut BytesMut, content: ContentType, parts: &[&[u8]]) {
        write_plaintext(input, content, self.next_sequence, parts);
        self.next_sequence += 1;
    }
}

/// The keys, if the client is who the offer says.
fn verify_and_export(
    endpoint: &Endpoint,
    fingerprints: &[Fingerprint],
    protection: SrtpProtection,
) -> Result<SrtpKeys, DtlsError> {
    let state = endpoint
        .get_connection_state(PEER)
        .ok_or(DtlsError::Failed)?;
    let certificate = state.peer_certificates.first().ok_or(DtlsError::Failed)?;
    if !fingerprints.contains(&fingerprint_of(certificate)) {
        return Err(DtlsError::FingerprintMismatch);
    }
    let settled = match protection {
        SrtpProtection::AeadAes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        SrtpProtection::Aes128CmHmacSha1_80 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
    };
    if state.srtp_protection_profile() != settled {
        return Err(DtlsError::Failed);
    }
    let material = state
        .export_keying_material(SRTP_EXPORTER_LABEL, &[], protection.keying_material_len())
        .map_err(|_| DtlsError::Failed)?;
    SrtpKeys::from_exported(protection, material.as_ref()).ok_or(DtlsError::Failed)
}

fn drain(endpoint: &mut Endpoint) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(|| endpoint.poll_transmit()).map(|transmit| transmit.message.freeze())
}

/// What a connection tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DtlsEvent {
    /// The handshake is complete and the client is who it should be. Comes first, and once.
    Connected(SrtpKeys),
    /// Application data: one SCTP packet.
    Data(Bytes),
    /// The peer has ended the connection.
    Closed,
}

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DtlsError {
    /// The datagram holds nothing that could be used, or the data cannot be sent now. The connection goes on.
    #[error("there is nothing that dtls can do with this now")]
    Rejected,
    /// The client broke the handshake, or wants what we do not speak.
    #[error("the peer failed the dtls handshake")]
    Failed,
    /// The client gave up the handshake with this TLS alert (RFC 5246 §7.2). 42 and 46 are about our certificate.
    #[error("the peer gave up the dtls handshake with alert {0}")]
    Alert(u8),
    /// The client offers no SRTP profile that we speak.
    #[error("the peer offers no srtp profile that we speak")]
    NoSrtpProfile,
    /// The client's certificate is not one that the offer announced.
    #[error("the peer's certificate does not match the fingerprint of its offer")]
    FingerprintMismatch,
    /// The handshake did not complete in time.
    #[error("the dtls handshake did not complete in time")]
    TimedOut,
}

impl DtlsError {
    /// Whether the connection is over; if not, only a datagram was dropped.
    pub const fn ends_connection(self) -> bool {
        !matches!(self, Self::Rejected)
    }
}

/// The library tells connections apart by address. There is one per endpoint and it has no address, so this stands for
/// the peer's, wherever it is.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2));

/// And this for ours.
const LOCAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// A fatal alert (RFC 5246 §7.2).
const HANDSHAKE_FAILURE: [u8; 2] = [2, 40];

/// RFC 5764 §4.2.
const SRTP_EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// At 30 % loss both ways a handshake takes some seconds at the worst; a person has gone after 15.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// A handshake has six datagrams from the client. Forty repetitions are more than fit into the time.
const MAX_HANDSHAKE_DATAGRAMS: usize = 240;

/// As many datagrams, half of them full. The library keeps what it cannot read yet, so this bounds its memory.
const MAX_HANDSHAKE_BYTES: usize = 160 * 1024;

#[cfg(test)]
mod tests;
