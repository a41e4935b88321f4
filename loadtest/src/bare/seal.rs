//! Sealing a packet in place with AES-GCM (RFC 7714), as short as it can be.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// One receiver's key.
pub(super) struct Seal {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Seal {
    /// A random one.
    pub(super) fn random() -> Self {
        let key: [u8; 16] = rand::random();
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("16 bytes are an AES-128 key");
        Self {
            key: LessSafeKey::new(key),
            salt: rand::random(),
        }
    }

    /// Seals what is between the header and the last [`TAG_BYTES`], which receive the tag.
    pub(super) fn seal(&self, ssrc: u32, index: u64, packet: &mut [u8]) {
        let Some((packet, tag)) = packet.split_last_chunk_mut::<TAG_BYTES>() else {
            return;
        };
        let Some((header, payload)) = packet.split_at_mut_checked(HEADER_BYTES) else {
            return;
        };
        let mut nonce = [0; 12];
        nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
        nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in nonce.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(header), payload);
        if let Ok(sealed) = sealed {
            tag.copy_from_slice(sealed.as_ref());
        }
    }
}

/// An RTP header without extensions.
pub(super) const HEADER_BYTES: usize = 12;

/// What sealing adds.
pub(super) const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_stays_and_the_rest_is_sealed_and_no_packet_like_another() {
        let seal = Seal::random();
        let plain = [0x77; 100 + TAG_BYTES];
        let mut sealed = Vec::new();
        for (ssrc, index) in [(1, 1), (1, 2), (2, 1)] {
            let mut packet = plain;
            seal.seal(ssrc, index, &mut packet);
            assert_eq!(packet[..HEADER_BYTES], plain[..HEADER_BYTES]);
            assert_ne!(packet[HEADER_BYTES..100], plain[HEADER_BYTES..100]);
            assert!(!sealed.contains(&packet), "for SSRC {ssrc}, index {index}");
            sealed.push(packet);
        }
    }
}
