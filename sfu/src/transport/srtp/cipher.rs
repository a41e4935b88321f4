//! Session keys at work on one packet: where its parts lie, what is encrypted and what is authenticated.
//!
//! Which index a packet has, and whether it may have it, is for the contexts to say.

pub(super) mod cm_sha1;
pub(super) mod gcm;

use sfu_rtp::Ssrc;

use super::keys::{KEY_LEN, Label, MasterKey, SrtpProtection};
use cm_sha1::CmSha1;
use gcm::Gcm;

/// What makes a packet's key stream unlike every other's: its stream and its place in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketId {
    /// The stream.
    pub(super) ssrc: Ssrc,
    /// Of an RTP packet, the 48 bits of rollover count and sequence number; of an RTCP packet, its 31-bit index.
    pub(super) index: u64,
}

/// The session keys of one direction, for either RTP or RTCP.
// The variants differ in size, but a box would cost a cache miss per packet, and a peer has four of these.
#[expect(clippy::large_enum_variant)]
pub(super) enum PacketCipher {
    Gcm(Gcm),
    CmSha1(CmSha1),
}

impl PacketCipher {
    pub(super) fn for_rtp(protection: SrtpProtection, master: &MasterKey) -> Self {
        use Label::{RtpAuthentication, RtpEncryption, RtpSalt};
        Self::new(
            protection,
            master,
            [RtpEncryption, RtpAuthentication, RtpSalt],
        )
    }

    pub(super) fn for_rtcp(protection: SrtpProtection, master: &MasterKey) -> Self {
        use Label::{RtcpAuthentication, RtcpEncryption, RtcpSalt};
        Self::new(
            protection,
            master,
            [RtcpEncryption, RtcpAuthentication, RtcpSalt],
        )
    }

    fn new(
        protection: SrtpProtection,
        master: &MasterKey,
        [encryption, authentication, salt]: [Label; 3],
    ) -> Self {
        let mut key = [0; KEY_LEN];
        master.derive(encryption, &mut key);
        match protection {
            SrtpProtection::AeadAes128Gcm => {
                let mut session_salt = [0; gcm::SALT_LEN];
                master.derive(salt, &mut session_salt);
                Self::Gcm(Gcm::new(&key, session_salt))
            }
            SrtpProtection::Aes128CmHmacSha1_80 => {
                let mut session_salt = [0; cm_sha1::SALT_LEN];
                master.derive(salt, &mut session_salt);
                let mut authentication_key = [0; cm_sha1::AUTHENTICATION_KEY_LEN];
                master.derive(authentication, &mut authentication_key);
                Self::CmSha1(CmSha1::new(&key, session_salt, &authentication_key))
            }
        }
    }

    /// Has the processor fetch what sealing begins with.
    #[inline]
    pub(super) fn prefetch(&self) {
        match self {
            Self::Gcm(cipher) => cipher.prefetch(),
            Self::CmSha1(_) => {}
        }
    }

    /// Protects the RTP packet of `len` bytes in `buffer` and returns its new length; `None` if `buffer` is too short.
    #[inline]
    pub(super) fn seal_rtp(
        &self,
        id: PacketId,
        header_len: usize,
        len: usize,
        buffer: &mut [u8],
    ) -> Option<usize> {
        match self {
            Self::Gcm(cipher) => cipher.seal_rtp(id, header_len, len, buffer),
            Self::CmSha1(cipher) => cipher.seal_rtp(id, header_len, len, buffer),
        }
    }

    /// Authenticates and decrypts an RTP packet and returns its plaintext length; `None` if it is not authentic.
    #[inline]
    pub(super) fn open_rtp(
        &self,
        id: PacketId,
        header_len: usize,
        packet: &mut [u8],
    ) -> Option<usize> {
        match self {
            Self::Gcm(cipher) => cipher.open_rtp(id, header_len, packet),
            Self::CmSha1(cipher) => cipher.open_rtp(id, header_len, packet),
        }
    }

    /// Protects the RTCP packet of `len` bytes in `buffer` and returns its new length; `None` if `buffer` is too short.
    pub(super) fn seal_rtcp(&self, id: PacketId, len: usize, buffer: &mut [u8]) -> Option<usize> {
        match self {
            Self::Gcm(cipher) => cipher.seal_rtcp(id, len, buffer),
            Self::CmSha1(cipher) => cipher.seal_rtcp(id, len, buffer),
        }
    }

    /// The E flag and index of an SRTCP packet, not yet authenticated; `None` if it is too short to have them.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let behind_index = match self {
            Self::Gcm(_) => 0,
            Self::CmSha1(_) => cm_sha1::TAG_LEN,
        };
        let (_, index) = packet
            .get(..packet.len().checked_sub(behind_index)?)?
            .split_last_chunk()?;
        Some(u32::from_be_bytes(*index))
    }

    /// Authenticates and decrypts an SRTCP packet and returns its plaintext length; `None` if it is not authentic.
    pub(super) fn open_rtcp(&self, id: PacketId, packet: &mut [u8]) -> Option<usize> {
        match self {
            Self::Gcm(cipher) => cipher.open_rtcp(id, packet),
            Self::CmSha1(cipher) => cipher.open_rtcp(id, packet),
        }
    }
}
