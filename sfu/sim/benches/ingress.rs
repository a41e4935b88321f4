//! What an engine takes for a packet that arrives, from SRTP to cached and accounted, beside bare AES-GCM
//! decryption in place.
//!
//! `cargo bench -p sfu-sim --bench ingress`. Only the ratio means something on another machine.

mod support {
    pub(crate) mod figures;
    pub(crate) mod stage;
}

use std::time::Instant;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use support::figures::{median, rounds};
use support::stage::Stage;

fn main() {
    let mut stage = Stage::new(1, 1);
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("16 bytes are a key");
    let key = LessSafeKey::new(key);
    let (mut engine, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..4 * rounds() {
        let mut frames = stage.frames(10);
        let packets = frames.iter().map(Vec::len).sum::<usize>() as f64;

        let mut sealed: Vec<_> = frames
            .iter()
            .flatten()
            .map(|packet| seal(&key, packet.len()))
            .collect();
        let begin = Instant::now();
        for packet in &mut sealed {
            let (header, payload) = packet.split_at_mut(HEADER_LEN);
            let opened = key.open_in_place(nonce(), Aad::from(header), payload);
            assert!(opened.is_ok(), "it was sealed here");
        }
        bare.push(begin.elapsed().as_nanos() as f64 / packets);

        let cost = stage.forward(&mut frames, |_, _| ());
        engine.push(cost.receiving.as_nanos() as f64 / packets);
    }
    let (engine, bare) = (median(engine), median(bare));
    println!("ingress: {engine:.0} ns per packet; bare unprotect: {bare:.0} ns");
    println!("ingress ÷ bare unprotect = {:.2}", engine / bare);
}

/// Something to decrypt, as long as a packet.
fn seal(key: &LessSafeKey, len: usize) -> Vec<u8> {
    let mut packet = vec![0x80; len - AES_128_GCM.tag_len()];
    let (header, payload) = packet.split_at_mut(HEADER_LEN);
    let tag = key
        .seal_in_place_separate_tag(nonce(), Aad::from(header), payload)
        .expect("a packet is short");
    packet.extend_from_slice(tag.as_ref());
    packet
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([1; 12])
}

const HEADER_LEN: usize = 12;
