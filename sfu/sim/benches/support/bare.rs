//! The bare loop, to compare with.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// The least that can be done: copy each packet for each receiver, write a header, seal in place.
pub(crate) struct Bare {
    keys: Vec<LessSafeKey>,
    plain: Vec<u8>,
    index: u64,
}

impl Bare {
    /// A loop for so many receivers, each with its own key.
    pub(crate) fn new(receivers: usize) -> Self {
        let key = |number: usize| {
            let bytes = (number as u128).to_be_bytes();
            LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &bytes).expect("16 bytes are a key"))
        };
        Self {
            keys: (0..receivers).map(key).collect(),
            plain: vec![0x80; 2_000],
            index: 0,
        }
    }

    /// Writes one packet for one receiver into `space`, which is as long as the sealed packet.
    pub(crate) fn packet(&mut self, receiver: usize, number: usize, space: &mut [u8]) {
        write(
            &self.keys[receiver],
            &self.plain,
            self.index + number as u64,
            space,
        );
    }

    /// The next frame has fresh numbers.
    pub(crate) fn advance(&mut self, packets: usize) {
        self.index += packets as u64;
    }
}

fn write(key: &LessSafeKey, plain: &[u8], number: u64, space: &mut [u8]) {
    let (packet, tag) = space.split_at_mut(space.len() - TAG_LEN);
    packet.copy_from_slice(&plain[..packet.len()]);
    packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(number as u32).to_be_bytes());
    let (header, payload) = packet.split_at_mut(HEADER_LEN);
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    let sealed = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header),
            payload,
        )
        .expect("a packet is short");
    tag.copy_from_slice(sealed.as_ref());
}

const HEADER_LEN: usize = 12;
const TAG_LEN: usize = 16;
