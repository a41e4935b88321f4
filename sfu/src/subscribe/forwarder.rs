//! The decision of one slot: whether a packet is forwarded, and under which numbers.
//!
//! A slot shows one encoding at a time. It goes over to another one, be it a layer of the same track or
//! another track altogether, at a switch point only. The old layer of the same track goes on until the
//! new one's keyframe is there, all of it: publishers pace a large keyframe out over some tenths of a
//! second, and the picture would stand still for so long. Whatever happens, the receiver sees one
//! well-behaved sender.

use std::time::{Duration, Instant};

use sfu_rtp::{ClockRate, Layer, RtpTime, SeqNo};

use super::picture_ids::{PictureIdTranslator, PictureIds};
use super::selector::{Selected, Selector};
use super::translator::Translator;
use crate::drop_reason::DropReason;
use crate::publish::encoding::Structure;
use crate::publish::frame::{ALL_LAYERS, Relations};
use crate::publish::packet::PacketMeta;
use crate::publish::picture::Picture;
use crate::publish::track::Track;

/// The forwarding state of one slot.
#[derive(Debug)]
pub(crate) struct Forwarder {
    /// The encoding that the slot is to show; `None`: nothing.
    target: Option<usize>,
    /// The highest layers of that encoding that the slot is to show.
    layers: Layer,
    /// What it shows.
    current: Option<Source>,
    /// Packets of it before this one are of no use to a decoder any more: it goes on from a keyframe behind them.
    useful_from: SeqNo,
    /// The target's keyframe, while another layer is shown.
    arriving: Option<Arriving>,
    /// Of what is shown nothing is to be left out, and no frame needs to be looked at.
    is_whole: bool,
    /// `None` until there was something to look at: sound has no layers.
    selector: Option<Box<Selector>>,
    translator: Translator,
    pictures: PictureIdTranslator,
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
    /// The last of its picture.
    pub(crate) marker: bool,
    pub(crate) timestamp: RtpTime,
    pub(crate) pictures: PictureIds,
    /// The decode targets that its dependency descriptor is to name as active; 0: those it names.
    pub(crate) active_targets: u32,
}

