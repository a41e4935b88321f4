//! A kernel that has no memory, forbids sending, cannot cut runs or knows no IPv6: what it refuses is dropped under its
//! own reason, nothing waits for it, and what comes after goes.
//!
//! The kernel refuses because a filter of this test tells it to (seccomp(2)). Where the machine allows none the test
//! says so and ends.

#[path = "support/check.rs"]
mod check;
#[path = "support/refusal.rs"]
mod refusal;
#[path = "support/worker.rs"]
mod worker;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use check::connectivity_check;
use refusal::{Failing, refusing};
use sfu::drop_reason::DropReason;
use sfu::send_batch::{Path, SendBatch};
use sfu::worker::socket::{
    Receiver, Refused, Segmentation, SendTally, Sender, SocketOptions, SocketSet,
};
use worker::{LOOPBACK, worker_with_peer};

#[test]
fn what_sending_fails_with_decides_what_it_counts_as_and_the_next_batch_goes_whole() {
    // A run may be refused for being one, so its datagrams are tried again by themselves.
    let apart = MESSAGES + DATAGRAMS - 1;
    // The error, how many count as full, too large and failed, and how many calls it takes.
    let cases = [
        (libc::ENOBUFS, [DATAGRAMS, 0, 0], 1),
        (libc::ENOMEM, [DATAGRAMS, 0, 0], 1),
        (libc::EAGAIN, [DATAGRAMS, 0, 0], 1),
        (libc::EPERM, [0, 0, DATAGRAMS], MESSAGES),
        (libc::ENETDOWN, [0, 0, DATAGRAMS], MESSAGES),
        (libc::EMSGSIZE, [0, DATAGRAMS, 0], apart),
        (libc::EIO, [0, 0, DATAGRAMS], apart),
        (libc::EINVAL, [0, 0, DATAGRAMS], apart),
    ];
    for (errno, expected, calls) in cases {
        let (mut from, mut to) = (End::bind(), End::bind());
        let sending_fails = Failing {
            call: libc::SYS_sendmmsg,
            only_if: &[],
            errno,
        };
        let batch = batch_to(&to);
        let Some(refused) = refusing(sending_fails, || from.send(&batch)) else {
            return;
        };
        let Refused {
            full,
            too_large,
            failed,
        } = refused;
        assert_eq!([full, too_large, failed], expected, "{errno}");
        let tally = &from.tally;
        assert_eq!((tally.calls, tally.datagrams), (calls, 0), "{errno}");
        // Not even single datagrams went, so nothing speaks against runs.
        assert_eq!(from.sender.segmentation(), Segmentation::Kernel, "{errno}");

        assert_eq!(from.send(&batch), Refused::default(), "{errno}");
        assert_eq!(to.receive(), BATCH.concat(), "{errno}");
    }
}

#[test]
fn runs_that_are_refused_as_such_go_apart_and_are_given_up_unless_their_size_was_at_fault() {
    let cases = [
        (libc::EIO, Segmentation::None),
        (libc::EINVAL, Segmentation::None),
        (libc::EMSGSIZE, Segmentation::Kernel),
    ];
    for (errno, expected) in cases {
        let (mut from, mut to) = (End::bind(), End::bind());
        // What is sent by itself, as the datagrams of a refused run are, goes.
        let three_at_once_fail = Failing {
            call: libc::SYS_sendmmsg,
            only_if: &[(2, 3)],
            errno,
        };
        let batch = batch_to(&to);
        let Some(refused) = refusing(three_at_once_fail, || from.send(&batch)) else {
            return;
        };
        assert_eq!(refused, Refused::default(), "{errno}");
        assert_eq!(to.receive(), BATCH.concat(), "{errno}");
        assert_eq!(from.sender.segmentation(), expected, "{errno}");
    }
}

#[test]
fn a_worker_that_may_not_send_goes_on_receiving_and_counts_every_answer() {
    for (errno, reason) in [
        (libc::ENOBUFS, DropReason::SocketFull),
        (libc::EMSGSIZE, DropReason::MtuExceeded),
        (libc::EPERM, DropReason::SendFailed),
    ] {
        let sending_fails = Failing {
            call: libc::SYS_sendmmsg,
            only_if: &[],
            errno,
        };
        let Some(handle) = refusing(sending_fails, || {
            worker_with_peer(SocketOptions::default(), "ours")
        }) else {
            return;
        };
        let client = UdpSocket::bind((LOOPBACK, 0)).expect("a plain socket");
        let check = connectivity_check("ours");
        for _ in 0..CHECKS {
            let server = SocketAddr::new(LOOPBACK, handle.port());
            client.send_to(&check, server).expect("sending on loopback");
        }
        // What has arrived is taken in before it ends.
        let last = handle.shutdown();
        assert_eq!(last.statistics.received.datagrams, CHECKS, "{errno}");
        assert_eq!(last.statistics.sent.datagrams, 0, "{errno}");
        // The worker may not have known the peer yet.
        let unknown = last.counters.dropped(DropReason::StunUnknownUsername);
        assert_eq!(last.counters.dropped(reason), CHECKS - unknown, "{errno}");
        assert!(unknown < CHECKS, "it answers nothing");
    }
}

