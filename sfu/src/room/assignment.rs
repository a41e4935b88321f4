//! Brings slots in line with what participants want, and tells workers and participants: imports
//! before the assignments that need them, exports stopped after the assignments that ended them.

use std::collections::BTreeMap;

use sfu_rtp::Mid;

use super::notification::{Notification, Shown, SlotView, SlotsView};
use super::participant::Participant;
use super::slot_pool::{Assigned, Level};
use super::speakers::Speakers;
use super::track::Track;
use super::wishes::Ranking;
use super::{Room, RoomOutput};
use crate::demand::{Demand, Display, Importance};
use crate::engine::command::Command;
use crate::id::{ParticipantId, TrackId, WorkerId};

impl Room {
    /// After something that concerns everybody: a track came, went, or was muted.
    pub(super) fn reconsider_all(&mut self) {
        self.ranking = Ranking::of(&self.tracks, &self.speakers);
        let ids: Vec<_> = self.participants.keys().copied().collect();
        for id in ids {
            self.reconsider(id);
        }
    }

    /// Slots on `worker` that showed these tracks are gone.
    pub(super) fn release(&mut self, worker: WorkerId, tracks: impl IntoIterator<Item = TrackId>) {
        for track in tracks {
            let track = self.tracks.get_mut(&track);
            self.outputs.extend(
                track
                    .and_then(|track| track.release(worker))
                    .into_iter()
                    .flatten(),
            );
        }
    }

    /// After something that concerns one participant: it has other slots or other wishes.
    pub(super) fn reconsider(&mut self, id: ParticipantId) {
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        let wishes = self.ranking.wishes_of(participant);
        let Assigned {
            changes,
            unassigned,
            unplayable,
        } = participant
            .slots
            .assign(&wishes, self.limits.audio_per_participant);
        let demands = demands_of(participant, &self.tracks, &self.speakers);
        if let Some(connection) = participant.connection {
            // Before the assignments, so that nothing is fetched that nobody looks at.
            self.outputs
                .extend(demands.into_iter().map(|(slot, demand)| {
                    let set = Command::SetDemand {
                        peer: connection.peer,
                        slot,
                        demand,
                    };
                    RoomOutput::Command(connection.worker, set)
                }));
            // Acquire before release: a track that only moves to another slot keeps its pipe.
            for track in changes.iter().filter_map(|change| change.after) {
                let track = self.tracks.get_mut(&track);
                let opened = track.and_then(|track| track.acquire(connection.worker));
                self.outputs.extend(opened.into_iter().flatten());
            }
            self.outputs.extend(changes.iter().map(|change| {
                let assign = Command::Assign {
                    peer: connection.peer,
                    slot: change.slot,
                    track: change.after,
                };
                RoomOutput::Command(connection.worker, assign)
            }));
            self.release(
                connection.worker,
                changes.iter().filter_map(|change| change.before),
            );
        }
        self.tell_slots(id, unassigned, unplayable);
    }

    /// Tells a participant about its slots if that is news.
    fn tell_slots(
        &mut self,
        id: ParticipantId,
        unassigned: Vec<TrackId>,
        unplayable: Vec<TrackId>,
    ) {
        let Some(participant) = self.participants.get_mut(&id) else {
            return;
        };
        let shown = |track| {
            let participant = self.tracks.get(&track)?.publisher;
            Some(Shown { track, participant })
        };
        let slots = participant
            .slots
            .shown()
            .map(|(slot, track, paused)| SlotView {
                slot,
                shows: track.and_then(shown),
                paused,
            });
        let view = SlotsView {
            slots: slots.collect(),
            unassigned,
            unplayable,
        };
        if participant.told != view {
            participant.told = view.clone();
            self.notify(id, Notification::SlotsChanged(view));
        }
    }
}

/// What is wanted of the slots of a participant, where that has changed.
fn demands_of(
    participant: &mut Participant,
    tracks: &BTreeMap<TrackId, Track>,
    speakers: &Speakers,
) -> Vec<(Mid, Demand)> {
    let displays = &participant.displays;
    let pinned = &participant.subscription.pinned;
    participant.slots.set_demands(|id, level| {
        let importance = match level {
            Level::Pinned => Importance::Pinned,
            Level::Screen => Importance::Screen,
            Level::Floor => Importance::Speaker,
            Level::Talking | Level::Person | Level::Muted => Importance::Other,
        };
        let place = pinned.iter().position(|pinned| *pinned == id);
        let track = tracks.get(&id).filter(|track| !track.source.is_screen());
        let seen = track.map_or(0, |track| speakers.seen(track.publisher));
        Demand {
            importance,
            rank: place.map_or_else(|| rank(seen, id), |place| place as u64),
            display: displays.get(&id).copied().unwrap_or(Display::Unknown),
        }
    })
}

/// Who had the floor last goes before the others who had it, then those who came first, as ids grow. The rank of
/// one does not change when others come, go or take the floor.
fn rank(seen: u64, id: TrackId) -> u64 {
    match seen {
        0 => NEVER_SEEN.saturating_add(id.get()),
        seen => NEVER_SEEN - seen.min(NEVER_SEEN),
    }
}

/// Beyond all ranks of those who had the floor.
const NEVER_SEEN: u64 = u64::MAX / 2;
