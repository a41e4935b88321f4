//! The client's SRTP, by the library: an implementation that is not the server's.
//!
//! Replays are not looked for here: the receiver does, which can tell a datagram that the network
//! doubled from an index that the server used twice.

use bytes::Bytes;
use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::srtp::config::Config;
use rtc::srtp::context::Context;
use rtc::srtp::option::{srtcp_no_replay_protection, srtp_no_replay_protection};
use rtc::srtp::protection_profile::ProtectionProfile;

/// The contexts of both directions.
pub struct Srtp {
    profile: ProtectionProfile,
    local: Context,
    remote: Context,
}

impl Srtp {
    /// From the keying material that DTLS exported.
    pub(super) fn new(profile: ProtectionProfile, material: &[u8]) -> Self {
        let provider = AwsLcRsProvider::new();
        let mut config = Config {
            profile,
            ..Config::default()
        };
        config
            .set_session_keys_from_keying_material(material, true)
            .expect("material of the right length");
        let keys = &config.keys;
        let context = |key: &[u8], salt: &[u8]| {
            let (rtp, rtcp) = (srtp_no_replay_protection(), srtcp_no_replay_protection());
            Context::new(key, salt, profile, Some(rtp), Some(rtcp), provider.crypto())
                .expect("keys of the right length")
        };
        Self {
            profile,
            local: context(&keys.local_master_key, &keys.local_master_salt),
            remote: context(&keys.remote_master_key, &keys.remote_master_salt),
        }
    }

    /// Whether it is AES-GCM; else it is AES-CM with HMAC-SHA1.
    pub fn is_gcm(&self) -> bool {
        matches!(self.profile, ProtectionProfile::AeadAes128Gcm)
    }

    /// Encrypts an RTP packet.
    pub fn protect_rtp(&mut self, packet: &[u8]) -> Vec<u8> {
        let protected = self.local.encrypt_rtp(packet);
        protected.expect("a packet of our own").to_vec()
    }

    /// Encrypts a compound RTCP packet.
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        let protected = self.local.encrypt_rtcp(packet);
        protected.expect("a packet of our own").to_vec()
    }

    /// Decrypts an RTP packet.
    ///
    /// # Errors
    /// Why not.
    pub fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<Bytes, String> {
        let plain = self.remote.decrypt_rtp(packet);
        plain.map(Into::into).map_err(|error| error.to_string())
    }

    /// Decrypts a compound RTCP packet.
    ///
    /// # Errors
    /// As [`unprotect_rtp`](Self::unprotect_rtp).
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<Bytes, String> {
        let plain = self.remote.decrypt_rtcp(packet);
        plain.map(Into::into).map_err(|error| error.to_string())
    }
}
