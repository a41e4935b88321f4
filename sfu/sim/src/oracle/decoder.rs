//! What a decoder could show: which frames are whole and have what they refer to, and when.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use sfu::parameters::MediaKind;

use crate::media::{Label, Stamp};

/// A frame that was decoded, or a packet of sound that was played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShownFrame {
    /// When it could be decoded.
    pub at: Instant,
    /// Its track.
    pub label: Label,
    /// Its encoding.
    pub encoding: u8,
    /// Its number in the encoding.
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
    /// The highest number of the last decoded frame.
    decoded_up_to: Option<u64>,
    shown: Vec<ShownFrame>,
    /// The frames of sound that were played, for some arrive more than once.
    heard: HashSet<FrameName>,
    /// Nothing was shown yet of what the slot shows: it begins with a keyframe.
    begins: bool,
    /// Since when something arrives and nothing can be decoded.
    stalled_since: Option<Instant>,
    last_packet: Option<Instant>,
}

/// A frame, by the SSRC of its publisher and its number.
type FrameName = (u32, u32);

#[derive(Debug)]
struct Assembly {
    stamp: Stamp,
    arrived: HashSet<u16>,
    highest: u64,
}

impl Assembly {
    fn name(&self) -> FrameName {
        (self.stamp.ssrc, self.stamp.frame)
    }

    fn is_whole(&self) -> bool {
        self.arrived.len() == usize::from(self.stamp.packets)
    }

    fn reference(&self) -> Option<FrameName> {
        let back = u32::from(self.stamp.refers_back);
        (back > 0).then(|| (self.stamp.ssrc, self.stamp.frame.wrapping_sub(back)))
    }
}

impl Decoder {
    pub(super) fn new(kind: MediaKind) -> Self {
        Self {
            kind,
            frames: BTreeMap::new(),
            decoded: VecDeque::new(),
            decoded_up_to: None,
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
    pub(super) fn on_packet(&mut self, now: Instant, sequence: u64, stamp: &Stamp) {
        self.last_packet = Some(now);
        if self.kind == MediaKind::Audio {
            self.hear(now, stamp);
            return;
        }
        // All packets of a frame have consecutive numbers.
        let first = sequence - u64::from(stamp.packet);
        if self.decoded_up_to.is_some_and(|upto| sequence <= upto) {
            return;
        }
        let frame = self.frames.entry(first).or_insert_with(|| Assembly {
            stamp: *stamp,
            arrived: HashSet::new(),
            highest: first + u64::from(stamp.packets) - 1,
        });
        frame.arrived.insert(stamp.packet);
        self.stalled_since.get_or_insert(now);
        self.decode(now);
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

    fn decode(&mut self, now: Instant) {
        while let Some((&first, frame)) = self.frames.iter().find(|(_, frame)| {
            let decodable = frame
                .reference()
                .is_none_or(|name| self.decoded.contains(&name));
            frame.is_whole() && decodable
        }) {
            let (name, stamp, highest) = (frame.name(), frame.stamp, frame.highest);
            self.decoded.push_back(name);
            if self.decoded.len() > REMEMBERED_FRAMES {
                self.decoded.pop_front();
            }
            self.decoded_up_to = Some(highest);
            // What is older is skipped for good.
            self.frames.retain(|&other, _| other > first);
            self.show(now, &stamp);
        }
    }

    fn show(&mut self, now: Instant, stamp: &Stamp) {
        self.stalled_since = None;
        self.begins = false;
        self.shown.push(ShownFrame {
            at: now,
            label: stamp.label,
            encoding: stamp.encoding,
            number: stamp.frame,
            keyframe: stamp.is_keyframe(),
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
