//! The slots of one participant, and which of the tracks it wants goes into which.
//!
//! The rules, in the order in which they win:
//! 1. A slot keeps its track for as long as the track is wanted and the slot can show it: nobody's
//!    picture moves because somebody else came or left.
//! 2. The best-ranked track without a slot comes first.
//! 3. It takes the free slot that is best for lip sync: receivers play the slots of one pair in sync,
//!    so sound and picture of one source belong together and strangers should stay apart.
//! 4. If there is no free slot it takes one from a track of a lower [`Level`], the last in rank; a
//!    muted track has the lowest level, so it keeps its slot only while nobody needs it.
//! 5. Of sound no more slots are taken than the room allows, however many there are.
//!
//! This module is a pure function of slots and wishes; what the wishes are is decided in `wishes`, and
//! rules 2 to 4 are in `arrangement`.

mod arrangement;

use arrangement::Arrangement;
use sfu_rtp::Mid;

use crate::demand::Demand;
use crate::id::{ParticipantId, TrackId};
use crate::parameters::{Codec, CodecFormat, MediaKind, NegotiatedCodec, SlotMedia};

/// What a receiver must be able to decode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Format {
    codec: Codec,
    format: CodecFormat,
}

impl Format {
    pub(super) fn of(codec: &NegotiatedCodec) -> Self {
        Self {
            codec: codec.codec,
            format: codec.format,
        }
    }
}

/// How much a track is wanted; less is more. Only a track of a lower level gives up its slot: within
/// a level, whoever has a slot keeps it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Level {
    /// The subscriber asked for it by name.
    Pinned,
    /// What a meeting is about while somebody shares a screen.
    Screen,
    /// Camera and microphone of who has the floor.
    Floor,
    /// The microphones of the others who talk.
    Talking,
    /// Cameras and microphones.
    Person,
    /// There is nothing to see or hear.
    Muted,
}

/// What belongs in one pair: a participant's camera and microphone, or its screen and the screen's
/// sound.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SyncGroup {
    pub(super) publisher: ParticipantId,
    pub(super) screen: bool,
}

/// A track that the participant wants to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wish {
    pub(super) track: TrackId,
    pub(super) kind: MediaKind,
    pub(super) format: Format,
    pub(super) group: SyncGroup,
    pub(super) level: Level,
}

/// A slot that shows something else than before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) slot: Mid,
    pub(super) before: Option<TrackId>,
    pub(super) after: Option<TrackId>,
}

/// What came of an assignment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Assigned {
    pub(super) changes: Vec<Change>,
    /// See [`SlotsView::unassigned`](super::SlotsView::unassigned).
    pub(super) unassigned: Vec<TrackId>,
    /// See [`SlotsView::unplayable`](super::SlotsView::unplayable).
    pub(super) unplayable: Vec<TrackId>,
}

/// The slots of one participant, in the order of its offer.
#[derive(Debug, Default)]
pub(super) struct SlotPool {
    slots: Vec<Slot>,
    /// What at least one of them can show, each once.
    formats: Vec<Format>,
}

#[derive(Debug)]
struct Slot {
    mid: Mid,
    kind: MediaKind,
    pair: u16,
    formats: Vec<Format>,
    shows: Option<TrackId>,
    /// Of what it shows.
    level: Level,
    /// What the worker was told is wanted of it.
    demand: Demand,
    /// Whether the worker said that it is paused.
    paused: bool,
}

