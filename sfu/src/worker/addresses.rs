//! Which of our addresses to name in answers, as ICE host candidates (RFC 8445 §5.1.1.1).
//!
//! A lite agent names every address under which it can be reached and leaves the choice to the peer.
//! Peers try them one after the other, 50 ms apart, so the likeliest come first: those from which this
//! machine speaks to the rest of the world.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The addresses to name for sockets bound to `bound`, best first. Addresses in `announce` stand in
/// for all those of their family, for a machine that is known by another address than its own (1:1
/// NAT).
///
/// # Errors
/// If the machine's interfaces cannot be listed.
pub fn candidate_addresses(bound: &[SocketAddr], announce: &[IpAddr]) -> io::Result<Vec<IpAddr>> {
    let bound: Vec<IpAddr> = bound.iter().map(SocketAddr::ip).collect();
    let mut interfaces = Vec::new();
    if bound.iter().any(IpAddr::is_unspecified) {
        let usable = if_addrs::get_if_addrs()?
            .into_iter()
            .filter(if_addrs::Interface::is_oper_up);
        interfaces = preferred_sources()
            .into_iter()
            .chain(usable.map(|i| i.ip()))
            .collect();
    }
    Ok(choose(&bound, announce, &interfaces))
}

/// [`candidate_addresses`] of a machine with these addresses, best first, loopback among them.
fn choose(bound: &[IpAddr], announce: &[IpAddr], interfaces: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for &ip in bound {
        if ip.is_unspecified() {
            // An IPv6 socket on all addresses takes IPv4 too.
            let covered = |other: &&IpAddr| ip.is_ipv6() || other.is_ipv4();
            addresses.extend(interfaces.iter().filter(covered).filter(|ip| is_usable(ip)));
        } else {
            addresses.push(ip);
        }
    }
    // Loopback reaches nobody but ourselves, so it is named only if it was asked for or is all there
    // is: browsers need it on a machine without a network.
    let asked_for = |ip: &IpAddr| !ip.is_loopback() || bound.contains(ip);
    if addresses.iter().any(asked_for) {
        addresses.retain(asked_for);
    }
    let mut named: Vec<IpAddr> = Vec::new();
    for ip in addresses {
        let mut others = announce
            .iter()
            .filter(|other| other.is_ipv4() == ip.is_ipv4())
            .peekable();
        let stands_for_itself = others.peek().is_none();
        for ip in others.chain(stands_for_itself.then_some(&ip)) {
            if !named.contains(ip) {
                named.push(*ip);
            }
        }
    }
    named.truncate(MAX_CANDIDATES);
    named
}

/// Whether a peer on another machine, or on this one, may reach it. Link-local addresses need an
/// interface beside them, which a candidate cannot name.
fn is_usable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_link_local() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_unicast_link_local(),
    }
}

/// From which addresses this machine speaks to the rest of the world, as its routes have it.
fn preferred_sources() -> Vec<IpAddr> {
    let targets: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), ANYWHERE_V4.into()),
        (Ipv6Addr::UNSPECIFIED.into(), ANYWHERE_V6.into()),
    ];
    targets
        .into_iter()
        .filter_map(|(any, anywhere)| source_toward(any, anywhere).ok())
        .collect()
}

/// Connecting a UDP socket chooses a source address and sends nothing.
fn source_toward(any: IpAddr, target: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((target, DISCARD_PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// More would make peers try for a second before they reach the last. A machine with more addresses
/// has many of one kind.
const MAX_CANDIDATES: usize = 16;

/// Addresses for documentation (RFC 5737, RFC 3849): reached by the default route, if there is one.
const ANYWHERE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const ANYWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Any port will do, nothing is sent.
const DISCARD_PORT: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts
            .iter()
            .map(|text| text.parse().expect("an address of the test"))
            .collect()
    }

    #[test]
    fn every_usable_address_is_named_once_and_announced_ones_replace_their_family() {
        struct Case<'a> {
            bound: &'a [&'a str],
            announce: &'a [&'a str],
            named: &'a [&'a str],
        }
        let machine = ips(&[
            "192.0.2.2",
            "2001:db8::2",
            "127.0.0.1",
            "::1",
            "192.0.2.2",
            "172.17.0.1",
            "169.254.7.7",
            "2001:db8::2",
            "fe80::1",
        ]);
        let cases = [
            Case {
                bound: &["::"],
                announce: &[],
                named: &["192.0.2.2", "2001:db8::2", "172.17.0.1"],
            },
            Case {
                bound: &["0.0.0.0"],
                announce: &[],
                named: &["192.0.2.2", "172.17.0.1"],
            },
            Case {
                bound: &["::"],
                announce: &["203.0.113.5"],
                named: &["203.0.113.5", "2001:db8::2"],
            },
            Case {
                bound: &["::"],
                announce: &["203.0.113.5", "2001:db8::5", "203.0.113.6"],
                named: &["203.0.113.5", "203.0.113.6", "2001:db8::5"],
            },
            Case {
                bound: &["0.0.0.0"],
                announce: &["2001:db8::5"],
                named: &["192.0.2.2", "172.17.0.1"],
            },
            Case {
                bound: &["172.17.0.1"],
                announce: &[],
                named: &["172.17.0.1"],
            },
            Case {
                bound: &["172.17.0.1"],
                announce: &["203.0.113.5"],
                named: &["203.0.113.5"],
            },
            Case {
                bound: &["127.0.0.1", "::1"],
                announce: &[],
                named: &["127.0.0.1", "::1"],
            },
            Case {
                bound: &["127.0.0.1", "192.0.2.2"],
                announce: &[],
                named: &["127.0.0.1", "192.0.2.2"],
            },
        ];
        for Case {
            bound,
            announce,
            named,
        } in cases
        {
            let chosen = choose(&ips(bound), &ips(announce), &machine);
            assert_eq!(
                chosen,
                ips(named),
                "bound to {bound:?}, announcing {announce:?}"
            );
        }
    }

    #[test]
    fn loopback_is_named_on_a_machine_that_has_nothing_else() {
        let machine = ips(&["127.0.0.1", "::1", "fe80::1"]);
        assert_eq!(
            choose(&ips(&["::"]), &[], &machine),
            ips(&["127.0.0.1", "::1"])
        );
        assert_eq!(
            choose(&ips(&["0.0.0.0"]), &[], &machine),
            ips(&["127.0.0.1"])
        );
    }

    #[test]
    fn a_machine_with_very_many_addresses_names_its_best() {
        let machine: Vec<IpAddr> = (0..200)
            .map(|n| Ipv4Addr::new(10, 0, 0, n).into())
            .collect();
        assert_eq!(
            choose(&ips(&["::"]), &[], &machine),
            machine[..MAX_CANDIDATES]
        );
    }

    #[test]
    fn this_machine_has_an_address_to_name() {
        let bound = ["0.0.0.0:7882".parse().expect("an address")];
        let named = candidate_addresses(&bound, &[]).expect("the interfaces");
        assert!(!named.is_empty());
        assert!(named.iter().all(IpAddr::is_ipv4), "{named:?}");
    }
}
