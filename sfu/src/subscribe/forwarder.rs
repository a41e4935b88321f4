//! The decision of one slot: whether a packet is forwarded, and under which numbers.
//!
//! A slot shows one encoding at a time. It goes over to another one, be it a layer of the same track or
//! another track altogether, at a switch point only; until then the old layer of the same track goes
//! on. Whatever happens, the receiver sees one well-behaved sender.

use std::time::Instant;

use sfu_rtp::{ClockRate, RtpTime, SeqNo};

use super::translator::Translator;
use super::vp8_ids::{Vp8IdTranslator, Vp8Ids};
use crate::drop_reason::DropReason;
use crate::publish::packet::PacketMeta;

/// The forwarding state of one slot.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// The encoding that the slot is to show; `None`: nothing.
    target: Option<usize>,
    /// What it shows.
    current: Option<Source>,
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

/// A packet that is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Forwarded {
    pub(crate) numbers: Numbers,
    /// The slot begins with it. If it came late, what followed it is in the cache.
    pub(crate) joined: bool,
}

impl Forwarder {
    pub(crate) fn new(
        first_sequence: u16,
        first_timestamp: RtpTime,
        clock_rate: ClockRate,
    ) -> Self {
        Self {
            target: None,
            current: None,
            translator: Translator::new(first_sequence, first_timestamp, clock_rate),
            vp8: Vp8IdTranslator::new(),
        }
    }

    /// The slot shows another track, or none: nothing goes out until a switch point of `target`.
    pub(crate) fn detach(&mut self, target: Option<usize>) {
        self.target = target;
        self.current = None;
    }

    /// The slot is to show another layer of the same track, once it has a switch point.
    pub(crate) fn set_target(&mut self, target: Option<usize>) {
        self.target = target;
    }

    /// The encoding that the slot is to show.
    pub(crate) fn target(&self) -> Option<usize> {
        self.target
    }

    /// The encoding that is flowing.
    pub(crate) fn current(&self) -> Option<usize> {
        self.current.map(|source| source.encoding)
    }

    /// The encoding that a keyframe is needed of: the target, while it is not flowing.
    pub(crate) fn awaited(&self) -> Option<usize> {
        self.target.filter(|&target| self.current() != Some(target))
    }

    /// Decides about a packet of the assigned track.
    ///
    /// `align` is asked when the slot goes over from one layer to another: given the old encoding, it
    /// returns the old encoding's timestamp at the moment of this packet, if sender reports have told.
    ///
    /// # Errors
    /// The packet is not forwarded, for this reason.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        encoding: usize,
        meta: &PacketMeta,
        align: impl FnOnce(usize) -> Option<RtpTime>,
    ) -> Result<Forwarded, DropReason> {
        let source = Source {
            encoding,
            continuity: meta.continuity,
        };
        if self.current == Some(source) {
            let numbers = self.number(now, meta)?;
            return Ok(Forwarded {
                numbers,
                joined: false,
            });
        }
        if self.target != Some(encoding) {
            return Err(DropReason::OtherEncoding);
        }
        if self.is_behind(source) {
            return Err(DropReason::BeforeSwitch);
        }
        if !meta.picture.switch_point {
            return Err(DropReason::AwaitingKeyframe);
        }
        self.join(now, source, meta, align);
        let numbers = self.number(now, meta)?;
        Ok(Forwarded {
            numbers,
            joined: true,
        })
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

    /// Whether the packet is from an earlier stretch of the encoding that is flowing.
    fn is_behind(&self, source: Source) -> bool {
        self.current.is_some_and(|current| {
            current.encoding == source.encoding
                && (source.continuity.wrapping_sub(current.continuity) as i32) < 0
        })
    }

    fn join(
        &mut self,
        now: Instant,
        source: Source,
        meta: &PacketMeta,
        align: impl FnOnce(usize) -> Option<RtpTime>,
    ) {
        let (sequence, timestamp) = (meta.sequence, meta.header.timestamp());
        let before = self.current.replace(source);
        match before.and_then(|before| align(before.encoding)) {
            Some(aligned) => {
                let begin = self.translator.timestamp(aligned);
                self.translator.switch_to(sequence, timestamp, begin);
            }
            None => self.translator.switch(now, sequence, timestamp),
        }
        if let Some(vp8) = &meta.picture.vp8 {
            self.vp8.switch(vp8);
        }
    }

    #[inline]
    fn number(&mut self, now: Instant, meta: &PacketMeta) -> Result<Numbers, DropReason> {
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
