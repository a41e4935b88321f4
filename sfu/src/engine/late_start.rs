//! A slot that begins late: it gets the newest group of pictures from the cache, if that is young and
//! small enough, and otherwise the publisher is asked for a keyframe.

use std::time::Instant;

use super::Engine;
use super::fan_out::{Arrived, offer_packet};
use crate::key::SlotKey;
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
}
