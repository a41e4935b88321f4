//! What a viewer saw of one track: a list of frames, and questions to it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::decoder::ShownFrame;

/// Everything that was shown of one track. Times are virtual, since the world's start.
#[derive(Clone, Debug)]
pub struct Watch {
    start: Instant,
    frames: Vec<ShownFrame>,
}

impl Watch {
    pub(super) fn new(start: Instant, mut frames: Vec<ShownFrame>) -> Self {
        frames.sort_by_key(|frame| frame.at);
        Self { start, frames }
    }

    /// The frames that were shown within `range`.
    pub fn within(&self, range: Range<Duration>) -> impl Iterator<Item = &ShownFrame> {
        let within = move |frame: &&ShownFrame| range.contains(&(frame.at - self.start));
        self.frames.iter().filter(within)
    }

    /// When a frame was shown.
    pub fn time_of(&self, frame: &ShownFrame) -> Duration {
        frame.at - self.start
    }

    /// When each frame was captured and when it was shown.
    pub fn all(&self) -> impl Iterator<Item = (Duration, Duration)> {
        let frames = self.frames.iter();
        frames.map(|frame| (frame.captured, frame.at - self.start))
    }

    /// How many frames were shown within `range`.
    pub fn frames(&self, range: Range<Duration>) -> usize {
        self.within(range).count()
    }

    /// When the first frame at or after `from` was shown.
    pub fn first_after(&self, from: Duration) -> Option<Duration> {
        let mut times = self.frames.iter().map(|frame| frame.at - self.start);
        times.find(|at| *at >= from)
    }

    /// The longest time within `range` without a new frame, its ends included.
    pub fn longest_freeze(&self, range: Range<Duration>) -> Duration {
        let mut last = range.start;
        let mut longest = Duration::ZERO;
        let end = range.end;
        let shown = self.within(range).map(|frame| frame.at - self.start);
        for at in shown.chain([end]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// How many frames of each encoding were shown within `range`.
    pub fn encodings(&self, range: Range<Duration>) -> BTreeMap<u8, usize> {
        let mut encodings = BTreeMap::new();
        for frame in self.within(range) {
            *encodings.entry(frame.encoding).or_insert(0) += 1;
        }
        encodings
    }

    /// How many pictures of each highest spatial layer were shown within `range`.
    pub fn spatial_layers(&self, range: Range<Duration>) -> BTreeMap<u8, usize> {
        let mut layers = BTreeMap::new();
        for picture in self.within(range) {
            *layers.entry(picture.spatial).or_insert(0) += 1;
        }
        layers
    }

    /// How many keyframes were shown within `range`.
    pub fn keyframes(&self, range: Range<Duration>) -> usize {
        self.within(range).filter(|frame| frame.keyframe).count()
    }
}
