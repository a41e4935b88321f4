//! Real workers on loopback, around real engines.

use std::net::UdpSocket;

use super::*;
use crate::drop_reason::DropReason;
use crate::id::PeerId;

fn config(workers: usize, first_port: u16) -> SpawnConfig {
    SpawnConfig {
        workers,
        listen: vec![LOOPBACK],
        first_port,
        socket: SocketOptions::default(),
        identity: Arc::new(Identity::generate().expect("randomness")),
        seed: 1,
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn worker(index: usize) -> WorkerId {
    WorkerId::new(index).expect("an index of the test")
}

/// The first of `count` consecutive free ports, below those that the kernel gives out by itself, so
/// that no test beside this one takes them. Only one test may ask.
fn free_ports(count: u16) -> u16 {
    let start = 20_000 + (std::process::id() % 1_000) as u16 * 10;
    (start..30_000)
        .step_by(usize::from(count))
        .find(|&first| (first..first + count).all(|port| UdpSocket::bind((LOOPBACK, port)).is_ok()))
        .expect("consecutive free ports")
}

#[test]
fn each_worker_listens_on_its_port_and_hands_datagrams_to_its_engine() {
    let Workers { handles, .. } = spawn_workers(&config(3, 0)).expect("three workers");
    let client = UdpSocket::bind((LOOPBACK, 0)).expect("a plain socket");
    for (index, handle) in handles.iter().enumerate() {
        assert_eq!(handle.id(), worker(index));
        for _ in 0..=index {
            // A first byte that no protocol has.
            client
                .send_to(&[0xff; 20], (LOOPBACK, handle.port()))
                .expect("sending on loopback");
        }
    }
    for (index, handle) in handles.into_iter().enumerate() {
        let last = handle.shutdown();
        let sent = index as u64 + 1;
        assert_eq!(last.statistics.received.datagrams, sent, "worker {index}");
        assert_eq!(
            last.counters.dropped(DropReason::UnknownProtocol),
            sent,
            "worker {index}"
        );
    }
}

#[test]
fn commands_sent_before_the_end_are_carried_out() {
    let Workers { handles, .. } = spawn_workers(&config(1, 0)).expect("a worker");
    for handle in handles {
        for number in 0..500 {
            let peer = PeerId::new(number);
            handle
                .send(Command::ClosePeer { peer })
                .expect("room in the mailbox");
        }
        assert_eq!(handle.shutdown().statistics.commands, 500);
    }
}

#[test]
fn a_port_that_is_taken_ends_the_start_with_its_number_and_frees_the_others() {
    let first = free_ports(3);
    let taken = UdpSocket::bind((LOOPBACK, first + 2)).expect("a port free a moment ago");
    let error = spawn_workers(&config(3, first))
        .map(|_| ())
        .expect_err("the third port is taken");
    assert_eq!(
        error.to_string(),
        format!("UDP port {} is already in use on 127.0.0.1", first + 2)
    );
    drop(taken);
    let workers = spawn_workers(&config(3, first)).expect("all three ports are free again");
    let ports: Vec<_> = workers.handles.iter().map(WorkerHandle::port).collect();
    assert_eq!(ports, [first, first + 1, first + 2]);
}

#[test]
fn dropping_a_handle_ends_its_thread_frees_its_port_and_says_so() {
    let Workers {
        handles,
        mut reports,
    } = spawn_workers(&config(2, 0)).expect("two workers");
    let ports: Vec<_> = handles.iter().map(WorkerHandle::port).collect();
    let mailbox = handles[0].mailbox().clone();
    drop(handles);
    for port in ports {
        UdpSocket::bind((LOOPBACK, port)).expect("the port is free again");
    }
    let mut ended = vec![reports.blocking_recv(), reports.blocking_recv()];
    ended.sort_by_key(|report| format!("{report:?}"));
    let expected = |index| {
        Some(Report::Ended {
            worker: worker(index),
            cause: EndCause::Requested,
        })
    };
    assert_eq!(ended, [expected(0), expected(1)]);
    assert_eq!(reports.blocking_recv(), None, "nobody is left to report");
    let refused = mailbox.send(Command::ClosePeer {
        peer: PeerId::new(1),
    });
    assert!(matches!(refused, Err(MailboxError::Ended(_))));
}

#[test]
fn a_panic_is_told_with_its_message() {
    let number = 7;
    let causes = [
        guarded(|| panic!("a literal")),
        guarded(|| panic!("formatted {number}")),
        guarded(|| std::panic::panic_any(number)),
        guarded(|| ()),
    ];
    let expected = [
        EndCause::Panicked("a literal".into()),
        EndCause::Panicked("formatted 7".into()),
        EndCause::Panicked("without a message".into()),
        EndCause::Requested,
    ];
    assert_eq!(causes, expected);
}

#[test]
fn what_cannot_be_started_is_refused_in_one_sentence() {
    let cases = [
        (config(0, 0), "0 workers are not between 1 and 64"),
        (config(65, 0), "65 workers are not between 1 and 64"),
        (config(2, 65_535), "there are not 2 UDP ports from 65535 on"),
    ];
    for (config, expected) in cases {
        let error = spawn_workers(&config)
            .map(|_| ())
            .map_err(|error| error.to_string());
        assert_eq!(error, Err(expected.into()));
    }
}
