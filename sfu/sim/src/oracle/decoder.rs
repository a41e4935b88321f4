//! What a decoder could show: which frames are whole and have what they refer to, and when. What that is it finds
//! out as a browser does, and the stamps say whether it is right.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use sfu::parameters::MediaKind;

use super::references::{Heading, References};
use crate::media::{Label, Stamp, Told};

/// A picture that was decoded, or a packet of sound that was played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShownFrame {
    /// When it could be decoded.
    pub at: Instant,
    /// Its track.
    pub label: Label,
    /// Its encoding.
    pub encoding: u8,
    /// Its highest spatial layer.
    pub spatial: u8,
    /// Its temporal layer.
    pub temporal: u8,
    /// Its number in the encoding, all spatial layers counted.
    pub number: u32,
    /// Whether it is a keyframe.
    pub keyframe: bool,
    /// When it was captured, since the world began.
    pub captured: Duration,
}

/// The decoder of one slot.
#[derive(Debug)]
pub(super) struct Decoder {
    kind: MediaKind,
    /// Frames that are not whole, or not decodable yet, by the lowest number known of them.
    frames: BTreeMap<u64, Assembly>,
    /// Frames that others may refer to.
    decoded: VecDeque<FrameName>,
    /// The same, as headers name them.
    references: References,
    /// The highest number of the last decoded frame.
    decoded_up_to: Option<u64>,
    /// The last keyframe.
    last_keyframe: Option<(u32, u32)>,
    shown: Vec<ShownFrame>,
    /// The frames of sound that were played, for some arrive more than once.
    heard: HashSet<FrameName>,
    /// Nothing was shown yet of what the slot shows: it begins with a keyframe.
    begins: bool,
    /// Since when something arrives and nothing can be decoded.
    stalled_since: Option<Instant>,
    last_packet: Option<Instant>,
}

/// A packet, as the decoder sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived<'a> {
    pub(super) stamp: &'a Stamp,
    pub(super) told: &'a Told,
    pub(super) descriptor: Option<&'a [u8]>,
    pub(super) marker: bool,
}

/// A frame, by the SSRC of its publisher and its number.
type FrameName = (u32, u32);

#[derive(Debug)]
struct Assembly {
    stamp: Stamp,
    heading: Heading,
    arrived: HashSet<u16>,
    /// It is the last frame of its picture that is sent.
    ends_picture: bool,
}

impl Assembly {
    fn name(&self) -> FrameName {
        (self.stamp.ssrc, self.stamp.frame)
    }

    fn is_whole(&self) -> bool {
        self.arrived.len() == usize::from(self.stamp.packets)
    }

    fn references(&self) -> impl Iterator<Item = FrameName> {
        let Stamp {
            ssrc,
            frame,
            refers_back,
            ..
        } = self.stamp;
        let back = refers_back.into_iter().filter(|&back| back > 0);
        back.map(move |back| (ssrc, frame.wrapping_sub(u32::from(back))))
    }
}

