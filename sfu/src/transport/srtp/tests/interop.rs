//! Against an implementation that is not ours.

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::srtp::context::Context;
use rtc::srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc::srtp::protection_profile::ProtectionProfile;

use super::*;

/// The other side of a server with these keys: what it decrypts and what it encrypts with.
fn other_side(protection: SrtpProtection) -> (Context, Context) {
    let profile = match protection {
        SrtpProtection::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProtection::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let material: Vec<u8> = (0..protection.keying_material_len() as u8)
        .map(|byte| byte.wrapping_mul(37) ^ 0x5c)
        .collect();
    let (keys, salts) = material.split_at(32);
    let (client_salt, server_salt) = salts.split_at(profile.salt_len());
    let context = |key, salt| {
        Context::new(
            key,
            salt,
            profile,
            Some(srtp_replay_protection(64)),
            Some(srtcp_replay_protection(64)),
            AwsLcRsProvider::new().crypto(),
        )
        .expect("a context of the other implementation")
    };
    (
        context(&keys[16..], server_salt),
        context(&keys[..16], client_salt),
    )
}

#[test]
fn the_other_implementation_reads_our_rtp() {
    for protection in PROFILES {
        let (server, _) = key_pair(protection);
        let send = SendContext::new(&server);
        let (mut theirs, _) = other_side(protection);
        for (ssrc, first) in [(1, 0_u16), (0xdead_beef, 30_000), (3, 65_500)] {
            let mut stream = SendStream::new();
            for step in 0..100 {
                let sequence = first.wrapping_add(step);
                let plain =
                    rtp_with_long_header(ssrc, sequence, &vec![0x42; usize::from(step) * 11]);
                let sealed = protect(&send, &mut stream, &plain);
                let opened = theirs.decrypt_rtp(&sealed).unwrap_or_else(|error| {
                    panic!("{protection:?}: they refused {ssrc} {sequence}: {error}")
                });
                assert_eq!(opened[..], plain[..]);
            }
        }
    }
}

#[test]
fn we_read_rtp_of_the_other_implementation() {
    for protection in PROFILES {
        let (server, _) = key_pair(protection);
        let mut receive = ReceiveContext::new(&server);
        let (_, mut theirs) = other_side(protection);
        for (ssrc, first) in [(1, 0_u16), (0xdead_beef, 30_000), (3, 65_500)] {
            for step in 0..100 {
                let sequence = first.wrapping_add(step);
                let plain =
                    rtp_with_long_header(ssrc, sequence, &vec![0x42; usize::from(step) * 11]);
                let sealed = theirs.encrypt_rtp(&plain).expect("they encrypt");
                assert_eq!(
                    unprotect(&mut receive, &sealed),
                    Ok(plain),
                    "{protection:?}: {sequence}"
                );
            }
        }
    }
}

#[test]
fn rtcp_is_read_both_ways() {
    for protection in PROFILES {
        let (server, _) = key_pair(protection);
        let mut send = SendContext::new(&server);
        let mut receive = ReceiveContext::new(&server);
        let (mut decrypt, mut encrypt) = other_side(protection);
        for ssrc in [1, 1, 0xdead_beef, 2, 1] {
            let plain = rtcp(ssrc);
            let sealed = protect_rtcp(&mut send, &plain);
            let opened = decrypt.decrypt_rtcp(&sealed).expect("they read our RTCP");
            assert_eq!(opened[..], plain[..], "{protection:?}");

            let sealed = encrypt.encrypt_rtcp(&plain).expect("they encrypt");
            assert_eq!(
                unprotect_rtcp(&mut receive, &sealed),
                Ok(plain),
                "{protection:?}"
            );
        }
    }
}
