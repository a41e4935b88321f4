//! The state of a node's control plane, shared by all sessions: the rooms, and which peer is in which.
//!
//! Lock discipline: at most one shard of one map is locked at a time, and nothing under it waits. What
//! a room wants done is carried out before its shard is let go, because commands of one room must not
//! overtake each other.

mod absence;
mod offers;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc::Receiver;

use super::hosted_room::{HostedRoom, Member};
use super::negotiation::LocalNode;
use super::outbox::Outbox;
use super::resume_token::ResumeToken;
use super::workers::Workers;
use super::{JoinRequest, Load};
use crate::engine::event::{CloseReason, Event};
use crate::id::{ParticipantId, PeerId, TrackId, WorkerId};
use crate::room::{
    LeaveReason, Notification, Profile, Refusal, Room, RoomLimits, RoomName, RoomSnapshot, RoomView,
};
use crate::worker::Histogram;
use absence::Suspension;

/// The caps of a node, and what else of its configuration matters here.
#[derive(Clone, Debug)]
pub(super) struct NodeConfig {
    pub(super) max_rooms: usize,
    pub(super) max_participants: usize,
    pub(super) room_limits: RoomLimits,
    /// Up to how many peers a room stays on one worker.
    pub(super) gathered: usize,
    pub(super) resume_grace: Duration,
    /// How many notifications a session may leave unread.
    pub(super) outbox_capacity: usize,
}

pub(super) struct Node {
    config: NodeConfig,
    local: LocalNode,
    workers: Workers,
    rooms: DashMap<RoomName, HostedRoom>,
    /// From before `AddPeer` to `PeerClosed`.
    peers: DashMap<PeerId, PeerEntry>,
    room_count: AtomicUsize,
    participant_count: AtomicUsize,
    next_id: AtomicU64,
    /// From the answer to an offer until the peer's media was up.
    join_milliseconds: Mutex<Histogram>,
    stopping: AtomicBool,
    /// In the order of their ends, because all have the same time.
    suspended: Mutex<VecDeque<Suspension>>,
}

#[derive(Clone)]
struct PeerEntry {
    room: RoomName,
    worker: WorkerId,
    /// When its offer was answered.
    since: Instant,
}

/// Which session of which participant: what a session holds.
#[derive(Clone, Debug)]
pub(super) struct SessionKey {
    pub(super) room: RoomName,
    pub(super) participant: ParticipantId,
    /// See [`Member::epoch`].
    pub(super) epoch: u64,
}

/// What comes of joining or resuming.
pub(super) struct Admission {
    pub(super) key: SessionKey,
    pub(super) token: ResumeToken,
    pub(super) notifications: Receiver<Notification>,
    pub(super) view: RoomView,
}

impl Node {
    pub(super) fn new(config: NodeConfig, local: LocalNode, workers: Workers) -> Self {
        Self {
            config,
            local,
            workers,
            rooms: DashMap::new(),
            peers: DashMap::new(),
            room_count: AtomicUsize::new(0),
            participant_count: AtomicUsize::new(0),
            next_id: AtomicU64::new(1),
            join_milliseconds: Mutex::new(Histogram::default()),
            stopping: AtomicBool::new(false),
            suspended: Mutex::new(VecDeque::new()),
        }
    }

    pub(super) fn join(&self, room: &RoomName, request: JoinRequest) -> Result<Admission, Refusal> {
        let limit = self.config.max_participants;
        if !reserve(&self.participant_count, limit) {
            return Err(Refusal::TooManyParticipants { limit });
        }
        let admitted = self.join_room(room, request);
        if admitted.is_err() {
            self.participant_count.fetch_sub(1, Ordering::Relaxed);
        }
        admitted
    }

