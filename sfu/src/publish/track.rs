//! One published source: its m-line's codecs and its encodings.
//!
//! It turns a decrypted packet into a cached one. Where the packet came from (a peer's uplink or a
//! pipe) and where it goes are the engine's business.

use std::time::Instant;

use arrayvec::ArrayVec;
use sfu_rtp::{Bitrate, ClockRate, ExtensionMap, RtpHeader, RtpTime, SeqNo};

use super::encoding::Encoding;
use super::layers::{Choices, Layers};
use super::nack_generator::Gap;
use super::packet::{CachedPacket, ForwardedExtensions, PacketMeta, payload_span};
use super::redundancy::{self, Recovered};
use super::upstream::Upstream;
use super::voice::Voice;
use crate::drop_reason::DropReason;
use crate::id::TrackId;
use crate::parameters::{Feedback, MAX_ENCODINGS, MediaKind, NegotiatedCodec, PublishedMedia};

/// A track, published on this engine or imported into it.
#[derive(Debug)]
pub(crate) struct Track {
    id: TrackId,
    media: PublishedMedia,
    encodings: ArrayVec<Encoding, MAX_ENCODINGS>,
    layers: Layers,
    upstream: [Upstream; MAX_ENCODINGS],
    /// When to look at the layers next; `None` while nothing arrives.
    layers_at: Option<Instant>,
    voice: Voice,
    muted: bool,
    /// The frames that the last packet brought back.
    recovered: Recovered,
    /// By how many bytes the caches have grown since somebody asked.
    growth: usize,
}

/// A packet that a track has taken, by the names it has in the track.
///
/// Two words, and no more, which travel in registers. What is returned through memory in pieces and read back in
/// others waits for all earlier stores, the packet's copy into the cache among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    pub(crate) encoding: usize,
    pub(crate) sequence: SeqNo,
}

impl Track {
    pub(crate) fn new(id: TrackId, media: PublishedMedia) -> Self {
        let clock_rate = clock_rate_of(media.kind);
        let encodings = media
            .encodings
            .iter()
            .take(MAX_ENCODINGS)
            .map(|_| Encoding::new(media.kind, clock_rate))
            .collect();
        Self {
            id,
            media,
            encodings,
            layers: Layers::default(),
            upstream: [Upstream::default(); MAX_ENCODINGS],
            layers_at: None,
            voice: Voice::default(),
            muted: false,
            recovered: Recovered::new(),
            growth: 0,
        }
    }

    pub(crate) fn id(&self) -> TrackId {
        self.id
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.media.kind
    }

    /// The codecs of its m-line; [`PacketMeta::codec_index`] points into them.
    pub(crate) fn codecs(&self) -> &[NegotiatedCodec] {
        &self.media.codecs
    }

    /// The feedback that its publisher understands.
    pub(crate) fn feedback(&self) -> Feedback {
        self.media
            .codecs
            .first()
            .map(|codec| codec.feedback)
            .unwrap_or_default()
    }

    pub(crate) fn encodings(&self) -> &[Encoding] {
        &self.encodings
    }

    pub(crate) fn encodings_mut(&mut self) -> &mut [Encoding] {
        &mut self.encodings
    }

    pub(crate) fn encoding_mut(&mut self, encoding: usize) -> Option<&mut Encoding> {
        self.encodings.get_mut(encoding)
    }

