//! The client's end of DTLS, by the library, and the repetition of lost flights that the library leaves
//! out: it cancels its own timer at every handshake record that brings nothing new.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::srtp::config::LABEL_EXTRACTOR_DTLS_SRTP;
use rtc::srtp::protection_profile::ProtectionProfile;
use sfu::parameters::Fingerprint;
use sha2::{Digest, Sha256};

use super::srtp::Srtp;
use crate::person::Protection;

/// The client of one connection.
pub struct DtlsClient {
    endpoint: Endpoint,
    /// The last flight, and when to send it again.
    flight: Vec<Vec<u8>>,
    repeat: Option<(Instant, Duration)>,
    connected: bool,
    expected_fingerprint: String,
}

/// What came of a datagram.
pub enum DtlsEvent {
    /// The handshake is complete.
    Connected(Box<Srtp>),
    /// Application data.
    Data(Vec<u8>),
    /// The server has said goodbye.
    Closed,
}

impl DtlsClient {
    /// A client that has not begun. `expected_fingerprint` is that of the answer.
    pub fn new(expected_fingerprint: &str) -> Self {
        Self {
            endpoint: Endpoint::new(DUMMY_LOCAL, TransportProtocol::UDP, None),
            flight: Vec::new(),
            repeat: None,
            connected: false,
            expected_fingerprint: expected_fingerprint.to_owned(),
        }
    }

    /// Sends the ClientHello.
    pub fn start(&mut self, now: Instant, certificate: &ClientCertificate, offers: Protection) {
        let mut profiles = vec![SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80];
        if offers == Protection::Both {
            profiles.push(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm);
        }
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::new(AwsLcRsProvider::new()))
            .with_certificates(vec![certificate.certificate.clone()])
            .with_srtp_protection_profiles(profiles)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_insecure_skip_verify(true)
            .build(true, Some(DUMMY_REMOTE))
            .expect("a configuration of our own");
        let config = Arc::new(config);
        self.endpoint
            .connect(now, DUMMY_REMOTE, config, None)
            .expect("nothing was received yet");
    }

    /// Takes a datagram that is DTLS. Datagrams that the library refuses are ignored, as by browsers.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Vec<DtlsEvent> {
        let Ok(events) = self.endpoint.read(now, DUMMY_REMOTE, None, datagram.into()) else {
            return Vec::new();
        };
        let mut ours = Vec::new();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.connected = true;
                    self.repeat = None;
                    ours.push(DtlsEvent::Connected(Box::new(self.export_keys())));
                }
                EndpointEvent::ApplicationData(data) => ours.push(DtlsEvent::Data(data.to_vec())),
                EndpointEvent::PeerClosed => ours.push(DtlsEvent::Closed),
                _ => {}
            }
        }
        ours
    }

    /// The datagrams to send now.
    pub fn poll_transmit(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let fresh: Vec<Vec<u8>> = std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| transmit.message.to_vec())
            .collect();
        if self.connected {
            return fresh;
        }
        if !fresh.is_empty() {
            self.flight.clone_from(&fresh);
            self.repeat = Some((now + FIRST_REPEAT, FIRST_REPEAT));
            return fresh;
        }
        match self.repeat {
            Some((at, interval)) if at <= now => {
                let interval = (interval * 2).min(LONGEST_REPEAT);
                self.repeat = Some((now + interval, interval));
                self.flight.clone()
            }
            _ => fresh,
        }
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) again.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.repeat.map(|(at, _)| at)
    }

    /// Says goodbye.
    pub fn close(&mut self, now: Instant) {
        if self.connected {
            self.endpoint.stop(now, DUMMY_REMOTE);
        }
    }

    /// Checks the server's certificate and takes the SRTP keys.
    fn export_keys(&self) -> Srtp {
        let state = self.endpoint.get_connection_state(DUMMY_REMOTE);
        let state = state.expect("the handshake is complete");
        let certificate = state.peer_certificates.first().expect("the server has one");
        assert_eq!(
            fingerprint(certificate),
            self.expected_fingerprint,
            "the server's certificate is not the one of its answer"
        );
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                ProtectionProfile::Aes128CmHmacSha1_80
            }
            other => panic!("the server chose an SRTP profile that nobody offered: {other:?}"),
        };
        let len = 2 * (profile.key_len() + profile.salt_len());
        let material = state
            .export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], len)
            .expect("the handshake is complete");
        Srtp::new(profile, material.as_ref())
    }
}

/// A client's certificate. Making one costs as much as a handshake, so clients share a few.
#[derive(Clone)]
pub struct ClientCertificate {
    certificate: Certificate,
    fingerprint: String,
}

impl ClientCertificate {
    /// One of the few; the same for the same `number`.
    pub fn shared(number: usize) -> Self {
        static FEW: LazyLock<Vec<ClientCertificate>> =
            LazyLock::new(|| (0..4).map(|_| ClientCertificate::generate()).collect());
        FEW[number % FEW.len()].clone()
    }

    /// The fingerprint, as SDP writes it.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn generate() -> Self {
        let provider = AwsLcRsProvider::new();
        let certificate =
            Certificate::generate_self_signed(vec!["sim".to_owned()], provider.crypto())
                .expect("the provider makes keys");
        Self {
            fingerprint: fingerprint(&certificate.certificate[0]),
            certificate,
        }
    }
}

fn fingerprint(der: &[u8]) -> String {
    Fingerprint(Sha256::digest(der).into()).to_string()
}

/// The library finds connections by address; this one has but one, whatever the network does.
const DUMMY_LOCAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
const DUMMY_REMOTE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

/// As Chromium: it repeats early and doubles.
const FIRST_REPEAT: Duration = Duration::from_millis(50);
const LONGEST_REPEAT: Duration = Duration::from_secs(1);
