//! The node's certificate, and the handshake configurations that are made of it.

use std::fmt;
use std::sync::Arc;

use rtc::crypto::RTCCryptoProvider;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::cipher_suite::CipherSuiteId;
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::parameters::Fingerprint;
use crate::transport::srtp::SrtpProtection;

/// A self-signed certificate with an ECDSA P-256 key (RFC 8827 §6.5). Peers know it by its fingerprint.
pub struct Identity {
    certificate: Certificate,
    fingerprint: Fingerprint,
    /// One configuration for each profile: the library would choose by the client's preference.
    gcm: Arc<HandshakeConfig>,
    sha1_80: Arc<HandshakeConfig>,
}

impl Identity {
    /// A new key and certificate.
    ///
    /// # Errors
    /// [`IdentityError`] if the machine has no randomness.
    pub fn generate() -> Result<Self, IdentityError> {
        let names = vec![SUBJECT.to_owned()];
        let certificate =
            Certificate::generate_self_signed(names, AwsLcRsProvider::new().crypto())?;
        Self::new(certificate)
    }

    /// Reads what [`to_pem`](Self::to_pem) wrote.
    ///
    /// # Errors
    /// [`IdentityError`] if it holds no key with its certificate.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        Self::new(Certificate::from_pem(pem, AwsLcRsProvider::new().crypto())?)
    }

    /// The private key and the certificate: to be kept secret.
    ///
    /// # Errors
    /// None that is known of: the key was made to be exported.
    pub fn to_pem(&self) -> Result<String, IdentityError> {
        Ok(self.certificate.serialize_pem()?)
    }

    /// What the answer's `a=fingerprint` says.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The configuration that settles on this profile.
    pub(super) fn handshake_config(&self, protection: SrtpProtection) -> Arc<HandshakeConfig> {
        Arc::clone(match protection {
            SrtpProtection::AeadAes128Gcm => &self.gcm,
            SrtpProtection::Aes128CmHmacSha1_80 => &self.sha1_80,
        })
    }

    fn new(certificate: Certificate) -> Result<Self, IdentityError> {
        let der = certificate.certificate.first();
        let der = der.ok_or_else(|| IdentityError("there is no certificate".to_owned()))?;
        let config = |profile| {
            ConfigBuilder::default()
                .with_crypto_provider(Arc::new(AwsLcRsProvider::new()))
                .with_certificates(vec![certificate.clone()])
                .with_cipher_suites(CIPHER_SUITES.to_vec())
                .with_srtp_protection_profiles(vec![profile])
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                // The client proves that it has the key of its certificate; which certificate it must be is said by
                // the offer, and checked by us.
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                .with_insecure_skip_verify(true)
                .build(false, None)
                .map(Arc::new)
        };
        Ok(Self {
            fingerprint: fingerprint_of(der),
            gcm: config(SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm)?,
            sha1_80: config(SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80)?,
            certificate,
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

/// The certificate cannot be made, read or written.
#[derive(Debug, Error)]
#[error("our certificate is of no use: {0}")]
pub struct IdentityError(String);

impl From<rtc::shared::error::Error> for IdentityError {
    fn from(error: rtc::shared::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// SHA-256 of a certificate's DER form (RFC 8122 §5).
pub(super) fn fingerprint_of(der: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(der).into())
}

/// The name in the certificate. Nobody checks it.
const SUBJECT: &str = "switchyard";

/// Those with forward secrecy, our kind of key and authenticated encryption. RFC 8827 §6.5 requires the first.
const CIPHER_SUITES: [CipherSuiteId; 2] = [
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_being_written_and_read() {
        let first = Identity::generate().expect("an identity");
        let second = Identity::generate().expect("another");
        assert_ne!(first.fingerprint(), second.fingerprint());
        let pem = first.to_pem().expect("PEM");
        let read = Identity::from_pem(&pem).expect("the same identity");
        assert_eq!(read.fingerprint(), first.fingerprint());
        assert_eq!(read.to_pem().expect("PEM"), pem);
    }

    #[test]
    fn what_is_no_identity_is_an_error() {
        let pem = Identity::generate()
            .and_then(|identity| identity.to_pem())
            .expect("PEM");
        for broken in ["", "nonsense", &pem[..pem.len() / 2], &pem[pem.len() / 2..]] {
            let error = Identity::from_pem(broken).expect_err("no identity");
            assert!(
                error
                    .to_string()
                    .starts_with("our certificate is of no use"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_key_does_not_show_in_logs() {
        let identity = Identity::generate().expect("an identity");
        assert_eq!(
            format!("{identity:?}"),
            format!("Identity({})", identity.fingerprint())
        );
    }
}