    /// A cached packet.
    #[inline]
    pub(crate) fn packet(&self, encoding: usize, sequence: SeqNo) -> Option<CachedPacket<'_>> {
        self.encodings.get(encoding)?.packet(sequence)
    }

    /// Bytes that its packet caches hold.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.encodings.iter().map(Encoding::memory_bytes).sum()
    }

    /// By how many bytes its packet caches have grown since this was asked last.
    #[inline]
    pub(crate) fn take_growth(&mut self) -> usize {
        std::mem::take(&mut self.growth)
    }

    /// Whether the packet taken last has brought back frames that were lost.
    #[inline]
    pub(crate) fn has_recovered(&self) -> bool {
        !self.recovered.is_empty()
    }

    /// The numbers of those frames, in order. They are in the cache, of the same encoding.
    pub(crate) fn take_recovered(&mut self) -> Recovered {
        std::mem::take(&mut self.recovered)
    }

    /// Whether an encoding was known to flow when the layers were looked at last. Of one that was not, a packet
    /// means that there is a layer more to choose from.
    #[inline]
    pub(crate) fn is_flowing(&self, encoding: usize) -> bool {
        self.layers.is_flowing(encoding)
    }

    /// The encoding that subscribers are to get: the one that shows most of those that flow.
    pub(crate) fn best_encoding(&self) -> Option<usize> {
        self.layers.best()
    }

    /// What subscribers can be shown: encodings that flow, and those that would if they were wanted.
    pub(crate) fn choices(&self, now: Instant) -> Choices {
        self.layers.choices(|encoding| {
            let upstream = self.upstream.get(encoding);
            upstream.is_some_and(|upstream| upstream.may_return(now))
        })
    }

    /// What all that flows takes together.
    pub(crate) fn bitrate(&mut self, now: Instant) -> Bitrate {
        self.encodings
            .iter_mut()
            .fold(Bitrate::ZERO, |sum, encoding| {
                sum.saturating_add(encoding.bitrate(now))
            })
    }

    /// Somebody is to see this encoding. Returns whether its publisher must be told.
    pub(crate) fn watch(&mut self, now: Instant, encoding: usize) -> bool {
        self.upstream
            .get_mut(encoding)
            .is_some_and(|upstream| upstream.watch(now))
    }

    /// Notes which encodings are `watched`. Returns whether the publisher must be told.
    pub(crate) fn review(&mut self, now: Instant, watched: impl Fn(usize) -> bool) -> bool {
        let count = self.encodings.len();
        let mut news = false;
        for (encoding, upstream) in self.upstream.iter_mut().enumerate().take(count) {
            if watched(encoding) {
                news |= upstream.watch(now);
            } else if self.layers.is_flowing(encoding) {
                news |= upstream.leave(now);
            }
        }
        if news && self.layers.any_flows() {
            // Perhaps only one is left now. If that has stopped too, no packet comes that would tell.
            self.layers_at.get_or_insert(now + Layers::ROUND);
        }
        news
    }

    /// For each encoding, whether its publisher should send it.
    pub(crate) fn wanted(&self) -> ArrayVec<bool, MAX_ENCODINGS> {
        let known = self.upstream.iter().take(self.encodings.len());
        known.map(Upstream::is_wanted).collect()
    }

    /// Looks which encodings flow. Returns whether there is something else to choose from.
    pub(crate) fn observe_layers(&mut self, now: Instant) -> bool {
        let some_are_paused = self.upstream.iter().any(|upstream| !upstream.is_wanted());
        let changed = self
            .layers
            .observe(now, &mut self.encodings, some_are_paused);
        // Nothing may come that would have it looked at again.
        let again = some_are_paused && self.layers.any_flows();
        self.layers_at = again.then(|| now + Layers::ROUND);
        changed
    }

    /// What there is to say of who talks on it, if that is due; see [`Voice::report`].
    pub(crate) fn voice_report(&mut self, now: Instant) -> Option<Option<u8>> {
        self.voice.report(now)
    }

    /// Whether a look at the layers is due.
    pub(crate) fn layers_due(&self, now: Instant) -> bool {
        self.layers_at.is_some_and(|at| at <= now)
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted
    }

    /// Mutes or unmutes it. After unmuting, forwarders begin anew: what the publisher sent in between
    /// would else look to every subscriber like loss.
    pub(crate) fn set_muted(&mut self, muted: bool) {
        if self.muted && !muted {
            for encoding in &mut self.encodings {
                encoding.interrupt();
            }
        }
        if muted {
            self.voice.reset();
        }
        self.muted = muted;
    }

    /// Takes a packet that the publisher sent, decrypted.
    ///
    /// # Errors
    /// The packet is not to be forwarded; the reason says why. Padding is one: its number is kept, so
    /// that it is not missed, see [`Refusal`].
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        encoding: usize,
        received: &Received<'_>,
    ) -> Result<Arrival, Refusal> {
        let target = self
            .encodings
            .get_mut(encoding)
            .ok_or(DropReason::UnknownSsrc)?;
        let header = received.header;
        let sequence = target.place(header.ssrc(), header.sequence())?;
        if !received.retransmitted {
            // Repaired packets are left out: reports are of the path (RFC 4588 §7).
            target.statistics.on_packet(
                now,
                sequence,
                header.timestamp(),
                received.plaintext.len(),
            );
        }
        // Sound is repaired by Opus itself, or not at all: a retransmission would come too late.
        if self.media.kind == MediaKind::Video
            && target.nack.on_packet(now, sequence) == Gap::TooWide
        {
            target.keyframes.request(now);
        }
        let payload = match payload_span(&header, received.plaintext) {
            Ok(payload) => payload,
            Err(DropReason::PaddingOnly) => {
                target.on_padding(sequence);
                return Err(Refusal::Padding { encoding, sequence });
            }
            Err(reason) => return Err(reason.into()),
        };
        let codec_index = self
            .media
            .codecs
            .iter()
            .position(|codec| {
                let payload_type = header.payload_type();
                codec.payload_type == payload_type || codec.red == Some(payload_type)
            })
            .ok_or(DropReason::UnknownPayloadType)?;
        let negotiated = self.media.codecs[codec_index];
        let codec = negotiated.codec;
        let whole = received
            .plaintext
            .get(payload.range())
            .ok_or(DropReason::RtpMalformed)?;
        // Redundancy is of one path: the cache holds frames, and each subscriber gets its own.
        let redundant = match negotiated.red == Some(header.payload_type()) {
            true => {
                let blocks = redundancy::read(whole, negotiated.payload_type);
                Some(blocks.ok_or(DropReason::PayloadMalformed)?)
            }
            false => None,
        };
        let bytes = redundant.as_ref().map_or(whole, |blocks| blocks.primary);
        let payload = payload.tail(bytes.len()).ok_or(DropReason::RtpMalformed)?;
        let extensions =
            ForwardedExtensions::find(&header, received.plaintext, received.extension_ids);
        let descriptor = extensions.dependency_descriptor(received.plaintext);
        let picture = target
            .inspect(codec, bytes, descriptor)
            .ok_or(DropReason::PayloadMalformed)?;
        let meta = PacketMeta {
            header,
            sequence,
            continuity: target.continuity(),
            codec_index: codec_index as u8,
            picture,
            extensions,
            payload,
            repeats: redundant
                .as_ref()
                .map_or(0, |blocks| blocks.earlier.len() as u8),
        };
        insert(&mut self.growth, target, now, meta, received.plaintext)?;
        if let (Some(blocks), false) = (&redundant, self.muted) {
            let before = target.memory_bytes();
            self.recovered = redundancy::recover(now, target, &meta, blocks);
            self.growth += target.memory_bytes() - before;
        }
        self.watch_layers(now);
        if self.muted {
            return Err(DropReason::Muted.into());
        }
        if self.media.kind == MediaKind::Audio
            && let Some(level) = meta.extensions.audio_level(received.plaintext)
        {
            self.voice.on_packet(now, level);
        }
        Ok(Arrival { encoding, sequence })
    }

    /// Takes a packet that another worker has accepted already.
    pub(crate) fn accept_piped(
        &mut self,
        now: Instant,
        encoding: usize,
        meta: PacketMeta,
        packet: &[u8],
    ) -> Result<Arrival, DropReason> {
        let target = self
            .encodings
            .get_mut(encoding)
            .ok_or(DropReason::UnknownSsrc)?;
        insert(&mut self.growth, target, now, meta, packet)?;
        target
            .statistics
            .on_packet(now, meta.sequence, meta.header.timestamp(), packet.len());
        self.watch_layers(now);
        Ok(Arrival {
            encoding,
            sequence: meta.sequence,
        })
    }

    /// Takes a packet that another worker had accepted before it began to export the track: for those who
    /// come late, and no sign that anything flows.
    pub(crate) fn accept_past(
        &mut self,
        now: Instant,
        encoding: usize,
        meta: PacketMeta,
        packet: &[u8],
    ) -> Result<(), DropReason> {
        let target = self.encodings.get_mut(encoding);
        let target = target.ok_or(DropReason::UnknownSsrc)?;
        insert(&mut self.growth, target, now, meta, packet)
    }

    /// The timestamp of encoding `from` at the moment that `to` stamps with `timestamp`, if sender reports have
    /// told both clocks. Simulcast layers begin at random timestamps of their own.
    pub(crate) fn align(&self, from: usize, to: usize, timestamp: RtpTime) -> Option<RtpTime> {
        let captured = self.encodings.get(to)?.clock?.local_at(timestamp);
        Some(self.encodings.get(from)?.clock?.time_at(captured))
    }

    fn watch_layers(&mut self, now: Instant) {
        if self.media.kind == MediaKind::Video && self.layers_at.is_none() {
            self.layers_at = Some(now + Layers::ROUND);
        }
    }

    /// When a NACK, a keyframe request, a look at the layers or a report of who talks is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let feedback = self
            .encodings
            .iter()
            .flat_map(|encoding| [encoding.nack.next_at(), encoding.keyframes.next_at()])
            .flatten()
            .min();
        [self.layers_at, self.voice.next_at(), feedback]
            .into_iter()
            .flatten()
            .min()
    }
}

