//! What forwarding takes of the machine's own time: a benchmark holds back what a publisher sends, and hands
//! it to the engines when it has a clock in its hand.
//!
//! Everything else goes on in virtual time: viewers get what is forwarded, report, and stay.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use sfu::send_batch::{Path, SendBatch};

use super::World;
use super::crowd::PersonId;
use super::node::{Node, is_rtp, worker_id};

/// RTP of one address, taken from the way to the network.
#[derive(Debug, Default)]
pub(super) struct Diversion {
    from: Option<SocketAddr>,
    taken: Vec<Vec<u8>>,
}

impl Diversion {
    /// Gives the datagram back if it is none of those to take.
    pub(super) fn take(&mut self, from: SocketAddr, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.from == Some(from) && is_rtp(&bytes) {
            self.taken.push(bytes);
            return None;
        }
        Some(bytes)
    }
}

impl World {
    /// From now on a person's media is not carried; [`next_burst`](Self::next_burst) has it.
    pub fn divert(&mut self, publisher: PersonId) {
        self.diversion.from = Some(self.crowd.member(publisher).device.address());
        self.diversion.taken.clear();
    }

    /// Lets time pass until the person whose media is diverted sends some, and gives the encrypted packets
    /// that it sends at once.
    ///
    /// # Panics
    /// If nothing comes within a second.
    pub fn next_burst(&mut self) -> Vec<Vec<u8>> {
        let end = self.now + Duration::from_secs(1);
        while self.diversion.taken.is_empty() {
            assert!(self.now < end, "seed {}: nobody sends", self.seed);
            self.run_for(Duration::from_micros(100));
        }
        std::mem::take(&mut self.diversion.taken)
    }

    /// Lets the engines forward a burst of the diverted publisher at once, and carries what they send. `give`
    /// is handed each batch by the number of its worker, and its time counts as the engines'.
    pub fn forward(
        &mut self,
        publisher: PersonId,
        burst: &mut [Vec<u8>],
        mut give: impl FnMut(usize, &SendBatch),
    ) -> Cost {
        let member = self.crowd.member(publisher);
        let (now, ingress, workers) = (self.now, member.worker, self.node.workers());
        let path = Path {
            remote: member.device.address(),
            local: Some(self.node.candidates(ingress)[0].address().ip()),
        };
        let (node, network) = (&mut self.node, &mut self.network);
        let sent = |node: &Node| -> u64 {
            let counters = (0..workers).map(|worker| node.counters(worker));
            counters.map(|counters| counters.sent.all_packets()).sum()
        };
        let before = sent(node);

        let begin = Instant::now();
        for datagram in burst {
            node.engine_mut(ingress)
                .handle_datagram(now, path, datagram);
        }
        let mut cost = Cost {
            receiving: begin.elapsed(),
            ..Cost::default()
        };
        for from in 0..workers {
            let begin = Instant::now();
            while let Some((to, batch)) = node.engine_mut(from).poll_pipe() {
                std::mem::swap(batch, &mut self.pipe);
                node.engine_mut(to.index())
                    .handle_pipe(now, worker_id(from), &self.pipe);
                self.pipe.clear();
            }
            cost.sending += begin.elapsed();
        }
        for worker in 0..workers {
            loop {
                let begin = Instant::now();
                let more = node.engine_mut(worker).poll_transmit(&mut self.batch);
                give(worker, &self.batch);
                cost.sending += begin.elapsed();
                node.carry(worker, &self.batch, &mut |from, to, bytes| {
                    network.send(now, from, to, bytes);
                });
                self.batch.clear();
                if !more {
                    break;
                }
            }
        }
        cost.forwarded = sent(node) - before;
        cost
    }
}

/// What forwarding took.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Cost {
    /// From the publisher's datagrams to packets that are cached, and to the workers that import the track.
    pub receiving: Duration,
    /// From there to datagrams that are ready to be sent, or sent.
    pub sending: Duration,
    /// Packets that were written.
    pub forwarded: u64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.receiving += more.receiving;
        self.sending += more.sending;
        self.forwarded += more.forwarded;
    }
}

impl Cost {
    /// Nanoseconds for each packet that was forwarded.
    pub fn per_packet(&self) -> f64 {
        (self.receiving + self.sending).as_nanos() as f64 / self.forwarded as f64
    }
}
