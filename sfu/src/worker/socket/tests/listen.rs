//! Opening sockets, and which address a datagram comes to and leaves from.

use std::net::Ipv4Addr;

use socket2::{Protocol, Type};

use super::*;

#[test]
fn ipv4_peers_of_a_dual_stack_socket_are_ipv4_peers() {
    if !has_ipv6() {
        return;
    }
    let mut server = End::bind("::");
    for ip in ["127.0.0.1", "::1"] {
        let mut client = End::bind(ip);
        assert_eq!(
            client.send(&batch_of(server.reached_over(ip), &[8, 8])),
            Refused::default()
        );
        let received = server.receive(2);
        let (path, _) = received.first().expect("a datagram of the client");
        assert_eq!(path.remote, client.reached_over(ip).remote);
        assert_eq!(path.local, ip.parse().ok());
        assert_eq!(
            server.send(&batch_of(*path, &[9, 9, 9])),
            Refused::default()
        );
        let answers = client.receive(3);
        assert_eq!(sizes(&answers), [9, 9, 9], "over {ip}");
        assert_eq!(answers[0].0.remote, server.reached_over(ip).remote);
    }
}

#[test]
fn answers_leave_from_the_address_that_was_asked() {
    for any in ["0.0.0.0", "::"] {
        if any == "::" && !has_ipv6() {
            continue;
        }
        let mut server = End::bind(any);
        let mut client = End::bind("127.0.0.1");
        let asked = server.reached_over("127.0.0.2");
        assert_eq!(client.send(&batch_of(asked, &[5])), Refused::default());
        let received = server.receive(1);
        let (path, _) = received.first().expect("the question");
        assert_eq!(path.local, "127.0.0.2".parse().ok(), "bound to {any}");
        assert_eq!(server.send(&batch_of(*path, &[6, 6])), Refused::default());
        let answers = client.receive(2);
        assert_eq!(sizes(&answers), [6, 6]);
        assert_eq!(answers[0].0.remote, asked.remote, "bound to {any}");
    }
}

/// Sockets of IPv4 only; those of IPv6 fail with `errno`.
fn without_ipv6(errno: libc::c_int) -> impl Fn(Domain) -> io::Result<Socket> {
    move |domain| match domain {
        Domain::IPV6 => Err(io::Error::from_raw_os_error(errno)),
        domain => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)),
    }
}

#[test]
fn a_machine_without_ipv6_gets_an_ipv4_socket() {
    for errno in [libc::EAFNOSUPPORT, libc::EADDRNOTAVAIL] {
        let options = SocketOptions::default();
        let sockets = SocketSet::bind_with(&[], 0, options, without_ipv6(errno));
        let mut server = End::of(sockets.expect("IPv4 is there"));
        assert_eq!(
            server.socket().local_address().ip(),
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        );
        let mut client = End::bind("127.0.0.1");
        let asked = server.reached_over("127.0.0.1");
        assert_eq!(client.send(&batch_of(asked, &[3])), Refused::default());
        assert_eq!(sizes(&server.receive(1)), [3]);
    }
}

#[test]
fn only_an_ipv6_address_that_every_machine_would_have_is_passed_over_without_ipv6() {
    /// The addresses, what IPv6 sockets fail with, and the addresses then listened on.
    type Case<'a> = (&'a [&'a str], libc::c_int, Option<&'a [&'a str]>);
    use libc::{EACCES, EADDRNOTAVAIL, EAFNOSUPPORT};
    let cases: &[Case] = &[
        (&["127.0.0.1", "::1"], EAFNOSUPPORT, Some(&["127.0.0.1"])),
        (&["::1", "127.0.0.1"], EADDRNOTAVAIL, Some(&["127.0.0.1"])),
        (&["::1"], EAFNOSUPPORT, None),
        (
            &["127.0.0.1", "2001:db8::1"],
            EAFNOSUPPORT,
            Some(&["127.0.0.1"]),
        ),
        (&["127.0.0.1", "2001:db8::1"], EADDRNOTAVAIL, None),
        (&["::"], EACCES, None),
    ];
    for &(listen, errno, expected) in cases {
        let options = SocketOptions::default();
        let sockets = SocketSet::bind_with(&ips(listen), 0, options, without_ipv6(errno));
        let bound = sockets.map(|set| addresses(&set)).ok();
        assert_eq!(bound, expected.map(ips), "{listen:?} with {errno}");
    }
}

fn addresses(sockets: &SocketSet) -> Vec<IpAddr> {
    sockets
        .as_slice()
        .iter()
        .map(|socket| socket.local_address().ip())
        .collect()
}

#[test]
fn addresses_that_include_others_stand_for_them() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["127.0.0.1", "127.0.0.2"], &["127.0.0.1", "127.0.0.2"]),
        (&["127.0.0.1", "127.0.0.1"], &["127.0.0.1"]),
        (&["127.0.0.1", "0.0.0.0"], &["0.0.0.0"]),
    ];
    for &(listen, expected) in cases {
        let sockets = SocketSet::bind(&ips(listen), 0, SocketOptions::default());
        let bound = addresses(&sockets.expect("sockets on loopback"));
        assert_eq!(bound, ips(expected), "{listen:?}");
    }
}