/// Caches a packet, and notes by how much that has made the cache grow.
fn insert(
    growth: &mut usize,
    target: &mut Encoding,
    now: Instant,
    meta: PacketMeta,
    packet: &[u8],
) -> Result<(), DropReason> {
    let before = target.memory_bytes();
    let inserted = target.insert(now, meta, packet);
    *growth += target.memory_bytes() - before;
    inserted
}

/// A decrypted packet as it comes from an uplink.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    /// Its header; of a retransmission, as the original had it.
    pub(crate) header: RtpHeader,
    /// Header and payload, of which the header was parsed.
    pub(crate) plaintext: &'a [u8],
    /// Whether it came by RTX.
    pub(crate) retransmitted: bool,
    /// How its sender numbers header extensions.
    pub(crate) extension_ids: &'a ExtensionMap,
}

/// Why a track did not take a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It carries only padding. Nobody needs it, but everyone must know that its number will not come.
    Padding { encoding: usize, sequence: SeqNo },
    /// Anything else.
    Drop(DropReason),
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self::Drop(reason)
    }
}

/// Every codec we forward has the clock rate of its kind (RFC 7587 §4.1, RFC 3551 §5).
pub(crate) const fn clock_rate_of(kind: MediaKind) -> ClockRate {
    match kind {
        MediaKind::Audio => ClockRate::OPUS,
        MediaKind::Video => ClockRate::VIDEO,
    }
}

#[cfg(test)]
mod tests;
