//! Control messages (`cmsg(3)`): what travels beside a datagram to and from the kernel.
//!
//! On the way in: the local address it came to (`IP_PKTINFO`, `IPV6_PKTINFO`; RFC 3542 §6.2), the size
//! into which a coalesced run is to be cut (`UDP_GRO`) and how many the receive queue has lost
//! (`SO_RXQ_OVFL`). On the way out: the local address to leave from, and the size into which the
//! kernel is to cut a run (`UDP_SEGMENT`). Written and read byte by byte in the kernel's layout, so
//! that no unsafe code is needed here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address::{Family, normalise};

/// The control messages of one outgoing message.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct SendControl {
    bytes: [u8; SEND_BYTES],
    len: usize,
}

impl SendControl {
    /// None.
    pub(super) const EMPTY: Self = Self {
        bytes: [0; SEND_BYTES],
        len: 0,
    };

    /// Forgets what it holds and states from where a message leaves and, if it is a run, the size of
    /// its datagrams. A `local` of the other family than the socket's states nothing.
    pub(super) fn set(&mut self, family: Family, local: Option<IpAddr>, segment: Option<u16>) {
        self.len = 0;
        match (family, local) {
            (Family::V4, Some(IpAddr::V4(ip))) => self.push_ipv4(ip),
            (Family::V6, Some(IpAddr::V4(ip))) => self.push_ipv6(ip.to_ipv6_mapped()),
            (Family::V6, Some(IpAddr::V6(ip))) => self.push_ipv6(ip),
            (Family::V4, Some(IpAddr::V6(_))) | (_, None) => {}
        }
        if let Some(segment) = segment {
            self.push(libc::SOL_UDP, libc::UDP_SEGMENT, &segment.to_ne_bytes());
        }
    }

    /// `struct in_pktinfo`: interface index, source, destination; the middle one is what we state.
    fn push_ipv4(&mut self, ip: Ipv4Addr) {
        let mut info = [0; IN_PKTINFO_BYTES];
        info[4..8].copy_from_slice(&ip.octets());
        self.push(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
    }

    /// `struct in6_pktinfo`: address, interface index. No interface: routing decides, and a link-local
    /// peer's address has it in its scope.
    fn push_ipv6(&mut self, ip: Ipv6Addr) {
        let mut info = [0; IN6_PKTINFO_BYTES];
        info[..16].copy_from_slice(&ip.octets());
        self.push(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
    }

    fn push(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        let header = self.len;
        let body = header + HEADER_BYTES;
        let len = HEADER_BYTES + data.len();
        self.bytes[header..header + 8].copy_from_slice(&(len as u64).to_ne_bytes());
        self.bytes[header + 8..header + 12].copy_from_slice(&level.to_ne_bytes());
        self.bytes[header + 12..body].copy_from_slice(&kind.to_ne_bytes());
        self.bytes[body..body + data.len()].copy_from_slice(data);
        self.len = header + aligned(len);
    }

    /// Where the bytes are, for the kernel to read.
    pub(super) fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    /// How many of them are in use.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// The control messages of one incoming message.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct ReceiveControl {
    bytes: [u8; RECEIVE_BYTES],
    len: usize,
}

/// What they say.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Ancillary {
    /// The local address that the datagrams were sent to.
    pub(super) local: Option<IpAddr>,
    /// The size of each datagram of a coalesced run but the last; `None`: it is a single datagram.
    pub(super) segment_size: Option<usize>,
    /// How many datagrams the socket's receive queue has lost so far; wraps around.
    pub(super) lost: Option<u32>,
}

impl ReceiveControl {
    /// None, with room for all that was asked for.
    pub(super) const EMPTY: Self = Self {
        bytes: [0; RECEIVE_BYTES],
        len: RECEIVE_BYTES,
    };

    /// Reads them. What was not asked for is passed over.
    pub(super) fn parse(&self) -> Ancillary {
        let mut ancillary = Ancillary::default();
        let mut rest = &self.bytes[..self.len.min(RECEIVE_BYTES)];
        while let Some((header, body)) = rest.split_first_chunk::<HEADER_BYTES>() {
            let [
                l0,
                l1,
                l2,
                l3,
                l4,
                l5,
                l6,
                l7,
                v0,
                v1,
                v2,
                v3,
                k0,
                k1,
                k2,
                k3,
            ] = *header;
            let len = u64::from_ne_bytes([l0, l1, l2, l3, l4, l5, l6, l7]) as usize;
            let level = libc::c_int::from_ne_bytes([v0, v1, v2, v3]);
            let kind = libc::c_int::from_ne_bytes([k0, k1, k2, k3]);
            let Some(data) = len
                .checked_sub(HEADER_BYTES)
                .and_then(|len| body.get(..len))
            else {
                break;
            };
            ancillary.note(level, kind, data);
            rest = rest.get(aligned(len)..).unwrap_or_default();
        }
        ancillary
    }

    /// Where the bytes are, for the kernel to write.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// How many of them are in use; as many as there are in [`Self::EMPTY`].
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes over how many bytes the kernel says it wrote.
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len;
    }
}

