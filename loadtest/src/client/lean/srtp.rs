//! The SRTP contexts of one client, by `rtc-srtp`: not the server's code, so that both being wrong in the
//! same way shows.

use bytes::BytesMut;
use clap::ValueEnum;
use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::dtls::state::State;
use rtc::shared::error::{Error, Result};
use rtc::srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

/// A protection profile that clients can offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Protection {
    /// AEAD_AES_128_GCM
    Gcm,
    /// AES128_CM_HMAC_SHA1_80
    Sha1,
}

impl Protection {
    /// As DTLS names it.
    pub(super) const fn in_dtls(self) -> SrtpProtectionProfile {
        match self {
            Self::Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
            Self::Sha1 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
        }
    }
}

/// Both directions of one connection.
pub(super) struct SrtpSession {
    protect: Context,
    unprotect: Context,
}

impl SrtpSession {
    /// The keys that a complete handshake, in which we were the client, has settled on.
    pub(super) fn from_dtls(state: &State) -> Result<Self> {
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => {
                ProtectionProfile::Aes128CmHmacSha1_80
            }
            _ => {
                return Err(Error::Other(
                    "the server chose no SRTP profile of ours".to_owned(),
                ));
            }
        };
        let mut config = Config {
            profile,
            ..Config::default()
        };
        let len = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], len)?;
        config.set_session_keys_from_keying_material(material.as_ref(), true)?;
        let provider = AwsLcRsProvider::new();
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, provider.crypto())
        };
        let keys = &config.keys;
        Ok(Self {
            protect: context(&keys.local_master_key, &keys.local_master_salt)?,
            unprotect: context(&keys.remote_master_key, &keys.remote_master_salt)?,
        })
    }

    /// An RTP packet to send.
    pub(super) fn protect_rtp(&mut self, packet: &[u8]) -> Result<BytesMut> {
        self.protect.encrypt_rtp(packet)
    }

    /// An RTCP packet to send.
    pub(super) fn protect_rtcp(&mut self, packet: &[u8]) -> Result<BytesMut> {
        self.protect.encrypt_rtcp(packet)
    }

    /// A received RTP packet, header included.
    pub(super) fn unprotect_rtp(&mut self, packet: &[u8]) -> Result<BytesMut> {
        self.unprotect.decrypt_rtp(packet)
    }

    /// A received RTCP packet.
    pub(super) fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<BytesMut> {
        self.unprotect.decrypt_rtcp(packet)
    }
}