impl SlotPool {
    /// Takes the slots of a new offer. Those that are still there keep what they show; returned are
    /// the tracks of those that are gone.
    pub(super) fn negotiate(&mut self, media: &[SlotMedia]) -> Vec<TrackId> {
        let mut former = std::mem::take(&mut self.slots);
        self.slots = media
            .iter()
            .map(|media| {
                let same = |slot: &&mut Slot| slot.mid == media.mid && slot.kind == media.kind;
                let before = former.iter_mut().find(same);
                let (demand, paused) = before
                    .as_ref()
                    .map_or_else(Default::default, |slot| (slot.demand, slot.paused));
                Slot {
                    mid: media.mid,
                    kind: media.kind,
                    pair: media.pair,
                    formats: media.codecs.iter().map(Format::of).collect(),
                    shows: before.and_then(|slot| slot.shows.take()),
                    level: Level::Person,
                    demand,
                    paused,
                }
            })
            .collect();
        self.formats.clear();
        for format in self.slots.iter().flat_map(|slot| &slot.formats) {
            if !self.formats.contains(format) {
                self.formats.push(*format);
            }
        }
        former.into_iter().filter_map(|slot| slot.shows).collect()
    }

    /// Forgets all slots; returned are the tracks they showed.
    pub(super) fn clear(&mut self) -> Vec<TrackId> {
        self.negotiate(&[])
    }

    /// The slots, what they show and whether they are paused, in the order of the offer.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Mid, Option<TrackId>, bool)> {
        let slots = self.slots.iter();
        slots.map(|slot| (slot.mid, slot.shows, slot.paused && slot.shows.is_some()))
    }

    /// Notes which slots are paused: these, and no others.
    pub(super) fn set_paused(&mut self, paused: &[Mid]) {
        for slot in &mut self.slots {
            slot.paused = paused.contains(&slot.mid);
        }
    }

    /// Notes what is wanted of the pictures that are shown, and returns what has changed.
    pub(super) fn set_demands(
        &mut self,
        demand_of: impl Fn(TrackId, Level) -> Demand,
    ) -> Vec<(Mid, Demand)> {
        let pictures = self
            .slots
            .iter_mut()
            .filter(|slot| slot.kind == MediaKind::Video);
        let changed = pictures.filter_map(|slot| {
            let demand = demand_of(slot.shows?, slot.level);
            let before = std::mem::replace(&mut slot.demand, demand);
            (before != demand).then_some((slot.mid, demand))
        });
        changed.collect()
    }

    /// Brings the slots in line with `wishes`, which come best first and so in the order of levels. At most
    /// `most_audio` slots show sound.
    pub(super) fn assign(&mut self, wishes: &[Wish], most_audio: usize) -> Assigned {
        let arrangement = Arrangement::make(&self.slots, wishes, most_audio);
        // More slots would not help those.
        let beyond_limit = |wish: &Wish| arrangement.is_full(wish.kind);
        let unplaced: Vec<_> = arrangement
            .unplaced
            .iter()
            .filter_map(|&index| wishes.get(index))
            .filter(|wish| !beyond_limit(wish))
            .collect();
        let occupants = arrangement.occupants;
        let mut assigned = Assigned::default();
        for (slot, occupant) in self.slots.iter_mut().zip(occupants) {
            let wish = occupant.and_then(|index| wishes.get(index));
            let after = wish.map(|wish| wish.track);
            slot.level = wish.map_or(Level::Muted, |wish| wish.level);
            let before = std::mem::replace(&mut slot.shows, after);
            if before != after {
                assigned.changes.push(Change {
                    slot: slot.mid,
                    before,
                    after,
                });
            }
        }
        for wish in unplaced {
            let list = match self.cannot_play(wish) {
                true => &mut assigned.unplayable,
                false => &mut assigned.unassigned,
            };
            if list.len() < MAX_LISTED {
                list.push(wish.track);
            }
        }
        assigned
    }

    /// Whether there are slots for such a track, but none that can show it.
    fn cannot_play(&self, wish: &Wish) -> bool {
        !self.formats.contains(&wish.format) && self.slots.iter().any(|slot| slot.kind == wish.kind)
    }
}

impl Slot {
    fn fits(&self, wish: &Wish) -> bool {
        self.kind == wish.kind && self.formats.contains(&wish.format)
    }
}

/// How many tracks that have no slot are listed. In a room of hundreds all of them would be told to
/// everybody whenever somebody is muted, and no page offers more slots at once than this.
pub(super) const MAX_LISTED: usize = 32;

#[cfg(test)]
mod tests;