impl Ancillary {
    fn note(&mut self, level: libc::c_int, kind: libc::c_int, data: &[u8]) {
        match (level, kind) {
            // The address in the packet's header (bytes 8 to 12) may be a broadcast address; the one
            // that the kernel would answer from is the one before it.
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                if let Some((_, tail)) = data.split_first_chunk::<4>()
                    && let Some(ip) = tail.first_chunk::<4>()
                {
                    self.local = Some(IpAddr::V4(Ipv4Addr::from(*ip)));
                }
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                if let Some(ip) = data.first_chunk::<16>() {
                    self.local = Some(normalise(Ipv6Addr::from(*ip)));
                }
            }
            (libc::SOL_UDP, libc::UDP_GRO) => {
                if let Some(size) = data.first_chunk::<4>() {
                    let size = libc::c_int::from_ne_bytes(*size);
                    self.segment_size = usize::try_from(size).ok().filter(|&size| size > 0);
                }
            }
            (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                self.lost = data.first_chunk().map(|lost| u32::from_ne_bytes(*lost));
            }
            _ => {}
        }
    }
}

/// `CMSG_ALIGN`: control messages start at multiples of a pointer's size.
const fn aligned(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

/// `struct cmsghdr`: a 64-bit length, a level and a kind.
const HEADER_BYTES: usize = 16;
const _: () = assert!(
    size_of::<libc::cmsghdr>() == HEADER_BYTES && size_of::<usize>() == 8,
    "the layout of control messages is written down for 64-bit kernels"
);

const IN_PKTINFO_BYTES: usize = size_of::<libc::in_pktinfo>();
const IN6_PKTINFO_BYTES: usize = size_of::<libc::in6_pktinfo>();

const SEND_BYTES: usize =
    aligned(HEADER_BYTES + IN6_PKTINFO_BYTES) + aligned(HEADER_BYTES + size_of::<u16>());

/// Both kinds of packet information (a dual-stack socket may give either), `UDP_GRO`, `SO_RXQ_OVFL`.
const RECEIVE_BYTES: usize = aligned(HEADER_BYTES + IN6_PKTINFO_BYTES)
    + aligned(HEADER_BYTES + IN_PKTINFO_BYTES)
    + 2 * aligned(HEADER_BYTES + size_of::<libc::c_int>());

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address of the test")
    }

    /// What the kernel would hand to us if it reflected what we hand to it.
    fn reflect(sent: &SendControl) -> Ancillary {
        let mut received = ReceiveControl::EMPTY;
        received.bytes[..sent.len].copy_from_slice(&sent.bytes[..sent.len]);
        received.set_len(sent.len);
        received.parse()
    }

    #[test]
    fn the_local_address_is_stated_in_the_form_of_the_socket() {
        let cases: &[(Family, Option<&str>, Option<&str>, usize)] = &[
            (Family::V4, Some("127.0.0.2"), Some("127.0.0.2"), 32),
            (Family::V6, Some("127.0.0.2"), Some("127.0.0.2"), 40),
            (Family::V6, Some("2001:db8::1"), Some("2001:db8::1"), 40),
            (Family::V4, Some("2001:db8::1"), None, 0),
            (Family::V6, None, None, 0),
        ];
        for &(family, local, expected, len) in cases {
            let mut control = SendControl::EMPTY;
            control.set(family, local.map(ip), None);
            assert_eq!(control.len(), len, "{local:?} on a {family:?} socket");
            assert_eq!(
                reflect(&control).local,
                expected.map(ip),
                "{local:?} on {family:?}"
            );
        }
    }

    #[test]
    fn a_run_states_its_segment_size_after_the_address() {
        let mut control = SendControl::EMPTY;
        control.set(Family::V6, Some(ip("::1")), Some(1200));
        assert_eq!(control.len(), 64);
        assert_eq!(control.bytes[40..48], 18u64.to_ne_bytes());
        assert_eq!(control.bytes[48..52], libc::SOL_UDP.to_ne_bytes());
        assert_eq!(control.bytes[52..56], libc::UDP_SEGMENT.to_ne_bytes());
        assert_eq!(control.bytes[56..58], 1200u16.to_ne_bytes());
        control.set(Family::V6, None, None);
        assert_eq!(control.len(), 0, "what was set before is forgotten");
    }

    #[test]
    fn messages_of_every_kind_are_read_and_others_passed_over() {
        let mut sent = SendControl::EMPTY;
        sent.push(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &[0; 8]);
        sent.push(libc::SOL_UDP, libc::UDP_GRO, &1200i32.to_ne_bytes());
        assert_eq!(reflect(&sent).segment_size, Some(1200));
        sent = SendControl::EMPTY;
        sent.push(libc::SOL_SOCKET, libc::SO_RXQ_OVFL, &7u32.to_ne_bytes());
        sent.push(libc::SOL_UDP, libc::UDP_GRO, &0i32.to_ne_bytes());
        assert_eq!(
            reflect(&sent),
            Ancillary {
                lost: Some(7),
                ..Ancillary::default()
            },
            "a segment size of nothing is no segment size"
        );
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        for length in [0u64, 15, 17, 1000, u64::MAX] {
            let mut control = ReceiveControl::EMPTY;
            control.bytes[..8].copy_from_slice(&length.to_ne_bytes());
            control.set_len(16);
            assert_eq!(control.parse(), Ancillary::default(), "length {length}");
        }
    }
}
