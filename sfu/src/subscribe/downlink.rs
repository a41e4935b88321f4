//! What one peer is sent: its slots, and the packets of this turn that wait to be written.

use std::hint::black_box;
use std::time::Instant;

use sfu_rtp::extension::TransportSequence;
use sfu_rtp::{Bitrate, ExtensionKind, Mid, Ssrc};

use super::bwe::Estimator;
use super::pacer::Pacer;
use super::redundancy::{Redundancy, Repeated};
use super::retransmit::RetransmitBudget;
use super::slot::Sent;
use crate::key::SlotKey;
use crate::parameters::SlotMedia;
use crate::publish::packet::CachedPacket;

/// The sending side of one peer.
#[derive(Debug)]
pub(crate) struct Downlink {
    slots: Vec<SlotName>,
    /// Decided, not yet written; empty between turns.
    pending: Vec<Pending>,
    written: usize,
    pacer: Pacer,
    /// Whether the pacer has looked at this turn's packets.
    paced: bool,
    pub(crate) budget: RetransmitBudget,
    pub(crate) redundancy: Redundancy,
    /// What was divided over the slots, sound included: it is sent, whatever the path is believed to carry.
    given: Bitrate,
    /// Present once a slot was negotiated on which the peer tells how packets reach it.
    pub(crate) estimator: Option<Box<Estimator>>,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pending {
    pub(crate) slot: SlotKey,
    pub(crate) sent: Sent,
    /// Whether it was sent before and travels as RTX.
    pub(crate) again: bool,
    /// The earlier frames that travel with it.
    pub(crate) repeated: Repeated,
    /// The length of its payload, in bytes.
    pub(crate) payload_len: u16,
    /// The length to which its payload is to be padded; if it is no longer than that, it is not.
    pub(crate) pad_to: u16,
}

impl Pending {
    /// A packet of the cache that goes out on a slot.
    pub(crate) fn new(slot: SlotKey, sent: Sent, again: bool, packet: &CachedPacket<'_>) -> Self {
        let payload_len = match sent.vacant {
            true => 0,
            // Nothing longer than a datagram is cached.
            false => packet.payload().len() as u16,
        };
        Self {
            slot,
            sent,
            again,
            repeated: Repeated::NOTHING,
            payload_len,
            pad_to: 0,
        }
    }

    /// This, with earlier frames that make it `extra` bytes longer.
    #[must_use]
    pub(crate) fn repeating(self, repeated: Repeated, extra: u16) -> Self {
        Self {
            repeated,
            payload_len: self.payload_len.saturating_add(extra),
            ..self
        }
    }

    /// Whether both travel under one SSRC, where their order counts.
    #[inline]
    pub(crate) fn same_stream(&self, other: &Self) -> bool {
        self.slot == other.slot && self.again == other.again
    }

