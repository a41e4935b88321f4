//! A node: its engines, the queues by which the control plane speaks to them, and the pipes between
//! them. What the worker threads do in production, on virtual time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::SmallRng;
use sfu::counters::Counters;
use sfu::engine::command::Command;
use sfu::engine::event::Event;
use sfu::engine::pipe::PipeBatch;
use sfu::engine::{DebugState, Engine, EngineConfig, WallClock};
use sfu::id::{PeerId, TrackId, WorkerId};
use sfu::sdp::Candidate;
use sfu::send_batch::{Path, SendBatch};
use sfu::transport::dtls::Identity;
use sfu_rtp::{Mid, NtpTime};

use crate::census;
use crate::network::Arrival;

/// The node.
pub(super) struct Node {
    workers: Vec<Worker>,
    identity: Arc<Identity>,
    batch: SendBatch,
    /// Pipe batches that were received, to be filled again, as workers do.
    emptied: Vec<PipeBatch>,
    rng: SmallRng,
    events: VecDeque<(Instant, Event)>,
}

struct Worker {
    engine: Engine,
    port: u16,
    commands: VecDeque<(Instant, Command)>,
    /// What other workers have sent here.
    pipes: VecDeque<(Instant, WorkerId, PipeBatch)>,
}

/// A command that an engine has carried out, as far as viewers are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Applied {
    /// A slot shows this track now.
    Assigned {
        peer: PeerId,
        slot: Mid,
        track: Option<TrackId>,
    },
    /// A slot is shown larger or smaller.
    Demanded { peer: PeerId, slot: Mid },
    /// A track is muted, or is not.
    Muted { track: TrackId, muted: bool },
    /// Something that no viewer can see by itself.
    Other,
}