impl Decoder {
    pub(super) fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            frames: BTreeMap::new(),
            decoded: VecDeque::new(),
            references: References::default(),
            decoded_up_to: None,
            last_keyframe: None,
            shown: Vec::new(),
            heard: HashSet::new(),
            begins: true,
            stalled_since: None,
            last_packet: None,
        }
    }

    pub(super) fn shown(&self) -> &[ShownFrame] {
        &self.shown
    }

    /// The slot shows another track, or none: what comes next is a new start.
    pub(super) fn source_changed(&mut self, now: Instant) {
        self.stalled_since = self.stalled_since.map(|_| now);
        self.begins = true;
    }

    /// Takes a packet that has not arrived before.
    ///
    /// # Errors
    /// Headers say that a frame can be decoded, and it cannot.
    pub(super) fn on_packet(
        &mut self,
        now: Instant,
        sequence: u64,
        packet: &Arrived<'_>,
    ) -> Result<(), String> {
        self.last_packet = Some(now);
        let stamp = packet.stamp;
        if self.kind == MediaKind::Audio {
            self.hear(now, stamp);
            return Ok(());
        }
        // All packets of a frame have consecutive numbers.
        let first = sequence - u64::from(stamp.packet);
        if self.decoded_up_to.is_some_and(|upto| sequence <= upto) {
            return Ok(());
        }
        let frame = self.frames.entry(first).or_insert_with(|| Assembly {
            stamp: *stamp,
            heading: Heading::new(sequence, stamp, packet.told),
            arrived: HashSet::new(),
            ends_picture: false,
        });
        frame.arrived.insert(stamp.packet);
        frame.heading.add(stamp, packet.told, packet.descriptor);
        frame.ends_picture |= packet.marker;
        self.stalled_since.get_or_insert(now);
        self.decode(now)
    }

    /// Takes a packet that holds nothing.
    ///
    /// # Errors
    /// As for one that does.
    pub(super) fn on_vacancy(&mut self, now: Instant, sequence: u64) -> Result<(), String> {
        self.references.note_vacant(sequence);
        self.decode(now)
    }

    /// Takes a frame of sound.
    pub(super) fn hear(&mut self, now: Instant, stamp: &Stamp) {
        if self.heard.insert((stamp.ssrc, stamp.frame)) {
            self.show(now, stamp);
        }
    }

    /// Whether a receiver would ask for a keyframe: it gets something and can show nothing of it.
    pub(super) fn wants_keyframe(&self, now: Instant) -> bool {
        let flowing = self.last_packet.is_some_and(|at| now - at < STILL_FLOWING);
        let patience = match self.begins {
            true => PATIENCE,
            false => REPAIR_PATIENCE,
        };
        let stalled = self
            .stalled_since
            .is_some_and(|since| now - since >= patience);
        self.kind == MediaKind::Video && flowing && stalled
    }

    fn decode(&mut self, now: Instant) -> Result<(), String> {
        let is_next = |frame: &Assembly| frame.is_whole() && self.references.allow(&frame.heading);
        let next = self.frames.iter().find(|(_, frame)| is_next(frame));
        let Some(first) = next.map(|(&first, _)| first) else {
            return Ok(());
        };
        // What is older is skipped for good.
        let later = self.frames.split_off(&(first + 1));
        let frame = std::mem::replace(&mut self.frames, later).remove(&first);
        let Some(frame) = frame else { return Ok(()) };
        let stamp = &frame.stamp;
        if let Some((_, missing)) = frame.references().find(|name| !self.decoded.contains(name)) {
            return Err(format!(
                "a receiver takes {stamp:?} for decodable, and frame {missing} was not decoded"
            ));
        }
        self.decoded.push_back(frame.name());
        if self.decoded.len() > REMEMBERED_FRAMES {
            self.decoded.pop_front();
        }
        self.decoded_up_to = Some(frame.heading.numbers[1]);
        self.references.note(&frame.heading);
        if stamp.is_keyframe() {
            self.last_keyframe = Some((stamp.ssrc, stamp.picture));
        }
        if frame.ends_picture {
            self.show(now, stamp);
        }
        self.decode(now)
    }

    fn show(&mut self, now: Instant, stamp: &Stamp) {
        self.stalled_since = None;
        self.begins = false;
        self.shown.push(ShownFrame {
            at: now,
            label: stamp.label,
            encoding: stamp.encoding,
            spatial: stamp.spatial,
            temporal: stamp.temporal,
            number: stamp.frame,
            keyframe: self.last_keyframe == Some((stamp.ssrc, stamp.picture)),
            captured: stamp.captured,
        });
    }
}

/// libwebrtc's patience while it waits for a keyframe.
const PATIENCE: Duration = Duration::from_millis(200);

/// While it waits for a lost packet it has three seconds, in which it asks for that up to ten times. Less here:
/// a server that cannot repair is found out sooner.
const REPAIR_PATIENCE: Duration = Duration::from_secs(1);

/// A sender that has stopped needs no keyframe.
const STILL_FLOWING: Duration = Duration::from_millis(500);

/// More than any temporal structure refers back.
const REMEMBERED_FRAMES: usize = 32;
