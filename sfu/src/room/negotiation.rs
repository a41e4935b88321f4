//! What an offer changes in a room: a peer appears or is replaced, tracks begin and end, slots come
//! and go.

use std::collections::BTreeMap;

use super::notification::Notification;
use super::participant::{Connection, Participant};
use super::track::{AnsweredTrack, Track, TrackDeclaration};
use super::{Refusal, Room, TrackSource};
use crate::engine::command::Command;
use crate::id::{ParticipantId, PeerId, TrackId, WorkerId};
use crate::parameters::{PeerParameters, PublishedMedia};

impl Room {
    /// Takes a participant's first offer, or one for a new connection in place of the old: `peer` is
    /// its transport, on `worker`. A refusal changes nothing. Returned are the participant's tracks.
    pub fn connect(
        &mut self,
        id: ParticipantId,
        peer: PeerId,
        worker: WorkerId,
        parameters: Box<PeerParameters>,
        declarations: &[TrackDeclaration],
        new_track: impl FnMut() -> TrackId,
    ) -> Result<Vec<AnsweredTrack>, Refusal> {
        let plan = self.plan(id, &parameters, declarations, false)?;
        let connection = Connection {
            peer,
            worker,
            protection: None,
            data: parameters.data.is_some(),
        };
        let mut participant = self.participants.remove(&id).ok_or(Refusal::SessionOver)?;
        self.disconnect(&mut participant, ToWorker::ClosePeer);
        participant.connect(connection);
        participant.slots.negotiate(&parameters.slots);
        self.participants.insert(id, participant);
        self.peers.insert(peer, id);
        self.command(worker, Command::AddPeer { peer, parameters });
        Ok(self.publish(id, connection, plan, new_track))
    }

