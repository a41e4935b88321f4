//! What the kernel refuses or loses, and that it costs nothing else.

use super::*;

/// For want of room, and because of their destination.
fn refused(full: u64, failed: u64) -> Refused {
    Refused {
        full,
        failed,
        ..Refused::default()
    }
}

#[test]
fn a_kernel_that_refuses_runs_gets_single_datagrams_from_then_on_and_nothing_is_lost() {
    let (mut from, mut to) = (End::bind("127.0.0.1"), End::bind("127.0.0.1"));
    // Without checksums the kernel cannot cut: it says EINVAL, as one without segmentation would.
    from.set(libc::SOL_SOCKET, libc::SO_NO_CHECK, 1);
    assert_eq!(from.sender.segmentation(), Segmentation::Kernel);
    let mut batch = batch_of(to.reached_over("127.0.0.1"), &[600; 5]);
    push(&mut batch, to.reached_over("127.0.0.1"), &[900; 3]);
    assert_eq!(from.send(&batch), Refused::default());
    assert_eq!(
        sizes(&to.receive(8)),
        [600, 600, 600, 600, 600, 900, 900, 900]
    );
    assert_eq!(from.sender.segmentation(), Segmentation::None);

    let calls = from.tally.calls;
    assert_eq!(
        from.send(&batch_of(to.reached_over("127.0.0.1"), &[600; 5])),
        Refused::default()
    );
    assert_eq!(sizes(&to.receive(5)), [600; 5]);
    assert_eq!(from.tally.calls - calls, 1, "no run is tried again");
}

#[test]
fn a_run_too_large_for_the_interface_loses_only_what_is_too_large_and_runs_go_on() {
    if !has_ipv6() {
        return;
    }
    let (mut from, mut to) = (End::bind("::1"), End::bind("::1"));
    from.set(libc::IPPROTO_IPV6, libc::IPV6_MTU, 1280);
    let mut batch = batch_of(to.reached_over("::1"), &[1300, 1300, 1300, 200]);
    push(&mut batch, to.reached_over("::1"), &[1400]);
    push(&mut batch, to.reached_over("::1"), &[1200, 1200]);
    let refused = from.send(&batch);
    assert_eq!((refused.full, refused.too_large, refused.failed), (0, 4, 0));
    assert_eq!(sizes(&to.receive(3)), [200, 1200, 1200]);
    assert_eq!(from.sender.segmentation(), Segmentation::Kernel);
}

#[test]
fn routers_may_fragment_for_ipv4_peers_and_their_icmp_is_not_believed() {
    let dual_stack = has_ipv6().then_some("::");
    for address in ["127.0.0.1"].into_iter().chain(dual_stack) {
        let end = End::bind(address);
        let socket = end.sockets.as_slice().first().expect("a socket");
        let found = rustix::net::sockopt::ip_mtu_discover(socket).expect("the option");
        let expected = rustix::net::sockopt::Ipv4PathMtuDiscovery::INTERFACE;
        assert_eq!(found, expected, "bound to {address}");
    }
}

#[test]
fn a_full_send_buffer_drops_the_rest_of_the_batch_and_counts_it() {
    if !has_ipv6() {
        return;
    }
    let (mut from, mut to) = (End::bind("::1"), End::bind("::1"));
    // Loopback frees a datagram the moment it is sent, so its send buffer never fills by itself. A
    // long datagram that must be fragmented does it: all its fragments count at once.
    from.socket()
        .socket
        .set_send_buffer_size(1)
        .expect("the smallest send buffer");
    from.set(libc::IPPROTO_IPV6, libc::IPV6_MTU, 1280);
    from.set(
        libc::IPPROTO_IPV6,
        libc::IPV6_MTU_DISCOVER,
        libc::IPV6_PMTUDISC_WANT,
    );
    let path = to.reached_over("::1");
    let mut batch = batch_of(path, &[100, 100, 60_000]);
    push(&mut batch, path, &[200, 200]);
    push(&mut batch, path, &[300]);
    // Runs: [100, 100], [60000, 200], [200], [300].
    assert_eq!(from.send(&batch), refused(4, 0));
    assert_eq!(sizes(&to.receive(2)), [100, 100]);
    assert_eq!(
        from.send(&batch_of(path, &[50])),
        Refused::default(),
        "the next batch goes"
    );
    assert_eq!(sizes(&to.receive(1)), [50]);
}

