//! The decision of one slot: whether a packet is forwarded, and under which numbers.
//!
//! A slot shows one encoding at a time. It goes over to another one, be it a layer of the same track or
//! another track altogether, at a switch point only. The old layer of the same track goes on until the
//! new one's keyframe is there, all of it: publishers pace a large keyframe out over some tenths of a
//! second, and the picture would stand still for so long. Whatever happens, the receiver sees one
//! well-behaved sender.

use std::time::{Duration, Instant};

use sfu_rtp::{ClockRate, RtpTime, SeqNo};

use super::translator::Translator;
use super::vp8_ids::{Vp8IdTranslator, Vp8Ids};
use crate::drop_reason::DropReason;
use crate::publish::packet::PacketMeta;
use crate::publish::track::Track;

/// The forwarding state of one slot.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// The encoding that the slot is to show; `None`: nothing.
    target: Option<usize>,
    /// What it shows.
    current: Option<Source>,
    /// The target's keyframe, while another layer is shown.
    arriving: Option<Arriving>,
    translator: Translator,
    vp8: Vp8IdTranslator,
}

/// An unbroken stretch of one encoding of the assigned track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Source {
    encoding: usize,
    continuity: u32,
}

/// What an outgoing packet is numbered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Numbers {
    pub(crate) sequence: u16,
    pub(crate) timestamp: RtpTime,
    pub(crate) vp8: Option<Vp8Ids>,
}

/// What becomes of a packet that is not dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    /// It is to be [numbered](Forwarder::number), and goes out.
    Forward,
    /// The same, and the slot begins with it. What followed it already, and is in the cache, goes out next.
    Join,
    /// It stays in the cache: a keyframe of the target is arriving.
    Hold,
    /// The keyframe is complete: the packet with this number is to be offered again, the slot begins with it.
    Switch(SeqNo),
}

/// A keyframe of the target that is arriving while another layer is shown.
#[derive(Clone, Copy, Debug)]
struct Arriving {
    source: Source,
    first: SeqNo,
    /// All before this have arrived.
    next: SeqNo,
    timestamp: RtpTime,
    began: Instant,
    complete: bool,
}

impl Arriving {
    /// Looks how far it has come. Each of its packets is looked at once.
    fn look(&mut self, track: &Track) -> Decision {
        while let Some(packet) = track.packet(self.source.encoding, self.next) {
            let header = &packet.meta.header;
            // The marker ends a frame (RFC 7741 §4.1); a new timestamp does so where there is none.
            if header.marker() || header.timestamp() != self.timestamp {
                self.complete = true;
                return Decision::Switch(self.first);
            }
            self.next = self.next.next();
        }
        Decision::Hold
    }
}

/// A keyframe takes a few hundred milliseconds when a publisher raises its bitrate, and a repair of it two
/// round trips. After this another one is asked for.
const PATIENCE: Duration = Duration::from_secs(1);

impl Forwarder {
    pub(crate) fn new(
        first_sequence: u16,
        first_timestamp: RtpTime,
        clock_rate: ClockRate,
    ) -> Self {
        Self {
            target: None,
            current: None,
            arriving: None,
            translator: Translator::new(first_sequence, first_timestamp, clock_rate),
            vp8: Vp8IdTranslator::new(),
        }
    }

    /// The slot shows another track, or none: nothing goes out until a switch point of `target`.
    pub(crate) fn detach(&mut self, target: Option<usize>) {
        self.target = target;
        self.current = None;
        self.arriving = None;
    }

    /// The slot is to show another layer of the same track, once it has a switch point.
    pub(crate) fn set_target(&mut self, target: Option<usize>) {
        self.target = target;
    }

    /// The encoding that the slot is to show.
    pub(crate) fn target(&self) -> Option<usize> {
        self.target
    }

    /// The number that comes next if nothing is lost.
    #[inline]
    pub(crate) fn next_sequence(&self) -> u16 {
        self.translator.next_sequence()
    }

    /// The encoding that is flowing.
    pub(crate) fn current(&self) -> Option<usize> {
        self.current.map(|source| source.encoding)
    }

    /// The encoding that a keyframe is needed of: the target, while it is not flowing.
    pub(crate) fn awaited(&self) -> Option<usize> {
        self.target.filter(|&target| self.current() != Some(target))
    }