    fn join_room(&self, name: &RoomName, request: JoinRequest) -> Result<Admission, Refusal> {
        let mut hosted = match self.rooms.entry(name.clone()) {
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(entry) => {
                let limit = self.config.max_rooms;
                if !reserve(&self.room_count, limit) {
                    return Err(Refusal::TooManyRooms { limit });
                }
                entry.insert(HostedRoom::new(self.config.room_limits))
            }
        };
        let admitted = self.admit(&mut hosted, name, request);
        let empty = hosted.room.is_empty();
        drop(hosted);
        if empty {
            self.remove_room(name);
        }
        admitted
    }

    fn admit(
        &self,
        hosted: &mut HostedRoom,
        room: &RoomName,
        request: JoinRequest,
    ) -> Result<Admission, Refusal> {
        // Under the lock: whoever gets it after `shut_down` has seen the room finds this set.
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Refusal::Overloaded);
        }
        // Given out under the lock, so that in each room ids are in the order of joining.
        let participant = ParticipantId::new(self.fresh_id());
        let JoinRequest {
            name,
            grants,
            viewing,
        } = request;
        hosted.room.join(
            participant,
            Profile {
                name,
                grants,
                viewing,
            },
        )?;
        // Before there is an outbox: what the room has to say so far is in the view.
        self.settle(hosted);
        let view = hosted.room.view(participant)?;
        let token = ResumeToken::new(participant, &mut rand::rng());
        let (outbox, notifications) = Outbox::new(self.config.outbox_capacity);
        let member = Member {
            token,
            epoch: 1,
            outbox: Some(outbox),
            negotiation: None,
        };
        hosted.admit(participant, member);
        let key = SessionKey {
            room: room.clone(),
            participant,
            epoch: 1,
        };
        Ok(Admission {
            key,
            token,
            notifications,
            view,
        })
    }

    /// Changes a room on behalf of a session that still stands for its participant.
    pub(super) fn change<R>(
        &self,
        key: &SessionKey,
        change: impl FnOnce(&mut Room) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.check_load()?;
        self.with_session(key, |hosted| {
            hosted.member(key.participant, key.epoch)?;
            change(&mut hosted.room)
        })
    }

    /// Ends a session, and with it the participant; nothing if another session stands for it now.
    pub(super) fn leave(&self, key: &SessionKey, reason: LeaveReason) {
        // An error says that it is gone already.
        let _gone = self.with_session(key, |hosted| {
            hosted.member(key.participant, key.epoch)?;
            hosted.room.leave(key.participant, reason);
            Ok(())
        });
    }

    pub(super) fn remove(&self, name: &RoomName, who: ParticipantId) -> Result<(), Refusal> {
        let removed = self.with_room(name, |hosted| {
            hosted
                .room
                .profile(who)
                .map_err(|_| Refusal::UnknownParticipant)?;
            hosted.room.leave(who, LeaveReason::Removed);
            Ok(())
        });
        removed.unwrap_or(Err(Refusal::UnknownParticipant))
    }

    /// Takes a worker's report.
    pub(super) fn handle_event(&self, now: Instant, event: Event) {
        let (Event::PeerConnected { peer, .. }
        | Event::PeerClosed { peer, .. }
        | Event::TrackStarted { peer, .. }
        | Event::Speech { peer, .. }
        | Event::EncodingsWanted { peer, .. }
        | Event::SlotsPaused { peer, .. }
        | Event::Data { peer, .. }) = event;
        // Copied out, so that no two maps are locked at once.
        let Some(entry) = self.peers.get(&peer).map(|entry| entry.clone()) else {
            return;
        };
        if let Event::PeerConnected { .. } = event {
            let took = now.saturating_duration_since(entry.since).as_millis();
            self.lock_join_times()
                .record(u64::try_from(took).unwrap_or(u64::MAX));
        }
        if let Event::PeerClosed { reason, .. } = event {
            tracing::debug!(%peer, reason = reason.code(), "peer closed");
            self.forget_peer(peer);
        }
        self.with_room(&entry.room, |hosted| hosted.room.handle_event(now, event));
    }

    /// A worker will not report any more.
    pub(super) fn worker_ended(&self, worker: WorkerId) {
        self.workers.give_up(worker);
        self.abandon_failed_workers();
    }

    /// Ends everything that was on workers that have failed.
    pub(super) fn abandon_failed_workers(&self) {
        let failed = self.workers.failed();
        if failed.is_empty() {
            return;
        }
        let on_failed = |entry: &PeerEntry| failed.contains(&entry.worker);
        let peers: Vec<_> = self
            .peers
            .iter()
            .filter(|entry| on_failed(entry.value()))
            .map(|entry| *entry.key())
            .collect();
        for peer in peers {
            // The worker will not say it, so it is said for it.
            let reason = CloseReason::Requested;
            self.handle_event(Instant::now(), Event::PeerClosed { peer, reason });
        }
    }

    /// Ends every session and takes no new ones.
    pub(super) fn shut_down(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let reason = LeaveReason::ShuttingDown;
        for name in self.room_names() {
            self.with_room(&name, |hosted| {
                for id in hosted.room.participants().collect::<Vec<_>>() {
                    hosted.room.leave(id, reason);
                }
            });
        }
    }

    pub(super) fn room_names(&self) -> Vec<RoomName> {
        self.rooms.iter().map(|room| room.key().clone()).collect()
    }

    pub(super) fn snapshot(&self, name: &RoomName) -> Option<RoomSnapshot> {
        Some(self.rooms.get(name)?.room.snapshot())
    }

    pub(super) fn load(&self) -> Load {
        Load {
            rooms: self.room_count.load(Ordering::Relaxed),
            participants: self.participant_count.load(Ordering::Relaxed),
            peers: self.workers.peers(),
            failed_workers: self.workers.failed(),
        }
    }

    pub(super) fn join_milliseconds(&self) -> Histogram {
        *self.lock_join_times()
    }

    fn lock_join_times(&self) -> MutexGuard<'_, Histogram> {
        // Counts, which a panic cannot leave half-changed.
        self.join_milliseconds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody and nothing is left.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        let load = self.load();
        let counts = [load.rooms, load.participants, load.peers.iter().sum()];
        counts == [0; 3] && self.rooms.is_empty() && self.peers.is_empty()
    }

    fn check_load(&self) -> Result<(), Refusal> {
        match self.workers.keep_up() {
            true => Ok(()),
            false => Err(Refusal::Overloaded),
        }
    }

    fn with_session<R>(
        &self,
        key: &SessionKey,
        f: impl FnOnce(&mut HostedRoom) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.with_room(&key.room, f)
            .unwrap_or(Err(Refusal::SessionOver))
    }

    /// Does something with a room, carries out what it wants done, and removes it if it is empty then.
    /// `None` if there is no such room.
    fn with_room<R>(&self, name: &RoomName, f: impl FnOnce(&mut HostedRoom) -> R) -> Option<R> {
        let mut hosted = self.rooms.get_mut(name)?;
        let result = f(&mut hosted);
        self.settle(&mut hosted);
        let empty = hosted.room.is_empty();
        drop(hosted);
        if empty {
            self.remove_room(name);
        }
        Some(result)
    }

    fn settle(&self, hosted: &mut HostedRoom) {
        let gone = hosted.carry_out(&self.workers);
        self.participant_count.fetch_sub(gone, Ordering::Relaxed);
    }

    /// Unless somebody has come in meanwhile.
    fn remove_room(&self, name: &RoomName) {
        if self
            .rooms
            .remove_if(name, |_, hosted| hosted.room.is_empty())
            .is_some()
        {
            self.room_count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn forget_peer(&self, peer: PeerId) {
        if let Some((_, entry)) = self.peers.remove(&peer) {
            self.workers.uncount_peer(entry.worker);
        }
    }

    fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    fn fresh_track(&self) -> TrackId {
        TrackId::new(self.fresh_id())
    }
}

/// One more, if that is not more than `limit`.
fn reserve(count: &AtomicUsize, limit: usize) -> bool {
    let more = |count| (count < limit).then_some(count + 1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
        .is_ok()
}
