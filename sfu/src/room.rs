//! A room decides who sees whom: a sans-IO state machine of the control plane.
//!
//! It knows participants, their peers, tracks and slots, and what each slot shows. Inputs are what
//! participants ask and what engines report; outputs are commands for workers and notifications for
//! participants, in the order in which they must be carried out. It knows no packets, no clock, no
//! thread and no SDP. Every input leaves every slot assigned as `slot_pool` says.

mod assignment;
mod data_budget;
mod grants;
mod limits;
mod name;
mod negotiation;
pub mod notification;
mod participant;
mod refusal;
mod slot_pool;
mod snapshot;
mod speakers;
mod subscription;
#[cfg(test)]
mod tests;
mod track;
mod wishes;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use sfu_rtp::Mid;

use crate::demand::Display;
use crate::engine::command::{Command, DataMessage};
use crate::engine::event::{Event, SrtpProtection};
use crate::id::{ParticipantId, PeerId, TrackId, WorkerId};

pub use grants::{Grants, SourceSet, TrackSource};
pub use limits::RoomLimits;
pub use name::{DisplayName, RoomName};
pub use notification::{
    DataRefusal, EncodingView, LeaveReason, Notification, ParticipantView, RoomView, Shown,
    SlotView, SlotsView, TrackView,
};
pub use participant::Profile;
pub use refusal::Refusal;
pub use snapshot::{ParticipantSnapshot, PeerSnapshot, RoomSnapshot, Share};
pub use subscription::{Subscription, Viewing};
pub use track::{AnsweredTrack, TrackDeclaration};

use negotiation::ToWorker;
use participant::Participant;
use speakers::Speakers;
use track::Track;
use wishes::Ranking;

/// Who is in a room, what they publish and what their slots show.
///
/// After each input the caller drains [`poll_output`](Self::poll_output). Ids are given by the caller:
/// unused ones, and those of participants and tracks greater than all before, because they stand for
/// the order of joining and publishing.
#[derive(Debug)]
pub struct Room {
    limits: RoomLimits,
    participants: BTreeMap<ParticipantId, Participant>,
    peers: BTreeMap<PeerId, ParticipantId>,
    tracks: BTreeMap<TrackId, Track>,
    /// Of `tracks`.
    ranking: Ranking,
    speakers: Speakers,
    outputs: VecDeque<RoomOutput>,
}

/// What a room wants done.
#[derive(Debug)]
pub enum RoomOutput {
    /// Tell a worker.
    Command(WorkerId, Command),
    /// Tell a participant.
    Notify(ParticipantId, Notification),
}

impl Room {
    /// An empty room.
    pub fn new(limits: RoomLimits) -> Self {
        Self {
            limits,
            participants: BTreeMap::new(),
            peers: BTreeMap::new(),
            tracks: BTreeMap::new(),
            ranking: Ranking::default(),
            speakers: Speakers::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Lets somebody in. The newcomer gets the [`view`](Self::view) from the caller; the others are
    /// notified.
    pub fn join(&mut self, id: ParticipantId, profile: Profile) -> Result<(), Refusal> {
        if self.participants.len() >= self.limits.participants {
            return Err(Refusal::RoomFull {
                limit: self.limits.participants,
            });
        }
        let participant = Participant::new(id, profile, &self.limits);
        let (hidden, view) = (participant.is_hidden(), self.view_of(&participant));
        self.participants.insert(id, participant);
        if !hidden {
            self.notify_others(id, || Notification::ParticipantJoined(view.clone()));
        }
        self.reconsider(id);
        Ok(())
    }

    /// Mutes or unmutes a track: the publisher's own, or, muting only, an admin somebody else's.
    pub fn set_muted(
        &mut self,
        by: ParticipantId,
        track: TrackId,
        muted: bool,
    ) -> Result<(), Refusal> {
        let admin = self.participant(by)?.profile.grants.room_admin;
        let track = self.tracks.get_mut(&track).ok_or(Refusal::UnknownTrack)?;
        let own = track.publisher == by;
        if !own && !admin {
            return Err(Refusal::NotYourTrack);
        }
        if !own && !muted {
            return Err(Refusal::MayNotUnmute);
        }
        if track.muted == muted {
            return Ok(());
        }
        track.muted = muted;
        if muted && track.is_voice() {
            self.speakers.stop(track.publisher);
        }
        let (home, track) = (track.home, track.id);
        self.command(home, Command::SetMuted { track, muted });
        let told = self.participants.keys().filter(|id| !own || **id != by);
        let notification =
            |id: &_| RoomOutput::Notify(*id, Notification::TrackMuted { track, muted });
        self.outputs.extend(told.map(notification));
        self.tell_speakers(None);
        self.reconsider_all();
        Ok(())
    }

    /// Replaces what a participant wants to see.
    pub fn set_subscription(
        &mut self,
        id: ParticipantId,
        mut subscription: Subscription,
    ) -> Result<(), Refusal> {
        if !self.participant(id)?.profile.grants.can_subscribe {
            return Err(Refusal::MayNotSubscribe);
        }
        // What is kept is bounded by what there is.
        for list in [&mut subscription.pinned, &mut subscription.hidden] {
            list.retain(|track| {
                let track = self.tracks.get(track);
                track.is_some_and(|track| track.publisher != id)
            });
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|track| seen.insert(*track));
        }
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.subscription = subscription;
        }
        self.reconsider(id);
        Ok(())
    }

