//! Socket addresses as the kernel reads and writes them, and IPv4-mapped addresses told apart.
//!
//! A dual-stack socket speaks only IPv6 addresses: IPv4 peers appear as `::ffff:a.b.c.d` (RFC 4291
//! §2.5.5.2). Nothing above the socket sees that form: a peer must be the same peer whichever socket
//! its datagrams arrive on. The layouts are the kernel's `sockaddr_in` and `sockaddr_in6`, written
//! byte by byte, so that no unsafe code is needed here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Which addresses a socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    /// IPv4 only.
    V4,
    /// IPv6, and IPv4 in its mapped form.
    V6,
}

/// A `sockaddr_in` or `sockaddr_in6`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(4))]
pub(super) struct RawAddress {
    bytes: [u8; SOCKADDR_IN6_BYTES],
    len: libc::socklen_t,
}

impl RawAddress {
    /// No address, with room for any.
    pub(super) const EMPTY: Self = Self {
        bytes: [0; SOCKADDR_IN6_BYTES],
        len: SOCKADDR_IN6_BYTES as libc::socklen_t,
    };

    /// The form in which a socket of `family` takes `address`; `None` if it cannot reach it.
    pub(super) fn encode(family: Family, address: SocketAddr) -> Option<Self> {
        match (family, address) {
            (Family::V4, SocketAddr::V4(v4)) => Some(Self::v4(v4)),
            (Family::V4, SocketAddr::V6(_)) => None,
            (Family::V6, SocketAddr::V4(v4)) => {
                let mapped = v4.ip().to_ipv6_mapped();
                Some(Self::v6(SocketAddrV6::new(mapped, v4.port(), 0, 0)))
            }
            (Family::V6, SocketAddr::V6(v6)) => Some(Self::v6(v6)),
        }
    }

    fn v4(address: SocketAddrV4) -> Self {
        let mut raw = Self::EMPTY;
        raw.bytes[..2].copy_from_slice(&AF_INET.to_ne_bytes());
        raw.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        raw.bytes[4..8].copy_from_slice(&address.ip().octets());
        raw.len = SOCKADDR_IN_BYTES as libc::socklen_t;
        raw
    }

    fn v6(address: SocketAddrV6) -> Self {
        let mut raw = Self::EMPTY;
        raw.bytes[..2].copy_from_slice(&AF_INET6.to_ne_bytes());
        raw.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        raw.bytes[4..8].copy_from_slice(&address.flowinfo().to_be_bytes());
        raw.bytes[8..24].copy_from_slice(&address.ip().octets());
        raw.bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
        raw
    }

    /// The address, a mapped one as the IPv4 address that it is. The flow label is left out: it says
    /// nothing about who the peer is. `None` if the kernel wrote neither IPv4 nor IPv6.
    pub(super) fn decode(&self) -> Option<SocketAddr> {
        let family = u16::from_ne_bytes(array(&self.bytes, 0));
        let port = u16::from_be_bytes(array(&self.bytes, 2));
        match (family, self.len as usize) {
            (AF_INET, SOCKADDR_IN_BYTES..) => {
                let ip = array::<4>(&self.bytes, 4).into();
                Some(SocketAddr::V4(SocketAddrV4::new(ip, port)))
            }
            (AF_INET6, SOCKADDR_IN6_BYTES..) => {
                let ip = Ipv6Addr::from(array::<16>(&self.bytes, 8));
                let scope = u32::from_ne_bytes(array(&self.bytes, 24));
                Some(match normalise(ip) {
                    IpAddr::V4(v4) => SocketAddr::V4(SocketAddrV4::new(v4, port)),
                    IpAddr::V6(v6) => SocketAddr::V6(SocketAddrV6::new(v6, port, 0, scope)),
                })
            }
            _ => None,
        }
    }

    /// Where the bytes are, for the kernel to read.
    pub(super) fn as_ptr(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    /// Where the bytes are, for the kernel to write.
    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// How many of the bytes are in use; as many as there are in [`Self::EMPTY`].
    pub(super) fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// Takes over how many bytes the kernel says it wrote.
    pub(super) fn set_len(&mut self, len: libc::socklen_t) {
        self.len = len;
    }
}

/// An IPv6 address, or the IPv4 address that it maps.
pub(super) fn normalise(ip: Ipv6Addr) -> IpAddr {
    match ip.to_ipv4_mapped() {
        Some(v4) => IpAddr::V4(v4),
        None => IpAddr::V6(ip),
    }
}

/// `N` bytes of a fixed layout, from `start`.
fn array<const N: usize>(bytes: &[u8; SOCKADDR_IN6_BYTES], start: usize) -> [u8; N] {
    std::array::from_fn(|offset| bytes[start + offset])
}

const AF_INET: u16 = libc::AF_INET as u16;
const AF_INET6: u16 = libc::AF_INET6 as u16;
const SOCKADDR_IN_BYTES: usize = size_of::<libc::sockaddr_in>();
const SOCKADDR_IN6_BYTES: usize = size_of::<libc::sockaddr_in6>();

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address of the test")
    }

    #[test]
    fn what_is_encoded_is_decoded_and_mapped_addresses_come_back_as_ipv4() {
        let cases: &[(Family, &str, Option<&str>)] = &[
            (Family::V4, "127.0.0.1:7882", Some("127.0.0.1:7882")),
            (Family::V4, "[::1]:7882", None),
            (Family::V6, "127.0.0.1:7882", Some("127.0.0.1:7882")),
            (Family::V6, "[::ffff:127.0.0.1]:1", Some("127.0.0.1:1")),
            (
                Family::V6,
                "[2001:db8::1]:65535",
                Some("[2001:db8::1]:65535"),
            ),
            (Family::V6, "[fe80::1%3]:9", Some("[fe80::1%3]:9")),
        ];
        for &(family, input, expected) in cases {
            let raw = RawAddress::encode(family, address(input));
            let back = raw.and_then(|raw| raw.decode());
            assert_eq!(
                back,
                expected.map(address),
                "{input} on a {family:?} socket"
            );
        }
    }

    #[test]
    fn the_layout_is_that_of_the_kernel() {
        let raw = RawAddress::encode(Family::V4, address("192.0.2.7:258")).expect("IPv4 on IPv4");
        assert_eq!(raw.len(), 16);
        assert_eq!(raw.bytes[2..8], [1, 2, 192, 0, 2, 7]);
        let raw = RawAddress::encode(Family::V6, address("192.0.2.7:258")).expect("IPv4 on IPv6");
        assert_eq!(raw.len(), 28);
        assert_eq!(raw.bytes[2..4], [1, 2]);
        assert_eq!(raw.bytes[16..24], [0, 0, 0xff, 0xff, 192, 0, 2, 7]);
    }

    #[test]
    fn an_address_of_another_family_or_cut_short_is_none() {
        let mut raw = RawAddress::EMPTY;
        assert_eq!(raw.decode(), None, "no family");
        raw = RawAddress::encode(Family::V6, address("[::1]:1")).expect("IPv6 on IPv6");
        raw.set_len(16);
        assert_eq!(raw.decode(), None, "an IPv6 family in sixteen bytes");
    }
}
