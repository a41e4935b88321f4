//! From what DTLS exports to session keys (RFC 5764 §4.2, RFC 3711 §4.3).

use std::fmt;

use aes::Aes128;
use aes::cipher::KeyInit as _;

use super::cipher::cm_sha1;

/// The SRTP protection profiles we speak (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProtection {
    /// AEAD_AES_128_GCM
    AeadAes128Gcm,
    /// AES128_CM_HMAC_SHA1_80
    Aes128CmHmacSha1_80,
}

impl SrtpProtection {
    /// The IANA name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes128CmHmacSha1_80 => "AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Bytes that protection adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 16,
            Self::Aes128CmHmacSha1_80 => 10,
        }
    }

    /// Bytes that protection adds to an RTCP packet: the tag and the index.
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + super::SRTCP_INDEX_LEN
    }

    /// Bytes of a master salt: 96 bits (RFC 7714 §12) or 112 (RFC 3711 §8.2).
    const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 12,
            Self::Aes128CmHmacSha1_80 => SALT_LEN,
        }
    }

    /// Bytes to export from DTLS: a key and a salt for each direction.
    pub const fn keying_material_len(self) -> usize {
        2 * (KEY_LEN + self.salt_len())
    }
}

/// The master keys of both directions.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// The profile that DTLS settled on.
    pub protection: SrtpProtection,
    /// What we protect with.
    pub local: MasterKey,
    /// What the peer protects with.
    pub remote: MasterKey,
}

impl SrtpKeys {
    /// Splits what the DTLS **server** exported: client key, server key, client salt, server salt (RFC 5764 §4.2).
    /// `None` unless `material` has [`keying_material_len`](SrtpProtection::keying_material_len) bytes.
    pub fn from_exported(protection: SrtpProtection, material: &[u8]) -> Option<Self> {
        let (client_key, rest) = material.split_first_chunk()?;
        let (server_key, salts) = rest.split_first_chunk()?;
        let (client_salt, server_salt) = salts.split_at_checked(protection.salt_len())?;
        if server_salt.len() != protection.salt_len() {
            return None;
        }
        Some(Self {
            protection,
            local: MasterKey::new(*server_key, server_salt)?,
            remote: MasterKey::new(*client_key, client_salt)?,
        })
    }
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKeys({})", self.protection.name())
    }
}

/// A master key and its salt; never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    key: [u8; KEY_LEN],
    /// 112 bits; a shorter salt is the left end of it (RFC 7714 §11).
    salt: [u8; SALT_LEN],
}

impl MasterKey {
    /// `None` if the salt has more than 14 bytes.
    pub fn new(key: [u8; KEY_LEN], salt: &[u8]) -> Option<Self> {
        let mut padded = [0; SALT_LEN];
        padded.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self { key, salt: padded })
    }

    /// Fills `output`, at most 2^20 bytes, with the session key of this label (RFC 3711 §4.3.3): the key stream of
    /// AES in counter mode under the master key, from where the salt and the label point. The key derivation rate is
    /// zero, as RFC 5764 §4.1.2 has it, so a key is derived once.
    pub(super) fn derive(&self, label: Label, output: &mut [u8]) {
        let mut counter = [0; 16];
        counter[..SALT_LEN].copy_from_slice(&self.salt);
        counter[LABEL_POSITION] ^= label as u8;
        output.fill(0);
        cm_sha1::apply_keystream(&Aes128::new(&self.key.into()), &counter, output);
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// What a session key is for (RFC 3711 §4.3.1 and §4.3.2).
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

pub(super) const KEY_LEN: usize = 16;
pub(super) const SALT_LEN: usize = 14;

/// The label stands in front of a 48-bit index, which is zero, at the right end of the 112 bits that the salt fills.
const LABEL_POSITION: usize = SALT_LEN - 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::srtp::tests::hex;

    fn key_of_rfc_3711() -> MasterKey {
        MasterKey::new(
            hex("E1F97A0D3E018BE0D64FA32C06DE4139").try_into().unwrap(),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        )
        .unwrap()
    }

    #[test]
    fn session_keys_are_those_of_rfc_3711_appendix_b_3() {
        let cases = [
            (Label::RtpEncryption, "C61E7A93744F39EE10734AFE3FF7A087"),
            (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
            (
                Label::RtpAuthentication,
                "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCE\
                 E049646C43D9327AD175578EF72270986371C10C9A369AC2F94A8C5FBCDDDC25\
                 6D6E919A48B610EF17C2041E474035766B68642C59BBFC2F34DB60DBDFB2DC68",
            ),
        ];
        for (label, expected) in cases {
            let expected = hex(expected);
            let mut derived = vec![0xaa; expected.len()];
            key_of_rfc_3711().derive(label, &mut derived);
            assert_eq!(derived, expected, "{label:?}");
        }
    }

    #[test]
    fn exported_material_is_split_for_the_server() {
        let material: Vec<u8> = (0..60).collect();
        let keys = SrtpKeys::from_exported(SrtpProtection::Aes128CmHmacSha1_80, &material).unwrap();
        assert_eq!(keys.remote.key[0], 0);
        assert_eq!(keys.local.key[0], 16);
        assert_eq!(keys.remote.salt[0], 32);
        assert_eq!(
            keys.local.salt,
            [46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
        );

        let keys = SrtpKeys::from_exported(SrtpProtection::AeadAes128Gcm, &material[..56]).unwrap();
        assert_eq!(
            keys.remote.salt,
            [32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 0, 0]
        );
        assert_eq!(
            keys.local.salt,
            [44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 0, 0]
        );
    }

    #[test]
    fn exported_material_of_another_length_is_refused() {
        for protection in [
            SrtpProtection::AeadAes128Gcm,
            SrtpProtection::Aes128CmHmacSha1_80,
        ] {
            let right = protection.keying_material_len();
            for len in [0, 1, 16, 32, right - 1, right + 1, 100] {
                let keys = SrtpKeys::from_exported(protection, &vec![0; len]);
                assert!(keys.is_none(), "{len} bytes for {}", protection.name());
            }
        }
    }

    #[test]
    fn keys_do_not_show_in_logs() {
        let keys = SrtpKeys::from_exported(SrtpProtection::AeadAes128Gcm, &[0x5a; 56]).unwrap();
        assert_eq!(format!("{keys:?}"), "SrtpKeys(AEAD_AES_128_GCM)");
        assert_eq!(format!("{:?}", keys.local), "MasterKey");
    }
}
