//! What protecting and unprotecting a packet in place costs beside `rtc-srtp`, which allocates and copies.
//!
//! `cargo bench -p sfu --bench srtp`. Only the ratios mean something on another machine.

use std::hint::black_box;
use std::time::Instant;

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::srtp::context::Context;
use rtc::srtp::option::srtp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;
use sfu::transport::srtp::{ReceiveContext, SendContext, SendStream, SrtpKeys, SrtpProtection};
use sfu_rtp::RtpHeader;

fn main() {
    println!("profile                 bytes  operation  here, ns  rtc-srtp, ns  ratio");
    for protection in [
        SrtpProtection::AeadAes128Gcm,
        SrtpProtection::Aes128CmHmacSha1_80,
    ] {
        for len in [120, 1_200] {
            compare(protection, len);
        }
    }
}

fn compare(protection: SrtpProtection, len: usize) {
    let material: Vec<u8> = (0..protection.keying_material_len() as u8).collect();
    let keys = SrtpKeys::from_exported(protection, &material).expect("the right length");
    let salt_len = material.len() / 2 - 16;
    let (key, salt) = (&material[16..32], &material[32 + salt_len..]);
    let mut plain = vec![0x80; len];
    plain[1] = 96;

    let ours_sealed: Vec<_> = {
        let (send, mut stream) = (SendContext::new(&keys), SendStream::new());
        (0..PACKETS)
            .map(|sequence| seal(&send, &mut stream, &mut plain, sequence))
            .collect()
    };
    let swapped = SrtpKeys {
        protection,
        local: keys.remote.clone(),
        remote: keys.local.clone(),
    };

    let (send, mut stream) = (SendContext::new(&keys), SendStream::new());
    let mut buffer = plain.clone();
    buffer.resize(len + send.rtp_overhead(), 0);
    let ours = per_packet(|sequence| {
        buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
        let sealed = send.protect_rtp(&mut stream, 12, len, black_box(&mut buffer));
        assert!(sealed.is_ok());
    });
    let mut context = rtc_context(protection, key, salt);
    let theirs = per_packet(|sequence| {
        plain[2..4].copy_from_slice(&sequence.to_be_bytes());
        assert!(context.encrypt_rtp(black_box(&plain)).is_ok());
    });
    report(protection, len, "protect", ours, theirs);

    let mut receive = ReceiveContext::new(&swapped);
    let ours = per_packet(|sequence| {
        buffer.copy_from_slice(&ours_sealed[usize::from(sequence)]);
        let header = RtpHeader::parse(&buffer).expect("a packet");
        assert!(
            receive
                .unprotect_rtp(&header, black_box(&mut buffer))
                .is_ok()
        );
    });
    let mut context = rtc_context(protection, key, salt);
    let theirs = per_packet(|sequence| {
        assert!(
            context
                .decrypt_rtp(black_box(&ours_sealed[usize::from(sequence)]))
                .is_ok()
        );
    });
    report(protection, len, "unprotect", ours, theirs);
}

fn seal(send: &SendContext, stream: &mut SendStream, plain: &mut [u8], sequence: u16) -> Vec<u8> {
    plain[2..4].copy_from_slice(&sequence.to_be_bytes());
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + send.rtp_overhead(), 0);
    send.protect_rtp(stream, 12, plain.len(), &mut buffer)
        .expect("there is room");
    buffer
}

fn rtc_context(protection: SrtpProtection, key: &[u8], salt: &[u8]) -> Context {
    let profile = match protection {
        SrtpProtection::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProtection::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let replay = Some(srtp_replay_protection(1_024));
    Context::new(
        key,
        salt,
        profile,
        replay,
        None,
        AwsLcRsProvider::new().crypto(),
    )
    .expect("a context")
}

/// The least nanoseconds per packet over blocks of 1,000: what disturbs a block only adds to it.
fn per_packet(mut operation: impl FnMut(u16)) -> f64 {
    let mut least = f64::MAX;
    for block in 0..PACKETS / BLOCK {
        let start = Instant::now();
        for position in 0..BLOCK {
            operation(block * BLOCK + position);
        }
        least = least.min(start.elapsed().as_nanos() as f64 / f64::from(BLOCK));
    }
    least
}

fn report(protection: SrtpProtection, len: usize, operation: &str, ours: f64, theirs: f64) {
    let name = protection.name();
    let ratio = theirs / ours;
    println!("{name:<22} {len:>6}  {operation:<9}  {ours:>8.0}  {theirs:>12.0}  {ratio:>5.2}");
}

const PACKETS: u16 = 30_000;
const BLOCK: u16 = 1_000;