#[test]
fn a_kernel_without_ipv6_gets_a_socket_for_ipv4_by_which_all_goes() {
    let no_ipv6 = Failing {
        call: libc::SYS_socket,
        only_if: &[(0, libc::AF_INET6)],
        errno: libc::EAFNOSUPPORT,
    };
    let bind = || SocketSet::bind(&[], 0, SocketOptions::default()).expect("IPv4 is there");
    let Some(sockets) = refusing(no_ipv6, bind) else {
        return;
    };
    let (mut from, mut to) = (End::bind(), End::of(sockets));
    let local = to
        .sockets
        .as_slice()
        .first()
        .map(|socket| socket.local_address().ip());
    assert_eq!(local, Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    assert_eq!(from.send(&batch_to(&to)), Refused::default());
    assert_eq!(to.receive(), BATCH.concat());
}

#[test]
fn a_kernel_that_knows_no_runs_gets_and_gives_single_datagrams() {
    /// The call, the arguments with which it fails, and who cuts runs then.
    type Case<'a> = (libc::c_long, &'a [(u8, libc::c_int)], Segmentation);
    let cases: &[Case<'static>] = &[
        (
            libc::SYS_getsockopt,
            &[(1, libc::SOL_UDP), (2, libc::UDP_SEGMENT)],
            Segmentation::None,
        ),
        (
            libc::SYS_setsockopt,
            &[(1, libc::SOL_UDP), (2, libc::UDP_GRO)],
            Segmentation::Kernel,
        ),
    ];
    for &(call, only_if, expected) in cases {
        let unknown_option = Failing {
            call,
            only_if,
            errno: libc::ENOPROTOOPT,
        };
        let Some((mut from, mut to)) = refusing(unknown_option, || (End::bind(), End::bind()))
        else {
            return;
        };
        assert_eq!(from.sender.segmentation(), expected);
        assert_eq!(from.send(&batch_to(&to)), Refused::default());
        assert_eq!(to.receive(), BATCH.concat());
    }
}

/// A socket with its reader and writer.
struct End {
    sockets: SocketSet,
    receiver: Receiver,
    sender: Sender,
    tally: SendTally,
}

impl End {
    fn bind() -> Self {
        let sockets = SocketSet::bind(&[LOOPBACK], 0, SocketOptions::default());
        Self::of(sockets.expect("a socket on loopback"))
    }

    fn of(sockets: SocketSet) -> Self {
        Self {
            receiver: Receiver::new(),
            sender: Sender::new(&sockets),
            tally: SendTally::default(),
            sockets,
        }
    }

    fn send(&mut self, batch: &SendBatch) -> Refused {
        self.sender.send(&self.sockets, batch, &mut self.tally)
    }

    /// The sizes of what has arrived; on loopback that is all that was sent.
    fn receive(&mut self) -> Vec<usize> {
        let mut sizes = Vec::new();
        for socket in self.sockets.as_mut_slice() {
            while {
                let take = |_, datagram: &mut [u8]| sizes.push(datagram.len());
                let received = self.receiver.receive(socket, take);
                received.expect("receiving on loopback").messages > 0
            } {}
        }
        sizes
    }
}

fn batch_to(end: &End) -> SendBatch {
    let path = Path {
        remote: SocketAddr::new(LOOPBACK, end.sockets.port()),
        local: None,
    };
    let mut batch = SendBatch::new(64, 64);
    for &size in BATCH.iter().copied().flatten() {
        assert!(batch.push(path, &[0; 1_200][..size]), "room in the batch");
    }
    batch
}

/// The datagrams of three frames: two runs, which may end with a shorter one, and one by itself.
const BATCH: &[&[usize]] = &[&[1_200, 1_200, 1_200, 300], &[700, 700], &[900]];
const MESSAGES: u64 = 3;
const DATAGRAMS: u64 = 7;

const CHECKS: u64 = 20;
