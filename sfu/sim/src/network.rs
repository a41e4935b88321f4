//! A network in virtual time: datagrams between socket addresses, over the links of their hosts.
//!
//! A datagram crosses the uplink of its sender, then the downlink of its receiver, each a [`Link`]
//! with its own delay, loss and rate. A host without links of its own has perfect ones. What is lost
//! is reported ([`Network::poll_mishap`]), so that an oracle can tell loss that the network made from
//! loss that the server made.

pub mod link;
mod passage;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;

pub use link::{Link, Loss, Rate, Reorder};
use passage::{Outcome, Passage};

/// The network.
#[derive(Debug)]
pub struct Network {
    rng: SmallRng,
    hosts: HashMap<SocketAddr, Host>,
    flights: BinaryHeap<Reverse<Flight>>,
    /// Numbers the flights, so that of two that arrive together the one sent first arrives first.
    order: u64,
    mishaps: VecDeque<Mishap>,
    carried: u64,
}

/// The two links of a host.
#[derive(Debug, Default)]
struct Host {
    up: Passage,
    down: Passage,
}

/// A datagram that has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// When it was sent.
    pub sent_at: Instant,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// A datagram that the network did not simply carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mishap {
    /// When it was sent.
    pub sent_at: Instant,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// What became of it.
    pub kind: MishapKind,
    /// Its first bytes, at most [`Mishap::HEAD_BYTES`]: enough for an RTP header.
    pub head: Vec<u8>,
}

impl Mishap {
    /// How much of a datagram is kept.
    pub const HEAD_BYTES: usize = 12;
}

/// What can become of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MishapKind {
    /// Lost on the way.
    Lost,
    /// The queue before a link of limited rate was full.
    QueueFull,
    /// Held back, so that later ones overtake it.
    HeldBack,
}

impl Network {
    /// A network without hosts whose chances follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            hosts: HashMap::new(),
            flights: BinaryHeap::new(),
            order: 0,
            mishaps: VecDeque::new(),
            carried: 0,
        }
    }

    /// Changes the link by which a host sends. Datagrams that are under way are not affected.
    pub fn set_uplink(&mut self, host: SocketAddr, link: Link) {
        self.hosts.entry(host).or_default().up.set_link(link);
    }

    /// Changes the link by which a host receives. Datagrams that are under way are not affected.
    pub fn set_downlink(&mut self, host: SocketAddr, link: Link) {
        self.hosts.entry(host).or_default().down.set_link(link);
    }

    /// The links of a host move to another address, queues and all, as when a NAT changes its mind.
    pub fn move_host(&mut self, from: SocketAddr, to: SocketAddr) {
        if let Some(host) = self.hosts.remove(&from) {
            self.hosts.insert(to, host);
        }
    }

    /// Sends a datagram.
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let datagram = Arrival {
            sent_at: now,
            from,
            to,
            bytes,
        };
        self.cross(now, datagram, Leg::Uplink);
    }

    /// The next datagram that has arrived by `now`.
    pub fn poll_arrival(&mut self, now: Instant) -> Option<Arrival> {
        loop {
            let Reverse(next) = self.flights.peek()?;
            if next.at > now {
                return None;
            }
            let Reverse(flight) = self.flights.pop()?;
            match flight.next {
                Some(leg) => self.cross(flight.at, flight.datagram, leg),
                None => {
                    self.carried += 1;
                    return Some(flight.datagram);
                }
            }
        }
    }

    /// The next datagram that was lost or held back.
    pub fn poll_mishap(&mut self) -> Option<Mishap> {
        self.mishaps.pop_front()
    }

    /// When something happens next; `None`: never, nothing is under way.
    pub fn next_at(&self) -> Option<Instant> {
        self.flights.peek().map(|Reverse(flight)| flight.at)
    }

    /// How many datagrams have arrived so far.
    pub fn carried(&self) -> u64 {
        self.carried
    }

    fn cross(&mut self, now: Instant, datagram: Arrival, leg: Leg) {
        let host = match leg {
            Leg::Uplink => self.hosts.get_mut(&datagram.from),
            Leg::Downlink => self.hosts.get_mut(&datagram.to),
        };
        let passage = host.map(|host| match leg {
            Leg::Uplink => &mut host.up,
            Leg::Downlink => &mut host.down,
        });
        let next = match leg {
            Leg::Uplink => Some(Leg::Downlink),
            Leg::Downlink => None,
        };
        let Some(passage) = passage else {
            self.fly(now, datagram, next);
            return;
        };
        let len = datagram.bytes.len() + IP_AND_UDP_BYTES;
        match passage.cross(now, len, &mut self.rng) {
            Outcome::Dropped(kind) => self.report(&datagram, kind),
            Outcome::Carried {
                at,
                copy_at,
                held_back,
            } => {
                if held_back {
                    self.report(&datagram, MishapKind::HeldBack);
                }
                if let Some(copy_at) = copy_at {
                    self.fly(copy_at, datagram.clone(), next);
                }
                self.fly(at, datagram, next);
            }
        }
    }

    fn fly(&mut self, at: Instant, datagram: Arrival, next: Option<Leg>) {
        self.order += 1;
        self.flights.push(Reverse(Flight {
            at,
            order: self.order,
            next,
            datagram,
        }));
    }

    fn report(&mut self, datagram: &Arrival, kind: MishapKind) {
        let head = datagram.bytes.len().min(Mishap::HEAD_BYTES);
        self.mishaps.push_back(Mishap {
            sent_at: datagram.sent_at,
            from: datagram.from,
            to: datagram.to,
            kind,
            head: datagram.bytes[..head].to_vec(),
        });
    }
}

/// Which of the two links a datagram crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leg {
    Uplink,
    Downlink,
}

/// A datagram on its way: where it arrives at `at` is the next leg's begin, or its receiver.
#[derive(Debug)]
struct Flight {
    at: Instant,
    order: u64,
    next: Option<Leg>,
    datagram: Arrival,
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Flight {}

/// What a datagram weighs on a link besides its payload.
const IP_AND_UDP_BYTES: usize = 28;

#[cfg(test)]
mod tests;
