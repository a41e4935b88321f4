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
//!
//! This module is a pure function of slots and wishes; what the wishes are is decided in `wishes`.

use sfu_rtp::Mid;

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

/// The slots of one participant, in the order of its offer.
#[derive(Debug, Default)]
pub(super) struct SlotPool {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    mid: Mid,
    kind: MediaKind,
    pair: u16,
    formats: Vec<Format>,
    shows: Option<TrackId>,
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
                Slot {
                    mid: media.mid,
                    kind: media.kind,
                    pair: media.pair,
                    formats: media.codecs.iter().map(Format::of).collect(),
                    shows: former
                        .iter_mut()
                        .find(same)
                        .and_then(|slot| slot.shows.take()),
                }
            })
            .collect();
        former.into_iter().filter_map(|slot| slot.shows).collect()
    }

    /// Forgets all slots; returned are the tracks they showed.
    pub(super) fn clear(&mut self) -> Vec<TrackId> {
        self.negotiate(&[])
    }

    /// The slots and what they show, in the order of the offer.
    pub(super) fn shown(&self) -> impl Iterator<Item = (Mid, Option<TrackId>)> {
        self.slots.iter().map(|slot| (slot.mid, slot.shows))
    }

    pub(super) fn shows(&self, track: TrackId) -> bool {
        self.slots.iter().any(|slot| slot.shows == Some(track))
    }

    /// Whether there are slots for such a track, but none that can show it.
    pub(super) fn cannot_play(&self, wish: &Wish) -> bool {
        let mut of_kind = self
            .slots
            .iter()
            .filter(|slot| slot.kind == wish.kind)
            .peekable();
        of_kind.peek().is_some() && of_kind.all(|slot| !slot.fits(wish))
    }

    /// Brings the slots in line with `wishes`, which come best first.
    pub(super) fn assign(&mut self, wishes: &[Wish]) -> Vec<Change> {
        let before: Vec<_> = self.slots.iter().map(|slot| slot.shows).collect();
        // What each slot shows, as an index into `wishes`.
        let mut occupants: Vec<Option<usize>> = self
            .slots
            .iter()
            .map(|slot| slot.occupant(wishes))
            .collect();
        for (index, wish) in wishes.iter().enumerate() {
            if occupants.contains(&Some(index)) {
                continue;
            }
            let place = self
                .best_free_slot(wishes, &occupants, wish)
                .or_else(|| self.slot_to_take_over(wishes, &occupants, wish));
            if let Some(occupant) = place.and_then(|place| occupants.get_mut(place)) {
                *occupant = Some(index);
            }
        }
        for (slot, occupant) in self.slots.iter_mut().zip(occupants) {
            slot.shows = occupant
                .and_then(|index| wishes.get(index))
                .map(|wish| wish.track);
        }
        let changed = |(slot, before): (&Slot, Option<TrackId>)| {
            let change = Change {
                slot: slot.mid,
                before,
                after: slot.shows,
            };
            (change.before != change.after).then_some(change)
        };
        self.slots.iter().zip(before).filter_map(changed).collect()
    }

    fn best_free_slot(
        &self,
        wishes: &[Wish],
        occupants: &[Option<usize>],
        wish: &Wish,
    ) -> Option<usize> {
        let slots = self.slots.iter().zip(occupants).enumerate();
        let mut free = slots
            .filter(|(_, (slot, occupant))| occupant.is_none() && slot.fits(wish))
            .peekable();
        // Most tracks of a large room find no free slot: look no further then.
        free.peek()?;
        let is_companion = |other: &Wish| other.group == wish.group && other.track != wish.track;
        let has_companion = wishes.iter().any(is_companion);
        free.min_by_key(|(_, (slot, _))| {
            self.pairing(wishes, occupants, wish, slot.pair)
                .cost(has_companion)
        })
        .map(|(place, _)| place)
    }

    /// The slot of the least wanted track whose level is below the wish's. Of several, the one that
    /// plays in sync with the wish's companion.
    fn slot_to_take_over(
        &self,
        wishes: &[Wish],
        occupants: &[Option<usize>],
        wish: &Wish,
    ) -> Option<usize> {
        let occupied = self.slots.iter().zip(occupants).enumerate();
        occupied
            .filter_map(|(place, (slot, occupant))| {
                let index = (*occupant)?;
                let level = wishes.get(index)?.level;
                if level <= wish.level || !slot.fits(wish) {
                    return None;
                }
                let pairing = self.pairing(wishes, occupants, wish, slot.pair);
                Some(((level, pairing == Pairing::Companion, index), place))
            })
            .max()
            .map(|(_, place)| place)
    }

    fn pairing(
        &self,
        wishes: &[Wish],
        occupants: &[Option<usize>],
        wish: &Wish,
        pair: u16,
    ) -> Pairing {
        let mut pairing = Pairing::Alone;
        for (slot, occupant) in self.slots.iter().zip(occupants) {
            if slot.pair != pair || slot.kind == wish.kind {
                continue;
            }
            pairing = match occupant.and_then(|index| wishes.get(index)) {
                Some(other) if other.group == wish.group => return Pairing::Companion,
                Some(_) => Pairing::Stranger,
                None if pairing == Pairing::Stranger => Pairing::Stranger,
                None => Pairing::Room,
            };
        }
        pairing
    }
}

impl Slot {
    fn fits(&self, wish: &Wish) -> bool {
        self.kind == wish.kind && self.formats.contains(&wish.format)
    }

    /// The wish that it shows, if that is still one and it can still show it.
    fn occupant(&self, wishes: &[Wish]) -> Option<usize> {
        let track = self.shows?;
        wishes
            .iter()
            .position(|wish| wish.track == track && self.fits(wish))
    }
}

/// What the slots of the other kind in a pair do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pairing {
    /// One shows the same source.
    Companion,
    /// They are free: the companion could come there.
    Room,
    /// There are none.
    Alone,
    /// One shows another source. The receiver would delay the one to match the other: harmless, since
    /// both are on the server's clock, but for nothing.
    Stranger,
}

impl Pairing {
    /// Less is better. A track that will not have a companion leaves whole pairs to those that will.
    const fn cost(self, has_companion: bool) -> u8 {
        match (self, has_companion) {
            (Self::Companion, _) => 0,
            (Self::Room, true) | (Self::Alone, false) => 1,
            (Self::Alone, true) | (Self::Room, false) => 2,
            (Self::Stranger, _) => 3,
        }
    }
}

#[cfg(test)]
mod tests;
