//! One RTP stream of a track: its numbering, its packet cache and the feedback it needs.
//!
//! It does not know the codec, which the track does, nor who watches.

use std::time::Instant;

use sfu_rtp::{Bitrate, ClockRate, SeqNo, SeqUnwrapper, Ssrc};

use super::cache::{Insert, PacketCache};
use super::keyframe_requester::KeyframeRequester;
use super::nack_generator::NackGenerator;
use super::packet::{CachedPacket, PacketMeta};
use super::receiver_statistics::ReceiverStatistics;
use crate::capture_clock::CaptureClock;
use crate::drop_reason::DropReason;
use crate::parameters::MediaKind;

/// One encoding of a track.
#[derive(Debug)]
pub(crate) struct Encoding {
    ssrc: Option<Ssrc>,
    clock_rate: ClockRate,
    numbers: SeqUnwrapper,
    continuity: u32,
    /// A number far from the others that may be the beginning of a restarted stream.
    suspect: Option<u16>,
    cache: PacketCache<PacketMeta>,
    packets: u64,
    /// Height of the last keyframe that told it, in pixels.
    height: Option<u16>,
    pub(crate) nack: NackGenerator,
    pub(crate) keyframes: KeyframeRequester,
    pub(crate) statistics: ReceiverStatistics,
    /// Its timestamps on the node's timeline, once a sender report has told.
    pub(crate) clock: Option<CaptureClock>,
}

impl Encoding {
    pub(crate) fn new(kind: MediaKind, clock_rate: ClockRate) -> Self {
        let (packets, bytes) = match kind {
            MediaKind::Audio => (AUDIO_CACHE_PACKETS, AUDIO_CACHE_BYTES),
            MediaKind::Video => (VIDEO_CACHE_PACKETS, VIDEO_CACHE_BYTES),
        };
        Self {
            ssrc: None,
            clock_rate,
            numbers: SeqUnwrapper::new(),
            continuity: 0,
            suspect: None,
            cache: PacketCache::new(packets, bytes),
            packets: 0,
            height: None,
            nack: NackGenerator::new(),
            keyframes: KeyframeRequester::new(),
            statistics: ReceiverStatistics::new(Ssrc::new(0), clock_rate),
            clock: None,
        }
    }

    /// The SSRC that its packets have now, once one has arrived.
    pub(crate) fn ssrc(&self) -> Option<Ssrc> {
        self.ssrc
    }

    /// The packet with this number, if it is still cached.
    #[inline]
    pub(crate) fn packet(&self, sequence: SeqNo) -> Option<CachedPacket<'_>> {
        let (meta, bytes) = self.cache.get(sequence)?;
        Some(CachedPacket { meta, bytes })
    }

    /// The highest number that was cached. Of an imported encoding, too: those packets come numbered.
    pub(crate) fn highest(&self) -> Option<SeqNo> {
        self.cache.highest()
    }

    /// How many packets it has taken.
    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes that its packet cache holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.cache.memory_bytes()
    }

    /// Height of its picture in pixels, if a keyframe has told it.
    pub(crate) fn height(&self) -> Option<u16> {
        self.height
    }

    /// What its packets belong to from now on; see [`PacketMeta::continuity`].
    pub(crate) fn continuity(&self) -> u32 {
        self.continuity
    }

    /// Begins a new stretch: whoever forwards it must start anew at a switch point.
    pub(crate) fn interrupt(&mut self) {
        self.continuity = self.continuity.wrapping_add(1);
    }

    /// The place of a packet that its publisher numbered `wire` on stream `ssrc`.
    ///
    /// A publisher may begin anew with another SSRC or far away in the numbers. The former is
    /// believed at once, since the packet was authenticated and its m-line and RID name this encoding;
    /// the latter when a second packet follows in order (RFC 3550 appendix A.1).
    pub(crate) fn place(&mut self, ssrc: Ssrc, wire: u16) -> Result<SeqNo, DropReason> {
        if self.ssrc != Some(ssrc) {
            self.statistics = ReceiverStatistics::new(ssrc, self.clock_rate);
            if self.ssrc.replace(ssrc).is_some() {
                return Ok(self.restart(wire));
            }
            return Ok(self.numbers.extend(wire));
        }
        let sequence = self.numbers.peek(wire);
        let distance = self
            .numbers
            .highest()
            .map_or(0, |highest| sequence.distance_from(highest));
        if (-MAX_MISORDER..=MAX_DROPOUT).contains(&distance) {
            self.suspect = None;
            return Ok(self.numbers.extend(wire));
        }
        if self.suspect == Some(wire.wrapping_sub(1)) {
            return Ok(self.restart(wire));
        }
        self.suspect = Some(wire);
        Err(DropReason::TooOld)
    }

    fn restart(&mut self, wire: u16) -> SeqNo {
        self.suspect = None;
        self.interrupt();
        self.nack = NackGenerator::new();
        self.clock = None;
        self.numbers.restart(wire)
    }

    /// Caches a packet that [`place`](Self::place) has numbered.
    ///
    /// # Errors
    /// [`DropReason::Duplicate`] or [`DropReason::TooOld`].
    pub(crate) fn insert(&mut self, meta: PacketMeta, packet: &[u8]) -> Result<(), DropReason> {
        match self.cache.insert(meta.sequence, meta, packet) {
            Insert::New => {}
            Insert::Duplicate => return Err(DropReason::Duplicate),
            Insert::TooOld => return Err(DropReason::TooOld),
            Insert::TooLarge => return Err(DropReason::TooLarge),
        }
        self.packets += 1;
        if meta.picture.switch_point {
            self.keyframes.on_keyframe();
            self.height = meta.picture.height.or(self.height);
        }
        Ok(())
    }

    /// The current bitrate.
    pub(crate) fn bitrate(&mut self, now: Instant) -> Bitrate {
        self.statistics.bitrate(now)
    }
}

/// Video: 1,024 packets are 1.6 s at 6 Mbit/s, longer than any retransmission is of use.
const VIDEO_CACHE_PACKETS: usize = 1024;
const VIDEO_CACHE_BYTES: usize = 1024 * 1024;

/// Audio: 128 packets of 20 ms are 2.5 s.
const AUDIO_CACHE_PACKETS: usize = 128;
const AUDIO_CACHE_BYTES: usize = 32 * 1024;

/// MAX_DROPOUT and MAX_MISORDER of RFC 3550 appendix A.1; the latter widened to what the cache of a
/// video encoding reaches, since a retransmission may be that late.
const MAX_DROPOUT: i64 = 3_000;
const MAX_MISORDER: i64 = VIDEO_CACHE_PACKETS as i64;
