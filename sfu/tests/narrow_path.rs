//! Paths that carry less than a packet of video: over IPv4 a router fragments it, and what not even the own
//! interface takes is dropped under its own reason.
//!
//! The networks are made of namespaces (`unshare(1)`, `nsenter(1)`, `ip(8)`), which end with the test. Where the
//! machine allows none the test says so and ends.

#[path = "support/check.rs"]
mod check;
#[path = "support/network.rs"]
mod network;
#[path = "support/worker.rs"]
mod worker;

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use check::connectivity_check;
use network::{ROLE, SERVER, role, run_in_network};
use sfu::drop_reason::DropReason;
use sfu::send_batch::{Path, SendBatch};
use sfu::worker::socket::{Offload, SendTally, Sender, SocketOptions, SocketSet};
use worker::{LOOPBACK, worker_with_peer};

#[test]
fn a_router_with_a_smaller_mtu_lets_packets_of_full_size_through() {
    match role().as_deref() {
        Some(SERVER) => send_over_router(),
        Some(_) => tell_what_arrives(),
        None => {
            let name = "a_router_with_a_smaller_mtu_lets_packets_of_full_size_through";
            run_in_network(name, ROUTER);
        }
    }
}

fn send_over_router() {
    let client = std::env::var(CLIENT).expect("set with the network");
    let mut viewer = Process::new("nsenter")
        .args(["--target", &client, "--net"])
        .arg(std::env::current_exe().expect("the test's own program"))
        .args(std::env::args().skip(1))
        .env(ROLE, "viewer")
        .stdout(Stdio::piped())
        .spawn()
        .expect("nsenter");
    let mut said = BufReader::new(viewer.stdout.take().expect("a pipe")).lines();
    let mut next = |prefix: &str| loop {
        let line = said.next().expect("a line").expect("readable");
        if let Some((_, rest)) = line.split_once(prefix) {
            return rest.to_owned();
        }
    };
    next("ready");
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    for offload in [Offload::Automatic, Offload::Off] {
        let options = SocketOptions {
            offload,
            ..SocketOptions::default()
        };
        let sockets = SocketSet::bind(&[any], 0, options).expect("a socket");
        let path = Path {
            remote: SocketAddr::new(VIEWER, VIEWER_PORT),
            local: None,
        };
        let mut batch = SendBatch::new(64, 64);
        for size in SIZES {
            assert!(batch.push(path, &[0; 1_200][..size]), "room in the batch");
        }
        let mut tally = SendTally::default();
        let refused = Sender::new(&sockets).send(&sockets, &batch, &mut tally);
        assert_eq!((refused.full, refused.too_large, refused.failed), (0, 0, 0));
        assert_eq!(
            next("arrived: "),
            format!("{SIZES:?}"),
            "offload {offload:?}"
        );
    }
    assert!(viewer.wait().expect("it ends").success());
}

fn tell_what_arrives() {
    let socket = UdpSocket::bind((VIEWER, VIEWER_PORT)).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    println!("ready");
    for _ in 0..2 {
        let mut buffer = [0; 2_000];
        let arrived = SIZES.map(|_| socket.recv(&mut buffer).unwrap_or(0));
        println!("arrived: {arrived:?}");
    }
}

#[test]
fn what_the_interface_does_not_take_is_dropped_under_its_own_reason_and_the_rest_goes() {
    if role().is_some() {
        return answer_over_an_interface_that_is_too_narrow();
    }
    let name = "what_the_interface_does_not_take_is_dropped_under_its_own_reason_and_the_rest_goes";
    run_in_network(name, NARROW_LOOPBACK);
}

fn answer_over_an_interface_that_is_too_narrow() {
    let handle = worker_with_peer(SocketOptions::default(), "ours");
    let server = SocketAddr::new(LOOPBACK, handle.port());
    let client = UdpSocket::bind((LOOPBACK, 0)).expect("a plain socket");
    let wait = Duration::from_millis(100);
    client.set_read_timeout(Some(wait)).expect("a timeout");
    let check = connectivity_check("ours");
    let is_answered = || {
        client.send_to(&check, server).expect("sending on loopback");
        client.recv_from(&mut [0; 1_500]).is_ok()
    };
    // The answer has 64 bytes, and 28 of headers.
    assert!(!(0..5).any(|_| is_answered()), "it fits the interface");
    let widened = Process::new("ip")
        .args(["link", "set", "lo", "mtu", "1500"])
        .status();
    assert!(widened.is_ok_and(|status| status.success()));
    assert!((0..50).any(|_| is_answered()), "nothing goes any more");
    let last = handle.shutdown();
    let dropped = last.counters.dropped(DropReason::MtuExceeded);
    assert!(dropped > 0, "what was too large was not counted");
    assert_eq!(last.counters.dropped(DropReason::SendFailed), 0);
}

/// A server, a router and a viewer; the viewer's side of the router carries 1,000 bytes.
const ROUTER: &str = "
    ip link set lo up
    unshare --net sleep 60 & router=$!
    unshare --net sleep 60 & export SWITCHYARD_TEST_CLIENT=$!
    helpers=\"$router $SWITCHYARD_TEST_CLIENT\"
    own=$(readlink /proc/$$/ns/net)
    for helper in $helpers; do
        while [ \"$(readlink /proc/$helper/ns/net)\" = \"$own\" ]; do sleep 0.01; done
    done
    at_router=\"nsenter --target $router --net\"
    at_viewer=\"nsenter --target $SWITCHYARD_TEST_CLIENT --net\"
    ip link add s0 type veth peer name r0
    ip link set r0 netns $router
    $at_router ip link add r1 mtu 1000 type veth peer name c0
    $at_router ip link set c0 netns $SWITCHYARD_TEST_CLIENT
    ip addr add 10.9.0.1/24 dev s0
    ip link set s0 up
    ip route add 10.9.1.0/24 via 10.9.0.2
    $at_router ip addr add 10.9.0.2/24 dev r0
    $at_router ip addr add 10.9.1.2/24 dev r1
    $at_router ip link set r0 up
    $at_router ip link set r1 up
    $at_router sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
    $at_viewer ip addr add 10.9.1.1/24 dev c0
    $at_viewer ip link set c0 up
    $at_viewer ip route add default via 10.9.1.2
";

/// Less than the answer to a connectivity check takes.
const NARROW_LOOPBACK: &str = "
    ip link set lo mtu 80 up
";

const CLIENT: &str = "SWITCHYARD_TEST_CLIENT";
const VIEWER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 1, 1));
const VIEWER_PORT: u16 = 9_000;

/// A frame with its end, and what a handshake's largest datagrams have: none is ever longer.
const SIZES: [usize; 8] = [1_200, 1_200, 1_200, 1_200, 1_200, 700, 1_200, 80];

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