#[test]
fn one_unreachable_destination_among_many_costs_the_others_nothing() {
    let (mut from, mut to) = (End::bind("127.0.0.1"), End::bind("127.0.0.1"));
    let good = to.reached_over("127.0.0.1");
    let no_port = Path {
        remote: "127.0.0.1:0".parse().expect("an address"),
        local: None,
    };
    // Never permitted without SO_BROADCAST (EACCES), so nothing leaves the machine.
    let broadcast = Path {
        remote: "255.255.255.255:9".parse().expect("an address"),
        local: None,
    };
    let other_family = Path {
        remote: "[::1]:9".parse().expect("an address"),
        local: None,
    };
    for bad in [no_port, broadcast, other_family] {
        let mut batch = batch_of(good, &[100, 100]);
        push(&mut batch, bad, &[100, 100, 100]);
        push(&mut batch, good, &[40]);
        push(&mut batch, bad, &[10]);
        push(&mut batch, good, &[60, 60]);
        assert_eq!(from.send(&batch), refused(0, 4), "{bad:?}");
        assert_eq!(sizes(&to.receive(5)), [100, 100, 40, 60, 60], "{bad:?}");
        assert_eq!(from.sender.segmentation(), Segmentation::Kernel, "{bad:?}");
    }
}

#[test]
fn a_port_that_nobody_listens_on_costs_the_others_nothing() {
    let (mut from, mut to) = (End::bind("127.0.0.1"), End::bind("127.0.0.1"));
    let gone = End::bind("127.0.0.1").reached_over("127.0.0.1");
    for _ in 0..10 {
        let mut batch = batch_of(gone, &[100, 100]);
        push(&mut batch, to.reached_over("127.0.0.1"), &[100, 100]);
        let refused = from.send(&batch);
        assert_eq!(refused.full, 0);
        assert_eq!(sizes(&to.receive(2)), [100, 100]);
        assert_eq!(
            from.receive_nothing(),
            0,
            "the refusal does not end receiving"
        );
    }
}

#[test]
fn an_address_that_is_no_longer_ours_is_not_taken_for_missing_offload() {
    let (mut from, mut to) = (End::bind("0.0.0.0"), End::bind("127.0.0.1"));
    let mut path = to.reached_over("127.0.0.1");
    path.local = "198.51.100.1".parse().ok();
    let mut batch = batch_of(path, &[100, 100, 100]);
    push(&mut batch, to.reached_over("127.0.0.1"), &[50, 50]);
    assert_eq!(from.send(&batch), refused(0, 3));
    assert_eq!(sizes(&to.receive(2)), [50, 50]);
    assert_eq!(from.sender.segmentation(), Segmentation::Kernel);
}

#[test]
fn datagrams_lost_for_want_of_receive_buffer_are_counted() {
    let small = SocketOptions {
        buffers: BufferSizes {
            receive: 1,
            send: 1 << 20,
        },
        ..without_offload()
    };
    let mut to = End::bind_with("127.0.0.1", small);
    let from = UdpSocket::bind("127.0.0.1:0").expect("a plain socket");
    let remote = to.reached_over("127.0.0.1").remote;
    let mut taken = 0;
    let mut lost = 0;
    for _ in 0..2 {
        for _ in 0..50 {
            from.send_to(&[0; 1000], remote)
                .expect("sending on loopback");
        }
        loop {
            let received = to.take();
            taken += received.datagrams;
            lost += received.lost;
            if received.messages == 0 {
                break;
            }
        }
    }
    // The kernel tells of a loss with the next datagram that it does take.
    from.send_to(&[0; 10], remote).expect("sending on loopback");
    let last = to.take();
    assert!(
        lost + last.lost > 0,
        "100 datagrams do not fit the smallest buffer"
    );
    assert_eq!(taken + (lost + last.lost) as usize, 100);
}
