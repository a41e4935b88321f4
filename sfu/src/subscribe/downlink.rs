//! What one peer is sent: its slots, and the packets of this turn that wait to be written.

use sfu_rtp::{Mid, Ssrc};

use super::retransmit::RetransmitBudget;
use super::slot::Sent;
use crate::key::SlotKey;

/// The sending side of one peer.
#[derive(Debug)]
pub(crate) struct Downlink {
    slots: Vec<SlotName>,
    /// Decided, not yet written; empty between turns.
    pending: Vec<Pending>,
    written: usize,
    pub(crate) budget: RetransmitBudget,
}

/// The names of a slot on the wire.
#[derive(Clone, Copy, Debug)]
struct SlotName {
    mid: Mid,
    ssrc: Ssrc,
    rtx_ssrc: Option<Ssrc>,
    key: SlotKey,
}

/// A packet that a forwarder has let through. Its bytes stay in the cache until it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) slot: SlotKey,
    pub(crate) sent: Sent,
    /// Whether it was sent before and travels as RTX.
    pub(crate) again: bool,
}

impl Downlink {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            pending: Vec::new(),
            written: 0,
            budget: RetransmitBudget::new(),
        }
    }

    pub(crate) fn add_slot(&mut self, mid: Mid, ssrc: Ssrc, rtx_ssrc: Option<Ssrc>, key: SlotKey) {
        self.slots.push(SlotName {
            mid,
            ssrc,
            rtx_ssrc,
            key,
        });
    }

    /// Forgets the slots whose MID `keep` refuses, and returns them.
    pub(crate) fn retain_slots(&mut self, keep: impl Fn(Mid) -> bool) -> Vec<SlotKey> {
        let gone = self.slots.iter().filter(|slot| !keep(slot.mid));
        let gone = gone.map(|slot| slot.key).collect();
        self.slots.retain(|slot| keep(slot.mid));
        gone
    }

    pub(crate) fn slots(&self) -> impl ExactSizeIterator<Item = SlotKey> {
        self.slots.iter().map(|slot| slot.key)
    }

    pub(crate) fn slot_with_mid(&self, mid: Mid) -> Option<SlotKey> {
        self.slots
            .iter()
            .find(|slot| slot.mid == mid)
            .map(|slot| slot.key)
    }

    /// The slot that sends on `ssrc`, be it media or retransmissions.
    pub(crate) fn slot_with_ssrc(&self, ssrc: Ssrc) -> Option<SlotKey> {
        self.slots
            .iter()
            .find(|slot| slot.ssrc == ssrc || slot.rtx_ssrc == Some(ssrc))
            .map(|slot| slot.key)
    }

    /// Queues a packet to be written in this turn. `false`: there are too many.
    #[inline]
    pub(crate) fn queue(&mut self, pending: Pending) -> bool {
        let room = self.pending.len() < MAX_PENDING;
        if room {
            self.pending.push(pending);
        }
        room
    }

    /// The next packet to write; [`advance`](Self::advance) when it is.
    #[inline]
    pub(crate) fn next(&self) -> Option<&Pending> {
        self.pending.get(self.written)
    }

    /// The packet that [`next`](Self::next) gave is done with.
    #[inline]
    pub(crate) fn advance(&mut self) {
        self.written += 1;
        if self.written >= self.pending.len() {
            self.pending.clear();
            self.written = 0;
        }
    }
}

/// Many frames of many slots; what goes beyond in one turn would only be loss in the network.
const MAX_PENDING: usize = 4096;
