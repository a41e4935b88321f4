//! The newest group of pictures of an encoding: its last keyframe and what has followed it.
//!
//! A subscriber who comes late can begin with it at once, from the cache, and the publisher need not send
//! another keyframe. It gets all of it in one burst, so the group must be young and small; what is too
//! old or too large costs more than a new keyframe does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sfu_rtp::{RtpTime, SeqNo};

use super::cache::PacketCache;
use super::packet::PacketMeta;

/// Where the group begins, and which of its numbers were only padding. The packets are in the cache.
#[derive(Debug, Default)]
pub(crate) struct PictureGroup {
    start: Option<Start>,
    /// The last numbers that carried nothing, in the order of arrival.
    padding: VecDeque<SeqNo>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    first: SeqNo,
    timestamp: RtpTime,
    continuity: u32,
    began: Instant,
}

/// A group that a subscriber may begin with: all of it is in the cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CachedGroup {
    /// The first packet of the keyframe.
    pub(crate) first: SeqNo,
    /// The last packet so far.
    pub(crate) last: SeqNo,
    /// When the first packet arrived.
    pub(crate) began: Instant,
    /// The timestamp of the newest frame.
    pub(crate) latest: RtpTime,
}

impl PictureGroup {
    /// A packet with which a decoder may start was cached.
    pub(crate) fn on_switch_point(&mut self, now: Instant, meta: &PacketMeta) {
        let timestamp = meta.header.timestamp();
        let is_newer = |known: &Start| {
            known.continuity != meta.continuity
                || (meta.sequence > known.first && timestamp != known.timestamp)
        };
        if self.start.as_ref().is_none_or(is_newer) {
            self.start = Some(Start {
                first: meta.sequence,
                timestamp,
                continuity: meta.continuity,
                began: now,
            });
        }
    }

    /// A number carried only padding: it is not missing.
    pub(crate) fn on_padding(&mut self, sequence: SeqNo) {
        if self.padding.len() == MAX_PADDING {
            self.padding.pop_front();
        }
        self.padding.push_back(sequence);
    }

    /// It is older than its being cached here tells.
    pub(crate) fn set_began(&mut self, began: Instant) {
        if let Some(start) = &mut self.start {
            start.began = start.began.min(began);
        }
    }

    /// Nobody is to begin with what has come so far.
    pub(crate) fn clear(&mut self) {
        self.start = None;
    }

    /// The group, if a subscriber may begin with it now: it is young and small, goes on without a break,
    /// and nothing of it is missing.
    pub(crate) fn young(
        &self,
        now: Instant,
        cache: &PacketCache<PacketMeta>,
    ) -> Option<CachedGroup> {
        let start = self.start?;
        if now.saturating_duration_since(start.began) > MAX_AGE {
            return None;
        }
        let last = cache.highest()?;
        let length = last.distance_from(start.first);
        if !(0..MAX_PACKETS).contains(&length) {
            return None;
        }
        let (mut bytes, mut frames, mut latest) = (0, 1, start.timestamp);
        for offset in 0..=length {
            let sequence = start.first.wrapping_add(offset);
            let Some((meta, packet)) = cache.get(sequence) else {
                if self.padding.contains(&sequence) {
                    continue;
                }
                return None;
            };
            if meta.continuity != start.continuity {
                return None;
            }
            bytes += packet.len();
            if meta.header.timestamp() != latest {
                latest = meta.header.timestamp();
                frames += 1;
            }
            if bytes > MAX_BYTES || frames > MAX_FRAMES {
                return None;
            }
        }
        Some(CachedGroup {
            first: start.first,
            last,
            began: start.began,
            latest,
        })
    }
}

/// Since the keyframe's first packet. Longer than two requests are apart, so that a subscriber either
/// begins with a group or may ask for one.
const MAX_AGE: Duration = Duration::from_secs(1);

/// A link of 10 Mbit/s takes a tenth of a second for it, about what asking the publisher takes.
const MAX_BYTES: usize = 128 * 1024;

/// Bounds the search, whatever the size of packets.
const MAX_PACKETS: i64 = 256;

/// A second of 30 per second. A decoder must work through all of them before it shows the last.
const MAX_FRAMES: usize = 32;

/// Browsers pad in bursts of some ten packets; more in a second than this and the group is not used.
const MAX_PADDING: usize = 64;

#[cfg(test)]
mod tests;
