//! Which layers of the encoding that is flowing a slot forwards.
//!
//! What to forward is decided once for each frame, at its first packet, and only there the slot goes over to
//! other layers, if the frame is a switch point to them. With a dependency descriptor, layers are *decode
//! targets* and what may be left out of one is written at every frame (AV1 RTP specification, appendix A.4);
//! without it, the layer numbers of VP8 and VP9 must do.

mod frames;

use std::time::{Duration, Instant};

use sfu_rtp::dependency_descriptor::DecodeTargetIndication;
use sfu_rtp::{DependencyStructure, Layer};

use crate::drop_reason::DropReason;
use crate::publish::encoding::Structure;
use crate::publish::frame::{ALL_LAYERS, Described, Frame, Layered, MAX_CHAINS, Relations};
use frames::Frames;

/// The choice of layers of one slot, and the frames that it made of it.
#[derive(Debug)]
pub(crate) struct Selector {
    /// The highest layers that the slot is to get from the next picture on. Within one they stay as they are: its last
    /// frame goes out marked as such.
    wanted_next: Layer,
    /// The same, for the picture that the last decision was of.
    wanted: Layer,
    /// What it gets is not to go on until a keyframe leads to what it is to get.
    retreats: bool,
    /// Nothing goes on until a keyframe.
    is_stopped: bool,
    /// The highest layers that it gets.
    current: Layer,
    /// The same as a decode target, where there are such.
    decode_target: u8,
    /// The frame from which on it gets them.
    since: u64,
    /// What it got before that; what comes late is of then.
    before: Option<Before>,
    /// Frames before this one went out, because nothing was to be left out yet; `u64::MAX`: so will those that come,
    /// up to the beginning of a picture.
    whole_before: u64,
    frames: Frames,
    /// The picture that the last decision was of, where pictures are numbered.
    picture: Option<u64>,
    /// The spatial layer that the last decision was of.
    spatial: u8,
    /// Nothing in it refers to earlier ones, so that each of its frames may begin a spatial layer.
    is_intra: bool,
    /// A frame of the chain that is missing, and since when.
    broken: Option<(u64, Instant)>,
    /// The frame at which the decode target changed: its packets say so.
    changed_at: Option<u64>,
}

/// What a slot got before it went over to other layers.
#[derive(Clone, Copy, Debug)]
struct Before {
    current: Layer,
    decode_target: u8,
    since: u64,
}

/// What is particular of a packet that is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Selected {
    /// It is the last of its picture, of which higher layers are left out.
    pub(crate) ends_picture: bool,
    /// The decode targets that its descriptor is to name as active; 0: those it names.
    pub(crate) active_targets: u32,
}

impl Selector {
    /// One that has forwarded nothing and takes all layers.
    pub(crate) fn new() -> Self {
        Self {
            wanted_next: ALL_LAYERS,
            wanted: ALL_LAYERS,
            retreats: false,
            is_stopped: false,
            current: ALL_LAYERS,
            decode_target: 0,
            since: 0,
            before: None,
            whole_before: 0,
            frames: Frames::default(),
            picture: None,
            spatial: 0,
            is_intra: false,
            broken: None,
            changed_at: None,
        }
    }

    /// The slot begins anew, with the keyframe that comes next.
    pub(crate) fn begin(&mut self, wanted: Layer) {
        *self = Self {
            wanted_next: wanted,
            wanted,
            current: wanted,
            ..Self::new()
        };
    }

    /// The slot has got all of what it shows, and is to get these layers from the next picture on.
    pub(crate) fn limit(&mut self, wanted: Layer) {
        *self = Self {
            wanted_next: wanted,
            wanted,
            whole_before: u64::MAX,
            ..Self::new()
        };
    }

    /// The slot is to get these layers, as soon as they can be switched to.
    pub(crate) fn want(&mut self, wanted: Layer) {
        self.retreats &= wanted == self.wanted_next;
        self.wanted_next = wanted;
    }

    /// The same, and if only a keyframe leads there, nothing goes on until it comes.
    pub(crate) fn retreat(&mut self, wanted: Layer) {
        self.wanted_next = wanted;
        self.retreats = true;
    }

