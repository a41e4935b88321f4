//! A slot that begins late: it gets the newest group of pictures from the cache, if that is young and
//! small enough, and otherwise the publisher is asked for a keyframe.

use std::time::Instant;

use super::Engine;
use super::fan_out::{Arrived, offer_packet};
use super::pipe::Notice;
use crate::id::WorkerId;
use crate::key::{SlotKey, TrackKey};
use crate::parameters::MediaKind;

impl Engine {
    /// Lets a slot begin that waits for a keyframe and whose peer is connected.
    pub(super) fn start_slot(&mut self, now: Instant, slot_key: SlotKey) {
        if let Some(slot) = self.slots.get(slot_key)
            && slot.kind == MediaKind::Video
            && self.is_connected(slot.peer)
            && let (Some(track), Some(encoding)) = (slot.track, slot.forwarder.awaited())
            && !self.start_from_cache(now, slot_key)
        {
            self.want_keyframe(now, track, encoding);
        }
    }

    /// Queues the whole group for a slot that shows nothing yet. `false`: there is none, or it is too old
    /// or too large.
    fn start_from_cache(&mut self, now: Instant, slot_key: SlotKey) -> bool {
        let Self {
            tracks,
            slots,
            peers,
            touched,
            counters,
            ..
        } = self;
        let Some(slot) = slots.get_mut(slot_key) else {
            return false;
        };
        let (Some(track_key), Some(encoding), None) = (
            slot.track,
            slot.forwarder.awaited(),
            slot.forwarder.current(),
        ) else {
            return false;
        };
        let Some(peer) = peers.get_mut(slot.peer) else {
            return false;
        };
        let Some(track) = tracks.get(track_key).filter(|track| !track.is_muted()) else {
            return false;
        };
        let Some(group) = track
            .encodings()
            .get(encoding)
            .and_then(|encoding| encoding.young_group(now))
        else {
            return false;
        };
        let Some(first) = track
            .packet(encoding, group.first)
            .filter(|first| slot.payload_types(first.meta.codec_index).is_some())
        else {
            return false;
        };
        slot.forwarder
            .start_behind(now, encoding, first.meta, group.latest);
        let continuity = first.meta.continuity;
        let source = Arrived {
            now,
            track,
            track_key,
            encoding,
        };
        let mut sequence = group.first;
        while sequence <= group.last {
            match track.packet(encoding, sequence) {
                Some(packet) => {
                    if let Err(reason) = offer_packet(&source, &packet, slot_key, slot, peer) {
                        counters.drop(reason);
                    }
                }
                None => slot.forwarder.skip(encoding, continuity, sequence),
            }
            sequence = sequence.next();
        }
        counters.cached_starts += 1;
        if !peer.touched {
            peer.touched = true;
            touched.push(slot.peer);
        }
        true
    }

    /// Sends what late viewers may begin with to a worker that begins to import the track.
    pub(super) fn export_group(&mut self, now: Instant, key: TrackKey, to: WorkerId) {
        let (Some(track), Some(outbox)) = (
            self.tracks.get(key).filter(|track| !track.is_muted()),
            self.outboxes.get_mut(to.index()),
        ) else {
            return;
        };
        for (encoding, source) in track.encodings().iter().enumerate() {
            let Some(group) = source.young_group(now) else {
                continue;
            };
            let name = encoding as u8;
            let mut sequence = group.first;
            while sequence <= group.last {
                match source.packet(sequence) {
                    Some(packet) => {
                        outbox.push_past(track.id(), name, packet.meta, packet.bytes);
                    }
                    None => {
                        let notice = Notice::Skip {
                            continuity: source.continuity(),
                            sequence,
                        };
                        outbox.push_notice(track.id(), name, notice);
                    }
                }
                sequence = sequence.next();
            }
            let began = group.began;
            outbox.push_notice(track.id(), name, Notice::Group { began });
        }
        outbox.push_notice(track.id(), 0, Notice::PastComplete);
    }

    /// Lets the slots begin that show an imported track, with what has come of its past.
    pub(super) fn start_with_past(&mut self, now: Instant, key: TrackKey) {
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        track.observe_layers(now);
        let best = track.best_encoding();
        let slots = match self.routes.get(key) {
            Some(route) => route.slots.clone(),
            None => return,
        };
        for slot_key in slots {
            if let Some(slot) = self.slots.get_mut(slot_key) {
                slot.forwarder.set_target(best);
            }
            self.start_slot(now, slot_key);
        }
        self.schedule_track(key);
    }
}
