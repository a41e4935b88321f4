//! Packets that must not be believed.

use sfu_rtp::Ssrc;

use super::*;

#[test]
fn a_changed_bit_anywhere_is_noticed_and_leaves_no_state() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let plain = rtp_with_long_header(5, 17, b"payload");
        let sealed = protect(&send, &mut SendStream::new(), &plain);
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            // Bits that change where the header ends may leave something that is no RTP packet at all.
            if RtpHeader::parse(&forged).is_ok() {
                let opened = unprotect(&mut receive, &forged);
                assert_eq!(
                    opened,
                    Err(SrtpError::Unauthenticated),
                    "{protection:?}, bit {bit}"
                );
            }
        }
        let plain_rtcp = rtcp(5);
        let sealed_rtcp = protect_rtcp(&mut send, &plain_rtcp);
        for bit in 0..sealed_rtcp.len() * 8 {
            let mut forged = sealed_rtcp.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let opened = unprotect_rtcp(&mut receive, &forged);
            assert_eq!(
                opened,
                Err(SrtpError::Unauthenticated),
                "{protection:?}, RTCP bit {bit}"
            );
        }
        assert_eq!(receive.known_ssrcs(), (0, 0), "{protection:?}");
        assert_eq!(unprotect(&mut receive, &sealed), Ok(plain));
        assert_eq!(unprotect_rtcp(&mut receive, &sealed_rtcp), Ok(plain_rtcp));
        assert_eq!(receive.known_ssrcs(), (1, 1), "{protection:?}");
    }
}

#[test]
fn a_forged_packet_does_not_move_a_stream() {
    for protection in PROFILES {
        let (send, mut receive) = contexts(protection);
        let mut stream = SendStream::new();
        let first = protect(&send, &mut stream, &rtp(5, 100, b"first"));
        let second = protect(&send, &mut stream, &rtp(5, 101, b"second"));
        assert!(unprotect(&mut receive, &first).is_ok());
        for sequence in [101_u16, 20_000, 32_000, 65_000] {
            let mut forged = second.clone();
            forged[2..4].copy_from_slice(&sequence.to_be_bytes());
            forged[20] ^= 1;
            assert_eq!(
                unprotect(&mut receive, &forged),
                Err(SrtpError::Unauthenticated)
            );
        }
        assert_eq!(unprotect(&mut receive, &second), Ok(rtp(5, 101, b"second")));
    }
}

#[test]
fn a_replayed_packet_is_refused() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let mut stream = SendStream::new();
        let sealed: Vec<_> = (0..2_000)
            .map(|sequence| protect(&send, &mut stream, &rtp(5, sequence, b"x")))
            .collect();
        // Positions in order, and whether each is taken.
        let cases = [
            (10, true),
            (10, false),
            (8, true),
            (8, false),
            (1_032, true),
            (9, true),
            (1_999, true),
            (976, true),
            (975, false),
            (10, false),
            (1_999, false),
        ];
        for (position, taken) in cases {
            let opened = unprotect(&mut receive, &sealed[position]);
            if taken {
                assert!(opened.is_ok(), "{protection:?}, {position}: {opened:?}");
            } else {
                assert_eq!(
                    opened,
                    Err(SrtpError::Replayed),
                    "{protection:?}, {position}"
                );
            }
        }

        let sealed: Vec<_> = (0..300)
            .map(|_| protect_rtcp(&mut send, &rtcp(5)))
            .collect();
        let cases = [
            (0, true),
            (0, false),
            (2, true),
            (1, true),
            (299, true),
            (172, true),
            (171, false),
            (299, false),
        ];
        for (position, taken) in cases {
            let opened = unprotect_rtcp(&mut receive, &sealed[position]);
            if taken {
                assert!(
                    opened.is_ok(),
                    "{protection:?}, RTCP {position}: {opened:?}"
                );
            } else {
                assert_eq!(
                    opened,
                    Err(SrtpError::Replayed),
                    "{protection:?}, RTCP {position}"
                );
            }
        }
    }
}