    /// About its length on the wire.
    #[inline]
    pub(crate) fn wire_len(&self) -> usize {
        usize::from(self.payload_len) + HEADERS
    }
}

impl Downlink {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            pending: Vec::new(),
            written: 0,
            pacer: Pacer::default(),
            paced: false,
            budget: RetransmitBudget::new(),
            redundancy: Redundancy::default(),
            given: Bitrate::ZERO,
            estimator: None,
        }
    }

    pub(crate) fn add_slot(&mut self, now: Instant, media: &SlotMedia, key: SlotKey) {
        self.slots.push(SlotName {
            mid: media.mid,
            ssrc: media.ssrc,
            rtx_ssrc: media.rtx_ssrc,
            key,
        });
        self.update_estimator(now, media);
    }

    /// Takes over what was negotiated of feedback about the path, be it anew.
    pub(crate) fn update_estimator(&mut self, now: Instant, media: &SlotMedia) {
        let numbered = media
            .extensions
            .id_of(ExtensionKind::TransportSequence)
            .is_some();
        let mut feedback = media.codecs.iter().map(|codec| codec.feedback);
        let tells = feedback.any(|kind| kind.remb || kind.transport_cc);
        // Where numbers were agreed on, they must count.
        if tells || numbered {
            let estimator = self
                .estimator
                .get_or_insert_with(|| Box::new(Estimator::new(now)));
            if media.rtx_ssrc.is_some() && numbered {
                estimator.allow_probes(true);
            }
        }
    }

    /// What the path to the peer is believed to carry, all slots and retransmissions together, without IP and
    /// UDP headers. `None` while there is nothing to judge by: the peer's feedback was not agreed on, or does
    /// not come. It may be below a running stream's rate for a second after a burst of delay.
    pub(crate) fn estimate(&self) -> Option<Bitrate> {
        self.estimator.as_ref()?.estimate()
    }

    /// The same, if anything has shown that the path has a limit.
    #[inline]
    pub(crate) fn limit(&self) -> Option<Bitrate> {
        self.estimator.as_ref()?.limit()
    }

    /// What all slots together could use if it fitted. While that is more than the estimate, the path is probed.
    pub(crate) fn want(&mut self, wanted: Bitrate) {
        if let Some(estimator) = &mut self.estimator {
            estimator.want(wanted);
        }
    }

    /// What all slots were given together, and sound: so much is sent.
    pub(crate) fn give(&mut self, given: Bitrate) {
        self.given = given;
    }

    /// The transport-wide number of the next packet that carries one.
    #[inline]
    pub(crate) fn next_number(&self) -> TransportSequence {
        let estimator = self.estimator.as_ref();
        TransportSequence(estimator.map_or(0, |estimator| estimator.next_number()))
    }

    /// A packet with the next number leaves.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: usize) {
        if let Some(estimator) = &mut self.estimator {
            estimator.on_sent(now, bytes);
        }
    }

    /// Keeps back what would come too fast for the path, or lets through what was kept back. Once a turn, before
    /// the first packet is written; [`end_turn`](Self::end_turn) after the last. Returns how many repairs
    /// have waited in vain.
    #[inline]
    pub(crate) fn pace(&mut self, now: Instant, is_sound: impl Fn(SlotKey) -> bool) -> usize {
        if std::mem::replace(&mut self.paced, true) {
            return 0;
        }
        // What is shown although it does not fit would only wait, and the estimate may be wrong.
        let limit = self.limit().map(|limit| limit.max(self.given));
        self.pacer.pace(now, limit, &mut self.pending, is_sound)
    }

    /// Whether pictures of a slot have waited so long that it must begin anew with a keyframe.
    #[inline]
    pub(crate) fn is_overdue(&self, now: Instant, slot: SlotKey) -> bool {
        self.pacer.is_overdue(now, slot)
    }

    /// All of this turn's packets are written.
    #[inline]
    pub(crate) fn end_turn(&mut self) {
        self.paced = false;
    }

    /// When a probe goes on, or packets that wait.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let probe = self.estimator.as_ref().and_then(|own| own.padding_at());
        [probe, self.pacer.next_at()].into_iter().flatten().min()
    }

    /// Whether something leaves although nothing was queued.
    pub(crate) fn has_more(&self, now: Instant) -> bool {
        self.pacer.next_at().is_some_and(|at| at <= now) || self.padding(now) > 0
    }

    /// How many bytes of padding are to be sent now. Media that waits is as good for a probe.
    pub(crate) fn padding(&self, now: Instant) -> usize {
        let estimator = self.estimator.as_ref();
        let estimator = estimator.filter(|_| !self.pacer.is_waiting());
        estimator.map_or(0, |estimator| estimator.padding(now))
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

    /// Has the processor fetch what queueing needs.
    #[inline]
    pub(crate) fn prefetch(&self) {
        black_box(self.pending.len());
        black_box(self.pacer.is_waiting());
        black_box(self.paced);
    }

    /// Has the processor fetch what writing needs. `self` itself is best there already.
    #[inline]
    pub(crate) fn prefetch_sending(&self) {
        if let Some(estimator) = &self.estimator {
            estimator.prefetch();
        }
    }

    /// Exchanges the memory in which packets are queued, while nothing is. Who is written for right after its slot
    /// has decided needs none of its own: that of the subscriber before is in the processor's caches.
    #[inline]
    pub(crate) fn swap_queue(&mut self, queue: &mut Vec<Pending>) {
        std::mem::swap(&mut self.pending, queue);
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

    /// All packets of this turn, to be put in another order, while none of them is written.
    #[inline]
    pub(crate) fn unwritten(&mut self) -> &mut [Pending] {
        if self.written == 0 {
            &mut self.pending
        } else {
            &mut []
        }
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

/// Header, extensions and authentication tag of most packets.
const HEADERS: usize = 40;

/// Many frames of many slots; what goes beyond in one turn would only be loss in the network.
const MAX_PENDING: usize = 4096;