    /// Replaces what a participant says of how large it shows tracks. Only of those that are in the room.
    pub fn set_displays(
        &mut self,
        id: ParticipantId,
        displays: impl IntoIterator<Item = (TrackId, Display)>,
    ) -> Result<(), Refusal> {
        if !self.participant(id)?.profile.grants.can_subscribe {
            return Err(Refusal::MayNotSubscribe);
        }
        let known = displays
            .into_iter()
            .filter(|(track, _)| self.tracks.contains_key(track))
            .collect();
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.displays = known;
        }
        self.reconsider(id);
        Ok(())
    }

    /// An admin removes somebody else.
    pub fn remove(&mut self, by: ParticipantId, who: ParticipantId) -> Result<(), Refusal> {
        if !self.participant(by)?.profile.grants.room_admin {
            return Err(Refusal::NotAdmin);
        }
        if !self.participants.contains_key(&who) {
            return Err(Refusal::UnknownParticipant);
        }
        self.leave(who, LeaveReason::Removed);
        Ok(())
    }

    /// Somebody leaves, or is made to: everything of it is undone and the others are told. Its own
    /// last notification is [`Notification::Closed`]. Nothing happens if it is not in the room.
    pub fn leave(&mut self, id: ParticipantId, reason: LeaveReason) {
        self.depart(id, reason, ToWorker::ClosePeer);
    }

    /// Takes an engine's report. Reports about what is gone are ignored.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::PeerConnected { peer, protection } => self.peer_connected(peer, protection),
            Event::PeerClosed { peer, reason } => {
                if let Some(&id) = self.peers.get(&peer) {
                    self.depart(id, LeaveReason::MediaLost(reason), ToWorker::Nothing);
                }
            }
            Event::TrackStarted { track, .. } => self.track_started(track),
            Event::Speech {
                track, loudness, ..
            } => self.hear(now, track, loudness),
            Event::EncodingsWanted {
                track, encodings, ..
            } => self.encodings_wanted(track, &encodings),
            Event::SlotsPaused { peer, slots } => self.slots_paused(peer, &slots),
            Event::Data {
                peer,
                label,
                message,
            } => self.pass_on_data(now, peer, &label, message),
        }
    }

    /// The next thing to do; `None`: all is done.
    pub fn poll_output(&mut self) -> Option<RoomOutput> {
        self.outputs.pop_front()
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty()
    }

    /// Who a participant is.
    pub fn profile(&self, id: ParticipantId) -> Result<&Profile, Refusal> {
        Ok(&self.participant(id)?.profile)
    }

    /// The ids of the participants, in the order of joining.
    pub fn participants(&self) -> impl Iterator<Item = ParticipantId> {
        self.participants.keys().copied()
    }

    /// What each worker serves of this room; workers that serve nothing of it are left out.
    pub fn shares(&self) -> BTreeMap<WorkerId, Share> {
        let mut shares = BTreeMap::<_, Share>::new();
        for participant in self.participants.values() {
            if let Some(connection) = participant.connection {
                let share = shares.entry(connection.worker).or_default();
                share.peers += 1;
                let shown = participant.slots.shown();
                share.streams += shown.filter(|(_, track, _)| track.is_some()).count();
            }
        }
        shares
    }

    /// The room as this participant sees it.
    pub fn view(&self, id: ParticipantId) -> Result<RoomView, Refusal> {
        let participant = self.participant(id)?;
        let others = self
            .participants
            .values()
            .filter(|other| other.id != id && !other.is_hidden());
        Ok(RoomView {
            own: self.view_of(participant),
            grants: participant.profile.grants,
            others: others.map(|other| self.view_of(other)).collect(),
            slots: participant.told.clone(),
            speakers: self.speakers.told().to_vec(),
            unwanted: participant
                .tracks
                .iter()
                .filter_map(|track| self.tracks.get(track))
                .filter(|track| track.is_partly_unwanted())
                .map(|track| (track.id, track.encodings()))
                .collect(),
        })
    }

    /// Everything, for operators.
    pub fn snapshot(&self) -> RoomSnapshot {
        let snapshot = |participant: &Participant| ParticipantSnapshot {
            participant: participant.id,
            name: participant.profile.name.clone(),
            grants: participant.profile.grants,
            viewing: participant.profile.viewing,
            peer: participant.connection.map(|connection| PeerSnapshot {
                peer: connection.peer,
                worker: connection.worker,
                protection: connection.protection,
            }),
            tracks: self.view_of(participant).tracks,
            slots: participant.told.clone(),
        };
        RoomSnapshot {
            participants: self.participants.values().map(snapshot).collect(),
            pipes: self.tracks.values().map(Track::pipes).sum(),
        }
    }

    fn depart(&mut self, id: ParticipantId, reason: LeaveReason, to_worker: ToWorker) {
        let Some(mut participant) = self.participants.remove(&id) else {
            return;
        };
        self.disconnect(&mut participant, to_worker);
        self.speakers.forget(id);
        self.tell_speakers(None);
        if !participant.is_hidden() {
            self.notify_others(id, || Notification::ParticipantLeft {
                participant: id,
                reason,
            });
        }
        self.notify(id, Notification::Closed { reason });
    }

    fn peer_connected(&mut self, peer: PeerId, protection: SrtpProtection) {
        let id = self.peers.get(&peer).copied();
        let Some(participant) = id.and_then(|id| self.participants.get_mut(&id)) else {
            return;
        };
        if let Some(connection) = &mut participant.connection {
            connection.protection = Some(protection);
        }
        let id = participant.id;
        self.notify(id, Notification::Connected { protection });
    }

    fn track_started(&mut self, track: TrackId) {
        let Some(track) = self.tracks.get_mut(&track) else {
            return;
        };
        track.started = true;
        let track = track.id;
        let notification = |id: &_| RoomOutput::Notify(*id, Notification::TrackStarted { track });
        self.outputs
            .extend(self.participants.keys().map(notification));
    }

    fn encodings_wanted(&mut self, track: TrackId, wanted: &[bool]) {
        let Some(track) = self.tracks.get_mut(&track) else {
            return;
        };
        track.set_wanted(wanted);
        let (publisher, encodings) = (track.publisher, track.encodings());
        let track = track.id;
        self.notify(
            publisher,
            Notification::EncodingsWanted { track, encodings },
        );
    }

    fn slots_paused(&mut self, peer: PeerId, paused: &[Mid]) {
        let id = self.peers.get(&peer).copied();
        let Some(participant) = id.and_then(|id| self.participants.get_mut(&id)) else {
            return;
        };
        participant.slots.set_paused(paused);
        let id = participant.id;
        self.reconsider(id);
    }

    fn pass_on_data(
        &mut self,
        now: Instant,
        peer: PeerId,
        label: &std::sync::Arc<str>,
        message: DataMessage,
    ) {
        let id = self.peers.get(&peer).copied();
        let Some(sender) = id.and_then(|id| self.participants.get_mut(&id)) else {
            return;
        };
        if let Err(reason) = sender.check_data(now, message.bytes.len()) {
            if sender.is_news(reason) {
                let id = sender.id;
                self.notify(id, Notification::DataRefused { reason });
            }
            return;
        }
        let receivers = self
            .participants
            .values()
            .filter_map(|participant| participant.connection);
        self.outputs.extend(
            receivers
                .filter(|to| to.peer != peer && to.data && to.protection.is_some())
                .map(|to| {
                    let send = Command::SendData {
                        peer: to.peer,
                        label: label.clone(),
                        message: message.clone(),
                    };
                    RoomOutput::Command(to.worker, send)
                }),
        );
    }

    fn participant(&self, id: ParticipantId) -> Result<&Participant, Refusal> {
        self.participants.get(&id).ok_or(Refusal::SessionOver)
    }

    fn view_of(&self, participant: &Participant) -> ParticipantView {
        let tracks = participant
            .tracks
            .iter()
            .filter_map(|track| self.tracks.get(track));
        ParticipantView {
            participant: participant.id,
            name: participant.profile.name.clone(),
            tracks: tracks.map(Track::view).collect(),
        }
    }

    fn command(&mut self, worker: WorkerId, command: Command) {
        self.outputs.push_back(RoomOutput::Command(worker, command));
    }

    fn notify(&mut self, to: ParticipantId, notification: Notification) {
        self.outputs.push_back(RoomOutput::Notify(to, notification));
    }

    fn notify_others(&mut self, but: ParticipantId, notification: impl Fn() -> Notification) {
        let others = self.participants.keys().filter(|id| **id != but);
        self.outputs
            .extend(others.map(|id| RoomOutput::Notify(*id, notification())));
    }
}
