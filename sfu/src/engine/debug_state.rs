//! How much an engine holds: for operators who wonder, and for tests that look for leaks.

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

impl Engine {
    /// What it holds now.
    pub fn debug_state(&self) -> DebugState {
        let (addresses, ufrags, _) = self.directory.sizes();
        DebugState {
            peers: self.peers.len(),
            connected_peers: self
                .peers
                .values()
                .filter(|peer| peer.srtp.is_some())
                .count(),
            addresses,
            ufrags,
            tracks: self.tracks.len(),
            cached_bytes: self.tracks.values().map(Track::memory_bytes).sum(),
            handshakes_waiting: self.handshakes.len(),
            slots: self.slots.len(),
            assigned_slots: self
                .slots
                .values()
                .filter(|slot| slot.track.is_some())
                .count(),
        }
    }
}
