//! Tells the protocols that share one UDP port apart by a datagram's first bytes (RFC 7983, RFC 9443 and, for RTCP,
//! RFC 5761 §4). Nothing here is proof of anything: each protocol authenticates its own packets.

pub(crate) mod directory;

use sfu_rtp::looks_like_rtcp;

/// What a datagram claims to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// An ICE connectivity check (RFC 8489).
    Stun,
    /// A handshake or the data channels (RFC 6347).
    Dtls,
    /// SRTP (RFC 3711).
    Rtp,
    /// SRTCP (RFC 3711).
    Rtcp,
}

impl Protocol {
    /// The protocol of `datagram`; `None` if it is empty or of a range that we do not speak (ZRTP, TURN channels,
    /// QUIC).
    #[inline]
    pub fn of(datagram: &[u8]) -> Option<Self> {
        match *datagram.first()? {
            0..=3 => Some(Self::Stun),
            20..=63 => Some(Self::Dtls),
            128..=191 if looks_like_rtcp(datagram) => Some(Self::Rtcp),
            128..=191 => Some(Self::Rtp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_first_byte_has_the_protocol_that_rfc_7983_gives_it() {
        for byte in 0..=u8::MAX {
            let expected = match byte {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            let datagram = [byte, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(Protocol::of(&datagram), expected, "first byte {byte}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        let cases = [
            (0, Protocol::Rtp),
            (96, Protocol::Rtp),
            (127, Protocol::Rtp),
            // With the marker: payload types 63 and 96.
            (191, Protocol::Rtp),
            (224, Protocol::Rtp),
            // FIR (RFC 2032) to token (RFC 6284): what RFC 5761 keeps free of RTP.
            (192, Protocol::Rtcp),
            (200, Protocol::Rtcp),
            (207, Protocol::Rtcp),
            (223, Protocol::Rtcp),
        ];
        for (second, expected) in cases {
            let datagram = [0x80, second, 0, 1, 0, 0, 0, 0];
            assert_eq!(
                Protocol::of(&datagram),
                Some(expected),
                "second byte {second}"
            );
        }
    }

    #[test]
    fn an_empty_datagram_is_nothing_and_a_single_byte_does_not_panic() {
        assert_eq!(Protocol::of(&[]), None);
        for byte in 0..=u8::MAX {
            let _ = Protocol::of(&[byte]);
        }
    }
}
