//! What a receiver finds out about a frame's references from headers alone, as browsers do: by the dependency
//! descriptor if there is one, else by the numbers of VP8 (TL0PICIDX, picture id) or VP9 (picture id and the
//! pattern of the last keyframe), else by sequence numbers that leave no gap.

use std::collections::{BTreeSet, VecDeque};

use sfu_rtp::{DependencyDescriptor, DependencyStructure};

use crate::media::{Stamp, Told, Vp8Ids, Vp9Ids};

/// What the headers of a frame's packets say.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) keyframe: bool,
    /// The first and the last sequence number.
    pub(super) numbers: [u64; 2],
    pub(super) told: Told,
    /// Of the first packet.
    pub(super) descriptor: Option<Vec<u8>>,
}

impl Heading {
    /// Of a frame of which this packet has arrived.
    pub(super) fn new(sequence: u64, stamp: &Stamp, told: &Told) -> Self {
        let first = sequence - u64::from(stamp.packet);
        Self {
            keyframe: stamp.is_keyframe(),
            numbers: [first, first + u64::from(stamp.packets) - 1],
            told: told.clone(),
            descriptor: None,
        }
    }

    /// Takes in another packet of the frame; only the first says everything.
    pub(super) fn add(&mut self, stamp: &Stamp, told: &Told, descriptor: Option<&[u8]>) {
        if stamp.packet == 0 {
            self.told = told.clone();
            self.descriptor = descriptor.map(<[u8]>::to_vec);
        }
    }
}

/// What was decoded, as headers name it.
#[derive(Debug, Default)]
pub(super) struct References {
    last_number: Option<u64>,
    /// Numbers that no packet has.
    vacant: BTreeSet<u64>,
    vp8: Option<Vp8References>,
    vp9: Option<Vp9References>,
    described: Option<DescribedReferences>,
}

impl References {
    /// Whether a whole frame could be decoded now.
    pub(super) fn allow(&self, heading: &Heading) -> bool {
        if heading.keyframe {
            return true;
        }
        if let Some(value) = &heading.descriptor {
            let known = self.described.as_ref();
            return known.is_some_and(|known| known.allow(value));
        }
        match &heading.told {
            Told::Vp8(ids) => self.vp8.as_ref().is_some_and(|known| known.allow(*ids)),
            Told::Vp9(ids) => self.vp9.as_ref().is_some_and(|known| known.allow(ids)),
            Told::Nothing => self.last_number.map(|last| last + 1) == Some(heading.numbers[0]),
        }
    }

    /// No packet has this number.
    pub(super) fn note_vacant(&mut self, number: u64) {
        self.vacant.insert(number);
        self.pass_vacant();
    }

    /// Whatever has its number behind empty ones follows what came before them.
    fn pass_vacant(&mut self) {
        while let Some(last) = &mut self.last_number
            && self.vacant.remove(&(*last + 1))
        {
            *last += 1;
        }
    }

    /// A frame was decoded.
    pub(super) fn note(&mut self, heading: &Heading) {
        self.last_number = Some(heading.numbers[1]);
        self.vacant = self.vacant.split_off(&heading.numbers[1]);
        self.pass_vacant();
        if heading.keyframe {
            (self.vp8, self.vp9, self.described) = (None, None, None);
        }
        if let Some(value) = &heading.descriptor {
            if let Ok(structure) = DependencyStructure::parse(value) {
                self.described = Some(DescribedReferences::new(structure));
            }
            if let Some(known) = &mut self.described {
                known.note(value);
            }
        }
        match &heading.told {
            Told::Vp8(ids) => match &mut self.vp8 {
                Some(known) => known.note(*ids),
                None => self.vp8 = Some(Vp8References::new(*ids)),
            },
            Told::Vp9(ids) => {
                if let Some(pattern) = &ids.pattern {
                    self.vp9 = Some(Vp9References::new(ids.picture_id, ids.tl0, pattern.clone()));
                }
                if let Some(known) = &mut self.vp9 {
                    known.note(ids);
                }
            }
            Told::Nothing => {}
        }
    }
}

/// By dependency descriptors.
#[derive(Debug)]
struct DescribedReferences {
    structure: Box<DependencyStructure>,
    decoded: VecDeque<u16>,
}

impl DescribedReferences {
    fn new(structure: DependencyStructure) -> Self {
        Self {
            structure: Box::new(structure),
            decoded: VecDeque::new(),
        }
    }

