//! Against the client of `rtc-dtls`, on a network of virtual time.

mod fragments;
mod handshake;
mod hostile;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;

use super::handshake::*;
use super::identity::fingerprint_of;
use super::*;
use crate::transport::srtp::SrtpProtection;

const GCM: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm;
const GCM_256: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm;
const SHA1_80: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80;
const SHA1_32: SrtpProtectionProfile = SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_32;

/// A client of the library, which has the library's defect: its lost flights are repeated here.
struct Client {
    endpoint: Endpoint,
    certificate: Certificate,
    flight: Flight,
    transmits: VecDeque<Bytes>,
    connected: bool,
    closed: bool,
    received: Vec<Bytes>,
}

impl Client {
    fn new(now: Instant, profiles: &[SrtpProtectionProfile]) -> Self {
        let certificate = new_certificate();
        let config = client_config(profiles).with_certificates(vec![certificate.clone()]);
        Self::with_config(now, certificate, config)
    }

    fn with_config(now: Instant, certificate: Certificate, config: ConfigBuilder) -> Self {
        let config = config
            .build(true, Some(LOCAL))
            .expect("a client configuration");
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        endpoint
            .connect(now, LOCAL, Arc::new(config), None)
            .expect("a ClientHello");
        let mut client = Self {
            endpoint,
            certificate,
            flight: Flight::default(),
            transmits: VecDeque::new(),
            connected: false,
            closed: false,
            received: Vec::new(),
        };
        client.send_new(now);
        client
    }

    fn fingerprint(&self) -> Fingerprint {
        fingerprint_of(&self.certificate.certificate[0])
    }

    fn send_new(&mut self, now: Instant) {
        let datagrams: Vec<Bytes> = drain(&mut self.endpoint).collect();
        self.transmits.extend(datagrams.iter().cloned());
        if !datagrams.is_empty() && !self.connected {
            self.flight.start(now, datagrams);
        }
    }

    fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) {
        let events = self.endpoint.read(now, LOCAL, None, datagram.into());
        for event in events.unwrap_or_default() {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.connected = true;
                    self.flight.finish();
                }
                EndpointEvent::ApplicationData(data) => self.received.push(data.freeze()),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
        self.send_new(now);
    }

    fn handle_deadline(&mut self, now: Instant) {
        self.transmits
            .extend(self.flight.take_due(now).iter().cloned());
    }

    fn send(&mut self, now: Instant, data: &[u8]) {
        self.endpoint.write(now, LOCAL, data).expect("a connection");
        self.send_new(now);
    }

    /// What the client would protect and unprotect with, as the server's keys.
    fn keys(&self, protection: SrtpProtection) -> SrtpKeys {
        let state = self
            .endpoint
            .get_connection_state(LOCAL)
            .expect("a connection");
        let material = state
            .export_keying_material(SRTP_EXPORTER_LABEL, &[], protection.keying_material_len())
            .expect("keying material");
        SrtpKeys::from_exported(protection, material.as_ref()).expect("the right length")
    }
}

fn new_certificate() -> Certificate {
    Certificate::generate_self_signed(vec!["client".to_owned()], AwsLcRsProvider::new().crypto())
        .expect("a certificate")
}

fn client_config(profiles: &[SrtpProtectionProfile]) -> ConfigBuilder {
    ConfigBuilder::default()
        .with_crypto_provider(Arc::new(AwsLcRsProvider::new()))
        .with_srtp_protection_profiles(profiles.to_vec())
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_insecure_skip_verify(true)
}

fn identity() -> Arc<Identity> {
    Arc::new(Identity::generate().expect("an identity"))
}

/// A network with a delay of 20 ms and some loss, duplication and reordering.
struct Network {
    now: Instant,
    rng: StdRng,
    loss: f64,
    /// The longest datagram that is carried, in bytes.
    longest: usize,
    /// By arrival and a running number: whether it goes to the server, and what it is.
    under_way: BTreeMap<(Instant, u64), (bool, Bytes)>,
    sent: u64,
    server_error: Option<DtlsError>,
}

impl Network {
    fn new(seed: u64, loss: f64) -> Self {
        Self {
            now: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
            loss,
            longest: usize::MAX,
            under_way: BTreeMap::new(),
            sent: 0,
            server_error: None,
        }
    }

    fn carry(&mut self, to_server: bool, datagram: Bytes) {
        if datagram.len() > self.longest {
            return;
        }
        let copies = if self.loss > 0.0 && self.rng.random_bool(0.05) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.rng.random_bool(self.loss) {
                continue;
            }
            let jitter = if self.loss > 0.0 {
                self.rng.random_range(0..10)
            } else {
                0
            };
            self.sent += 1;
            let arrives = self.now + Duration::from_millis(20 + jitter);
            self.under_way
                .insert((arrives, self.sent), (to_server, datagram.clone()));
        }
    }

    /// Goes to the next thing that happens. `false` if nothing will.
    fn step(&mut self, server: &mut Dtls, client: &mut Client) -> bool {
        while let Some(datagram) = server.poll_transmit() {
            self.carry(false, datagram);
        }
        while let Some(datagram) = client.transmits.pop_front() {
            self.carry(true, datagram);
        }
        let arrival = self.under_way.keys().next().map(|&(at, _)| at);
        let deadlines = [
            arrival,
            server.next_deadline(),
            client.flight.next_deadline(),
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return false;
        };
        self.now = next;
        let later = self.under_way.split_off(&(next, u64::MAX));
        for (to_server, datagram) in std::mem::replace(&mut self.under_way, later).into_values() {
            if !to_server {
                client.handle_datagram(self.now, &datagram);
            } else if let Err(error) = server.handle_datagram(self.now, &datagram) {
                self.note(error);
            }
        }
        if let Err(error) = server.handle_deadline(self.now) {
            self.note(error);
        }
        client.handle_deadline(self.now);
        true
    }

    fn note(&mut self, error: DtlsError) {
        if error.ends_connection() {
            self.server_error = Some(error);
        }
    }

    /// Runs until both have completed the handshake, the server has given up, or nothing happens any more. The keys
    /// that the server got, if it did.
    fn connect(&mut self, server: &mut Dtls, client: &mut Client) -> Option<SrtpKeys> {
        let mut keys = None;
        while !(keys.is_some() && client.connected) && self.server_error.is_none() {
            if !self.step(server, client) {
                break;
            }
            if let Some(DtlsEvent::Connected(exported)) = server.poll_event() {
                keys = Some(exported);
            }
        }
        keys
    }

    /// Runs until nothing is under way.
    fn settle(&mut self, server: &mut Dtls, client: &mut Client) {
        while self.step(server, client) {}
    }
}

/// A server and a client that have completed their handshake, on a network without loss.
fn connected() -> (Network, Dtls, Client) {
    let mut network = Network::new(0, 0.0);
    let mut client = Client::new(network.now, &[GCM]);
    let mut server = Dtls::new(&identity(), vec![client.fingerprint()], network.now);
    let keys = network.connect(&mut server, &mut client);
    assert!(
        keys.is_some() && client.connected,
        "{:?}",
        network.server_error
    );
    network.settle(&mut server, &mut client);
    (network, server, client)
}
