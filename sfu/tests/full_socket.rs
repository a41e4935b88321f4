//! A worker whose socket cannot send as fast as it should: what does not fit is dropped under its own
//! reason, and the worker goes on receiving meanwhile.
//!
//! Loopback frees a datagram as it is sent, so its send buffers never fill. In a network namespace of its
//! own (`unshare(1)`) it is slowed down (`tc-tbf(8)`): the answers of the worker queue behind the questions
//! that are still on their way to it, and fill its send buffer. Where the machine allows no such namespace
//! the test says so and ends.

#[path = "support/check.rs"]
mod check;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use check::{connectivity_check, parameters};
use sfu::drop_reason::DropReason;
use sfu::engine::command::Command;
use sfu::id::PeerId;
use sfu::transport::dtls::Identity;
use sfu::worker::socket::{BufferSizes, SocketOptions};
use sfu::worker::{SpawnConfig, Workers, spawn_workers};

#[test]
fn a_full_socket_costs_what_does_not_fit_and_stalls_nothing() {
    if std::env::var_os(INSIDE).is_some() {
        return answer_more_checks_than_can_be_sent();
    }
    let namespace = || {
        let mut unshare = Process::new("unshare");
        unshare.args(["--user", "--map-root-user", "--net"]);
        unshare
    };
    let probe = namespace().args(["sh", "-c", SLOW_LOOPBACK]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: this machine allows no network namespace with traffic control");
        return;
    }
    let this = std::env::current_exe().expect("the test's own program");
    let again = format!("{SLOW_LOOPBACK} && exec \"$0\" --nocapture");
    let output = namespace()
        .args(["sh", "-c", &again])
        .arg(this)
        .env(INSIDE, "1")
        .output()
        .expect("what worked a moment ago");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn answer_more_checks_than_can_be_sent() {
    let Workers { mut handles, .. } = spawn_workers(&SpawnConfig {
        workers: 1,
        listen: vec![LOOPBACK],
        first_port: 0,
        socket: SocketOptions {
            buffers: BufferSizes {
                receive: 4 << 20,
                send: 1,
            },
            ..SocketOptions::default()
        },
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
    let server = SocketAddr::new(LOOPBACK, handle.port());
    let client = UdpSocket::bind((LOOPBACK, 0)).expect("a plain socket");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let check = connectivity_check("ours");
    let ask = || client.send_to(&check, server).expect("sending on loopback");
    let hear = || client.recv_from(&mut [0; 1_500]).is_ok();
    let is_answered = || (0..TRIES).any(|_| ask() > 0 && hear());

    // The worker may not know the peer yet.
    assert!(is_answered(), "it does not answer");
    for _ in 0..CHECKS {
        ask();
    }
    while hear() {}
    let is_answered_again = is_answered();
    let last = handle.shutdown();

    assert!(is_answered_again, "nothing more is sent once it was full");
    let dropped = last.counters.dropped(DropReason::SocketFull);
    assert!(dropped > 0, "the send buffer was never full");
    let unknown = last.counters.dropped(DropReason::StunUnknownUsername);
    let received = last.statistics.received.datagrams;
    assert_eq!(
        last.statistics.sent.datagrams + dropped,
        received - unknown,
        "each check is answered, or its answer is counted as dropped"
    );
}

const SLOW_LOOPBACK: &str =
    "ip link set lo up && tc qdisc add dev lo root tbf rate 1mbit burst 2kb limit 4mb";

const INSIDE: &str = "SWITCHYARD_TEST_IN_NAMESPACE";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Longer than what is queued takes.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 10;

/// A hundred times what fits the smallest send buffer.
const CHECKS: usize = 800;
