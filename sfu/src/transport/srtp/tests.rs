//! Both contexts against each other, against `rtc-srtp`, and against forged, repeated and broken packets.

mod hostile;
mod interop;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use sfu_rtp::RtpHeader;

use super::*;

pub(super) const PROFILES: [SrtpProtection; 2] = [
    SrtpProtection::AeadAes128Gcm,
    SrtpProtection::Aes128CmHmacSha1_80,
];

/// The bytes of a hexadecimal text.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .map(|digit| digit.to_digit(16).expect("a hexadecimal digit"))
        .collect();
    assert!(digits.len().is_multiple_of(2), "an odd number of digits");
    digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect()
}

/// The keys of a server, and those of its client.
fn key_pair(protection: SrtpProtection) -> (SrtpKeys, SrtpKeys) {
    let material: Vec<u8> = (0..protection.keying_material_len() as u8)
        .map(|byte| byte.wrapping_mul(37) ^ 0x5c)
        .collect();
    let server = SrtpKeys::from_exported(protection, &material).expect("the right length");
    let client = SrtpKeys {
        protection,
        local: server.remote.clone(),
        remote: server.local.clone(),
    };
    (server, client)
}

/// What a server sends with and its client receives with.
fn contexts(protection: SrtpProtection) -> (SendContext, ReceiveContext) {
    let (server, client) = key_pair(protection);
    (SendContext::new(&server), ReceiveContext::new(&client))
}

/// A packet with a plain header.
fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(0x1234_5678_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A packet with two contributing sources and an extension block.
fn rtp_with_long_header(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = rtp(ssrc, sequence, &[]);
    packet[0] = 0x92;
    packet.extend([1, 1, 1, 1, 2, 2, 2, 2, 0xbe, 0xde, 0, 2]);
    packet.extend([0x10, 0xaa, 0x22, 1, 2, 3, 0, 0]);
    packet.extend(payload);
    packet
}

/// A receiver report without blocks, and a goodbye.
fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x81, 203, 0, 1]);
    packet.extend(ssrc.to_be_bytes());
    packet
}

fn protect(context: &SendContext, stream: &mut SendStream, packet: &[u8]) -> Vec<u8> {
    let header = RtpHeader::parse(packet).expect("a packet of this test");
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + context.rtp_overhead(), 0);
    let len = context
        .protect_rtp(stream, header.header_len(), packet.len(), &mut buffer)
        .expect("there is room");
    assert_eq!(len, buffer.len());
    buffer
}

fn unprotect(context: &mut ReceiveContext, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    let header = RtpHeader::parse(&buffer).expect("a packet of this test");
    let len = context.unprotect_rtp(&header, &mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

fn protect_rtcp(context: &mut SendContext, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + context.rtcp_overhead(), 0);
    let len = context
        .protect_rtcp(packet.len(), &mut buffer)
        .expect("there is room");
    assert_eq!(len, buffer.len());
    buffer
}

fn unprotect_rtcp(context: &mut ReceiveContext, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = packet.to_vec();
    let len = context.unprotect_rtcp(&mut buffer)?;
    buffer.truncate(len);
    Ok(buffer)
}

#[test]
fn packets_come_out_as_they_went_in_and_unreadable_in_between() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let mut stream = SendStream::new();
        let payload: Vec<u8> = (0..1_100).map(|byte| byte as u8).collect();
        for (sequence, len) in [0, 1, 15, 16, 17, 100, 1_100].into_iter().enumerate() {
            let plain = rtp_with_long_header(7, sequence as u16, &payload[..len]);
            let header_len = plain.len() - len;
            let sealed = protect(&send, &mut stream, &plain);
            assert_eq!(sealed[..header_len], plain[..header_len]);
            if len > 15 {
                assert_ne!(sealed[header_len..plain.len()], plain[header_len..]);
            }
            assert_eq!(
                unprotect(&mut receive, &sealed),
                Ok(plain),
                "{protection:?}, {len} bytes"
            );
        }
        for _ in 0..3 {
            let plain = rtcp(7);
            let sealed = protect_rtcp(&mut send, &plain);
            assert_ne!(sealed[8..plain.len()], plain[8..]);
            assert_eq!(
                unprotect_rtcp(&mut receive, &sealed),
                Ok(plain),
                "{protection:?}"
            );
        }
    }
}

#[test]
fn streams_survive_wraps_with_reordering_duplication_and_loss() {
    for protection in PROFILES {
        for seed in 0..10 {
            let mut rng = StdRng::seed_from_u64(seed);
            let (send, mut receive) = contexts(protection);
            let mut stream = SendStream::new();
            let mut sequence = rng.random_range(0..0x8000_u64);
            for _ in 0..50 {
                let mut burst = Vec::new();
                for _ in 0..rng.random_range(1..40) {
                    sequence += if rng.random_bool(0.1) {
                        rng.random_range(1..9)
                    } else {
                        1
                    };
                    burst.push(sequence);
                }
                // What the forwarder fills in late leaves late, too.
                let late = burst.len() / 2;
                burst.rotate_left(late);
                let mut sealed: Vec<_> = burst
                    .iter()
                    .map(|&sequence| {
                        let plain = rtp(9, sequence as u16, &sequence.to_be_bytes());
                        (protect(&send, &mut stream, &plain), plain)
                    })
                    .collect();
                sealed.shuffle(&mut rng);
                for (packet, plain) in &sealed {
                    if rng.random_bool(0.1) {
                        continue;
                    }
                    let opened = unprotect(&mut receive, packet);
                    assert_eq!(opened.as_ref(), Ok(plain), "{protection:?}, seed {seed}");
                    assert_eq!(unprotect(&mut receive, packet), Err(SrtpError::Replayed));
                }
                // A long silence of the network, so that few packets make several wraps.
                sequence += 6_000;
            }
            assert!(sequence > 4 << 16, "no wraps were tested");
        }
    }
}

#[test]
fn an_index_is_sent_once() {
    let (send, _) = contexts(SrtpProtection::AeadAes128Gcm);
    let mut stream = SendStream::new();
    let mut sent = |sequence: u16| {
        let mut buffer = rtp(1, sequence, &[0; 20]);
        send.protect_rtp(&mut stream, 12, 16, &mut buffer).err()
    };
    // Sequence numbers in order, and how each is refused.
    let cases = [
        (1_000, None),
        (1_002, None),
        (1_001, None),
        (1_001, Some(SrtpError::Replayed)),
        (1_002, Some(SrtpError::Replayed)),
        (1_003, None),
        (492, None),
        (491, Some(SrtpError::Replayed)),
        (0, Some(SrtpError::Replayed)),
        (33_000, None),
        (65_535, None),
        (0, None),
        (65_535, Some(SrtpError::Replayed)),
    ];
    for (sequence, refused) in cases {
        assert_eq!(sent(sequence), refused, "{sequence}");
    }
}
