//! A room with its workers and participants, and the invariants that hold after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::client::ClientModel;
use super::offer::Offer;
use super::worker::WorkerModel;
use crate::engine::command::DataMessage;
use crate::engine::event::{CloseReason, Event, SrtpProtection};
use crate::id::{ParticipantId, PeerId, TrackId, WorkerId};
use crate::parameters::{NegotiatedCodec, PublishedMedia, SlotMedia};
use crate::room::participant::Participant;
use crate::room::{
    AnsweredTrack, DisplayName, Grants, LeaveReason, Profile, Refusal, Room, RoomLimits,
    RoomOutput, Subscription, Viewing,
};

pub(super) struct World {
    pub(super) room: Room,
    pub(super) workers: Vec<WorkerModel>,
    pub(super) clients: BTreeMap<ParticipantId, ClientModel>,
    /// Those who have left, with everything they were told.
    pub(super) gone: BTreeMap<ParticipantId, ClientModel>,
    pub(super) now: Instant,
    next_id: u64,
}

impl World {
    pub(super) fn new(workers: usize) -> Self {
        Self::with_limits(workers, RoomLimits::default())
    }

    pub(super) fn with_limits(workers: usize, limits: RoomLimits) -> Self {
        Self {
            room: Room::new(limits),
            workers: (0..workers).map(|_| WorkerModel::default()).collect(),
            clients: BTreeMap::new(),
            gone: BTreeMap::new(),
            now: Instant::now(),
            next_id: 1,
        }
    }

    pub(super) fn try_join(
        &mut self,
        grants: Grants,
        viewing: Viewing,
    ) -> Result<ParticipantId, Refusal> {
        let id = ParticipantId::new(self.next_id);
        self.next_id += 1;
        let name = DisplayName::parse(&id.to_string())?;
        self.room.join(
            id,
            Profile {
                name,
                grants,
                viewing,
            },
        )?;
        // What the room had to say about the newcomer's slots is in its first view.
        let view = self.room.view(id)?;
        while let Some(output) = self.room.poll_output() {
            match output {
                RoomOutput::Notify(to, _) if to == id => {}
                other => self.carry_out(other),
            }
        }
        self.clients.insert(id, ClientModel::new(view));
        self.check();
        Ok(id)
    }

    pub(super) fn join(&mut self, grants: Grants) -> ParticipantId {
        self.try_join(grants, Viewing::Everyone)
            .expect("room for one more")
    }

    /// Joins and connects, in one go.
    pub(super) fn enter(&mut self, worker: usize, offer: &Offer) -> ParticipantId {
        let id = self.join(Grants::CONFERENCE);
        self.offer(id, worker, offer)
            .expect("a conference participant may do this");
        id
    }

    /// The first offer of a participant, or one for a new connection.
    pub(super) fn offer(
        &mut self,
        id: ParticipantId,
        worker: usize,
        offer: &Offer,
    ) -> Result<Vec<AnsweredTrack>, Refusal> {
        let peer = PeerId::new(self.next_id);
        self.next_id += 1;
        let (parameters, worker) = (offer.parameters(), worker_id(worker));
        let next = &mut self.next_id;
        let answered = self
            .room
            .connect(id, peer, worker, parameters, &offer.declarations, || {
                fresh(next)
            });
        if let (Some(client), Ok(_)) = (self.clients.get_mut(&id), &answered) {
            client.begin_connection();
        }
        self.finish_offer(id, answered)
    }

    pub(super) fn reoffer(
        &mut self,
        id: ParticipantId,
        offer: &Offer,
    ) -> Result<Vec<AnsweredTrack>, Refusal> {
        let next = &mut self.next_id;
        let answered = self
            .room
            .renegotiate(id, offer.parameters(), &offer.declarations, || fresh(next));
        self.finish_offer(id, answered)
    }

    fn finish_offer(
        &mut self,
        id: ParticipantId,
        answered: Result<Vec<AnsweredTrack>, Refusal>,
    ) -> Result<Vec<AnsweredTrack>, Refusal> {
        // A participant knows its own tracks from the answer, not from notifications.
        if let (Some(client), Ok(view)) = (self.clients.get_mut(&id), self.room.view(id)) {
            client.view.own = view.own;
        }
        self.drain();
        answered
    }