impl Node {
    pub(super) fn new(start: Instant, workers: usize, mut rng: SmallRng) -> Self {
        // A key for every world would take longer than the rest of it.
        static IDENTITY: LazyLock<Arc<Identity>> =
            LazyLock::new(|| Arc::new(Identity::generate().expect("the machine has randomness")));
        let clock = WallClock::new(start, NtpTime::from_unix(EPOCH));
        let made = (0..workers).map(|index| Worker {
            engine: Engine::new(EngineConfig {
                worker: worker_id(index),
                workers,
                identity: IDENTITY.clone(),
                clock,
                seed: rng.random(),
            }),
            port: FIRST_PORT + index as u16,
            commands: VecDeque::new(),
            pipes: VecDeque::new(),
        });
        Self {
            workers: made.collect(),
            identity: IDENTITY.clone(),
            batch: SendBatch::new(64, 64),
            emptied: Vec::new(),
            rng,
            events: VecDeque::new(),
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn engine_mut(&mut self, worker: usize) -> &mut Engine {
        &mut self.workers[worker].engine
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Where a worker can be reached.
    pub(super) fn candidates(&self, worker: usize) -> Vec<Candidate> {
        let port = self.workers[worker].port;
        ADDRESSES
            .map(|ip| Candidate::host(SocketAddr::new(ip, port)))
            .to_vec()
    }

    pub(super) fn counters(&self, worker: usize) -> &Counters {
        self.workers[worker].engine.counters()
    }

    pub(super) fn debug_states(&self) -> impl Iterator<Item = DebugState> {
        self.workers
            .iter()
            .map(|worker| worker.engine.debug_state())
    }

    /// Hands a datagram to the engine that it is addressed to, or gives it back.
    pub(super) fn handle_arrival(&mut self, now: Instant, mut arrival: Arrival) -> Option<Arrival> {
        let worker = self
            .workers
            .iter_mut()
            .find(|worker| worker.port == arrival.to.port());
        let Some(worker) = worker.filter(|_| ADDRESSES.contains(&arrival.to.ip())) else {
            return Some(arrival);
        };
        let path = Path {
            remote: arrival.from,
            local: Some(arrival.to.ip()),
        };
        let engine = &mut worker.engine;
        let is_rtp = is_rtp(&arrival.bytes);
        let receive = || engine.handle_datagram(now, path, &mut arrival.bytes);
        match is_rtp {
            true => census::packet_path(receive),
            false => census::server(receive),
        }
        None
    }

    /// Queues a command: another thread takes it up a moment later. Commands to one worker keep their
    /// order, those to different workers do not.
    pub(super) fn queue_command(&mut self, now: Instant, worker: WorkerId, command: Command) {
        let queue = &mut self.workers[worker.index()].commands;
        let at = after(now, queue.back().map(|(at, _)| *at), &mut self.rng);
        queue.push_back((at, command));
    }

    /// Carries out the next command that is due.
    pub(super) fn poll_control(&mut self, now: Instant) -> Option<Applied> {
        for worker in &mut self.workers {
            if let Some((_, command)) = worker.commands.pop_front_if(|(at, _)| *at <= now) {
                let applied = Applied::of(&command);
                census::server(|| worker.engine.handle_command(now, command));
                return Some(applied);
            }
        }
        None
    }

    /// The next event that has come through to the control plane.
    pub(super) fn poll_event(&mut self, now: Instant) -> Option<Event> {
        let due = self.events.pop_front_if(|(at, _)| *at <= now);
        due.map(|(_, event)| event)
    }

    /// Serves pipes and deadlines. Returns whether there were any.
    pub(super) fn handle_due(&mut self, now: Instant) -> bool {
        let mut busy = false;
        for worker in &mut self.workers {
            while let Some((_, from, mut batch)) =
                worker.pipes.pop_front_if(|(at, _, _)| *at <= now)
            {
                census::packet_path(|| worker.engine.handle_pipe(now, from, &batch));
                batch.clear();
                self.emptied.push(batch);
                busy = true;
            }
            if worker.engine.next_deadline().is_some_and(|at| at <= now) {
                census::server(|| worker.engine.handle_deadline(now));
                busy = true;
            }
        }
        busy
    }

    /// Takes everything that the engines give out.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        send: &mut impl FnMut(SocketAddr, SocketAddr, Vec<u8>),
    ) {
        for index in 0..self.workers.len() {
            loop {
                let worker = &mut self.workers[index];
                let more = census::packet_path(|| worker.engine.poll_transmit(&mut self.batch));
                self.carry(index, &self.batch, send);
                self.batch.clear();
                if !more {
                    break;
                }
            }
            let worker = &mut self.workers[index];
            while let Some(event) = worker.engine.poll_event() {
                let at = after(now, self.events.back().map(|(at, _)| *at), &mut self.rng);
                self.events.push_back((at, event));
            }
            while let Some((to, batch)) = self.workers[index].engine.poll_pipe() {
                let empty = self.emptied.pop().unwrap_or_default();
                let batch = std::mem::replace(batch, empty);
                let queue = &mut self.workers[to.index()].pipes;
                let at = after(now, queue.back().map(|(at, _, _)| *at), &mut self.rng);
                queue.push_back((at, worker_id(index), batch));
            }
        }
    }

    /// Hands the datagrams of a worker's batch to the network.
    pub(super) fn carry(
        &self,
        worker: usize,
        batch: &SendBatch,
        send: &mut impl FnMut(SocketAddr, SocketAddr, Vec<u8>),
    ) {
        for message in batch.messages() {
            let local = message.path.local.unwrap_or(ADDRESSES[0]);
            let from = SocketAddr::new(local, self.workers[worker].port);
            for datagram in message.bytes.chunks(message.segment_size) {
                send(from, message.path.remote, datagram.to_vec());
            }
        }
    }

    /// When something is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let workers = self.workers.iter().flat_map(|worker| {
            [
                worker.engine.next_deadline(),
                worker.commands.front().map(|(at, _)| *at),
                worker.pipes.front().map(|(at, _, _)| *at),
            ]
        });
        let event = self.events.front().map(|(at, _)| *at);
        workers.chain([event]).flatten().min()
    }
}

impl Applied {
    fn of(command: &Command) -> Self {
        match command {
            Command::Assign { peer, slot, track } => Self::Assigned {
                peer: *peer,
                slot: *slot,
                track: *track,
            },
            Command::SetDemand { peer, slot, .. } => Self::Demanded {
                peer: *peer,
                slot: *slot,
            },
            Command::SetMuted { track, muted } => Self::Muted {
                track: *track,
                muted: *muted,
            },
            _ => Self::Other,
        }
    }
}

/// Whether a datagram is RTP, and not RTCP either (RFC 5761 §4).
pub(super) fn is_rtp(datagram: &[u8]) -> bool {
    matches!(datagram, [128..=191, second, ..] if !(192..=223).contains(second))
}

pub(super) fn worker_id(index: usize) -> WorkerId {
    WorkerId::new(index).expect("few workers")
}

/// When a message to another thread is taken up, but not before the one in front of it.
fn after(now: Instant, last: Option<Instant>, rng: &mut SmallRng) -> Instant {
    let at = now + LONGEST_WAKE.mul_f64(rng.random());
    last.map_or(at, |last| last.max(at))
}

/// What a thread takes at most to notice a message; a guess, for a busy machine.
const LONGEST_WAKE: Duration = Duration::from_millis(1);

const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

const FIRST_PORT: u16 = 7_882;

/// The world begins in October 2025.
const EPOCH: Duration = Duration::from_secs(1_760_000_000);
