//! A pipe carries whole tracks to another worker of this node: their plaintext packets, one batch per loop
//! turn, and what subscribers there ask of the publisher the other way.
//!
//! A packet crosses once, however many slots show it over there. It was decrypted, parsed and
//! deduplicated where it arrived; the importing worker caches it and forwards.

use std::time::Instant;

use sfu_rtp::SeqNo;

use crate::capture_clock::CaptureClock;
use crate::id::TrackId;
use crate::publish::packet::PacketMeta;

/// What goes to one other worker in one turn.
#[derive(Debug, Default)]
pub struct PipeBatch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    packets: usize,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    track: TrackId,
    encoding: u8,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// The packet lies in `bytes`.
    Packet {
        meta: PacketMeta,
        /// Whether it came before the track was exported.
        past: bool,
        start: usize,
        len: usize,
    },
    Other(Notice),
}

/// What travels along a pipe beside packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Notice {
    /// To importers: this number was only padding.
    Skip { continuity: u32, sequence: SeqNo },
    /// To importers: where the encoding's timestamps lie on the node's timeline.
    Clock(CaptureClock),
    /// To importers: the publisher shows nothing for now, so nobody is to begin with what it showed.
    Muted,
    /// To an importer that has just begun: the packets of the past that it got of this encoding are a group of
    /// pictures, which arrived from this time on.
    Group { began: Instant },
    /// To an importer that has just begun: it has all of the past.
    PastComplete,
    /// To the publisher's worker: a subscriber needs a keyframe.
    KeyframeWanted,
    /// To the publisher's worker: whether anybody here watches the encoding.
    Wanted(bool),
}

/// One thing out of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piped<'a> {
    Packet {
        meta: &'a PacketMeta,
        /// Whether it is of the past: to be cached, and not forwarded by itself.
        past: bool,
        bytes: &'a [u8],
    },
    Notice(Notice),
}

impl PipeBatch {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many packets it holds.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// Forgets everything it holds, and keeps the memory that a usual turn needs.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.packets = 0;
        if self.bytes.capacity() > KEPT_BYTES || self.items.capacity() > KEPT_ITEMS {
            self.bytes.shrink_to(USUAL_BYTES);
            self.items.shrink_to(USUAL_ITEMS);
        }
    }

    /// Takes memory for a usual turn at once, so that a batch need not grow when a turn brings a little
    /// more than those before it.
    fn reserve(&mut self) {
        if self.items.capacity() < USUAL_ITEMS {
            self.bytes.reserve(USUAL_BYTES);
            self.items.reserve(USUAL_ITEMS);
        }
    }

    /// Adds a packet that has just come. `false`: the batch is full.
    pub(crate) fn push_packet(
        &mut self,
        track: TrackId,
        encoding: u8,
        meta: &PacketMeta,
        packet: &[u8],
    ) -> bool {
        self.push(track, encoding, meta, false, packet)
    }

    /// Adds a packet that came before the track was exported. `false`: the batch is full.
    pub(crate) fn push_past(
        &mut self,
        track: TrackId,
        encoding: u8,
        meta: &PacketMeta,
        packet: &[u8],
    ) -> bool {
        self.push(track, encoding, meta, true, packet)
    }

    fn push(
        &mut self,
        track: TrackId,
        encoding: u8,
        meta: &PacketMeta,
        past: bool,
        packet: &[u8],
    ) -> bool {
        if self.bytes.len() + packet.len() > MAX_BATCH_BYTES || self.items.len() >= MAX_ITEMS {
            return false;
        }
        self.reserve();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(packet);
        self.packets += 1;
        self.items.push(Item {
            track,
            encoding,
            content: Content::Packet {
                meta: *meta,
                past,
                start,
                len: packet.len(),
            },
        });
        true
    }

    /// Adds a notice. `false`: the batch is full.
    pub(crate) fn push_notice(&mut self, track: TrackId, encoding: u8, notice: Notice) -> bool {
        let room = self.items.len() < MAX_ITEMS;
        if room {
            self.reserve();
            self.items.push(Item {
                track,
                encoding,
                content: Content::Other(notice),
            });
        }
        room
    }

    /// Everything in it, in order, with the track and the encoding that it concerns.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TrackId, usize, Piped<'_>)> {
        self.items.iter().filter_map(|item| {
            let piped = match &item.content {
                Content::Packet {
                    meta,
                    past,
                    start,
                    len,
                } => Piped::Packet {
                    meta,
                    past: *past,
                    bytes: self.bytes.get(*start..start + len)?,
                },
                Content::Other(notice) => Piped::Notice(*notice),
            };
            Some((item.track, usize::from(item.encoding), piped))
        })
    }
}

/// What one turn can receive at most, roughly; more is loss in any case.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
const MAX_ITEMS: usize = 8192;

/// What a usual turn brings: a keyframe that arrived at once.
const USUAL_BYTES: usize = 64 * 1024;
const USUAL_ITEMS: usize = 64;

/// What an empty batch keeps at most: many are under way in a pipe, and each would stay as large as its
/// largest turn.
const KEPT_BYTES: usize = 8 * USUAL_BYTES;
const KEPT_ITEMS: usize = 8 * USUAL_ITEMS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_batch_keeps_what_a_usual_turn_needs_and_no_more() {
        let mut batch = PipeBatch::default();
        for (notices, at_least, at_most) in [
            (1, USUAL_ITEMS, KEPT_ITEMS),
            (USUAL_ITEMS + 1, USUAL_ITEMS + 1, KEPT_ITEMS),
            (MAX_ITEMS, USUAL_ITEMS, KEPT_ITEMS),
        ] {
            for _ in 0..notices {
                assert!(batch.push_notice(TrackId::new(1), 0, Notice::Muted));
            }
            batch.clear();
            let kept = batch.items.capacity();
            assert!(
                at_least <= kept && kept <= at_most,
                "{kept} after {notices}"
            );
        }
    }
}
