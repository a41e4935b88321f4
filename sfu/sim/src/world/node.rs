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
            rng,
            events: VecDeque::new(),
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
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
        census::server(|| engine.handle_datagram(now, path, &mut arrival.bytes));
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
            while let Some((_, from, batch)) = worker.pipes.pop_front_if(|(at, _, _)| *at <= now) {
                census::server(|| worker.engine.handle_pipe(now, from, &batch));
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
            let worker = &mut self.workers[index];
            loop {
                let more = census::server(|| worker.engine.poll_transmit(&mut self.batch));
                for message in self.batch.messages() {
                    let local = message.path.local.unwrap_or(ADDRESSES[0]);
                    let from = SocketAddr::new(local, worker.port);
                    for datagram in message.bytes.chunks(message.segment_size) {
                        send(from, message.path.remote, datagram.to_vec());
                    }
                }
                self.batch.clear();
                if !more {
                    break;
                }
            }
            while let Some(event) = worker.engine.poll_event() {
                let at = after(now, self.events.back().map(|(at, _)| *at), &mut self.rng);
                self.events.push_back((at, event));
            }
            while let Some((to, batch)) = self.workers[index].engine.poll_pipe() {
                let batch = std::mem::take(batch);
                let queue = &mut self.workers[to.index()].pipes;
                let at = after(now, queue.back().map(|(at, _, _)| *at), &mut self.rng);
                queue.push_back((at, worker_id(index), batch));
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
            Command::SetMuted { track, muted } => Self::Muted {
                track: *track,
                muted: *muted,
            },
            _ => Self::Other,
        }
    }
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
