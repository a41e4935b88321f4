//! The sans-IO heart of one core: datagrams, commands and time go in; datagrams, events and the next
//! deadline come out.
//!
//! It opens nothing, spawns nothing, locks nothing and reads no clock; the [`worker`](crate::worker)
//! does. The packet path is in `media_path`; start reading there. What the caller must do in each
//! turn is written at [`Engine`].

mod allocation;
mod apply;
mod burst;
pub mod command;
mod control_queue;
mod data;
mod deadlines;
mod debug_state;
pub mod event;
mod fan_out;
mod feedback;
mod handshakes;
mod import;
mod late_start;
mod media_path;
mod peer;
pub mod pipe;
mod probing;
pub(crate) mod reports;
mod route;
mod runs;
mod transport;
mod vacancy;
mod wall_clock;

pub use crate::parameters::MAX_DATA_MESSAGE_BYTES;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use slotmap::{SecondaryMap, SlotMap};

use crate::counters::Counters;
use crate::demux::Protocol;
use crate::demux::directory::Directory;
use crate::drop_reason::DropReason;
use crate::id::{TrackId, WorkerId};
use crate::key::{PeerKey, SlotKey, TrackKey};
use crate::publish::Tracks;
use crate::send_batch::{Path, SendBatch};
use crate::subscribe::downlink::Pending;
use crate::subscribe::slot::Slot;
use crate::transport::dtls::Identity;
use allocation::Workspace;
use burst::Burst;
use control_queue::ControlQueue;
use deadlines::{Deadlines, Due};
use debug_state::Held;
use event::{CloseReason, Event};
use handshakes::Handshakes;
use peer::Peer;
use pipe::PipeBatch;
use route::{Origin, Route};
use runs::Runs;

pub use debug_state::DebugState;
pub use wall_clock::WallClock;

/// What an engine is told when it is made.
#[derive(Clone)]
pub struct EngineConfig {
    /// Which worker it belongs to.
    pub worker: WorkerId,
    /// How many workers the node has: pipes may lead to each of the others.
    pub workers: usize,
    /// The node's certificate.
    pub identity: Arc<Identity>,
    /// The node's reading of time, the same for all its workers.
    pub clock: WallClock,
    /// Seeds everything random in the packet path; the same seed and input give the same output.
    pub seed: u64,
}

/// One core's worth of SFU.
///
/// In each turn the caller hands in everything that is due (`handle_*`, in any order), then drains
/// [`poll_transmit`](Self::poll_transmit), [`poll_pipe`](Self::poll_pipe) and
/// [`poll_event`](Self::poll_event) until they are empty, then sleeps until a datagram, a command, a
/// pipe batch or [`next_deadline`](Self::next_deadline). `now` never goes backwards.
pub struct Engine {
    config: EngineConfig,
    /// The time of the last input; packets leave at the end of its turn.
    now: Instant,
    rng: SmallRng,
    counters: Counters,

    directory: Directory,
    peers: SlotMap<PeerKey, Peer>,
    tracks: Tracks,
    track_ids: HashMap<TrackId, TrackKey>,
    track_due: SecondaryMap<TrackKey, Due>,
    routes: SecondaryMap<TrackKey, Route>,
    slots: Slots,
    held: Held,

    deadlines: Deadlines<Timer>,
    handshakes: Handshakes,
    /// Peers with packets to write in this turn.
    touched: Vec<PeerKey>,
    runs: Runs,
    /// Where the packets of a peer are queued that is written for at once; empty, kept for its memory.
    queue: Vec<Pending>,
    /// Packets that arrived and that the slots have not decided about.
    burst: Burst,
    /// Peers that have closed their connection. They go when what they sent in this turn has gone out: it has its
    /// numbers already.
    parting: Vec<PeerKey>,
    control: ControlQueue,
    events: VecDeque<Event>,
    /// What goes to each worker, by its index.
    outboxes: Vec<PipeBatch>,
    /// Where the sequence numbers of one NACK are gathered; kept for its memory.
    missing: Vec<u16>,
    /// Where transport-wide feedback is written; kept for its memory.
    feedback: Vec<u8>,
    workspace: Workspace,
}

/// The slots of all peers of an engine.
type Slots = SlotMap<SlotKey, Slot>;

/// Who has deadlines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    Peer(PeerKey),
    Track(TrackKey),
}

