//! One RTP stream of a track: its numbering, its packet cache and the feedback it needs.
//!
//! It does not know the codec, which the track does, nor who watches.

use std::time::Instant;

use sfu_rtp::{Bitrate, ClockRate, DependencyStructure, SeqNo, SeqUnwrapper, Ssrc};

use super::cache::{Insert, PacketCache};
use super::frame::{Frame, FrameNumbers, Relations};
use super::keyframe_requester::KeyframeRequester;
use super::layer_rates::{LayerRates, Portions};
use super::nack_generator::NackGenerator;
use super::packet::{CachedPacket, PacketMeta};
use super::picture::Picture;
use super::picture_group::{CachedGroup, PictureGroup};
use super::receiver_statistics::ReceiverStatistics;
use crate::capture_clock::CaptureClock;
use crate::drop_reason::DropReason;
use crate::parameters::{Codec, MediaKind};

/// One encoding of a track.
#[derive(Debug)]
pub(crate) struct Encoding {
    ssrc: Option<Ssrc>,
    clock_rate: ClockRate,
    numbers: SeqUnwrapper,
    continuity: u32,
    /// The first number that was cached of it.
    began: Option<SeqNo>,
    /// A number far from the others that may be the beginning of a restarted stream.
    suspect: Option<u16>,
    cache: PacketCache<PacketMeta>,
    group: PictureGroup,
    frames: FrameNumbers,
    /// What its dependency descriptors mean; `None` before the first that tells.
    structure: Option<Box<Structure>>,
    rates: LayerRates,
    packets: u64,
    /// Height of the last keyframe that told it, in pixels.
    height: Option<u16>,
    pub(crate) nack: NackGenerator,
    pub(crate) keyframes: KeyframeRequester,
    pub(crate) statistics: ReceiverStatistics,
    /// Its timestamps on the node's timeline, once a sender report has told.
    pub(crate) clock: Option<CaptureClock>,
}

/// The shape of a stream, as its last keyframe told it.
#[derive(Debug)]
pub(crate) struct Structure {
    pub(crate) dependencies: DependencyStructure,
    /// The decode targets that are produced now, a bit each.
    pub(crate) active_targets: u32,
    /// The packet that brought it.
    told_by: SeqNo,
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
            began: None,
            suspect: None,
            cache: PacketCache::new(packets, bytes),
            group: PictureGroup::default(),
            frames: FrameNumbers::default(),
            structure: None,
            rates: LayerRates::default(),
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

    /// What its dependency descriptors mean, if they have told.
    #[inline]
    pub(crate) fn structure(&self) -> Option<&Structure> {
        self.structure.as_deref()
    }

    /// Looks what its layers take, and returns what can be forwarded of it.
    pub(crate) fn portions(&mut self, now: Instant) -> Portions {
        self.rates.observe(now);
        let top = self.height.unwrap_or(0);
        let structure = self.structure.as_deref();
        self.rates.portions(|spatial, above| {
            let told = structure.and_then(|known| known.dependencies.resolution(spatial));
            told.map_or(top >> above, |size| size.height)
        })
    }

    /// Reads what a packet says of its picture; see [`Picture::inspect`].
    #[inline]
    pub(crate) fn inspect(
        &mut self,
        codec: Codec,
        payload: &[u8],
        descriptor: Option<&[u8]>,
    ) -> Option<Picture> {
        let structure = self.structure.as_deref().map(|known| &known.dependencies);
        Picture::inspect(codec, payload, descriptor, structure, &mut self.frames)
    }

    /// Height of its picture in pixels, if a keyframe has told it.
    pub(crate) fn height(&self) -> Option<u16> {
        self.height
    }

    /// What its packets belong to from now on; see [`PacketMeta::continuity`].
    pub(crate) fn continuity(&self) -> u32 {
        self.continuity
    }

    /// Whether a number lies within the present stretch.
    pub(crate) fn has_begun_before(&self, sequence: SeqNo) -> bool {
        self.began.is_some_and(|began| began < sequence)
    }

    /// Begins a new stretch: whoever forwards it must start anew at a switch point.
    pub(crate) fn interrupt(&mut self) {
        self.continuity = self.continuity.wrapping_add(1);
        self.began = None;
        self.group.clear();
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
        self.frames = FrameNumbers::default();
        self.numbers.restart(wire)
    }

