//! Where the packets of a track go: the flat list of slots that show it, and the workers that import it.
//!
//! `publish` knows tracks and `subscribe` knows slots; only here do they meet.

use crate::id::WorkerId;
use crate::key::{PeerKey, SlotKey};
use crate::parameters::MAX_ENCODINGS;

/// The ways of one track.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) origin: Origin,
    /// The slots of this engine that show it.
    pub(super) slots: Vec<SlotKey>,
    /// One bit for each worker that imports it.
    exports: u64,
    /// For each encoding, one bit for each of them that does not want it.
    idle: [u64; MAX_ENCODINGS],
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
            idle: [0; MAX_ENCODINGS],
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
        // Until the worker says otherwise it wants all.
        for idle in &mut self.idle {
            *idle &= !bit;
        }
    }

    /// Whether a worker that imports the track wants this encoding.
    pub(super) fn set_watched(&mut self, by: WorkerId, encoding: usize, watched: bool) {
        let bit = 1 << by.index();
        if let Some(idle) = self.idle.get_mut(encoding) {
            *idle = if watched { *idle & !bit } else { *idle | bit };
        }
    }

    /// The workers that import the track.
    pub(super) fn exports(&self) -> impl Iterator<Item = WorkerId> + use<> {
        workers(self.exports)
    }

    /// Those of them that want this encoding.
    pub(super) fn exports_of(&self, encoding: usize) -> impl Iterator<Item = WorkerId> + use<> {
        let idle = self.idle.get(encoding).copied().unwrap_or(0);
        workers(self.exports & !idle)
    }

    /// Whether anybody gets it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.slots.is_empty() || self.exports != 0
    }
}

/// The workers whose bits are set.
fn workers(bits: u64) -> impl Iterator<Item = WorkerId> {
    (0..WorkerId::MAX)
        .take_while(move |index| bits >> index != 0)
        .filter(move |index| bits >> index & 1 == 1)
        .filter_map(WorkerId::new)
}