impl Engine {
    /// An engine without peers.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            now: config.clock.taken_at(),
            rng: SmallRng::seed_from_u64(config.seed),
            counters: Counters::default(),
            directory: Directory::default(),
            peers: SlotMap::with_key(),
            tracks: SlotMap::with_key(),
            track_ids: HashMap::new(),
            track_due: SecondaryMap::new(),
            routes: SecondaryMap::new(),
            slots: SlotMap::with_key(),
            held: Held::default(),
            deadlines: Deadlines::new(),
            handshakes: Handshakes::default(),
            touched: Vec::new(),
            runs: Runs::default(),
            queue: Vec::new(),
            burst: Burst::default(),
            parting: Vec::new(),
            control: ControlQueue::default(),
            events: VecDeque::new(),
            outboxes: (0..config.workers).map(|_| PipeBatch::default()).collect(),
            missing: Vec::new(),
            feedback: Vec::new(),
            workspace: Workspace::default(),
            config,
        }
    }

    /// Takes one received datagram; it is decrypted in place.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.now = now;
        let protocol = Protocol::of(datagram);
        if protocol != Some(Protocol::Rtp) {
            self.decide();
        }
        match protocol {
            Some(Protocol::Rtp) => self.receive_rtp(now, path, datagram),
            Some(Protocol::Rtcp) => self.receive_rtcp(now, path, datagram),
            Some(Protocol::Stun) => self.receive_stun(now, path, datagram),
            Some(Protocol::Dtls) => self.receive_dtls(now, path, datagram),
            None => self.counters.drop(DropReason::UnknownProtocol),
        }
    }

    /// Does what is due, and the next step of one handshake; call it when `next_deadline` has passed.
    /// What it does may take longer than forwarding a packet, so it is best called when what was
    /// received has been sent.
    pub fn handle_deadline(&mut self, now: Instant) {
        self.decide();
        self.now = now;
        self.deadlines.begin(now);
        while let Some((popped, timer)) = self.deadlines.pop(now) {
            match timer {
                Timer::Peer(key) => {
                    let peer = self.peers.get_mut(key);
                    if peer.is_some_and(|peer| peer.due.take(popped)) {
                        self.serve_peer(now, key);
                    }
                }
                Timer::Track(key) => {
                    let due = self.track_due.get_mut(key);
                    if due.is_some_and(|due| due.take(popped)) {
                        self.serve_track(now, key);
                    }
                }
            }
        }
        self.deadlines.end();
        self.advance_handshake(now);
    }

    /// Writes what is to be sent. `true`: the batch is full; send it, clear it and call again.
    pub fn poll_transmit(&mut self, batch: &mut SendBatch) -> bool {
        let is_full = self.control.drain_into(batch)
            || self.decide_and_write(batch)
            || self.write_pending(batch);
        if is_full {
            return true;
        }
        while let Some(key) = self.parting.pop() {
            self.close_peer(self.now, key, CloseReason::ClosedByPeer);
        }
        self.control.drain_into(batch)
    }

    /// A batch for another worker. The caller swaps it for an empty one (`std::mem::swap`), or clears it.
    pub fn poll_pipe(&mut self) -> Option<(WorkerId, &mut PipeBatch)> {
        self.outboxes
            .iter_mut()
            .enumerate()
            .find(|(_, outbox)| !outbox.is_empty())
            .and_then(|(index, outbox)| Some((WorkerId::new(index)?, outbox)))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_deadline` is due; `None`: never.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.deadlines.next(), self.handshakes.waiting_since()]
            .into_iter()
            .flatten()
            .min()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// For what only the worker knows: datagrams that the socket did not take.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// What is due for a peer: its transport's timers, its reports.
    fn serve_peer(&mut self, now: Instant, key: PeerKey) {
        if self.serve_transport(now, key) {
            self.send_transport_feedback(now, key);
            self.send_remote_rate(now, key);
            self.send_reports(now, key);
            self.watch_path(now, key);
            self.allocate_if_due(now, key);
            self.schedule_peer(key);
        }
    }

    /// What is due for a track: feedback to its publisher, a look at its layers, word of who talks.
    fn serve_track(&mut self, now: Instant, key: TrackKey) {
        self.send_track_feedback(now, key);
        if let Some(track) = self.tracks.get_mut(key)
            && track.layers_due(now)
        {
            if track.observe_layers(now) {
                self.retarget(now, key);
            }
            self.review_upstream(now, key);
        }
        self.report_voice(now, key);
        self.schedule_track(key);
    }

    /// Tells the control plane who talks. Only the worker where a track is published does.
    fn report_voice(&mut self, now: Instant, key: TrackKey) {
        if let Some(track) = self.tracks.get_mut(key)
            && let Some(loudness) = track.voice_report(now)
            && let Some(Origin::Peer(peer)) = self.routes.get(key).map(|route| route.origin)
            && let Some(peer) = self.peers.get(peer)
        {
            self.events.push_back(Event::Speech {
                peer: peer.id,
                track: track.id(),
                loudness,
            });
        }
    }

    fn schedule_peer(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && let Some(at) = peer.next_deadline()
        {
            self.deadlines.advance(Timer::Peer(key), &mut peer.due, at);
        }
    }

    fn schedule_track(&mut self, key: TrackKey) {
        if let (Some(track), Some(due)) = (self.tracks.get(key), self.track_due.get_mut(key))
            && let Some(at) = track.next_deadline()
        {
            self.deadlines.advance(Timer::Track(key), due, at);
        }
    }
}