impl Numbers {
    /// Those of a packet that is part of no picture.
    pub(crate) fn plain(sequence: u16, timestamp: RtpTime) -> Self {
        Self {
            sequence,
            marker: false,
            timestamp,
            pictures: PictureIds::default(),
            active_targets: 0,
        }
    }
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
            layers: ALL_LAYERS,
            current: None,
            useful_from: SeqNo::new(0),
            arriving: None,
            is_whole: true,
            selector: None,
            translator: Translator::new(first_sequence, first_timestamp, clock_rate),
            pictures: PictureIdTranslator::default(),
        }
    }

    /// The slot shows another track, or none: nothing goes out until a switch point of `target`.
    pub(crate) fn detach(&mut self, target: Option<usize>) {
        if target != self.target {
            self.layers = ALL_LAYERS;
        }
        self.target = target;
        self.current = None;
        self.arriving = None;
    }

    /// The slot is to show this smaller encoding of the same track, or these lower layers of the one it shows, and
    /// nothing larger goes on until then.
    pub(crate) fn retreat(&mut self, target: usize, layers: Layer) {
        if self.current() != Some(target) {
            self.detach(Some(target));
        }
        self.target = Some(target);
        self.set_layers(layers);
        if let Some(selector) = self.selector.as_mut().filter(|_| !self.is_whole) {
            selector.retreat(layers);
        }
    }

    /// The slot is to show another layer of the same track, once it has a switch point.
    pub(crate) fn set_target(&mut self, target: Option<usize>) {
        self.target = target;
    }

    /// The slot is to show these layers of its target, once they can be switched to. What it shows before it
    /// goes over to another encoding stays as it is.
    pub(crate) fn set_layers(&mut self, layers: Layer) {
        self.layers = layers;
        if self.target.is_none() || self.target != self.current() {
            return;
        }
        if !self.is_whole {
            self.selector().want(layers);
        } else if layers != ALL_LAYERS {
            self.is_whole = false;
            self.selector().limit(layers);
        }
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

    /// Whether a decoder can still use a packet of the encoding that is flowing, by the lower bits of its number.
    pub(crate) fn is_useful(&self, source: u32) -> bool {
        source.wrapping_sub(self.useful_from.get() as u32) as i32 >= 0
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
            return self.select(now, track, meta).map(|()| Decision::Forward);
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
        self.select(now, track, meta).map(|()| Decision::Join)
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
        self.begin_with(first.sequence, &first.picture);
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
        if self.shows(encoding, continuity) {
            self.translator.skip(sequence);
        }
    }

    /// The slot's number for a packet that does not go out, if it came too late for the number to be closed up.
    pub(crate) fn vacancy(&self, encoding: usize, continuity: u32, sequence: SeqNo) -> Option<u16> {
        let shown = self.shows(encoding, continuity);
        shown.then(|| self.translator.vacancy(sequence)).flatten()
    }

    fn shows(&self, encoding: usize, continuity: u32) -> bool {
        self.current
            == Some(Source {
                encoding,
                continuity,
            })
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
        self.begin_with(sequence, &meta.picture);
    }

    /// A source begins, with the packet of this number and picture.
    fn begin_with(&mut self, first: SeqNo, picture: &Picture) {
        self.useful_from = first;
        self.pictures.switch(picture);
        // Chains are watched from the beginning.
        self.is_whole = match picture.frame.map(|frame| frame.relations) {
            Some(Relations::Layered(_)) => self.layers == ALL_LAYERS,
            Some(Relations::Described(_) | Relations::Unknown) => false,
            None => true,
        };
        if !self.is_whole {
            let layers = self.layers;
            self.selector().begin(layers);
        }
    }

    fn selector(&mut self) -> &mut Selector {
        self.selector
            .get_or_insert_with(|| Box::new(Selector::new()))
    }

    /// Whether the layer of a packet of the source that is flowing is forwarded; closes the gap if it is not.
    #[inline(always)]
    fn select(&mut self, now: Instant, track: &Track, meta: &PacketMeta) -> Result<(), DropReason> {
        if self.is_whole {
            return Ok(());
        }
        self.look_at_layer(now, track, meta)
    }

    fn look_at_layer(
        &mut self,
        now: Instant,
        track: &Track,
        meta: &PacketMeta,
    ) -> Result<(), DropReason> {
        let (Some(frame), Some(selector)) = (&meta.picture.frame, &mut self.selector) else {
            return Ok(());
        };
        let structure = structure_of(track, self.current);
        let is_newest = self.translator.is_beyond(meta.sequence);
        let switch_point = meta.picture.switch_point;
        let outcome = selector.select(now, frame, switch_point, is_newest, structure);
        if outcome.is_err() {
            if selector.is_stopped() {
                self.useful_from = self.useful_from.max(meta.sequence.next());
            }
            self.translator.skip(meta.sequence);
            self.pictures.skip(&meta.picture);
        }
        outcome
    }

    /// What is particular of a packet that goes out, where not all is forwarded.
    #[inline(never)]
    fn describe(&self, track: &Track, meta: &PacketMeta) -> Selected {
        match (&meta.picture.frame, &self.selector) {
            (Some(frame), Some(selector)) => {
                selector.describe(frame, structure_of(track, self.current))
            }
            _ => Selected::default(),
        }
    }

    /// A packet goes out that says which templates there are.
    #[cold]
    fn learn_templates(&mut self, track: &Track) {
        if let Some(structure) = structure_of(track, self.current) {
            self.pictures.learn_templates(&structure.dependencies);
        }
    }

    /// The numbers of a packet that [`decide`](Self::decide) lets out, and that comes before it decides about
    /// another.
    ///
    /// # Errors
    /// Its place was given to another, or is forgotten.
    // Numbers that were handed over in memory would be read in other pieces than they were written in. That waits
    // for all earlier stores, and those of the slot before go to memory that is not cached.
    #[inline(always)]
    pub(crate) fn number(
        &mut self,
        now: Instant,
        track: &Track,
        meta: &PacketMeta,
    ) -> Result<Numbers, DropReason> {
        if let Some(frame) = &meta.picture.frame
            && let Relations::Described(described) = &frame.relations
            && described.has_structure
        {
            self.learn_templates(track);
        }
        let pictures = self
            .pictures
            .translate(&meta.picture)
            .ok_or(DropReason::BeforeSwitch)?;
        let (sequence, timestamp) = self
            .translator
            .translate(now, meta.sequence, meta.header.timestamp())
            .ok_or(DropReason::BeforeSwitch)?;
        let selected = match self.is_whole {
            true => Selected::default(),
            false => self.describe(track, meta),
        };
        Ok(Numbers {
            sequence,
            marker: meta.header.marker() || selected.ends_picture,
            timestamp,
            pictures,
            active_targets: selected.active_targets,
        })
    }
}

/// What the dependency descriptors of a source mean.
#[inline]
fn structure_of(track: &Track, source: Option<Source>) -> Option<&Structure> {
    track.encodings().get(source?.encoding)?.structure()
}

#[cfg(test)]
mod tests;