    /// Caches a packet that [`place`](Self::place) has numbered.
    ///
    /// # Errors
    /// [`DropReason::Duplicate`] or [`DropReason::TooOld`].
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        meta: PacketMeta,
        packet: &[u8],
    ) -> Result<(), DropReason> {
        match self.cache.insert(meta.sequence, meta, packet) {
            Insert::New => {}
            Insert::Duplicate => return Err(DropReason::Duplicate),
            Insert::TooOld => return Err(DropReason::TooOld),
            Insert::TooLarge => return Err(DropReason::TooLarge),
        }
        self.packets += 1;
        self.began.get_or_insert(meta.sequence);
        if let Some(frame) = &meta.picture.frame {
            self.learn_structure(frame, &meta, packet);
            let structure = self.structure.as_deref().map(|known| &known.dependencies);
            self.rates.on_packet(frame, structure, packet.len());
        }
        if meta.picture.switch_point {
            self.keyframes.on_keyframe();
            self.group.on_switch_point(now, &meta);
            self.height = meta.picture.height.or(self.height);
        }
        Ok(())
    }

    /// Takes in what a dependency descriptor says of the stream as a whole.
    #[inline]
    fn learn_structure(&mut self, frame: &Frame, meta: &PacketMeta, packet: &[u8]) {
        let Relations::Described(described) = &frame.relations else {
            return;
        };
        if described.has_structure
            && self
                .structure
                .as_ref()
                .is_none_or(|known| known.told_by < meta.sequence)
            && let Some(value) = meta.extensions.dependency_descriptor(packet)
            && let Ok(dependencies) = DependencyStructure::parse(value)
        {
            let top = dependencies.resolution(dependencies.spatial_layer_count() - 1);
            self.height = top.map(|size| size.height).or(self.height);
            let structure = Structure {
                active_targets: dependencies.all_decode_targets(),
                dependencies,
                told_by: meta.sequence,
            };
            // In place, so that nothing is allocated but for the first.
            match &mut self.structure {
                Some(known) => **known = structure,
                None => self.structure = Some(Box::new(structure)),
            }
        }
        if described.active_targets != 0
            && let Some(known) = self
                .structure
                .as_mut()
                .filter(|known| known.told_by <= meta.sequence)
        {
            known.active_targets = described.active_targets;
        }
    }

    /// A number carried only padding and will not come.
    pub(crate) fn on_padding(&mut self, sequence: SeqNo) {
        self.group.on_padding(sequence);
    }

    /// Nobody is to begin with what has come so far: its publisher shows nothing for now.
    pub(crate) fn forget_group(&mut self) {
        self.group.clear();
    }

    /// The group's first packet arrived then, on the worker where the track is published.
    pub(crate) fn set_group_began(&mut self, began: Instant) {
        self.group.set_began(began);
    }

    /// The pictures that a subscriber who comes now may begin with, if there are any.
    pub(crate) fn young_group(&self, now: Instant) -> Option<CachedGroup> {
        self.group.young(now, &self.cache)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::id::TrackId;
    use crate::parameters::PublishedMedia;
    use crate::publish::samples::{Sample, audio, video, vp8};
    use crate::publish::track::Track;

    #[test]
    fn a_cache_holds_a_bounded_number_of_bytes_whatever_the_bitrate() {
        // What is published, the bytes of its packets, and what its cache may take.
        let cases: [(PublishedMedia, usize, usize); 4] = [
            (audio("0"), 100, 40_000),
            (audio("0"), 1_200, 90_000),
            (video("0", &[]), 1_200, 1_220_000),
            (video("0", &[]), 60_000, 1_220_000),
        ];
        let start = Instant::now();
        for (media, size, allowed) in cases {
            let kind = media.kind;
            let mut track = Track::new(TrackId::new(1), media);
            for sequence in 0..5_000 {
                let mut payload = vp8(sequence, None);
                payload.resize(size, 0);
                let sample = Sample {
                    ssrc: 1,
                    payload_type: track.codecs()[0].payload_type.get(),
                    marker: false,
                    sequence,
                    timestamp: u32::from(sequence) * 3_000,
                    extensions: &[],
                    payload: &payload,
                };
                let now = start + Duration::from_millis(1) * u32::from(sequence);
                sample
                    .offer_to(&mut track, now, 0, &sfu_rtp::ExtensionMap::new())
                    .expect("a good packet");
            }
            let held = track.memory_bytes();
            assert!(
                held <= allowed,
                "{kind:?} of {size} bytes a packet holds {held} bytes, {allowed} allowed"
            );
        }
    }
}