    /// Takes a later offer for the same connection. m-lines that stay keep their tracks and slots. A
    /// refusal changes nothing. Returned are the participant's tracks.
    pub fn renegotiate(
        &mut self,
        id: ParticipantId,
        parameters: Box<PeerParameters>,
        declarations: &[TrackDeclaration],
        new_track: impl FnMut() -> TrackId,
    ) -> Result<Vec<AnsweredTrack>, Refusal> {
        let plan = self.plan(id, &parameters, declarations, true)?;
        let mut connection = self
            .participant(id)?
            .connection
            .ok_or(Refusal::NotConnected)?;
        let ended: Vec<_> = self
            .participant(id)?
            .tracks
            .iter()
            .copied()
            .filter(|track| !plan.iter().any(|planned| planned.continues == Some(*track)))
            .collect();
        // Before the m-lines they are on go away or become other tracks.
        self.unpublish(id, &ended);

        connection.data = parameters.data.is_some();
        let mut released = Vec::new();
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.connection = Some(connection);
            released = participant.slots.negotiate(&parameters.slots);
        }
        self.command(
            connection.worker,
            Command::UpdatePeer {
                peer: connection.peer,
                parameters,
            },
        );
        let answered = self.publish(id, connection, plan, new_track);
        // Last, so that a track that moved to another slot has kept its pipe.
        self.release(connection.worker, released);
        Ok(answered)
    }

    /// Undoes [`connect`](Self::connect): the participant's tracks end, its slots are gone. Meanwhile
    /// it is not in the room, so that nothing is assigned to a peer that is about to go.
    pub(super) fn disconnect(&mut self, participant: &mut Participant, to_worker: ToWorker) {
        debug_assert!(!self.participants.contains_key(&participant.id));
        let Some(connection) = participant.connection.take() else {
            return;
        };
        self.peers.remove(&connection.peer);
        self.unpublish(participant.id, &std::mem::take(&mut participant.tracks));
        if to_worker == ToWorker::ClosePeer {
            self.command(
                connection.worker,
                Command::ClosePeer {
                    peer: connection.peer,
                },
            );
        }
        self.release(connection.worker, participant.slots.clear());
    }

    /// What is to become of each published m-line, if the participant may do all that.
    fn plan(
        &self,
        id: ParticipantId,
        parameters: &PeerParameters,
        declarations: &[TrackDeclaration],
        same_connection: bool,
    ) -> Result<Vec<PlannedTrack>, Refusal> {
        let participant = self.participant(id)?;
        let limits = &self.limits;
        if parameters.published.len() > limits.tracks_per_participant {
            return Err(Refusal::TooManyTracks {
                limit: limits.tracks_per_participant,
            });
        }
        if parameters.slots.len() > limits.slots_per_participant {
            return Err(Refusal::TooManySlots {
                limit: limits.slots_per_participant,
            });
        }
        if !parameters.published.is_empty() && !participant.may_publish() {
            return Err(Refusal::MayNotPublish);
        }
        let mut current = BTreeMap::new();
        if same_connection {
            let tracks = participant
                .tracks
                .iter()
                .filter_map(|track| self.tracks.get(track));
            current.extend(tracks.map(|track| (track.media.mid, track)));
        }
        let plan = parameters.published.iter().map(|media| {
            let former = current.get(&media.mid).copied();
            let declared = declarations
                .iter()
                .find(|declared| declared.mid == media.mid);
            let source = declared
                .map(|declared| declared.source)
                .or(former
                    .filter(|former| former.media.kind == media.kind)
                    .map(|f| f.source))
                .unwrap_or(TrackSource::default_for(media.kind));
            if source.kind() != media.kind {
                return Err(Refusal::SourceOfOtherKind(source));
            }
            if !participant.may_publish_source(source) {
                return Err(Refusal::SourceNotAllowed(source));
            }
            Ok(PlannedTrack {
                media: media.clone(),
                source,
                muted: declared.is_some_and(|declared| declared.muted),
                continues: former
                    .filter(|former| former.continues_as(media, source))
                    .map(|former| former.id),
            })
        });
        plan.collect()
    }

    /// Carries out a plan; the peer is known to its worker.
    fn publish(
        &mut self,
        id: ParticipantId,
        connection: Connection,
        plan: Vec<PlannedTrack>,
        mut new_track: impl FnMut() -> TrackId,
    ) -> Vec<AnsweredTrack> {
        if plan.is_empty() {
            self.reconsider(id);
            return Vec::new();
        }
        let mut answered = Vec::with_capacity(plan.len());
        for planned in plan {
            let mid = planned.media.mid;
            let track = planned.continues.unwrap_or_else(&mut new_track);
            match self.tracks.get_mut(&track) {
                Some(track) => track.media = planned.media,
                None => self.begin_track(id, connection, track, planned),
            }
            answered.push(AnsweredTrack { mid, track });
        }
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.tracks = answered.iter().map(|answered| answered.track).collect();
            participant.tracks.sort_unstable();
        }
        self.reconsider_all();
        answered
    }

    fn begin_track(
        &mut self,
        publisher: ParticipantId,
        connection: Connection,
        id: TrackId,
        planned: PlannedTrack,
    ) {
        let Connection { peer, worker, .. } = connection;
        let PlannedTrack {
            media,
            source,
            muted,
            ..
        } = planned;
        self.command(
            worker,
            Command::Publish {
                peer,
                mid: media.mid,
                track: id,
            },
        );
        if muted {
            self.command(worker, Command::SetMuted { track: id, muted });
        }
        let track = Track::new(id, publisher, worker, media, source, muted);
        let view = track.view();
        self.tracks.insert(id, track);
        self.notify_others(publisher, || Notification::TrackPublished {
            participant: publisher,
            track: view,
        });
    }

    /// Ends tracks of one participant: first nobody shows them any more, then they are gone.
    fn unpublish(&mut self, publisher: ParticipantId, ended: &[TrackId]) {
        if ended.is_empty() {
            return;
        }
        for id in ended {
            if let Some(track) = self.tracks.get_mut(id) {
                track.ending = true;
                if track.is_voice() {
                    self.speakers.stop(publisher);
                }
            }
            let (participant, track) = (publisher, *id);
            self.notify_others(publisher, || Notification::TrackUnpublished {
                participant,
                track,
            });
        }
        self.tell_speakers(None);
        self.reconsider_all();
        for id in ended {
            if let Some(track) = self.tracks.remove(id) {
                debug_assert_eq!(track.pipes(), 0, "a pipe of {id} is left");
                self.command(track.home, Command::Unpublish { track: *id });
            }
        }
        if let Some(participant) = self.participants.get_mut(&publisher) {
            participant.tracks.retain(|track| !ended.contains(track));
        }
        for participant in self.participants.values_mut() {
            participant.subscription.forget(ended);
            for track in ended {
                participant.displays.remove(track);
            }
        }
    }
}

/// What a worker is to be told about a peer that the room forgets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ToWorker {
    /// To close it.
    ClosePeer,
    /// The worker reported its end, and has forgotten it already.
    Nothing,
}

/// What is to become of a published m-line.
struct PlannedTrack {
    media: PublishedMedia,
    source: TrackSource,
    muted: bool,
    /// The track that the m-line already is.
    continues: Option<TrackId>,
}
