//! What an engine takes for a packet that arrives, from SRTP to cached and accounted, beside bare AES-GCM
//! decryption in place.
//!
//! Both have their packets where a kernel has just put them, and both have been at it for a moment: the first
//! packets after the simulation was at work, which find nothing of the engine in the processor's caches, are told
//! apart.
//!
//! `cargo bench -p sfu-sim --bench ingress`. Only the ratio means something on another machine.

mod support {
    pub(crate) mod figures;
    pub(crate) mod stage;
}

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use support::figures::{median, rounds};
use support::stage::Stage;

fn main() {
    let mut stage = Stage::new(1, 1);
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("16 bytes are a key");
    let key = LessSafeKey::new(key);
    let (mut first, mut engine, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..4 * rounds() {
        let frames = stage.frames(10);
        bare.push(open_all(&key, &frames));
        let (begin, rest) = frames.split_at(2);
        first.push(receive_all(&mut stage, begin));
        engine.push(receive_all(&mut stage, rest));
    }
    let (first, engine, bare) = (median(first), median(engine), median(bare));
    println!(
        "ingress: {engine:.0} ns per packet, {first:.0} at first; bare unprotect: {bare:.0} ns"
    );
    println!("ingress ÷ bare unprotect = {:.2}", engine / bare);
}

/// What the engine takes for a packet, in nanoseconds.
fn receive_all(stage: &mut Stage, frames: &[Vec<Vec<u8>>]) -> f64 {
    let mut receiving = Duration::ZERO;
    for frame in frames {
        // As the kernel copies what arrives.
        let mut received = [frame.clone()];
        receiving += stage.forward(&mut received, |_, _| ()).receiving;
    }
    let packets: usize = frames.iter().map(Vec::len).sum();
    receiving.as_nanos() as f64 / packets as f64
}

/// What decryption takes for one, in nanoseconds: of as many packets, of the same lengths.
fn open_all(key: &LessSafeKey, frames: &[Vec<Vec<u8>>]) -> f64 {
    let packets = frames.iter().flatten();
    let mut sealed: Vec<_> = packets.map(|packet| seal(key, packet.len())).collect();
    let begin = Instant::now();
    for packet in &mut sealed {
        let (header, payload) = packet.split_at_mut(HEADER_LEN);
        let opened = key.open_in_place(nonce(), Aad::from(header), payload);
        assert!(opened.is_ok(), "it was sealed here");
    }
    begin.elapsed().as_nanos() as f64 / sealed.len() as f64
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
