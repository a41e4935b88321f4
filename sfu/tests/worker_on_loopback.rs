//! A worker from the outside: commands in, datagrams both ways, reports out.

#[path = "support/check.rs"]
mod check;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rtc::stun::message::{BINDING_SUCCESS, Getter, Message};
use rtc::stun::xoraddr::XorMappedAddress;
use sfu::engine::command::Command;
use sfu::engine::event::{CloseReason, Event};
use sfu::id::{PeerId, WorkerId};
use sfu::transport::dtls::Identity;
use sfu::worker::socket::{Offload, SocketOptions};
use sfu::worker::{EndCause, Report, SpawnConfig, Workers, spawn_workers};

use check::{connectivity_check, parameters};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OTHER_LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn config(listen: Vec<IpAddr>, offload: Offload) -> SpawnConfig {
    SpawnConfig {
        workers: 1,
        listen,
        first_port: 0,
        socket: SocketOptions {
            offload,
            ..SocketOptions::default()
        },
        identity: Arc::new(Identity::generate().expect("randomness")),
        seed: 1,
    }
}

/// Sends the check, again and again as ICE does, until an answer comes: (answer, where from).
fn answer_to(check: &[u8], client: &UdpSocket, server: SocketAddr) -> (Message, SocketAddr) {
    client
        .set_read_timeout(Some(Duration::from_millis(250)))
        .expect("a timeout");
    for _ in 0..40 {
        client.send_to(check, server).expect("sending on loopback");
        let mut answer = [0; 1500];
        if let Ok((len, from)) = client.recv_from(&mut answer) {
            let mut message = Message::new();
            message
                .unmarshal_binary(&answer[..len])
                .expect("an answer that parses");
            return (message, from);
        }
    }
    panic!("no answer in ten seconds");
}

#[test]
fn a_connectivity_check_is_answered_from_the_address_it_came_to() {
    let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let cases = [
        (vec![], Offload::Automatic),
        (vec![any_v4], Offload::Automatic),
        (vec![any_v4], Offload::Off),
        (vec![LOOPBACK, OTHER_LOOPBACK], Offload::Automatic),
    ];
    for (listen, offload) in cases {
        let described = format!("listening on {listen:?}, offload {offload:?}");
        let Workers { handles, .. } = spawn_workers(&config(listen, offload)).expect("a worker");
        let handle = handles.first().expect("a worker");
        let parameters = Box::new(parameters("ours"));
        let peer = PeerId::new(1);
        handle
            .send(Command::AddPeer { peer, parameters })
            .expect("room in the mailbox");
        let client = UdpSocket::bind((LOOPBACK, 0)).expect("a plain socket");
        for ip in [OTHER_LOOPBACK, LOOPBACK] {
            let server = SocketAddr::new(ip, handle.port());
            let (answer, from) = answer_to(&connectivity_check("ours"), &client, server);
            assert_eq!(from, server, "{described}");
            assert_eq!(answer.typ, BINDING_SUCCESS, "{described}");
            let mut seen = XorMappedAddress::default();
            seen.get_from(&answer).expect("a mapped address");
            let seen = SocketAddr::new(seen.ip, seen.port);
            assert_eq!(Ok(seen), client.local_addr().map_err(|_| ()), "{described}");
        }
    }
}

#[test]
fn what_becomes_of_a_peer_is_reported_before_the_worker_ends() {
    let Workers {
        mut handles,
        mut reports,
    } = spawn_workers(&config(vec![LOOPBACK], Offload::Automatic)).expect("a worker");
    let handle = handles.pop().expect("a worker");
    let parameters = Box::new(parameters("ours"));
    let peer = PeerId::new(1);
    for command in [
        Command::AddPeer { peer, parameters },
        Command::ClosePeer { peer },
    ] {
        handle.send(command).expect("room in the mailbox");
    }
    let last = handle.shutdown();
    assert_eq!(last.statistics.commands, 2);
    assert_eq!(last.engine.peers, 0);
    let worker = WorkerId::new(0).expect("the first worker");
    let reported: Vec<_> = std::iter::from_fn(|| reports.blocking_recv()).collect();
    let expected = [
        Report::Event {
            worker,
            event: Event::PeerClosed {
                peer,
                reason: CloseReason::Requested,
            },
        },
        Report::Ended {
            worker,
            cause: EndCause::Requested,
        },
    ];
    assert_eq!(reported, expected);
}

#[test]
fn a_worker_that_nothing_wakes_wakes_in_time_for_what_is_due() {
    // What it did before it fell asleep is to be published a while later, and nothing else happens.
    let Workers { handles, .. } =
        spawn_workers(&config(vec![LOOPBACK], Offload::Automatic)).expect("a worker");
    let handle = handles.first().expect("a worker");
    let parameters = Box::new(parameters("ours"));
    let peer = PeerId::new(1);
    handle
        .send(Command::AddPeer { peer, parameters })
        .expect("room in the mailbox");
    let published = (0..1_000).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        handle.snapshot().engine.peers == 1
    });
    assert!(published, "nothing was published in ten seconds");
}
