//! What an engine takes to forward a packet, from the publisher's datagrams to those of a hundred subscribers,
//! ready to be sent, beside a bare loop of header, copy and AES-GCM. Nothing is sent.
//!
//! `cargo bench -p sfu-sim --bench media_path`. Only the ratio means something on another machine.

mod support {
    pub(crate) mod bare;
    pub(crate) mod figures;
    pub(crate) mod stage;
}

use std::time::Instant;

use support::bare::Bare;
use support::figures::{median, rounds};
use support::stage::Stage;

fn main() {
    let mut stage = Stage::new(1, VIEWERS);
    let (mut bare, mut buffer) = (Bare::new(VIEWERS), vec![0; 1 << 20]);
    let (mut engine, mut receiving, mut least) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let mut frames = stage.frames(10);
        let packets = (frames.iter().map(Vec::len).sum::<usize>() * VIEWERS) as f64;
        let bare = frames
            .iter()
            .map(|frame| write_for_all(&mut bare, &mut buffer, frame));
        least.push(bare.sum::<f64>() / packets);
        let cost = stage.forward(&mut frames, |_, _| ());
        assert!(
            cost.forwarded as f64 >= 0.9 * packets,
            "{cost:?} of {packets}"
        );
        engine.push(cost.per_packet());
        receiving.push(cost.receiving.as_nanos() as f64 / cost.forwarded as f64);
    }
    let (engine, receiving, least) = (median(engine), median(receiving), median(least));
    println!("media_path, 1 publisher, {VIEWERS} slots: {engine:.0} ns per forwarded packet,");
    println!("  of that {receiving:.0} ns from decryption to the cache");
    println!("  bare loop: {least:.0} ns");
    println!("media_path ÷ bare loop = {:.2}", engine / least);
}

/// The least that can be done, in nanoseconds: the frame for everybody, into one buffer over and over.
fn write_for_all(bare: &mut Bare, buffer: &mut [u8], frame: &[Vec<u8>]) -> f64 {
    let begin = Instant::now();
    let mut used = 0;
    for receiver in 0..VIEWERS {
        for (number, sealed) in frame.iter().enumerate() {
            if used + sealed.len() > buffer.len() {
                used = 0;
            }
            bare.packet(receiver, number, &mut buffer[used..used + sealed.len()]);
            used += sealed.len();
        }
    }
    bare.advance(frame.len());
    begin.elapsed().as_nanos() as f64
}

const VIEWERS: usize = 100;
