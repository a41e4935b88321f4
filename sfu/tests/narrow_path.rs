//! Paths that carry less than a packet of video: over IPv4 a router fragments it, and what not even the own
//! interface takes is dropped under its own reason.
//!
//! The networks are made of namespaces (`unshare(1)`, `nsenter(1)`, `ip(8)`), which end with the test. Where the
//! machine allows none the test says so and ends.

#[path = "support/check.rs"]
mod check;

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Duration;

use check::{connectivity_check, parameters};
use sfu::drop_reason::DropReason;
use sfu::engine::command::Command;
use sfu::id::PeerId;
use sfu::send_batch::{Path, SendBatch};
use sfu::transport::dtls::Identity;
use sfu::worker::socket::{Offload, SendTally, Sender, SocketOptions, SocketSet};
use sfu::worker::{SpawnConfig, Workers, spawn_workers};

/// Runs the test of this name again as root of a network of its own, made by `setup`.
fn run_in_network(test: &str, setup: &str) {
    let namespace = |script: &str| {
        let mut unshare = Process::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net", "sh", "-c"]);
        unshare.arg(format!("set -e; {setup} {script}"));
        unshare
    };
    let end = "kill $helpers 2>/dev/null || true; exit $status";
    let probe = namespace(&format!("status=0; {end}")).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: this machine allows no such network namespaces");
        return;
    }
    let again = format!("status=0; \"$0\" --exact {test} --nocapture || status=$?; {end}");
    let this = std::env::current_exe().expect("the test's own program");
    let output = namespace(&again)
        .arg(this)
        .env(ROLE, SERVER)
        .output()
        .expect("what worked a moment ago");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

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
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Workers { mut handles, .. } = spawn_workers(&SpawnConfig {
        workers: 1,
        listen: vec![loopback],
        first_port: 0,
        socket: SocketOptions::default(),
        identity: Arc::new(Identity::generate().expect("randomness")),
        seed: 1,
    })
    .expect("a worker");
    let handle = handles.pop().expect("a worker");
    let parameters = Box::new(parameters("ours"));
    let peer = PeerId::new(1);
    handle
        .send(Command::AddPeer { peer, parameters })
        .expect("room in the mailbox");
    let server = SocketAddr::new(loopback, handle.port());
    let client = UdpSocket::bind((loopback, 0)).expect("a plain socket");
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
    helpers=
    ip link set lo mtu 80 up
";

const ROLE: &str = "SWITCHYARD_TEST_ROLE";
const SERVER: &str = "server";
const CLIENT: &str = "SWITCHYARD_TEST_CLIENT";
const VIEWER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 1, 1));
const VIEWER_PORT: u16 = 9_000;

/// A frame with its end, and what a handshake's largest datagrams have: none is ever longer.
const SIZES: [usize; 8] = [1_200, 1_200, 1_200, 1_200, 1_200, 700, 1_200, 80];

/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
