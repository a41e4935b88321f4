//! What clients count while they run. Each thread has a tally of its own, and whoever reports takes it
//! away once a second.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::histogram::Histogram;

/// Counts since they were last taken.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    /// Media packets received.
    pub(crate) packets: u64,
    /// Their bytes, without IP and UDP headers.
    pub(crate) bytes: u64,
    /// Sequence numbers that were skipped, less those that came after all.
    pub(crate) lost: i64,
    /// Packets that came twice.
    pub(crate) duplicates: u64,
    /// Packets that were authenticated and decrypted.
    pub(crate) authenticated: u64,
    /// Packets that should have been authentic and were not.
    pub(crate) unauthenticated: u64,
    /// Datagrams that were nothing we know.
    pub(crate) strange: u64,
    /// Media packets sent.
    pub(crate) sent: u64,
    /// Keyframes sent because somebody asked.
    pub(crate) keyframes: u64,
    /// From sending to arrival, of authenticated packets.
    pub(crate) latency: Histogram,
    /// From the first byte of signaling to media being possible.
    pub(crate) join: Histogram,
    /// From the same to the first media packet.
    pub(crate) first_media: Histogram,
    /// From the same to the last packet of the first whole keyframe.
    pub(crate) first_frame: Histogram,
    /// Connections that were lost after they were up.
    pub(crate) disconnected: u64,
}

impl Tally {
    /// Adds another.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.authenticated += other.authenticated;
        self.unauthenticated += other.unauthenticated;
        self.strange += other.strange;
        self.sent += other.sent;
        self.keyframes += other.keyframes;
        self.latency.merge(&other.latency);
        self.join.merge(&other.join);
        self.first_media.merge(&other.first_media);
        self.first_frame.merge(&other.first_frame);
        self.disconnected += other.disconnected;
    }
}

/// A tally that one thread fills and another takes.
#[derive(Clone, Default, Debug)]
pub(crate) struct SharedTally(Arc<Mutex<Tally>>);

impl SharedTally {
    /// To count.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted since it was last taken.
    pub(crate) fn take(&self) -> Tally {
        std::mem::take(&mut *self.lock())
    }
}