    /// Whether nothing goes on until a keyframe.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Decides about a packet of `frame`, which `is_newest` if none after it went out. `structure` is what its
    /// encoding's descriptors mean.
    ///
    /// # Errors
    /// [`DropReason::LayerNotWanted`], or [`DropReason::AwaitingKeyframe`] if the slot is to get the layer and only
    /// a keyframe takes it there.
    #[inline]
    pub(crate) fn select(
        &mut self,
        now: Instant,
        frame: &Frame,
        switch_point: bool,
        is_newest: bool,
        structure: Option<&Structure>,
    ) -> Result<(), DropReason> {
        if frame.number < self.whole_before {
            // Of one that comes late, higher layers may have gone out already.
            let is_first = is_newest && frame.starts && frame.layer.spatial == 0;
            if self.whole_before != u64::MAX || !is_first {
                return Ok(());
            }
            self.whole_before = frame.number;
        }
        match self.frames.outcome(frame.number) {
            Some(outcome) => outcome,
            None => {
                let outcome = if self.frames.is_ahead(frame.number) {
                    self.look_at(now, frame, switch_point, structure)
                } else {
                    self.is_selected(frame)
                };
                self.frames.decide(frame.number, outcome);
                outcome
            }
        }
    }

    /// A frame that is newer than all before.
    fn look_at(
        &mut self,
        now: Instant,
        frame: &Frame,
        switch_point: bool,
        structure: Option<&Structure>,
    ) -> Result<(), DropReason> {
        match &frame.relations {
            Relations::Unknown => Ok(()),
            Relations::Layered(layered) => {
                self.look_at_layered(frame, layered, switch_point);
                self.is_layer_selected(frame.layer)
            }
            Relations::Described(described) => {
                let readable = |known: &&Structure| {
                    usize::from(known.dependencies.chain_count()) <= MAX_CHAINS
                };
                match structure.filter(readable) {
                    Some(structure) => {
                        self.look_at_described(now, frame, described, structure, switch_point)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// Whether a frame that comes late, nothing of which was seen before, belongs to the layers that the slot got then.
    fn is_selected(&self, frame: &Frame) -> Result<(), DropReason> {
        let Some(then) = self.in_force(frame.number) else {
            return Err(DropReason::LayerNotWanted);
        };
        let is_part = match &frame.relations {
            Relations::Unknown => true,
            Relations::Described(_) if self.changed_at.is_none() => true,
            Relations::Described(described) => {
                described.indications.of(then.decode_target) != DecodeTargetIndication::NotPresent
            }
            Relations::Layered(_) => is_within(frame.layer, then.current),
        };
        match is_part {
            true => Ok(()),
            false => Err(DropReason::LayerNotWanted),
        }
    }

    /// The layers that the slot got when it was sent this frame; `None`: that is forgotten.
    #[inline]
    fn in_force(&self, number: u64) -> Option<Before> {
        if number >= self.since {
            return Some(Before {
                current: self.current,
                decode_target: self.decode_target,
                since: self.since,
            });
        }
        self.before.filter(|before| number >= before.since)
    }

    /// Other layers are in force from this frame on.
    fn change(&mut self, since: u64, current: Layer, decode_target: u8) {
        if since != self.since {
            self.before = self.in_force(self.since);
            self.since = since;
        }
        self.current = current;
        self.decode_target = decode_target;
    }

    /// Whether a frame that is described belongs to the layers that the slot gets.
    fn is_present(&self, described: &Described) -> Result<(), DropReason> {
        match described.indications.of(self.decode_target) {
            DecodeTargetIndication::NotPresent => Err(DropReason::LayerNotWanted),
            _ => Ok(()),
        }
    }

    /// Whether a layer is one of those that the slot gets.
    fn is_layer_selected(&self, layer: Layer) -> Result<(), DropReason> {
        if layer.spatial <= self.current.spatial && layer.temporal <= self.current.temporal {
            Ok(())
        } else if layer.spatial > self.current.spatial && layer.spatial <= self.wanted.spatial {
            Err(DropReason::AwaitingKeyframe)
        } else {
            Err(DropReason::LayerNotWanted)
        }
    }

    /// A new frame, with a descriptor.
    fn look_at_described(
        &mut self,
        now: Instant,
        frame: &Frame,
        described: &Described,
        structure: &Structure,
        switch_point: bool,
    ) -> Result<(), DropReason> {
        let dependencies = &structure.dependencies;
        // Within a picture each frame is of a higher layer than the one before.
        let begins_picture = frame.layer.spatial <= self.spatial;
        self.spatial = frame.layer.spatial;
        if begins_picture || switch_point {
            self.wanted = self.wanted_next;
        }
        let wanted = choose(dependencies, structure.active_targets, self.wanted);
        let begins = switch_point || self.changed_at.is_none();
        // A frame that was marked as its picture's last stays so.
        let may_rise =
            begins_picture || choose_layer(dependencies, wanted).spatial <= self.current.spatial;
        let may_go_over = || {
            wanted != self.decode_target
                && may_rise
                && described.indications.of(wanted) == DecodeTargetIndication::Switch
                && self.is_decodable(frame, described, wanted, dependencies)
        };
        if begins || may_go_over() {
            self.go_over(frame, wanted, dependencies);
        } else if begins_picture && self.retreats && wanted != self.decode_target {
            // Where lower layers are no part of higher ones, those that were not sent are missing.
            self.is_stopped |= frame.layer.temporal <= self.current.temporal
                && self.is_present(described).is_err();
        }
        if self.is_stopped {
            return Err(DropReason::AwaitingKeyframe);
        }
        if self.is_present(described).is_err() {
            let beyond = frame.layer.spatial > self.current.spatial;
            let below = choose_layer(dependencies, wanted).spatial < self.current.spatial;
            let is_part_of_wanted =
                described.indications.of(wanted) != DecodeTargetIndication::NotPresent;
            return Err(if is_part_of_wanted && (beyond || below) {
                DropReason::AwaitingKeyframe
            } else {
                DropReason::LayerNotWanted
            });
        }
        self.watch_chain(now, frame, described, dependencies)
    }

    fn go_over(&mut self, frame: &Frame, target: u8, dependencies: &DependencyStructure) {
        // What comes late of this picture is decided about as the rest of it.
        let since = frame.number.saturating_sub(frame.layer.spatial.into());
        self.change(since, choose_layer(dependencies, target), target);
        self.changed_at = Some(frame.number);
        self.broken = None;
        self.is_stopped = false;
    }

    /// Whether the receiver can decode a frame, by what it was sent: all that the frame refers to, and its chain
    /// in the decode target that it is to begin.
    fn is_decodable(
        &self,
        frame: &Frame,
        described: &Described,
        target: u8,
        dependencies: &DependencyStructure,
    ) -> bool {
        let was_sent = |back: u8| {
            let number = frame.number.wrapping_sub(u64::from(back));
            self.frames.was_forwarded(number)
        };
        let chain = chain_diff(described, target, dependencies);
        described.refers_only_to(was_sent) && (chain == 0 || was_sent(chain))
    }

    /// Looks whether a frame that the chain goes through was left out. It may still come, but if it does not,
    /// nothing of the decode target can be decoded.
    fn watch_chain(
        &mut self,
        now: Instant,
        frame: &Frame,
        described: &Described,
        dependencies: &DependencyStructure,
    ) -> Result<(), DropReason> {
        if let Some((missing, _)) = self.broken
            && self.frames.was_forwarded(missing)
        {
            self.broken = None;
        }
        let diff = chain_diff(described, self.decode_target, dependencies);
        let previous = frame.number.wrapping_sub(u64::from(diff));
        if diff == 0 {
            self.broken = None;
        } else if self.broken.is_none() && !self.frames.was_forwarded(previous) {
            self.broken = Some((previous, now));
        }
        match self.broken {
            Some((_, since)) if now.saturating_duration_since(since) >= PATIENCE => {
                // If it comes after all, what was left out meanwhile is missing.
                self.is_stopped = true;
                Err(DropReason::AwaitingKeyframe)
            }
            _ => Ok(()),
        }
    }

    /// A new frame of a stream that only numbers its layers.
    fn look_at_layered(&mut self, frame: &Frame, layered: &Layered, switch_point: bool) {
        let Layer { spatial, temporal } = frame.layer;
        let begins_picture = self.picture != Some(layered.picture);
        if begins_picture {
            self.picture = Some(layered.picture);
            self.is_intra = layered.is_intra;
            self.wanted = self.wanted_next;
        }
        let mut current = self.current;
        if switch_point {
            // All layers begin with it, in whatever order they come.
            current = self.wanted;
        }
        if begins_picture {
            // Lower layers never refer to higher ones.
            current.spatial = current.spatial.min(self.wanted.spatial);
            current.temporal = current.temporal.min(self.wanted.temporal);
        }
        let next = current.spatial.saturating_add(1);
        if self.is_intra && spatial == next && spatial <= self.wanted.spatial {
            current.spatial = spatial;
        }
        if layered.is_sync && temporal == current.temporal.saturating_add(1) {
            current.temporal = temporal.min(self.wanted.temporal);
        }
        if current != self.current {
            // Its lower layers went out already, and are of the same picture.
            self.change(frame.number - u64::from(spatial), current, 0);
        }
        if layered.opens_above
            && temporal <= current.temporal
            && current.temporal < self.wanted.temporal
        {
            // For the pictures that follow.
            current.temporal = self.wanted.temporal;
            self.change(frame.number - u64::from(spatial), current, 0);
        }
    }

    /// What is particular of a packet that is forwarded.
    #[inline]
    pub(crate) fn describe(&self, frame: &Frame, structure: Option<&Structure>) -> Selected {
        // A layer above may follow that the slot only begins with; its publisher marks the last of all. Of one that
        // was overtaken by a layer further up it does not begin with any.
        let may_rise = match &frame.relations {
            Relations::Layered(layered) => self.is_intra && self.picture == Some(layered.picture),
            _ => false,
        } && self.current.spatial < self.wanted.spatial
            && self.frames.is_ahead(frame.number + 1);
        let then = self.in_force(frame.number);
        let is_top =
            then.is_some_and(|then| frame.layer.spatial == then.current.spatial) && !may_rise;
        let mut selected = Selected {
            ends_picture: frame.ends && is_top && frame.number >= self.whole_before,
            active_targets: 0,
        };
        if let (Relations::Described(described), Some(structure)) = (&frame.relations, structure)
            && (described.active_targets != 0 || self.changed_at == Some(frame.number))
        {
            let of_current = targets_within(&structure.dependencies, self.current);
            let active = match described.active_targets {
                0 => structure.active_targets,
                told => told,
            };
            // If the publisher has just stopped what the slot shows, it knows best.
            selected.active_targets = match active & of_current {
                0 => described.active_targets,
                both if both == described.active_targets => 0,
                both => both,
            };
        }
        selected
    }
}

/// The decode target to show: of those that are produced, the one with the highest layers that are wanted.
fn choose(structure: &DependencyStructure, active: u32, wanted: Layer) -> u8 {
    let targets = (0..structure.decode_target_count()).filter(|&target| active >> target & 1 != 0);
    let within = |target: &u8| is_within(choose_layer(structure, *target), wanted);
    let best = targets
        .clone()
        .filter(within)
        .max_by_key(|&target| choose_layer(structure, target));
    let lowest = || targets.min_by_key(|&target| choose_layer(structure, target));
    best.or_else(lowest).unwrap_or(0)
}

fn choose_layer(structure: &DependencyStructure, target: u8) -> Layer {
    structure.decode_target_layer(target).unwrap_or_default()
}

/// A bit for each decode target with no layer above these.
fn targets_within(structure: &DependencyStructure, highest: Layer) -> u32 {
    (0..structure.decode_target_count())
        .filter(|&target| is_within(choose_layer(structure, target), highest))
        .fold(0, |mask, target| mask | 1 << target)
}

fn is_within(layer: Layer, highest: Layer) -> bool {
    layer.spatial <= highest.spatial && layer.temporal <= highest.temporal
}

/// How many frame numbers before this frame the last one is of the chain that protects `target`; 0: none.
fn chain_diff(described: &Described, target: u8, structure: &DependencyStructure) -> u8 {
    structure
        .protecting_chain(target)
        .and_then(|chain| described.chain_diffs.get(usize::from(chain)))
        .copied()
        .unwrap_or(0)
}

/// How long a frame of the chain may be missing before it is given up: a repair from the publisher takes one
/// or two round trips.
const PATIENCE: Duration = Duration::from_millis(500);
