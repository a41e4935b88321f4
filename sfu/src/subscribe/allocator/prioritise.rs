//! The first phase: who comes first.

use super::Request;
use crate::demand::Importance;

/// Slots, the most important first, in groups of equal importance.
#[derive(Debug, Default)]
pub(super) struct Order {
    slots: Vec<Place>,
}

/// A slot, by its index among the requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    importance: Importance,
    rank: u64,
    slot: usize,
}

impl Order {
    /// Takes over the order of these; those of one importance and rank come as they are listed.
    pub(super) fn prioritise(&mut self, requests: &[Request]) {
        self.slots.clear();
        self.slots
            .extend(requests.iter().enumerate().map(|(slot, request)| Place {
                importance: request.demand.importance,
                rank: request.demand.rank,
                slot,
            }));
        self.slots.sort_unstable();
    }

    /// All slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().map(|place| place.slot)
    }

    /// The slots of each importance, the most important group first.
    pub(super) fn groups(&self) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
        self.slots
            .chunk_by(|a, b| a.importance == b.importance)
            .map(|group| group.iter().map(|place| place.slot))
    }
}
