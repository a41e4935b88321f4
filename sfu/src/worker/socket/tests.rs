//! Real sockets on loopback. Here is what every test uses, and the plain ways of receiving and sending.

mod listen;
mod refusal;

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::send_batch::{Path, SendBatch};

/// A bound socket with its reader and writer.
struct End {
    sockets: SocketSet,
    receiver: Receiver,
    sender: Sender,
    tally: SendTally,
}

impl End {
    fn bind(ip: &str) -> Self {
        Self::bind_with(ip, SocketOptions::default())
    }

    fn bind_with(ip: &str, options: SocketOptions) -> Self {
        Self::of(SocketSet::bind(&ips(&[ip]), 0, options).expect("a socket on loopback"))
    }

    fn of(sockets: SocketSet) -> Self {
        Self {
            receiver: Receiver::new(),
            sender: Sender::new(&sockets),
            tally: SendTally::default(),
            sockets,
        }
    }

    fn port(&self) -> u16 {
        self.sockets.port()
    }

    fn socket(&self) -> &MediaSocket {
        self.sockets.as_slice().first().expect("a socket")
    }

    /// The path to this socket over `ip`.
    fn reached_over(&self, ip: &str) -> Path {
        let ip: IpAddr = ip.parse().expect("an address of the test");
        Path {
            remote: SocketAddr::new(ip, self.port()),
            local: None,
        }
    }

    fn send(&mut self, batch: &SendBatch) -> Refused {
        self.sender.send(&self.sockets, batch, &mut self.tally)
    }

    /// Receives until `count` datagrams are there or nothing comes any more: (path, datagram).
    fn receive(&mut self, count: usize) -> Vec<(Path, Vec<u8>)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let mut ready: Vec<_> = self
                .sockets
                .as_slice()
                .iter()
                .map(|socket| PollFd::new(socket, PollFlags::IN))
                .collect();
            let patience = Timespec::try_from(Duration::from_secs(2)).ok();
            if poll(&mut ready, patience.as_ref()).expect("poll") == 0 {
                break;
            }
            for socket in self.sockets.as_mut_slice() {
                self.receiver
                    .receive(socket, |path, datagram| {
                        taken.push((path, datagram.to_vec()))
                    })
                    .expect("receiving on loopback");
            }
        }
        taken
    }

    fn take(&mut self) -> Received {
        let socket = self.sockets.as_mut_slice().first_mut().expect("a socket");
        self.receiver
            .receive(socket, |_, _| ())
            .expect("receiving on loopback")
    }

    fn receive_nothing(&mut self) -> usize {
        self.take().messages
    }

    fn set(&self, level: libc::c_int, name: libc::c_int, value: libc::c_int) {
        syscall::set_option(self.socket().as_fd(), level, name, value).expect("a socket option");
    }
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address of the test"))
        .collect()
}

fn without_offload() -> SocketOptions {
    SocketOptions {
        offload: Offload::Off,
        ..SocketOptions::default()
    }
}

/// Datagrams of these sizes, each filled with its position.
fn batch_of(path: Path, sizes: &[usize]) -> SendBatch {
    let mut batch = SendBatch::new(64, 64);
    push(&mut batch, path, sizes);
    batch
}

fn push(batch: &mut SendBatch, path: Path, sizes: &[usize]) {
    for (position, &size) in sizes.iter().enumerate() {
        assert!(
            batch.push(path, &vec![position as u8; size]),
            "room in the batch"
        );
    }
}

fn sizes(received: &[(Path, Vec<u8>)]) -> Vec<usize> {
    received
        .iter()
        .map(|(_, datagram)| datagram.len())
        .collect()
}

fn has_ipv6() -> bool {
    UdpSocket::bind("[::1]:0").is_ok()
}

#[test]
fn a_run_leaves_as_one_message_and_arrives_as_its_datagrams() {
    for ip in ["127.0.0.1", "::1"] {
        if ip == "::1" && !has_ipv6() {
            continue;
        }
        let (mut from, mut to) = (End::bind(ip), End::bind(ip));
        let run = [1200, 1200, 1200, 1200, 300];
        let refused = from.send(&batch_of(to.reached_over(ip), &run));
        assert_eq!(refused, Refused::default(), "over {ip}");
        let received = to.receive(run.len());
        assert_eq!(sizes(&received), run, "over {ip}");
        for (position, (path, datagram)) in received.iter().enumerate() {
            assert!(
                datagram.iter().all(|&byte| byte == position as u8),
                "in order, untouched"
            );
            assert_eq!(path.remote, from.reached_over(ip).remote);
        }
        assert_eq!((from.tally.messages, from.tally.datagrams), (1, 5));
        assert_eq!(from.tally.bytes, 5100);
        assert_eq!(from.tally.by_segments[5], 1);
    }
}

#[test]
fn runs_of_the_longest_kind_survive_the_trip() {
    let (mut from, mut to) = (End::bind("127.0.0.1"), End::bind("127.0.0.1"));
    let path = to.reached_over("127.0.0.1");
    for run in [vec![1452; 45], vec![100; 64], vec![1; 64], vec![1]] {
        let refused = from.send(&batch_of(path, &run));
        assert_eq!(refused, Refused::default());
        assert_eq!(sizes(&to.receive(run.len())), run);
    }
    assert_eq!(from.tally.messages, 4);
}

#[test]
fn the_reader_cuts_what_it_gets_whether_or_not_it_may_coalesce() {
    for options in [SocketOptions::default(), without_offload()] {
        let mut from = End::bind("127.0.0.1");
        let mut to = End::bind_with("127.0.0.1", options);
        let mut batch = batch_of(to.reached_over("127.0.0.1"), &[700; 7]);
        push(&mut batch, to.reached_over("127.0.0.1"), &[20, 1000, 1000]);
        assert_eq!(from.send(&batch), Refused::default());
        let received = to.receive(10);
        assert_eq!(
            sizes(&received),
            [700, 700, 700, 700, 700, 700, 700, 20, 1000, 1000]
        );
    }
}

#[test]
fn without_offload_every_datagram_is_a_message() {
    let mut from = End::bind_with("127.0.0.1", without_offload());
    let mut to = End::bind("127.0.0.1");
    // More datagrams than one call takes.
    let run = [500; 64];
    let mut batch = batch_of(to.reached_over("127.0.0.1"), &run);
    push(&mut batch, to.reached_over("127.0.0.1"), &run);
    assert_eq!(from.send(&batch), Refused::default());
    assert_eq!(sizes(&to.receive(128)), [500; 128]);
    assert_eq!((from.tally.messages, from.tally.by_segments[1]), (128, 128));
    assert_eq!(from.tally.calls, 2);
}

#[test]
fn empty_datagrams_and_a_full_house_of_messages_are_received() {
    let mut to = End::bind("127.0.0.1");
    let from = UdpSocket::bind("127.0.0.1:0").expect("a plain socket");
    let remote = to.reached_over("127.0.0.1").remote;
    for size in 0..40 {
        // Rising sizes of many senders would not be coalesced; neither are these.
        from.send_to(&vec![7; size], remote)
            .expect("sending on loopback");
    }
    let received = to.receive(40);
    assert_eq!(sizes(&received), (0..40).collect::<Vec<_>>());
    assert_eq!(to.receive_nothing(), 0);
}
