//! How much an engine holds: for operators who wonder, and for tests that look for leaks.
//!
//! A worker publishes this several times a second, so nothing is scanned for it: what the maps do not
//! know themselves is counted where it changes. Builds with debug assertions scan after all, to see that the
//! counts are right.

use serde::Serialize;

use super::Engine;
use crate::publish::track::Track;

/// The sizes of everything in an engine that grows with its peers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct DebugState {
    /// Peers, connected or not.
    pub peers: usize,
    /// Peers whose transport is up.
    pub connected_peers: usize,
    /// Addresses by which peers are found.
    pub addresses: usize,
    /// ICE username fragments by which peers are found.
    pub ufrags: usize,
    /// Tracks, published here or imported.
    pub tracks: usize,
    /// Bytes that the packet caches of all tracks hold.
    pub cached_bytes: usize,
    /// Peers whose handshake waits for its next step.
    pub handshakes_waiting: usize,
    /// Slots of all peers.
    pub slots: usize,
    /// Slots that show a track.
    pub assigned_slots: usize,
}

/// What is counted as it changes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Held {
    pub(super) connected_peers: usize,
    pub(super) cached_bytes: usize,
    pub(super) assigned_slots: usize,
}

impl Engine {
    /// What it holds now.
    pub fn debug_state(&self) -> DebugState {
        debug_assert_eq!(self.held, self.scan(), "the counts have gone astray");
        let (addresses, ufrags, _) = self.directory.sizes();
        DebugState {
            peers: self.peers.len(),
            connected_peers: self.held.connected_peers,
            addresses,
            ufrags,
            tracks: self.tracks.len(),
            cached_bytes: self.held.cached_bytes,
            handshakes_waiting: self.handshakes.len(),
            slots: self.slots.len(),
            assigned_slots: self.held.assigned_slots,
        }
    }

    /// The same from the things themselves.
    fn scan(&self) -> Held {
        let peers = self.peers.values();
        let slots = self.slots.values();
        Held {
            connected_peers: peers.filter(|peer| peer.srtp.is_some()).count(),
            cached_bytes: self.tracks.values().map(Track::memory_bytes).sum(),
            assigned_slots: slots.filter(|slot| slot.track.is_some()).count(),
        }
    }
}
