//! The fan-out: every slot that shows a track decides about each of its packets, and every worker that
//! imports the track gets it once.
//!
//! Packets that come one right after the other are decided together, slot by slot (`burst`). What is forwarded
//! waits as its number in the cache until the end of the turn.

use std::time::Instant;

use arrayvec::ArrayVec;
use sfu_rtp::SeqNo;
use slotmap::SlotMap;

use super::burst::MAX_BURST;
use super::event::Event;
use super::media_path::{Outlet, Written};
use super::peer::Peer;
use super::pipe::Notice;
use super::route::Origin;
use super::vacancy::{is_left_out, leave_vacant};
use super::{Engine, Slots};
use crate::counters::Counters;
use crate::drop_reason::DropReason;
use crate::key::{PeerKey, SlotKey, TrackKey};
use crate::parameters::{MAX_ENCODINGS, MediaKind};
use crate::publish::encoding::Encoding;
use crate::publish::packet::CachedPacket;
use crate::publish::track::{Arrival, Track};
use crate::send_batch::SendBatch;
use crate::subscribe::downlink::Pending;
use crate::subscribe::forwarder::Decision;
use crate::subscribe::redundancy::Repeated;
use crate::subscribe::slot::{Sent, Slot};

impl Engine {
    /// Hands a packet to the workers that import the track, and has every slot that shows it decide: at the end of
    /// the turn, or before anything else happens.
    pub(super) fn fan_out(&mut self, now: Instant, track_key: TrackKey, arrival: Arrival) {
        self.export(track_key, arrival);
        if !self.burst.push(now, track_key, arrival) {
            self.decide();
            self.burst.push(now, track_key, arrival);
        }
    }

    fn export(&mut self, track_key: TrackKey, arrival: Arrival) {
        let (Some(track), Some(route)) = (self.tracks.get(track_key), self.routes.get(track_key))
        else {
            return;
        };
        for worker in route.exports_of(arrival.encoding) {
            let Some(packet) = track.packet(arrival.encoding, arrival.sequence) else {
                return;
            };
            let encoding = arrival.encoding as u8;
            let outbox = self.outboxes.get_mut(worker.index());
            let taken = outbox.is_some_and(|outbox| {
                outbox.push_packet(track.id(), encoding, packet.meta, packet.bytes)
            });
            if !taken {
                self.counters.drop(DropReason::PipeFull);
            }
        }
    }

    /// Lets the slots decide about the packets that wait for it.
    #[inline]
    pub(super) fn decide(&mut self) {
        self.decide_into(None);
    }

    /// The same at the end of the turn, when nothing else will come: who gets nothing but these packets is written
    /// for as soon as its slot has decided, while slot and peer are in the processor's caches and the next are
    /// fetched. `true`: the batch is full, there is more.
    #[inline]
    pub(super) fn decide_and_write(&mut self, batch: &mut SendBatch) -> bool {
        self.decide_into(Some(batch))
    }

    #[inline]
    fn decide_into(&mut self, batch: Option<&mut SendBatch>) -> bool {
        let Some((track_key, now)) = self.burst.source() else {
            return false;
        };
        let (awaited, interrupted) = self.decide_about(now, track_key, batch);
        match interrupted {
            Some(decided) => self.burst.interrupt(decided),
            None => self.burst.clear(),
        }
        for (encoding, awaited) in awaited.into_iter().enumerate() {
            if awaited {
                self.want_keyframe(now, track_key, encoding);
            }
        }
        interrupted.is_some()
    }

