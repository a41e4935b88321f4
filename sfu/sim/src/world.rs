//! A world: a node of one or more engines, a room, a network and people, all on one virtual clock.
//!
//! ```no_run
//! use std::time::Duration;
//! use sfu_sim::person::Person;
//! use sfu_sim::world::World;
//!
//! let mut world = World::new(1);
//! let alice = world.join(Person::talker());
//! let bob = world.join(Person::talker().firefox());
//! world.run_for(Duration::from_secs(5));
//! assert!(world.camera(bob, alice).frames(world.last(Duration::from_secs(3))) >= 89);
//! world.finish();
//! ```

mod crowd;
mod device;
mod hostile;
mod measure;
mod node;
mod queries;
mod session;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sfu::engine::pipe::PipeBatch;
use sfu::room::{Room, RoomLimits, RoomOutput};
use sfu::send_batch::SendBatch;

use crate::census;
use crate::network::{Arrival, Link, Network};
use crate::oracle::{Mishaps, Transit};
use crowd::Crowd;
use hostile::Tap;
use measure::Diversion;
use node::Node;
use session::Names;

pub use crowd::PersonId;
pub use measure::Cost;
pub use session::Departed;

/// The world.
pub struct World {
    seed: u64,
    start: Instant,
    now: Instant,
    rng: SmallRng,
    network: Network,
    mishaps: Mishaps,
    node: Node,
    room: Room,
    crowd: Crowd,
    names: Names,
    tap: Tap,
    diversion: Diversion,
    /// What a benchmark has the engines fill; kept for its memory.
    batch: SendBatch,
    pipe: PipeBatch,
}

impl World {
    /// A node of one worker with an empty room.
    pub fn new(seed: u64) -> Self {
        Self::with_workers(seed, 1)
    }

    /// A node of so many workers with an empty room.
    pub fn with_workers(seed: u64, workers: usize) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let start = Instant::now();
        Self {
            seed,
            start,
            now: start,
            network: Network::new(rng.random()),
            mishaps: Mishaps::default(),
            node: Node::new(start, workers, SmallRng::from_rng(&mut rng)),
            room: Room::new(RoomLimits::default()),
            crowd: Crowd::default(),
            names: Names::default(),
            tap: Tap::default(),
            diversion: Diversion::default(),
            batch: SendBatch::new(64, 64),
            pipe: PipeBatch::default(),
            rng,
        }
    }

    /// What everything random follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Time since the world began.
    pub fn now(&self) -> Duration {
        self.now - self.start
    }

    /// The last so much time, up to now.
    pub fn last(&self, length: Duration) -> std::ops::Range<Duration> {
        self.now().saturating_sub(length)..self.now()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            self.turn();
            let next = [
                self.network.next_at(),
                self.node.next_at(),
                self.crowd.next_at(),
            ];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
        }
        self.now = end;
    }

    /// Lets time pass until `reached` says so. Returns the time that took.
    ///
    /// # Panics
    /// If it takes longer than `limit`.
    pub fn run_until(
        &mut self,
        limit: Duration,
        what: &str,
        reached: impl Fn(&Self) -> bool,
    ) -> Duration {
        let begin = self.now;
        while !reached(self) {
            let (seed, took) = (self.seed, self.now - begin);
            assert!(
                took < limit,
                "seed {seed}: {what} did not happen within {limit:?}"
            );
            self.run_for(STEP);
        }
        self.now - begin
    }

    /// Changes both links of a person.
    pub fn set_link(&mut self, id: PersonId, link: Link) {
        self.set_uplink(id, link);
        self.set_downlink(id, link);
    }

    /// Changes the link by which a person sends.
    pub fn set_uplink(&mut self, id: PersonId, link: Link) {
        let address = self.crowd.member(id).device.address();
        self.network.set_uplink(address, link);
    }

    /// Changes the link by which a person receives.
    pub fn set_downlink(&mut self, id: PersonId, link: Link) {
        let address = self.crowd.member(id).device.address();
        self.network.set_downlink(address, link);
        let device = &mut self.crowd.member_mut(id).device;
        device.oracle_mut().receives_by(&link);
    }

    /// Everybody leaves, and nothing may be left of them.
    ///
    /// # Panics
    /// If an engine or the room still holds anything.
    pub fn finish(mut self) {
        for id in self.crowd.present() {
            self.leave(id);
        }
        // Those who went without a word are noticed when their consent expires.
        for _ in 0..CONSENT_SECONDS {
            if !self.room.is_empty() {
                self.run_for(Duration::from_secs(1));
            }
        }
        self.run_for(AFTERMATH);
        let seed = self.seed;
        assert!(self.room.is_empty(), "seed {seed}: the room is not empty");
        for (worker, state) in self.node.debug_states().enumerate() {
            let empty = sfu::engine::DebugState::default();
            assert_eq!(
                state, empty,
                "seed {seed}: worker {worker} has forgotten somebody"
            );
        }
    }

    /// Does everything that is due now.
    fn turn(&mut self) {
        for rounds in 0.. {
            let (seed, now) = (self.seed, self.now());
            assert!(
                rounds < ENDLESS,
                "seed {seed}: something at {now:?} does not come to an end"
            );
            let mut idle = true;
            // Commands before packets, as a worker takes them in.
            while let Some(applied) = self.node.poll_control(self.now) {
                idle = false;
                self.tell_oracles(&applied);
            }
            while let Some(arrival) = self.network.poll_arrival(self.now) {
                idle = false;
                self.deliver(arrival);
            }
            idle &= !self.node.handle_due(self.now);
            idle &= !self.crowd.handle_due(self.now);
            self.flush();
            while let Some(event) = self.node.poll_event(self.now) {
                idle = false;
                census::server(|| self.room.handle_event(self.now, event));
                self.drain_room();
            }
            while let Some(mishap) = self.network.poll_mishap() {
                self.mishaps.note(&mishap);
            }
            if idle {
                break;
            }
        }
    }

    fn deliver(&mut self, arrival: Arrival) {
        self.tap.hear(&arrival);
        let Some(arrival) = self.node.handle_arrival(self.now, arrival) else {
            return;
        };
        let transit = Transit {
            sent_at: arrival.sent_at,
            at: self.now,
        };
        if !self.crowd.handle_arrival(transit, &arrival) {
            self.mishaps.note_undelivered(&arrival);
        }
    }

    /// Puts onto the network what engines and people want to send.
    fn flush(&mut self) {
        let (now, network, diversion) = (self.now, &mut self.network, &mut self.diversion);
        let mut send = |from: SocketAddr, to, bytes| {
            if let Some(bytes) = diversion.take(from, bytes) {
                network.send(now, from, to, bytes);
            }
        };
        self.node.flush(now, &mut send);
        self.crowd.flush(&mut send);
    }

    /// Carries out what the room wants done.
    fn drain_room(&mut self) {
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Command(worker, command) => {
                    self.node.queue_command(self.now, worker, command);
                }
                RoomOutput::Notify(to, notification) => {
                    self.crowd.notify(self.now, to, notification)
                }
            }
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (seed, now) = (self.seed, self.now());
            eprintln!("the world of this failure has seed {seed}; it ended at {now:?}");
        }
    }
}

/// How often [`World::run_until`] looks.
const STEP: Duration = Duration::from_millis(1);

/// Far more rounds than datagrams can go to and fro on links without delay.
const ENDLESS: usize = 10_000;

/// RFC 7675 §5.1 says 30, and signaling adds a little.
const CONSENT_SECONDS: u32 = 32;

/// Longer than goodbyes take.
const AFTERMATH: Duration = Duration::from_secs(2);
