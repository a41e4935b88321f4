//! Handshakes with the server's own implementation, in virtual time, over a network that loses datagrams.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sfu::transport::dtls::{Dtls, DtlsEvent, Identity as ServerIdentity};
use sfu::transport::srtp::{ReceiveContext, SendContext, SendStream, SrtpKeys};
use sfu_rtp::RtpHeader;

use super::*;
use crate::client::lean::srtp::Protection;

/// A client, a server, and the time.
struct World {
    now: Instant,
    client: DtlsClient,
    server: Dtls,
    to_server: Vec<BytesMut>,
    session: Option<Box<SrtpSession>>,
    keys: Option<SrtpKeys>,
}

impl World {
    fn new(protections: &[Protection], told: impl Fn(Fingerprint) -> Fingerprint) -> Self {
        let now = Instant::now();
        let identity = Identity::generate(protections).expect("randomness");
        let server_identity = Arc::new(ServerIdentity::generate().expect("randomness"));
        let shown = format!("sha-256 {}", server_identity.fingerprint());
        let server_fingerprint = Fingerprint::parse(&shown).expect(&shown);
        let ours = sfu::parameters::Fingerprint(identity.fingerprint().bytes());
        let mut to_server = Vec::new();
        let fingerprints = vec![told(server_fingerprint)];
        let client =
            DtlsClient::start(&identity, fingerprints, now, &mut to_server).expect("a start");
        Self {
            now,
            client,
            server: Dtls::new(&server_identity, vec![ours], now),
            to_server,
            session: None,
            keys: None,
        }
    }

    /// Runs until both have keys or the client has failed; `lost` decides about each datagram.
    fn run(&mut self, mut lost: impl FnMut() -> bool) -> Result<(), DtlsError> {
        while self.session.is_none() || self.keys.is_none() {
            self.exchange(&mut lost)?;
            if self.session.is_some() && self.keys.is_some() {
                break;
            }
            let deadlines = [self.client.next_deadline(), self.server.next_deadline()];
            let Some(next) = deadlines.into_iter().flatten().min() else {
                panic!("nobody does anything any more");
            };
            self.now = self.now.max(next);
            self.client.handle_deadline(self.now, &mut self.to_server)?;
            self.server
                .handle_deadline(self.now)
                .expect("the server is patient");
        }
        Ok(())
    }

    /// Delivers datagrams until nobody sends one.
    fn exchange(&mut self, lost: &mut impl FnMut() -> bool) -> Result<(), DtlsError> {
        loop {
            let sent = std::mem::take(&mut self.to_server);
            for datagram in sent.iter().filter(|_| !lost()) {
                // What it cannot use it says so, and goes on.
                let _ = self.server.handle_datagram(self.now, datagram);
            }
            while let Some(event) = self.server.poll_event() {
                if let DtlsEvent::Connected(keys) = event {
                    self.keys = Some(keys);
                }
            }
            let mut quiet = true;
            while let Some(datagram) = self.server.poll_transmit() {
                quiet = false;
                if lost() {
                    continue;
                }
                let input = self
                    .client
                    .handle(self.now, &datagram, &mut self.to_server)?;
                if let DtlsInput::Connected(session) = input {
                    self.session = Some(session);
                }
            }
            if quiet && self.to_server.is_empty() {
                return Ok(());
            }
        }
    }
}

#[test]
fn the_keys_of_both_sides_fit() {
    for protections in [
        &[Protection::Gcm, Protection::Sha1][..],
        &[Protection::Gcm],
        &[Protection::Sha1],
    ] {
        let mut world = World::new(protections, |shown| shown);
        world.run(|| false).expect("a handshake");
        let mut session = world.session.expect("the client's keys");
        let keys = world.keys.expect("the server's keys");
        let plain: Vec<u8> = [0x80, 96, 0, 7, 0, 0, 0, 9, 0, 0, 0, 3]
            .into_iter()
            .chain(1..=100)
            .collect();

        let mut sealed = session.protect_rtp(&plain).expect("a packet").to_vec();
        let header = RtpHeader::parse(&sealed).expect("a header");
        let opened = ReceiveContext::new(&keys).unprotect_rtp(&header, &mut sealed);
        assert_eq!(opened, Ok(plain.len()), "{protections:?}");
        assert_eq!(sealed[..plain.len()], plain, "{protections:?}");

        let mut buffer = plain.clone();
        buffer.resize(plain.len() + 32, 0);
        let len = SendContext::new(&keys)
            .protect_rtp(&mut SendStream::new(), 12, plain.len(), &mut buffer)
            .expect("room");
        let opened = session
            .unprotect_rtp(&buffer[..len])
            .expect("an authentic packet");
        assert_eq!(opened, plain, "{protections:?}");
        buffer[20] ^= 1;
        assert!(
            session.unprotect_rtp(&buffer[..len]).is_err(),
            "{protections:?}"
        );
    }
}

#[test]
fn handshakes_complete_whatever_is_lost() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(&[Protection::Gcm], |shown| shown);
        let started = world.now;
        let outcome = world.run(|| rng.random_bool(0.3));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        let took = world.now - started;
        assert!(took < HANDSHAKE_TIMEOUT, "seed {seed}: {took:?}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let mut world = World::new(&[Protection::Gcm], |shown| shown);
    let started = world.now;
    let mut repeated = 0;
    let error = loop {
        world.now = world.client.next_deadline().expect("until it is over");
        world.to_server.clear();
        match world
            .client
            .handle_deadline(world.now, &mut world.to_server)
        {
            Ok(()) => repeated += 1,
            Err(error) => break error,
        }
        assert!(!world.to_server.is_empty(), "it repeats its flight");
    };
    assert_eq!(error, DtlsError::TimedOut);
    assert_eq!(world.now, started + HANDSHAKE_TIMEOUT);
    assert!((10..=25).contains(&repeated), "{repeated} times");
}

#[test]
fn a_server_with_another_certificate_is_refused() {
    let other = Identity::generate(&[]).expect("randomness").fingerprint();
    let mut world = World::new(&[Protection::Gcm], |_| other);
    assert_eq!(world.run(|| false), Err(DtlsError::FingerprintMismatch));
}
