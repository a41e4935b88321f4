//! Who goes into which slot: one pass over the wishes, best first.
//!
//! Rooms of hundreds have many more wishes than slots, and each change of a track arranges the slots of
//! everybody, so a wish for which there is nothing to be had costs next to nothing.

use super::{Level, Slot, Wish};
use crate::id::TrackId;
use crate::parameters::MediaKind;

/// Which slot shows which wish.
pub(super) struct Arrangement<'a> {
    slots: &'a [Slot],
    wishes: &'a [Wish],
    /// What each slot shows, as an index into `wishes`.
    pub(super) occupants: Vec<Option<usize>>,
    /// The wishes that found no slot, as indices.
    pub(super) unplaced: Vec<usize>,
    /// Audio, video: whether there is no slot left for this wish or any after it.
    closed: [bool; 2],
    /// How many slots may show sound.
    most_audio: usize,
}

impl<'a> Arrangement<'a> {
    pub(super) fn make(slots: &'a [Slot], wishes: &'a [Wish], most_audio: usize) -> Self {
        let mut arrangement = Self {
            slots,
            wishes,
            occupants: vec![None; slots.len()],
            unplaced: Vec::new(),
            closed: [false; 2],
            most_audio,
        };
        let keeps = arrangement.keep();
        for (index, wish) in wishes.iter().enumerate() {
            // Whoever kept its slot may have lost it to a better one meanwhile.
            let keeps = keeps.get(index) == Some(&true);
            if keeps && arrangement.occupants.contains(&Some(index)) {
                continue;
            }
            arrangement.place(index, wish);
        }
        arrangement
    }

    /// Leaves everything where it is that is still wanted there and can be shown. Returns for each wish
    /// whether it is.
    fn keep(&mut self) -> Vec<bool> {
        let shown = self.slots.iter().enumerate();
        let mut shown: Vec<(TrackId, usize)> = shown
            .filter_map(|(place, slot)| Some((slot.shows?, place)))
            .collect();
        shown.sort_unstable();
        let mut keep = |(index, wish): (usize, &Wish)| {
            let found = shown
                .binary_search_by_key(&wish.track, |(track, _)| *track)
                .ok();
            let place = found
                .and_then(|found| shown.get(found))
                .map(|(_, place)| *place);
            let fits = |place: &usize| self.slots.get(*place).is_some_and(|slot| slot.fits(wish));
            let occupant = place
                .filter(fits)
                .and_then(|place| self.occupants.get_mut(place));
            let keeps = occupant.is_some();
            if let Some(occupant) = occupant {
                *occupant = Some(index);
            }
            keeps
        };
        self.wishes.iter().enumerate().map(&mut keep).collect()
    }

    fn place(&mut self, index: usize, wish: &Wish) {
        let place = match self.closed[kind_index(wish.kind)] {
            true => None,
            false => self
                .best_free_slot(wish)
                .or_else(|| self.slot_to_take_over(wish)),
        };
        match place.and_then(|place| self.occupants.get_mut(place)) {
            Some(occupant) => *occupant = Some(index),
            None => {
                self.unplaced.push(index);
                self.close_if_settled(wish);
            }
        }
    }

    /// Slots only ever go to better wishes, so when all of a kind are taken by levels that do not give
    /// way to this wish, they will not give way to those after it.
    fn close_if_settled(&mut self, wish: &Wish) {
        let full = self.is_full(wish.kind);
        let settled = self
            .occupied()
            .filter(|(_, slot, occupant)| slot.kind == wish.kind && !(full && occupant.is_none()))
            .all(|(_, _, occupant)| occupant.is_some_and(|(_, level)| level <= wish.level));
        if settled {
            self.closed[kind_index(wish.kind)] = true;
        }
    }

    /// Rule 5: whether a slot can only be had from another track.
    pub(super) fn is_full(&self, kind: MediaKind) -> bool {
        let taken = |(_, slot, occupant): &(usize, &Slot, Option<_>)| {
            slot.kind == MediaKind::Audio && occupant.is_some()
        };
        kind == MediaKind::Audio && self.occupied().filter(taken).count() >= self.most_audio
    }

    /// Rule 3.
    fn best_free_slot(&self, wish: &Wish) -> Option<usize> {
        if self.is_full(wish.kind) {
            return None;
        }
        let mut free = self
            .occupied()
            .filter(|(_, slot, occupant)| occupant.is_none() && slot.fits(wish))
            .peekable();
        free.peek()?;
        let is_companion = |other: &Wish| other.group == wish.group && other.track != wish.track;
        let has_companion = self.wishes.iter().any(is_companion);
        free.min_by_key(|(_, slot, _)| self.pairing(wish, slot.pair).cost(has_companion))
            .map(|(place, ..)| place)
    }

    /// Rule 4: the slot of the least wanted track whose level is below the wish's. Of several, the one
    /// that plays in sync with the wish's companion.
    fn slot_to_take_over(&self, wish: &Wish) -> Option<usize> {
        self.occupied()
            .filter_map(|(place, slot, occupant)| {
                let (index, level) = occupant?;
                if level <= wish.level || !slot.fits(wish) {
                    return None;
                }
                let beside_companion = self.pairing(wish, slot.pair) == Pairing::Companion;
                Some(((level, beside_companion, index), place))
            })
            .max()
            .map(|(_, place)| place)
    }

    /// The slots with their places and the (index, level) of what they show.
    fn occupied(&self) -> impl Iterator<Item = (usize, &'a Slot, Option<(usize, Level)>)> + '_ {
        let slots = self.slots.iter().zip(&self.occupants).enumerate();
        slots.map(|(place, (slot, occupant))| {
            let shown = occupant.and_then(|index| Some((index, self.wishes.get(index)?.level)));
            (place, slot, shown)
        })
    }

    fn pairing(&self, wish: &Wish, pair: u16) -> Pairing {
        let mut pairing = Pairing::Alone;
        for (slot, occupant) in self.slots.iter().zip(&self.occupants) {
            if slot.pair != pair || slot.kind == wish.kind {
                continue;
            }
            pairing = match occupant.and_then(|index| self.wishes.get(index)) {
                Some(other) if other.group == wish.group => return Pairing::Companion,
                Some(_) => Pairing::Stranger,
                None if pairing == Pairing::Stranger => Pairing::Stranger,
                None => Pairing::Room,
            };
        }
        pairing
    }
}

const fn kind_index(kind: MediaKind) -> usize {
    match kind {
        MediaKind::Audio => 0,
        MediaKind::Video => 1,
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