#[test]
fn a_packet_of_any_length_is_answered_with_an_error_not_a_panic() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let sealed = protect(&send, &mut SendStream::new(), &rtp(5, 1, b"some payload"));
        for len in RtpHeader::FIXED_LEN..sealed.len() {
            let opened = unprotect(&mut receive, &sealed[..len]);
            assert_eq!(
                opened,
                Err(SrtpError::Unauthenticated),
                "{protection:?}, {len} bytes"
            );
        }
        let sealed = protect_rtcp(&mut send, &rtcp(5));
        for len in 0..sealed.len() {
            let opened = unprotect_rtcp(&mut receive, &sealed[..len]);
            assert_eq!(
                opened,
                Err(SrtpError::Unauthenticated),
                "{protection:?}, {len} bytes of RTCP"
            );
        }
        assert_eq!(receive.known_ssrcs(), (0, 0));
    }
}

#[test]
fn a_header_that_is_not_the_packets_does_not_panic() {
    for protection in PROFILES {
        let (_, mut receive) = contexts(protection);
        let long = rtp_with_long_header(5, 1, &[0; 50]);
        let header = RtpHeader::parse(&long).unwrap();
        for len in 0..long.len() {
            let opened = receive.unprotect_rtp(&header, &mut long.clone()[..len]);
            assert_eq!(
                opened,
                Err(SrtpError::Unauthenticated),
                "{protection:?}, {len} bytes"
            );
        }
    }
}

#[test]
fn a_peer_has_at_most_64_streams_and_forgetting_one_makes_room() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let first = |ssrc| protect(&send, &mut SendStream::new(), &rtp(ssrc, 1, b"x"));
        for ssrc in 0..64 {
            assert!(
                unprotect(&mut receive, &first(ssrc)).is_ok(),
                "stream {ssrc}"
            );
        }
        assert_eq!(
            unprotect(&mut receive, &first(64)),
            Err(SrtpError::TooManySsrcs)
        );
        assert_eq!(receive.known_ssrcs(), (64, 0));
        receive.forget(Ssrc::new(3));
        assert!(unprotect(&mut receive, &first(64)).is_ok());
        assert_eq!(unprotect(&mut receive, &first(0)), Err(SrtpError::Replayed));

        for ssrc in 0..256 {
            let sealed = protect_rtcp(&mut send, &rtcp(ssrc));
            assert!(
                unprotect_rtcp(&mut receive, &sealed).is_ok(),
                "sender {ssrc}"
            );
        }
        let sealed = protect_rtcp(&mut send, &rtcp(256));
        assert_eq!(
            unprotect_rtcp(&mut receive, &sealed),
            Err(SrtpError::TooManySsrcs)
        );
    }
}

#[test]
fn a_buffer_without_room_is_an_error_and_uses_no_index() {
    for protection in PROFILES {
        let (mut send, mut receive) = contexts(protection);
        let mut stream = SendStream::new();
        let plain = rtp(5, 1, b"some payload");
        let mut buffer = plain.clone();
        for room in 0..send.rtp_overhead() {
            buffer.resize(plain.len() + room, 0);
            let sealed = send.protect_rtp(&mut stream, 12, plain.len(), &mut buffer);
            let no_room = SrtpError::NoRoom {
                packet: plain.len(),
                buffer: buffer.len(),
            };
            assert_eq!(sealed, Err(no_room), "{protection:?}");
        }
        buffer.resize(plain.len() + 100, 0);
        for (header_len, len) in [(13, 12), (12, 10_000), (usize::MAX, usize::MAX)] {
            let sealed = send.protect_rtp(&mut stream, header_len, len, &mut buffer);
            assert!(
                matches!(sealed, Err(SrtpError::NoRoom { .. })),
                "{protection:?}: {sealed:?}"
            );
        }
        let sealed = protect(&send, &mut stream, &plain);
        assert_eq!(unprotect(&mut receive, &sealed), Ok(plain));

        let overhead = send.rtcp_overhead();
        for (len, room) in [
            (16, 16),
            (16, 15 + overhead),
            (7, 100),
            (0, 100),
            (100, 20),
            (0, 0),
        ] {
            let sealed = send.protect_rtcp(len, &mut vec![0x80; room]);
            let no_room = SrtpError::NoRoom {
                packet: len,
                buffer: room,
            };
            assert_eq!(sealed, Err(no_room), "{protection:?}");
        }
        let sealed = protect_rtcp(&mut send, &rtcp(5));
        assert_eq!(unprotect_rtcp(&mut receive, &sealed), Ok(rtcp(5)));
    }
}