    /// Returns of which encodings somebody awaits a keyframe, and how many slots have decided when the batch was
    /// full.
    fn decide_about(
        &mut self,
        now: Instant,
        track_key: TrackKey,
        mut batch: Option<&mut SendBatch>,
    ) -> ([bool; MAX_ENCODINGS], Option<usize>) {
        let mut is_awaited = [false; MAX_ENCODINGS];
        let leaving = self.leaving();
        let Self {
            tracks,
            routes,
            slots,
            peers,
            touched,
            counters,
            burst,
            deadlines,
            runs,
            queue,
            ..
        } = self;
        let (Some(track), Some(route)) = (tracks.get(track_key), routes.get(track_key)) else {
            return (is_awaited, None);
        };
        let arrivals = burst.arrivals();
        let packets: ArrayVec<_, MAX_BURST> = arrivals
            .iter()
            .map(|arrival| track.packet(arrival.encoding, arrival.sequence))
            .collect();
        for (place, &slot_key) in route.slots.iter().enumerate().skip(burst.decided()) {
            prefetch(&route.slots[place + 1..], slots, peers, batch.is_some());
            let Some(slot) = slots.get_mut(slot_key) else {
                continue;
            };
            let peer_key = slot.peer;
            let Some(peer) = peers.get_mut(peer_key) else {
                continue;
            };
            let at_once = batch.is_some() && !peer.touched;
            if at_once {
                peer.downlink.swap_queue(queue);
            }
            let (mut queued, mut awaited) = (false, None);
            for (index, (arrival, packet)) in arrivals.iter().zip(&packets).enumerate() {
                let Some(packet) = packet else {
                    continue;
                };
                let source = Arrived {
                    now,
                    track,
                    track_key,
                    encoding: arrival.encoding,
                };
                match offer_packet(&source, packet, slot_key, slot, peer) {
                    Ok(Offered::Queued) => queued = true,
                    Ok(Offered::Held) => {}
                    Ok(Offered::Begun(from)) => {
                        (queued, awaited) = (true, None);
                        let later = &arrivals[index + 1..];
                        catch_up(&source, from, later, slot_key, slot, peer, counters);
                    }
                    Err(reason) => {
                        if reason == DropReason::AwaitingKeyframe {
                            awaited = Some(arrival.encoding);
                        }
                        if is_left_out(reason)
                            && let Some(number) = slot.forwarder.vacancy(
                                arrival.encoding,
                                packet.meta.continuity,
                                arrival.sequence,
                            )
                        {
                            queued |= leave_vacant(&source, number, slot_key, slot, peer);
                        }
                        counters.drop(reason);
                    }
                }
            }
            if let Some(wanted) = awaited.and_then(|encoding| is_awaited.get_mut(encoding)) {
                *wanted = true;
            }
            let mut is_done = !queued || peer.touched;
            if !is_done && let Some(batch) = &mut batch {
                let mut outlet = Outlet {
                    leaving,
                    slots,
                    tracks,
                    counters,
                    runs,
                    deadlines,
                };
                is_done = outlet.write_for(peer_key, peer, batch) == Written::All;
            }
            if is_done {
                if at_once {
                    peer.downlink.swap_queue(queue);
                }
                continue;
            }
            peer.touched = true;
            touched.push(peer_key);
            if batch.is_some() {
                return (is_awaited, Some(place + 1));
            }
        }
        (is_awaited, None)
    }

    /// Tells everyone who shows the track that a number will not come: it was only padding.
    pub(super) fn fan_out_skip(&mut self, track_key: TrackKey, encoding: usize, sequence: SeqNo) {
        // Whether a gap can be closed up depends on what was sent before.
        self.decide();
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
        let (Some(track), Some(route)) = (self.tracks.get(track_key), self.routes.get(track_key))
        else {
            return;
        };
        let source = Arrived {
            now: self.now,
            track,
            track_key,
            encoding,
        };
        for &slot_key in &route.slots {
            let Some(slot) = self.slots.get_mut(slot_key) else {
                continue;
            };
            slot.forwarder.skip(encoding, continuity, sequence);
            let vacancy = slot.forwarder.vacancy(encoding, continuity, sequence);
            let peer_key = slot.peer;
            if let Some(number) = vacancy
                && let Some(peer) = self.peers.get_mut(peer_key)
                && leave_vacant(&source, number, slot_key, slot, peer)
                && !peer.touched
            {
                peer.touched = true;
                self.touched.push(peer_key);
            }
        }
    }

    /// What the first packet of a layer changes: the track has begun, or there is more to choose from.
    #[inline]
    pub(super) fn note_arrival(&mut self, now: Instant, track_key: TrackKey, arrival: Arrival) {
        let track = self.tracks.get(track_key);
        if track.is_some_and(|track| !track.is_flowing(arrival.encoding)) {
            self.note_layer(now, track_key);
        }
    }

