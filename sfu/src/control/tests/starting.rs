//! A node with real workers, on loopback.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use super::fake::{read, room_name};
use super::offers::{OfferText, values};
use crate::control::{JoinRequest, Sfu, SfuConfig, StartError};
use crate::room::{DisplayName, Grants, LeaveReason, Notification, Refusal, RoomLimits, Viewing};

fn config(workers: usize) -> SfuConfig {
    SfuConfig {
        workers,
        udp_port: 0,
        listen: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        announce: Vec::new(),
        max_rooms: 10,
        max_participants: 10,
        room_limits: RoomLimits::default(),
        spread_above: 1,
        resume_grace: Duration::from_secs(15),
    }
}

fn request() -> JoinRequest {
    let name = DisplayName::parse("Ada").expect("a good name");
    JoinRequest {
        name,
        grants: Grants::CONFERENCE,
        viewing: Viewing::Everyone,
    }
}

/// The address and port of the first candidate in an answer.
fn candidate(answer: &str) -> (String, u16) {
    let line = values(answer, "candidate")[0];
    let words: Vec<_> = line.split(' ').collect();
    (words[4].to_owned(), words[5].parse().expect("a port"))
}

#[test]
fn a_started_node_answers_with_its_ports_and_says_goodbye_when_it_stops() {
    let sfu = Sfu::start(config(2)).expect("two workers on loopback");
    let mut people: Vec<_> = (0..2)
        .map(|_| {
            sfu.join(&room_name("room"), request())
                .expect("room for two")
        })
        .collect();
    let offer = OfferText::conference().to_sdp();
    let answers: Vec<_> = people
        .iter()
        .map(|joined| joined.session.offer(&offer, &[]).expect("a good offer").sdp)
        .collect();
    let candidates: Vec<_> = answers.iter().map(|answer| candidate(answer)).collect();
    assert!(
        candidates
            .iter()
            .all(|(ip, port)| ip == "127.0.0.1" && *port != 0)
    );
    assert_ne!(candidates[0].1, candidates[1].1, "each worker has a port");
    assert_eq!(sfu.load().peers, [1, 1]);
    assert_eq!(sfu.workers().len(), 2);

    sfu.stop();
    for joined in &mut people {
        let last = read(&mut joined.notifications).pop();
        assert_eq!(
            last,
            Some(Notification::Closed {
                reason: LeaveReason::ShuttingDown
            })
        );
    }
    assert!(sfu.running.node.is_idle(), "{:?}", sfu.load());
    assert_eq!(sfu.workers().len(), 0);
    assert_eq!(
        sfu.join(&room_name("room"), request()).expect_err("closed"),
        Refusal::Overloaded
    );
    drop(people);
    sfu.stop();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the kernel's choice");
    let port = taken.local_addr().expect("it is bound").port();
    let Err(error) = Sfu::start(SfuConfig {
        udp_port: port,
        ..config(1)
    }) else {
        panic!("started on a port that is taken");
    };
    assert!(matches!(error, StartError::Workers(_)), "{error:?}");
    assert!(error.to_string().contains(&port.to_string()), "{error}");
}

#[test]
fn announced_addresses_are_named_with_the_ports_of_the_workers() {
    let announce = vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5))];
    let sfu = Sfu::start(SfuConfig {
        announce,
        ..config(1)
    })
    .expect("a worker on loopback");
    let joined = sfu
        .join(&room_name("room"), request())
        .expect("room for one");
    let answer = joined
        .session
        .offer(&OfferText::viewer().to_sdp(), &[])
        .expect("a good offer");
    assert_eq!(candidate(&answer.sdp).0, "203.0.113.5");
}