    pub(super) fn set_muted(
        &mut self,
        by: ParticipantId,
        track: TrackId,
        muted: bool,
    ) -> Result<(), Refusal> {
        let done = self.room.set_muted(by, track, muted);
        let own = self
            .room
            .tracks
            .get(&track)
            .is_some_and(|track| track.publisher == by);
        if let (true, Some(client), Ok(view)) = (own, self.clients.get_mut(&by), self.room.view(by))
        {
            client.view.own = view.own;
        }
        self.drain();
        done
    }

    pub(super) fn subscribe(
        &mut self,
        id: ParticipantId,
        pinned: &[TrackId],
        hidden: &[TrackId],
    ) -> Result<(), Refusal> {
        let subscription = Subscription {
            pinned: pinned.to_vec(),
            hidden: hidden.to_vec(),
        };
        let done = self.room.set_subscription(id, subscription);
        self.drain();
        done
    }

    pub(super) fn leave(&mut self, id: ParticipantId) {
        self.room.leave(id, LeaveReason::Left);
        self.drain();
    }

    /// The worker reports that the participant's transport has failed.
    pub(super) fn lose(&mut self, id: ParticipantId) {
        let (peer, worker) = self.peer(id);
        self.workers[worker].lose(peer);
        let reason = CloseReason::ConsentExpired;
        self.event(Event::PeerClosed { peer, reason });
    }

    pub(super) fn up(&mut self, id: ParticipantId) {
        let (peer, _) = self.peer(id);
        self.event(Event::PeerConnected {
            peer,
            protection: SrtpProtection::AeadAes128Gcm,
        });
    }

    pub(super) fn send_data(&mut self, id: ParticipantId, text: &str) {
        let (peer, _) = self.peer(id);
        let message = DataMessage {
            binary: false,
            bytes: text.to_owned().into(),
        };
        self.event(Event::Data {
            peer,
            label: "chat".into(),
            message,
        });
    }

    pub(super) fn event(&mut self, event: Event) {
        self.room.handle_event(self.now, event);
        self.drain();
    }

    pub(super) fn peer(&self, id: ParticipantId) -> (PeerId, usize) {
        let connection = self.room.participants[&id]
            .connection
            .expect("a connected participant");
        (connection.peer, connection.worker.index())
    }

    /// What a participant's slots show by the last command to its worker, "-" for nothing, in the
    /// order of its offer, as tracks.
    pub(super) fn shown(&self, id: ParticipantId) -> Vec<Option<TrackId>> {
        let (peer, worker) = self.peer(id);
        let peer = &self.workers[worker].peers[&peer];
        let slots = peer.parameters.slots.iter();
        slots
            .map(|slot| peer.slots.get(&slot.mid).copied())
            .collect()
    }

    pub(super) fn client(&self, id: ParticipantId) -> &ClientModel {
        &self.clients[&id]
    }

    fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            self.carry_out(output);
        }
        self.check();
    }

    fn carry_out(&mut self, output: RoomOutput) {
        match output {
            RoomOutput::Command(worker, command) => self.workers[worker.index()].apply(command),
            RoomOutput::Notify(to, notification) => {
                let client = self
                    .clients
                    .get_mut(&to)
                    .expect("a notification to somebody here");
                client.apply(notification);
                if client.closed.is_some() {
                    let client = self.clients.remove(&to).expect("it is there");
                    self.gone.insert(to, client);
                }
            }
        }
    }

    fn check(&self) {
        self.check_slots();
        self.check_pipes();
        for (id, client) in &self.clients {
            let view = self
                .room
                .view(*id)
                .expect("who is not closed is in the room");
            assert_eq!(client.view, view, "what {id} was told is not what is");
        }
        assert_eq!(self.clients.len(), self.room.participants.len());
        if self.room.is_empty() {
            assert!(
                self.workers.iter().all(WorkerModel::is_empty),
                "workers keep something"
            );
            assert!(self.room.peers.is_empty() && self.room.tracks.is_empty());
        }
    }

    /// Every slot shows an existing, playable track of somebody else, each track at most once, and
    /// what its owner was told is what the worker was told. No track waits while a slot that could
    /// show it is free.
    fn check_slots(&self) {
        for (id, participant) in &self.room.participants {
            self.check_lists(*id, participant);
            let Some(connection) = participant.connection else {
                assert!(participant.tracks.is_empty(), "{id} publishes over nothing");
                continue;
            };
            let peer = &self.workers[connection.worker.index()].peers[&connection.peer];
            let told: BTreeMap<_, _> = participant
                .told
                .slots
                .iter()
                .filter_map(|slot| Some((slot.slot, slot.shows?.track)))
                .collect();
            assert_eq!(peer.slots, told, "{id} and its worker disagree");
            let mut seen = BTreeSet::new();
            for media in &peer.parameters.slots {
                let Some(shown) = peer.slots.get(&media.mid) else {
                    self.check_free_slot(*id, media);
                    continue;
                };
                let track = &self.room.tracks[shown];
                assert_ne!(track.publisher, *id, "{id} sees itself");
                assert!(seen.insert(*shown), "{id} sees {shown} twice");
                assert!(playable(&track.media, media), "{id} cannot play {shown}");
                assert!(
                    !participant.subscription.hidden.contains(shown),
                    "{shown} is hidden"
                );
                assert!(
                    participant.profile.grants.can_subscribe,
                    "{id} may not see {shown}"
                );
            }
        }
    }

    /// Every track that the participant may see is in a slot or in one of the lists, as far as they
    /// reach, and it remembers nothing about tracks that are gone.
    fn check_lists(&self, id: ParticipantId, participant: &Participant) {
        let Profile {
            grants, viewing, ..
        } = participant.profile;
        let Subscription { pinned, hidden } = &participant.subscription;
        let mut remembered = pinned.iter().chain(hidden);
        assert!(remembered.all(|track| self.room.tracks.contains_key(track)));
        let told = &participant.told;
        if !grants.can_subscribe || viewing != Viewing::Everyone {
            return;
        }
        let shown = told.slots.iter().filter_map(|slot| Some(slot.shows?.track));
        let known: BTreeSet<_> = shown
            .chain(told.unassigned.iter().copied())
            .chain(told.unplayable.iter().copied())
            .collect();
        let wanted = self.room.tracks.values();
        let wanted = wanted.filter(|track| track.publisher != id && !hidden.contains(&track.id));
        assert_eq!(
            known,
            wanted.map(|track| track.id).collect(),
            "what {id} knows of"
        );
    }

    fn check_free_slot(&self, id: ParticipantId, slot: &SlotMedia) {
        let told = &self.room.participants[&id].told;
        for waiting in told.unassigned.iter().chain(&told.unplayable) {
            let media = &self.room.tracks[waiting].media;
            assert!(
                !playable(media, slot),
                "{waiting} waits before a free slot of {id}"
            );
        }
    }

    /// A track is imported exactly where a slot of another worker shows it, and exported to there.
    fn check_pipes(&self) {
        let mut shown = BTreeSet::new();
        for (index, worker) in self.workers.iter().enumerate() {
            for track in worker.peers.values().flat_map(|peer| peer.slots.values()) {
                let home = self.room.tracks[track].home;
                if home.index() != index {
                    shown.insert((*track, home, worker_id(index)));
                }
            }
        }
        let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
        for (index, worker) in self.workers.iter().enumerate() {
            let here = worker_id(index);
            imports.extend(
                worker
                    .imports
                    .iter()
                    .map(|(track, from)| (*track, *from, here)),
            );
            for (id, track) in &worker.tracks {
                exports.extend(track.exports.iter().map(|to| (*id, here, *to)));
                assert_eq!(
                    track.muted, self.room.tracks[id].muted,
                    "{id}: muted or not?"
                );
            }
        }
        assert_eq!(imports, shown, "imports against what is shown");
        assert_eq!(exports, shown, "exports against what is shown");
    }
}

pub(super) fn worker_id(index: usize) -> WorkerId {
    WorkerId::new(index).expect("a small index")
}

fn playable(track: &PublishedMedia, slot: &SlotMedia) -> bool {
    let sent = &track.codecs[0];
    let received =
        |codec: &NegotiatedCodec| (codec.codec, codec.format) == (sent.codec, sent.format);
    track.kind == slot.kind && slot.codecs.iter().any(received)
}

fn fresh(next: &mut u64) -> TrackId {
    *next += 1;
    TrackId::new(*next - 1)
}