    fn allow(&self, value: &[u8]) -> bool {
        let Ok(descriptor) = DependencyDescriptor::parse(value, Some(&self.structure)) else {
            return false;
        };
        let number = descriptor.head.frame_number;
        let mut diffs = descriptor.frame.frame_diffs().iter();
        diffs.all(|&diff| self.decoded.contains(&number.wrapping_sub(diff)))
    }

    fn note(&mut self, value: &[u8]) {
        if let Ok(descriptor) = DependencyDescriptor::parse(value, Some(&self.structure)) {
            remember(&mut self.decoded, descriptor.head.frame_number);
        }
    }
}

/// By the numbers of VP8 (RFC 7741 §4.2).
#[derive(Debug)]
struct Vp8References {
    tl0: u8,
    picture_id: u16,
    /// Of each temporal layer, whether a picture was decoded since the keyframe, and no later one is missing.
    unbroken: [bool; 4],
}

impl Vp8References {
    fn new(keyframe: Vp8Ids) -> Self {
        Self {
            tl0: keyframe.tl0,
            picture_id: keyframe.picture_id,
            unbroken: [true, false, false, false],
        }
    }

    fn allow(&self, ids: Vp8Ids) -> bool {
        if ids.temporal == 0 {
            return ids.tl0 == self.tl0.wrapping_add(1);
        }
        let lower = &self.unbroken[..=usize::from(ids.temporal)];
        let follows = self.follows(ids) && lower.iter().all(|&unbroken| unbroken);
        ids.tl0 == self.tl0 && (ids.layer_sync || follows)
    }

    fn note(&mut self, ids: Vp8Ids) {
        if !self.follows(ids) {
            self.unbroken = [false; 4];
        }
        self.unbroken[usize::from(ids.temporal)] = true;
        (self.tl0, self.picture_id) = (ids.tl0, ids.picture_id);
    }

    fn follows(&self, ids: Vp8Ids) -> bool {
        ids.picture_id == (self.picture_id + 1) & 0x7fff
    }
}

/// By the numbers of VP9 (RFC 9628 §4.2).
#[derive(Debug)]
struct Vp9References {
    /// The keyframe, with which the pattern begins.
    begin: u16,
    /// How many pictures back those are that a picture refers to.
    pattern: Vec<Vec<u8>>,
    /// Picture ids and spatial layers.
    decoded: VecDeque<(u16, u8)>,
    /// The last picture of the lowest temporal layer, and its TL0PICIDX.
    base: (u16, u8),
}

impl Vp9References {
    fn new(begin: u16, tl0: u8, pattern: Vec<Vec<u8>>) -> Self {
        Self {
            begin,
            base: (begin, tl0),
            pattern,
            decoded: VecDeque::new(),
        }
    }

    fn allow(&self, ids: &Vp9Ids) -> bool {
        let has = |picture, spatial| self.decoded.contains(&(picture, spatial));
        let below = || {
            ids.spatial
                .checked_sub(1)
                .is_some_and(|it| has(ids.picture_id, it))
        };
        // Behind a lowest layer that is missing, the pattern may be another.
        let (base, tl0) = self.base;
        let begins = ids.temporal == 0 && ids.picture_id != base;
        let follows = ids.tl0 == tl0.wrapping_add(begins.into());
        if !follows || (ids.inter_layer && !below()) {
            return false;
        }
        let place = usize::from(ids.picture_id.wrapping_sub(self.begin) & 0x7fff);
        let diffs = self.pattern.get(place % self.pattern.len().max(1));
        let earlier = |&diff: &u8| {
            let picture = ids.picture_id.wrapping_sub(u16::from(diff)) & 0x7fff;
            has(picture, ids.spatial)
        };
        !ids.predicted || diffs.is_some_and(|diffs| diffs.iter().all(earlier))
    }

    fn note(&mut self, ids: &Vp9Ids) {
        if ids.temporal == 0 {
            self.base = (ids.picture_id, ids.tl0);
        }
        remember(&mut self.decoded, (ids.picture_id, ids.spatial));
    }
}

fn remember<T>(decoded: &mut VecDeque<T>, name: T) {
    decoded.push_back(name);
    if decoded.len() > REMEMBERED {
        decoded.pop_front();
    }
}

/// More frames than any pattern refers back over.
const REMEMBERED: usize = 64;
