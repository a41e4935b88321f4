//! The DTLS handshake in the client's role (RFC 6347), until there are keys for SRTP (RFC 5764).
//!
//! The handshake is `rtc-dtls`'. It stops repeating a flight as soon as any handshake record comes in, so
//! flights are repeated here, verbatim, until the next one is due. Nothing is ever sent or received over
//! the connection afterwards, except its end.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::shared::TransportProtocol;

use super::identity::{Fingerprint, Identity};
use super::srtp::SrtpSession;

/// One handshake.
pub(super) struct DtlsClient {
    endpoint: Endpoint,
    fingerprints: Vec<Fingerprint>,
    flight: Vec<BytesMut>,
    repeat_at: Instant,
    interval: Duration,
    deadline: Instant,
    connected: bool,
}

/// What a datagram led to.
pub(super) enum DtlsInput {
    /// The handshake is complete, and the server is who its answer says.
    Connected(Box<SrtpSession>),
    /// The server has ended the connection.
    Closed,
    /// Nothing to do but to send what is to be sent.
    Fine,
}

/// Why there is no connection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum DtlsError {
    /// The library says something.
    #[error("the DTLS handshake failed: {0}")]
    Failed(String),
    /// The certificate is not the one in the answer.
    #[error("the server's certificate is not the one that its answer names")]
    FingerprintMismatch,
    /// It did not complete in time.
    #[error("the DTLS handshake did not complete within {} s", HANDSHAKE_TIMEOUT.as_secs())]
    TimedOut,
}

impl DtlsClient {
    /// Sends the first flight into `outbox`. The server must have a certificate with one of the
    /// fingerprints.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub(super) fn start(
        identity: &Identity,
        fingerprints: Vec<Fingerprint>,
        now: Instant,
        outbox: &mut Vec<BytesMut>,
    ) -> Result<Self, DtlsError> {
        let mut endpoint = Endpoint::new(LOCAL, TransportProtocol::UDP, None);
        endpoint
            .connect(now, SERVER, identity.config(), None)
            .map_err(failed)?;
        let mut client = Self {
            endpoint,
            fingerprints,
            flight: Vec::new(),
            repeat_at: now,
            interval: FIRST_INTERVAL,
            deadline: now + HANDSHAKE_TIMEOUT,
            connected: false,
        };
        client.send(now, outbox);
        Ok(client)
    }

    /// Takes a datagram that looks like DTLS.
    ///
    /// # Errors
    /// If there will be no connection.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        datagram: &[u8],
        outbox: &mut Vec<BytesMut>,
    ) -> Result<DtlsInput, DtlsError> {
        let read = self.endpoint.read(now, SERVER, None, datagram.into());
        self.send(now, outbox);
        let events = match read {
            Ok(events) => events,
            // What does not authenticate is nobody's word.
            Err(_) if self.connected => return Ok(DtlsInput::Fine),
            Err(error) => return Err(failed(error)),
        };
        let mut input = DtlsInput::Fine;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.connected = true;
                    input = DtlsInput::Connected(Box::new(self.session()?));
                }
                EndpointEvent::PeerClosed => return Ok(DtlsInput::Closed),
                _ => {}
            }
        }
        Ok(input)
    }

    /// When to call [`handle_deadline`](Self::handle_deadline); `None`: never.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        (!self.connected).then(|| self.repeat_at.min(self.deadline))
    }

    /// Repeats a flight that is due.
    ///
    /// # Errors
    /// [`DtlsError::TimedOut`].
    pub(super) fn handle_deadline(
        &mut self,
        now: Instant,
        outbox: &mut Vec<BytesMut>,
    ) -> Result<(), DtlsError> {
        if self.connected || now < self.repeat_at.min(self.deadline) {
            return Ok(());
        }
        if now >= self.deadline {
            return Err(DtlsError::TimedOut);
        }
        outbox.extend(self.flight.iter().cloned());
        self.interval = (self.interval * 2).min(LAST_INTERVAL);
        self.repeat_at = now + self.interval;
        Ok(())
    }

    /// Tells the server that this is the end.
    pub(super) fn close(&mut self, now: Instant, outbox: &mut Vec<BytesMut>) {
        self.endpoint.stop(now, SERVER);
        self.send(now, outbox);
    }

    /// Moves what the endpoint sends to the outbox; during the handshake it is the next flight.
    fn send(&mut self, now: Instant, outbox: &mut Vec<BytesMut>) {
        let sent = std::iter::from_fn(|| self.endpoint.poll_transmit());
        let sent: Vec<_> = sent.map(|transmit| transmit.message).collect();
        if !sent.is_empty() && !self.connected {
            self.flight.clone_from(&sent);
            self.interval = FIRST_INTERVAL;
            self.repeat_at = now + FIRST_INTERVAL;
        }
        outbox.extend(sent);
    }

    fn session(&self) -> Result<SrtpSession, DtlsError> {
        let state = self.endpoint.get_connection_state(SERVER);
        let state = state.ok_or_else(|| DtlsError::Failed("there is no connection".to_owned()))?;
        let certificate = state.peer_certificates.first();
        let shown = certificate.map(|der| Fingerprint::of(der));
        if !shown.is_some_and(|shown| self.fingerprints.contains(&shown)) {
            return Err(DtlsError::FingerprintMismatch);
        }
        SrtpSession::from_dtls(state).map_err(|error| DtlsError::Failed(error.to_string()))
    }
}

fn failed(error: rtc::shared::error::Error) -> DtlsError {
    DtlsError::Failed(error.to_string())
}

/// The library tells connections apart by address; there is one, wherever it is.
const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2));
const LOCAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1));

/// Browsers begin at 50 ms; on loopback only a server that is overwhelmed takes longer.
const FIRST_INTERVAL: Duration = Duration::from_millis(100);

/// It doubles up to here.
const LAST_INTERVAL: Duration = Duration::from_secs(1);

/// Longer than a person waits.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests;
