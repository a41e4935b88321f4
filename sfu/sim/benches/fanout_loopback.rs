//! What forwarding a packet takes with real sockets on loopback, system calls included, beside a bare loop that
//! seals in place and sends the same frames: five packets a GSO message, 64 receivers with a `sendmmsg`.
//!
//! `cargo bench -p sfu-sim --bench fanout_loopback`. Only the ratio means something on another machine.

mod support {
    pub(crate) mod bare;
    pub(crate) mod figures;
    pub(crate) mod stage;
}

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sfu::send_batch::{Path, SendBatch};
use sfu::worker::socket::{SendTally, Sender, SocketOptions, SocketSet};
use support::bare::Bare;
use support::figures::{median, rounds};
use support::stage::Stage;

fn main() {
    let mut stage = Stage::new(1, VIEWERS);
    let mut bare = BareSender::new();
    let listeners = Listeners::start();
    let (sockets, mut sender) = open();
    let mut tally = SendTally::default();
    let (mut ours, mut least) = (Vec::new(), Vec::new());
    for _ in 0..8 * rounds() {
        let mut frame = stage.frames(1);
        least.push(bare.send(&frame[0]));
        // What the last one has filled is emptied.
        std::thread::sleep(Duration::from_millis(2));
        let cost = stage.forward(&mut frame, |_, batch| {
            let refused = sender.send(&sockets, batch, &mut tally);
            assert_eq!((refused.full, refused.failed), (0, 0));
        });
        assert!(cost.forwarded > 0, "nothing was forwarded");
        ours.push(cost.per_packet());
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(listeners);
    let (ours, least) = (median(ours), median(least));
    let run = tally.datagrams as f64 / tally.messages as f64;
    println!("fanout_loopback: {ours:.0} ns per forwarded packet, {run:.1} packets a message;");
    println!(
        "  bare loop: {least:.0} ns, {:.1} packets a message",
        bare.run()
    );
    println!("fanout_loopback ÷ bare loop = {:.2}", ours / least);
}

fn open() -> (SocketSet, Sender) {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let sockets = SocketSet::bind(&[loopback], 0, SocketOptions::default());
    let sockets = sockets.expect("a socket on loopback");
    let sender = Sender::new(&sockets);
    (sockets, sender)
}

/// The bare loop with a socket.
struct BareSender {
    bare: Bare,
    sockets: SocketSet,
    sender: Sender,
    batch: SendBatch,
    tally: SendTally,
}

impl BareSender {
    fn new() -> Self {
        let (sockets, sender) = open();
        Self {
            bare: Bare::new(VIEWERS),
            sockets,
            sender,
            batch: SendBatch::new(64, 64),
            tally: SendTally::default(),
        }
    }

    /// Sends packets as many as the frame has, and of one size. Returns nanoseconds per packet.
    fn send(&mut self, frame: &[Vec<u8>]) -> f64 {
        let len = frame.iter().map(Vec::len).sum::<usize>() / frame.len();
        let begin = std::time::Instant::now();
        for receiver in 0..VIEWERS {
            let path = Path {
                remote: address(receiver),
                local: None,
            };
            for number in 0..frame.len() {
                let space = match self.batch.space(len) {
                    Some(space) => space,
                    None => {
                        self.flush();
                        self.batch.space(len).expect("the batch is empty")
                    }
                };
                self.bare.packet(receiver, number, space);
                self.batch.commit(path, len);
            }
        }
        self.flush();
        self.bare.advance(frame.len());
        begin.elapsed().as_nanos() as f64 / (frame.len() * VIEWERS) as f64
    }

    fn flush(&mut self) {
        let refused = self
            .sender
            .send(&self.sockets, &self.batch, &mut self.tally);
        assert_eq!((refused.full, refused.failed), (0, 0));
        self.batch.clear();
    }

    fn run(&self) -> f64 {
        self.tally.datagrams as f64 / self.tally.messages as f64
    }
}

/// Sockets where the viewers are, and a thread that empties them.
struct Listeners {
    stopping: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Listeners {
    fn start() -> Self {
        let sockets: Vec<_> = (0..VIEWERS)
            .map(|viewer| {
                let socket = UdpSocket::bind(address(viewer)).expect("a free port on loopback");
                socket.set_nonblocking(true).expect("a socket");
                socket
            })
            .collect();
        let stopping = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopping);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while !told.load(Ordering::Relaxed) {
                for socket in &sockets {
                    while socket.recv(&mut buffer).is_ok() {}
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            stopping,
            thread: Some(thread),
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where the simulated world has its viewers; the publisher came first.
fn address(viewer: usize) -> SocketAddr {
    let [high, low] = (viewer as u16 + 1).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, high, low, 1), 50_000))
}

const VIEWERS: usize = 100;