    fn note_layer(&mut self, now: Instant, track_key: TrackKey) {
        self.decide();
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

/// Has the processor fetch what the next slots need, while one is served: first the slot, then what it points to,
/// then what its peer points to.
#[inline]
fn prefetch(next: &[SlotKey], slots: &Slots, peers: &SlotMap<PeerKey, Peer>, writes: bool) {
    let slot = |ahead: usize| next.get(ahead).and_then(|&key| slots.get(key));
    if let Some(slot) = slot(2) {
        slot.prefetch();
    }
    if let Some(peer) = slot(1).and_then(|slot| peers.get(slot.peer)) {
        peer.prefetch();
    }
    if writes && let Some(peer) = slot(0).and_then(|slot| peers.get(slot.peer)) {
        peer.prefetch_sending();
    }
}

/// Where and when packets that are offered to slots come from.
pub(super) struct Arrived<'a> {
    pub(super) now: Instant,
    pub(super) track: &'a Track,
    pub(super) track_key: TrackKey,
    pub(super) encoding: usize,
}

/// What a slot has done with a packet that it did not refuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Offered {
    /// The packet goes out.
    Queued,
    /// Nothing goes out yet.
    Held,
    /// The slot begins; what the cache has from this number on goes out next.
    Begun(SeqNo),
}

/// Lets one slot decide about one packet, and queues it if it is forwarded.
#[inline]
pub(super) fn offer_packet(
    source: &Arrived<'_>,
    packet: &CachedPacket<'_>,
    slot_key: SlotKey,
    slot: &mut Slot,
    peer: &mut Peer,
) -> Result<Offered, DropReason> {
    if peer.srtp.is_none() {
        return Err(DropReason::NotConnected);
    }
    let meta = packet.meta;
    let types = slot
        .payload_types(meta.codec_index)
        .ok_or(DropReason::CodecNotNegotiated)?;
    if slot.kind == MediaKind::Video && peer.downlink.is_overdue(source.now, slot_key) {
        if slot.forwarder.current().is_some() {
            slot.forwarder.detach(slot.forwarder.target());
        }
        return Err(DropReason::Overdue);
    }
    let decision = slot
        .forwarder
        .decide(source.now, source.track, source.encoding, meta)?;
    let offered = match decision {
        Decision::Forward => Offered::Queued,
        Decision::Join => Offered::Begun(meta.sequence.next()),
        Decision::Hold => return Ok(Offered::Held),
        Decision::Switch(first) => return Ok(Offered::Begun(first)),
    };
    let numbers = slot.forwarder.number(source.now, source.track, meta)?;
    let sent = Sent {
        track: source.track_key,
        encoding: source.encoding as u8,
        source: meta.sequence,
        numbers,
        vacant: false,
    };
    slot.remember(source.now, &sent);
    let mut pending = Pending::new(slot_key, sent, false, packet);
    if types.red.is_some() {
        let origin = (source.track, source.encoding);
        let payload_len = usize::from(pending.payload_len);
        let redundancy = &peer.downlink.redundancy;
        let (repeated, extra) =
            Repeated::choose(redundancy, &slot.forwarder, origin, meta, payload_len);
        pending = pending.repeating(repeated, extra);
    }
    let queued = peer.downlink.queue(pending);
    if queued {
        Ok(offered)
    } else {
        Err(DropReason::DownlinkFull)
    }
}

/// A slot begins with a packet that came before this one: a keyframe that has become complete, or one that
/// was repaired and what had overtaken it. All of it follows from the cache, but for what has its turn `later`.
fn catch_up(
    source: &Arrived<'_>,
    from: SeqNo,
    later: &[Arrival],
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
        let is_same =
            |arrival: &Arrival| arrival.encoding == source.encoding && arrival.sequence == sequence;
        if later.iter().any(is_same) {
            continue;
        }
        if let Some(packet) = source.track.packet(source.encoding, sequence)
            && let Err(reason) = offer_packet(source, &packet, slot_key, slot, peer)
        {
            counters.drop(reason);
        }
    }
}

/// As many packets as the cache of a video encoding holds.
const MAX_CATCH_UP: i64 = 1024;
