//! A worker whose socket cannot send as fast as it should: what does not fit is dropped under its own
//! reason, and the worker goes on receiving meanwhile.
//!
//! Loopback frees a datagram as it is sent, so its send buffers never fill. In a network namespace of its
//! own (`unshare(1)`) it is slowed down (`tc-tbf(8)`): the answers of the worker queue behind the questions
//! that are still on their way to it, and fill its send buffer. Where the machine allows no such namespace
//! the test says so and ends.

#[path = "support/check.rs"]
mod check;
#[path = "support/network.rs"]
mod network;
#[path = "support/worker.rs"]
mod worker;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use check::connectivity_check;
use network::{role, run_in_network};
use sfu::drop_reason::DropReason;
use sfu::worker::socket::{BufferSizes, SocketOptions};
use worker::{LOOPBACK, worker_with_peer};

#[test]
fn a_full_socket_costs_what_does_not_fit_and_stalls_nothing() {
    if role().is_some() {
        return answer_more_checks_than_can_be_sent();
    }
    let name = "a_full_socket_costs_what_does_not_fit_and_stalls_nothing";
    run_in_network(name, SLOW_LOOPBACK);
}

fn answer_more_checks_than_can_be_sent() {
    let options = SocketOptions {
        buffers: BufferSizes {
            receive: 4 << 20,
            send: 1,
        },
        ..SocketOptions::default()
    };
    let handle = worker_with_peer(options, "ours");
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

const SLOW_LOOPBACK: &str = "
    ip link set lo up
    tc qdisc add dev lo root tbf rate 1mbit burst 2kb limit 4mb
";

/// Longer than what is queued takes.
const PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 10;

/// A hundred times what fits the smallest send buffer.
const CHECKS: usize = 800;
