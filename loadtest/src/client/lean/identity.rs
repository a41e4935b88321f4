//! The certificate that all lean clients of a run share. A server knows clients apart by their offers, and
//! making a key for each would be the larger part of a thousand joins.

use std::fmt;
use std::sync::Arc;

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::config::{ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use sha2::{Digest as _, Sha256};

use super::srtp::Protection;
use crate::client::ClientFailure;

/// A self-signed certificate and what a handshake with it needs.
pub(crate) struct Identity {
    config: Arc<HandshakeConfig>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A new one, which offers these protection profiles, the preferred first.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub(crate) fn generate(protections: &[Protection]) -> Result<Self, ClientFailure> {
        let provider = AwsLcRsProvider::new();
        let names = vec!["loadtest".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())
            .map_err(ClientFailure::new)?;
        let der = certificate.certificate.first();
        let der = der.ok_or_else(|| ClientFailure::new("there is no certificate"))?;
        let fingerprint = Fingerprint::of(der);
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::new(provider))
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(protections.iter().map(|one| one.in_dtls()).collect())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // The server is known by the fingerprint in its answer, which is checked when all is done.
            .with_insecure_skip_verify(true)
            .build(true, None)
            .map_err(ClientFailure::new)?;
        Ok(Self {
            config: Arc::new(config),
            fingerprint,
        })
    }

    /// What the offer says.
    pub(crate) const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// For a handshake in the client's role.
    pub(super) fn config(&self) -> Arc<HandshakeConfig> {
        Arc::clone(&self.config)
    }
}

/// SHA-256 of a certificate (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// The digest.
    #[cfg(test)]
    pub(super) const fn bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads the value of `a=fingerprint`. `None` if it is malformed or of another hash function.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (function, digest) = value.trim().split_once(' ')?;
        if !function.eq_ignore_ascii_case("sha-256") {
            return None;
        }
        let mut bytes = [0; 32];
        let mut pairs = digest.trim().split(':');
        for byte in &mut bytes {
            *byte = u8::from_str_radix(pairs.next()?, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }
}

/// As the value of `a=fingerprint`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha-256")?;
        for (position, byte) in self.0.iter().enumerate() {
            let separator = if position == 0 { ' ' } else { ':' };
            write!(f, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let fingerprint = Fingerprint::of(b"certificate");
        let written = fingerprint.to_string();
        assert_eq!(Fingerprint::parse(&written), Some(fingerprint));
        assert_eq!(
            Fingerprint::parse(&written.to_lowercase()),
            Some(fingerprint)
        );
        let short = &written[..written.len() - 3];
        for broken in [
            "",
            "sha-256",
            "sha-256 00",
            "sha-1 00:01",
            short,
            &format!("{written}:00"),
        ] {
            assert_eq!(Fingerprint::parse(broken), None, "{broken}");
        }
    }
}