#[test]
fn several_addresses_share_a_port_and_each_answers_for_itself() {
    let listen = ips(&["127.0.0.1", "127.0.0.2", "::1"]);
    let listen = if has_ipv6() {
        &listen[..]
    } else {
        &listen[..2]
    };
    let sockets = SocketSet::bind(listen, 0, SocketOptions::default());
    let mut server = End::of(sockets.expect("sockets on loopback"));
    let mut batch = SendBatch::new(64, 64);
    let mut clients = Vec::new();
    for ip in listen {
        let near = if ip.is_ipv4() { "127.0.0.1" } else { "::1" };
        let mut client = End::bind(near);
        let asked = server.reached_over(&ip.to_string());
        assert_eq!(client.send(&batch_of(asked, &[1])), Refused::default());
        let received = server.receive(1);
        let (path, _) = received.first().expect("the question");
        assert_eq!(path.local, Some(*ip));
        push(&mut batch, *path, &[5, 5]);
        clients.push((client, asked.remote));
    }
    assert_eq!(
        server.send(&batch),
        Refused::default(),
        "one batch through all sockets"
    );
    for (mut client, asked) in clients {
        let answers = client.receive(2);
        assert_eq!(sizes(&answers), [5, 5], "from {asked}");
        assert_eq!(answers[0].0.remote, asked);
    }
}

#[test]
fn what_keeps_a_socket_from_opening_is_told_in_one_sentence() {
    let taken = End::bind("0.0.0.0");
    let port = taken.port();
    let cases: &[(&[&str], u16, String)] = &[
        (
            &["127.0.0.1"],
            port,
            format!("UDP port {port} is already in use on 127.0.0.1"),
        ),
        (&[], port, format!("UDP port {port} is already in use")),
        (
            &["198.51.100.1"],
            0,
            "198.51.100.1 is not an address of this machine".into(),
        ),
        (
            &[
                "::1", "::2", "::3", "::4", "::5", "::6", "::7", "::8", "::9",
            ],
            0,
            "9 addresses to listen on are more than the 8 that there may be".into(),
        ),
    ];
    for (listen, port, expected) in cases {
        if listen.is_empty() && !has_ipv6() {
            continue;
        }
        let error = SocketSet::bind(&ips(listen), *port, SocketOptions::default())
            .map(|sockets| addresses(&sockets))
            .map_err(|error| error.to_string());
        assert_eq!(
            error.as_ref().err(),
            Some(expected),
            "{listen:?}, got {error:?}"
        );
    }
}

#[test]
fn buffers_are_what_was_asked_for_or_the_most_that_the_machine_allows() {
    let end = End::bind("127.0.0.1");
    let granted = end.socket().buffers();
    assert!(
        granted.receive > 0 && granted.receive <= DEFAULT_BUFFERS.receive,
        "{granted:?}"
    );
    assert!(
        granted.send > 0 && granted.send <= DEFAULT_BUFFERS.send,
        "{granted:?}"
    );
    let modest = BufferSizes {
        receive: 64 << 10,
        send: 32 << 10,
    };
    let end = End::bind_with(
        "127.0.0.1",
        SocketOptions {
            buffers: modest,
            ..SocketOptions::default()
        },
    );
    assert_eq!(end.socket().buffers(), modest);
}
