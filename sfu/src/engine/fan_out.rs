//! The fan-out: every slot that shows a track decides about each of its packets, and every worker that
//! imports the track gets it once.
//!
//! Nothing is written here; what is forwarded waits as its number in the cache.

use std::time::Instant;

use sfu_rtp::SeqNo;

use super::Engine;
use super::event::Event;
use super::peer::Peer;
use super::pipe::Notice;
use super::route::Origin;
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::key::{SlotKey, TrackKey};
use crate::parameters::MediaKind;
use crate::publish::encoding::Encoding;
use crate::publish::packet::CachedPacket;
use crate::publish::track::{Arrival, Track};
use crate::subscribe::downlink::Pending;
use crate::subscribe::forwarder::Decision;
use crate::subscribe::slot::{Sent, Slot};

impl Engine {
    /// Lets every slot that shows the track decide, and hands the packet to the workers that import it.
    pub(super) fn fan_out(&mut self, now: Instant, track_key: TrackKey, arrival: Arrival) {
        let Self {
            tracks,
            routes,
            slots,
            peers,
            touched,
            counters,
            outboxes,
            ..
        } = self;
        let (Some(track), Some(route)) = (tracks.get(track_key), routes.get(track_key)) else {
            return;
        };
        let Some(packet) = track.packet(arrival.encoding, arrival.sequence) else {
            return;
        };
        let source = Arrived {
            now,
            track,
            track_key,
            encoding: arrival.encoding,
        };
        let mut keyframe_wanted = false;
        for &slot_key in &route.slots {
            let Some(slot) = slots.get_mut(slot_key) else {
                continue;
            };
            let Some(peer) = peers.get_mut(slot.peer) else {
                continue;
            };
            match offer_packet(&source, &packet, slot_key, slot, peer) {
                Ok(Decision::Hold) => {}
                Ok(decision) => {
                    let begun = match decision {
                        Decision::Join(_) => Some(arrival.sequence.next()),
                        Decision::Switch(first) => Some(first),
                        _ => None,
                    };
                    if let Some(from) = begun {
                        catch_up(&source, from, slot_key, slot, peer, counters);
                    }
                    if !peer.touched {
                        peer.touched = true;
                        touched.push(slot.peer);
                    }
                }
                Err(reason) => {
                    keyframe_wanted |= reason == DropReason::AwaitingKeyframe;
                    counters.drop(reason);
                }
            }
        }
        for worker in route.exports_of(arrival.encoding) {
            let encoding = arrival.encoding as u8;
            let outbox = outboxes.get_mut(worker.index());
            let taken = outbox.is_some_and(|outbox| {
                outbox.push_packet(track.id(), encoding, packet.meta, packet.bytes)
            });
            if !taken {
                counters.drop(DropReason::PipeFull);
            }
        }
        if keyframe_wanted {
            self.want_keyframe(now, track_key, arrival.encoding);
        }
    }

    /// Tells everyone who shows the track that a number will not come: it was only padding.
    pub(super) fn fan_out_skip(&mut self, track_key: TrackKey, encoding: usize, sequence: SeqNo) {
        let Some(source) = self
            .tracks
            .get(track_key)
            .and_then(|track| track.encodings().get(encoding))
        else {
            return;
        };
        let continuity = source.continuity();
        self.skip_in_slots(track_key, encoding, continuity, sequence);
        let notice = Notice::Skip {
            continuity,
            sequence,
        };
        self.notify_importers(track_key, encoding, notice);
    }

    pub(super) fn skip_in_slots(
        &mut self,
        track_key: TrackKey,
        encoding: usize,
        continuity: u32,
        sequence: SeqNo,
    ) {
        let Some(route) = self.routes.get(track_key) else {
            return;
        };
        for &slot_key in &route.slots {
            if let Some(slot) = self.slots.get_mut(slot_key) {
                slot.forwarder.skip(encoding, continuity, sequence);
            }
        }
    }

    /// What the first packet of a layer changes: the track has begun, or there is more to choose from.
    pub(super) fn note_arrival(&mut self, now: Instant, track_key: TrackKey, arrival: Arrival) {
        if !arrival.new_layer {
            return;
        }
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        let publisher = match self.routes.get(track_key).map(|route| route.origin) {
            Some(Origin::Peer(key)) => self.peers.get(key).map(|peer| peer.id),
            _ => None,
        };
        let begun = publisher.filter(|_| track.best_encoding().is_none());
        let track_id = track.id();
        let changed = track.observe_layers(now);
        if let Some(peer) = begun {
            let track = track_id;
            self.events.push_back(Event::TrackStarted { peer, track });
        }
        if changed {
            self.retarget(now, track_key);
        }
    }
}

/// Where and when packets that are offered to slots come from.
pub(super) struct Arrived<'a> {
    pub(super) now: Instant,
    pub(super) track: &'a Track,
    pub(super) track_key: TrackKey,
    pub(super) encoding: usize,
}

/// Lets one slot decide about one packet, and queues it if it is forwarded.
#[inline]
pub(super) fn offer_packet(
    source: &Arrived<'_>,
    packet: &CachedPacket<'_>,
    slot_key: SlotKey,
    slot: &mut Slot,
    peer: &mut Peer,
) -> Result<Decision, DropReason> {
    if peer.srtp.is_none() {
        return Err(DropReason::NotConnected);
    }
    let meta = packet.meta;
    if slot.payload_types(meta.codec_index).is_none() {
        return Err(DropReason::CodecNotNegotiated);
    }
    if slot.kind == MediaKind::Video && peer.downlink.is_overdue(source.now, slot_key) {
        if slot.forwarder.current().is_some() {
            slot.forwarder.detach(slot.forwarder.target());
        }
        return Err(DropReason::Overdue);
    }
    let decision = slot
        .forwarder
        .forward(source.now, source.track, source.encoding, meta)?;
    let (Decision::Forward(numbers) | Decision::Join(numbers)) = decision else {
        return Ok(decision);
    };
    let sent = Sent {
        track: source.track_key,
        encoding: source.encoding as u8,
        source: meta.sequence,
        numbers,
    };
    slot.history.push(source.now, numbers.sequence, sent);
    let pending = Pending::new(slot_key, sent, false, packet);
    let queued = peer.downlink.queue(pending);
    if queued {
        Ok(decision)
    } else {
        Err(DropReason::DownlinkFull)
    }
}

/// A slot begins with a packet that came before this one: a keyframe that has become complete, or one that
/// was repaired and what had overtaken it. All of it follows from the cache.
fn catch_up(
    source: &Arrived<'_>,
    from: SeqNo,
    slot_key: SlotKey,
    slot: &mut Slot,
    peer: &mut Peer,
    counters: &mut Counters,
) {
    let highest = source
        .track
        .encodings()
        .get(source.encoding)
        .and_then(Encoding::highest);
    let behind = highest.map_or(0, |highest| highest.distance_from(from) + 1);
    for offset in 0..behind.min(MAX_CATCH_UP) {
        let sequence = from.wrapping_add(offset);
        if let Some(packet) = source.track.packet(source.encoding, sequence)
            && let Err(reason) = offer_packet(source, &packet, slot_key, slot, peer)
        {
            counters.drop(reason);
        }
    }
}

/// As many packets as the cache of a video encoding holds.
const MAX_CATCH_UP: i64 = 1024;
