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
mod handshake;
mod identity;
mod reassembly;
mod record;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::shared::error::Error as RtcError;
use thiserror::Error;

use crate::parameters::Fingerprint;
use crate::transport::srtp::{SrtpKeys, SrtpProtection};
use flight::Flight;
use handshake::{Handshake, verify_and_export};
use record::{ContentType, records, write_plaintext};

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

impl Dtls {
    /// Waits for a client whose certificate has one of the fingerprints. It has 15 seconds from now, so this is best
    /// called when the peer can first be reached.
    pub fn new(identity: &Arc<Identity>, fingerprints: Vec<Fingerprint>, now: Instant) -> Self {
        Self {
            identity: Arc::clone(identity),
            fingerprints,
            state: State::Handshaking(Box::new(Handshake::new(now))),
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

#[cfg(test)]
mod tests;