    /// Decides about a packet of the assigned track, which has it in its cache.
    ///
    /// # Errors
    /// The packet is not forwarded, for this reason.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        now: Instant,
        track: &Track,
        encoding: usize,
        meta: &PacketMeta,
    ) -> Result<Decision, DropReason> {
        let source = Source {
            encoding,
            continuity: meta.continuity,
        };
        if self.current == Some(source) {
            return Ok(Decision::Forward);
        }
        self.consider(now, track, source, meta)
    }

    /// Decides about a packet of what is not flowing.
    #[inline(never)]
    fn consider(
        &mut self,
        now: Instant,
        track: &Track,
        source: Source,
        meta: &PacketMeta,
    ) -> Result<Decision, DropReason> {
        let encoding = source.encoding;
        if self.target != Some(encoding) {
            return Err(DropReason::OtherEncoding);
        }
        if self.is_behind(source) {
            return Err(DropReason::BeforeSwitch);
        }
        let mut began = now;
        if self.current().is_some_and(|current| current != encoding) {
            let arriving = self.keyframe_of(now, source, meta)?;
            if !arriving.complete {
                return Ok(arriving.look(track));
            }
            if arriving.first != meta.sequence {
                return Ok(Decision::Hold);
            }
            began = arriving.began;
        } else if !meta.picture.switch_point {
            return Err(DropReason::AwaitingKeyframe);
        }
        self.join(began, source, meta, track);
        Ok(Decision::Join)
    }

    /// The slot, which shows nothing, begins with the keyframe whose first packet this is. It and all that
    /// has followed, up to the frame stamped `latest`, is offered next, in order.
    pub(crate) fn start_behind(
        &mut self,
        now: Instant,
        encoding: usize,
        first: &PacketMeta,
        latest: RtpTime,
    ) {
        self.current = Some(Source {
            encoding,
            continuity: first.continuity,
        });
        self.arriving = None;
        let timestamp = first.header.timestamp();
        self.translator
            .switch_behind(now, first.sequence, timestamp, latest);
        if let Some(vp8) = &first.picture.vp8 {
            self.vp8.switch(vp8);
        }
    }

    /// The keyframe that this packet of the target belongs to or follows.
    fn keyframe_of(
        &mut self,
        now: Instant,
        source: Source,
        meta: &PacketMeta,
    ) -> Result<&mut Arriving, DropReason> {
        let timestamp = meta.header.timestamp();
        let is_newer = |known: &Arriving| {
            known.source != source || (meta.sequence > known.first && timestamp != known.timestamp)
        };
        if meta.picture.switch_point && self.arriving.as_ref().is_none_or(is_newer) {
            self.arriving = Some(Arriving {
                source,
                first: meta.sequence,
                next: meta.sequence,
                timestamp,
                began: now,
                complete: false,
            });
        }
        // One that has lost a packet for good never becomes complete: ask for another.
        self.arriving
            .as_mut()
            .filter(|arriving| arriving.source == source)
            .filter(|arriving| now.saturating_duration_since(arriving.began) < PATIENCE)
            .ok_or(DropReason::AwaitingKeyframe)
    }

    /// A packet of the track that will never come, because it was only padding: its number is closed up.
    pub(crate) fn skip(&mut self, encoding: usize, continuity: u32, sequence: SeqNo) {
        if self.current
            == Some(Source {
                encoding,
                continuity,
            })
        {
            self.translator.skip(sequence);
        }
    }

    /// Where a timestamp of the flowing encoding lies on the slot's own timeline.
    pub(crate) fn timestamp(&self, source: RtpTime) -> RtpTime {
        self.translator.timestamp(source)
    }

    /// Whether a packet with this number would have its place in what the slot shows now.
    pub(crate) fn carries(&self, sequence: SeqNo) -> bool {
        self.translator.reaches(sequence)
    }

    /// Whether the packet is from an earlier stretch of the encoding that is flowing.
    fn is_behind(&self, source: Source) -> bool {
        self.current.is_some_and(|current| {
            current.encoding == source.encoding
                && (source.continuity.wrapping_sub(current.continuity) as i32) < 0
        })
    }

    fn join(&mut self, began: Instant, source: Source, meta: &PacketMeta, track: &Track) {
        let (sequence, timestamp) = (meta.sequence, meta.header.timestamp());
        let before = self.current.replace(source);
        self.arriving = None;
        // Layers show the same moments, and sender reports tell where each has them.
        let aligned =
            before.and_then(|before| track.align(before.encoding, source.encoding, timestamp));
        match aligned {
            Some(aligned) => {
                let begin = self.translator.timestamp(aligned);
                self.translator.switch_to(sequence, timestamp, begin);
            }
            None => self.translator.switch(began, sequence, timestamp),
        }
        if let Some(vp8) = &meta.picture.vp8 {
            self.vp8.switch(vp8);
        }
    }

    /// The numbers of a packet that [`decide`](Self::decide) lets out.
    ///
    /// # Errors
    /// Its place was given to another, or is forgotten.
    // Numbers that were handed over in memory would be read in other pieces than they were written in. That waits
    // for all earlier stores, and those of the slot before go to memory that is not cached.
    #[inline(always)]
    pub(crate) fn number(
        &mut self,
        now: Instant,
        meta: &PacketMeta,
    ) -> Result<Numbers, DropReason> {
        let (sequence, timestamp) = self
            .translator
            .translate(now, meta.sequence, meta.header.timestamp())
            .ok_or(DropReason::BeforeSwitch)?;
        let vp8 = meta.picture.vp8.as_ref().map(|ids| self.vp8.translate(ids));
        Ok(Numbers {
            sequence,
            timestamp,
            vp8,
        })
    }
}

#[cfg(test)]
mod tests;
