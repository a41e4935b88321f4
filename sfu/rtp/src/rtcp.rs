//! Walking an RTCP compound packet (RFC 3550 §6.1, reduced-size allowed as in RFC 5506) without
//! allocating. What the packets say, and building them, is left to an RTCP library: this finds
//! where each begins and ends, so that one malformed packet does not spoil those before it. Only
//! [transport-wide feedback](TransportFeedback), which is most of what comes, is read here.

mod transport_feedback;

pub use transport_feedback::{TransportFeedback, TransportStatus, TransportStatuses};

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpPacket<'a> {
    /// The packet type: 200 for a sender report, and so on.
    pub packet_type: u8,
    /// The five bits that count blocks, or in feedback packets tell its format.
    pub count: u8,
    /// What follows the four-byte header, without padding; a multiple of four bytes before padding
    /// is taken off.
    pub body: &'a [u8],
    /// The whole packet, header and padding included.
    pub bytes: &'a [u8],
}

/// The packets of a decrypted RTCP datagram, in order.
///
/// Ends at the first that is malformed: not of version 2, longer than what is left, or with a
/// padding count that is zero or larger than the packet.
#[inline]
pub fn packets(compound: &[u8]) -> RtcpPackets<'_> {
    RtcpPackets { rest: compound }
}

/// Walks a compound packet; made by [`packets`].
#[derive(Debug, Clone)]
pub struct RtcpPackets<'a> {
    rest: &'a [u8],
}

impl<'a> RtcpPackets<'a> {
    /// What has not been walked: empty at the end of a well-formed compound.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn split_first(&self) -> Option<(RtcpPacket<'a>, &'a [u8])> {
        let &[first, packet_type, l0, l1] = self.rest.first_chunk()?;
        if first >> 6 != VERSION {
            return None;
        }
        let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let (bytes, rest) = self.rest.split_at_checked(len)?;
        let padded = bytes.get(HEADER_LEN..)?;
        let body = match padded.last() {
            _ if first & PADDING_BIT == 0 => padded,
            None | Some(0) => return None,
            Some(&padding) => padded.get(..padded.len().checked_sub(usize::from(padding))?)?,
        };
        Some((
            RtcpPacket {
                packet_type,
                count: first & COUNT_MASK,
                body,
                bytes,
            },
            rest,
        ))
    }
}

impl<'a> Iterator for RtcpPackets<'a> {
    type Item = RtcpPacket<'a>;

    fn next(&mut self) -> Option<RtcpPacket<'a>> {
        let (packet, rest) = self.split_first()?;
        self.rest = rest;
        Some(packet)
    }
}

const VERSION: u8 = 2;
const HEADER_LEN: usize = 4;
const PADDING_BIT: u8 = 0x20;
const COUNT_MASK: u8 = 0x1f;

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty receiver report of SSRC 1.
    const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 1];
    /// A picture loss indication from SSRC 1 about SSRC 2.
    const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];

    #[test]
    fn compounds_are_walked_in_order() {
        let compound = [&REPORT[..], &PLI].concat();
        let found: Vec<_> = packets(&compound)
            .map(|packet| (packet.packet_type, packet.count, packet.body))
            .collect();
        assert_eq!(found, [(201, 0, &REPORT[4..]), (206, 1, &PLI[4..])]);
        assert_eq!(
            packets(&PLI).next().map(|packet| packet.bytes),
            Some(&PLI[..]),
            "reduced size"
        );
    }

    #[test]
    fn padding_is_taken_off_the_body_only() {
        let padded = [0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
        let packet = packets(&padded).next().unwrap();
        assert_eq!((packet.body, packet.bytes), (&padded[4..8], &padded[..]));
    }

    #[test]
    fn the_walk_ends_at_what_is_malformed() {
        let cases: &[(&str, &[u8])] = &[
            ("header cut short", &[0x80, 201, 0]),
            ("body cut short", &REPORT[..7]),
            ("version 1", &[0x40, 201, 0, 0]),
            ("padding without a body", &[0xa0, 201, 0, 0]),
            ("padding of zero", &[0xa0, 201, 0, 1, 0, 0, 0, 0]),
            ("padding past the body", &[0xa0, 201, 0, 1, 0, 0, 0, 5]),
        ];
        for (name, bad) in cases {
            let compound = [&PLI[..], bad].concat();
            let mut walk = packets(&compound);
            assert_eq!(walk.by_ref().count(), 1, "{name}");
            assert_eq!(walk.rest(), *bad, "{name}");
        }
        let mut whole = packets(&PLI);
        assert_eq!((whole.by_ref().count(), whole.rest()), (1, &[][..]));
    }
}
