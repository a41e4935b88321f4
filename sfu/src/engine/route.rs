//! Where the packets of a track go: the flat list of slots that show it, and the workers that import it.
//!
//! `publish` knows tracks and `subscribe` knows slots; only here do they meet.

use crate::id::WorkerId;
use crate::key::{PeerKey, SlotKey};

/// The ways of one track.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) origin: Origin,
    /// The slots of this engine that show it.
    pub(super) slots: Vec<SlotKey>,
    /// One bit for each worker that imports it.
    exports: u64,
}

/// Where a track comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A peer of this engine publishes it.
    Peer(PeerKey),
    /// Another worker sends it through the pipe.
    Worker(WorkerId),
}

impl Route {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            slots: Vec::new(),
            exports: 0,
        }
    }

    pub(super) fn add_slot(&mut self, slot: SlotKey) {
        if !self.slots.contains(&slot) {
            self.slots.push(slot);
        }
    }

    pub(super) fn remove_slot(&mut self, slot: SlotKey) {
        self.slots.retain(|&other| other != slot);
    }

    pub(super) fn set_export(&mut self, to: WorkerId, wanted: bool) {
        let bit = 1 << to.index();
        if wanted {
            self.exports |= bit;
        } else {
            self.exports &= !bit;
        }
    }

    /// The workers that import the track.
    pub(super) fn exports(&self) -> impl Iterator<Item = WorkerId> + use<> {
        let exports = self.exports;
        (0..WorkerId::MAX)
            .take_while(move |index| exports >> index != 0)
            .filter(move |index| exports >> index & 1 == 1)
            .filter_map(WorkerId::new)
    }

    /// Whether anybody gets it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.slots.is_empty() || self.exports != 0
    }
}
