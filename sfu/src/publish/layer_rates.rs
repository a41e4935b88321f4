//! What each layer of one encoding takes, and how many frames it brings.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use sfu_rtp::dependency_descriptor::DecodeTargetIndication;
use sfu_rtp::{Bitrate, DependencyStructure, Layer};

use super::frame::{ALL_LAYERS, Described, Frame, Relations};

/// Counts packets by layer. Layers above the fourth count as the fourth.
#[derive(Debug, Default)]
pub(crate) struct LayerRates {
    counts: [[Count; TEMPORAL]; SPATIAL],
    /// Since when it counts.
    began: Option<Instant>,
    rates: [[Rate; TEMPORAL]; SPATIAL],
    is_known: bool,
}

#[derive(Clone, Copy, Default, Debug)]
struct Count {
    bytes: u32,
    /// Of these, what is part of the spatial layers above as well: all where each refers to the one below, keyframes
    /// alone where only those do.
    shared_bytes: u32,
    frames: u32,
}

/// Per second, smoothed.
#[derive(Clone, Copy, Default, Debug)]
struct Rate {
    bytes: f32,
    shared_bytes: f32,
    frames: f32,
}

/// Some of the layers of an encoding: all up to a highest pair.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Portion {
    pub(crate) layers: Layer,
    /// Of what the encoding takes, 0 to 1.
    pub(crate) share: f32,
    /// Of its picture, in pixels; 0: not known.
    pub(crate) height: u16,
    /// Frames per second, if some are left out; else [`EVERY_FRAME`].
    pub(crate) frame_rate: u8,
}

impl Portion {
    /// What it takes of an encoding that takes `all`.
    pub(crate) fn of(&self, all: Bitrate) -> Bitrate {
        Bitrate::from_bps((all.bps() as f64 * f64::from(self.share)) as u64)
    }

    pub(crate) fn is_every_frame(&self) -> bool {
        self.frame_rate == EVERY_FRAME
    }
}

/// A frame rate of which nothing is left out, whatever it is.
pub(crate) const EVERY_FRAME: u8 = u8::MAX;

/// The portions of one encoding.
pub(crate) type Portions = ArrayVec<Portion, MAX_PORTIONS>;

impl LayerRates {
    #[inline]
    pub(crate) fn on_packet(
        &mut self,
        frame: &Frame,
        structure: Option<&DependencyStructure>,
        bytes: usize,
    ) {
        let spatial = usize::from(frame.layer.spatial).min(SPATIAL - 1);
        let temporal = usize::from(frame.layer.temporal).min(TEMPORAL - 1);
        let count = &mut self.counts[spatial][temporal];
        let bytes = bytes as u32;
        count.bytes = count.bytes.saturating_add(bytes);
        let is_shared = match (&frame.relations, structure) {
            (Relations::Described(described), Some(structure)) => {
                is_part_of_higher(frame.layer, described, structure)
            }
            _ => true,
        };
        if is_shared {
            count.shared_bytes = count.shared_bytes.saturating_add(bytes);
        }
        count.frames = count.frames.saturating_add(frame.starts.into());
    }

    /// Takes in what was counted since it was asked last, if that is long enough ago.
    pub(crate) fn observe(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        if passed < SHORTEST {
            return;
        }
        self.began = Some(now);
        let weight = if self.is_known { WEIGHT } else { 1.0 };
        self.is_known = true;
        let all = self.rates.iter_mut().flatten();
        for (rate, count) in all.zip(self.counts.iter_mut().flatten()) {
            let Count {
                bytes,
                shared_bytes,
                frames,
            } = std::mem::take(count);
            let per_second = |count: u32| count as f32 / passed.as_secs_f32();
            rate.bytes += weight * (per_second(bytes) - rate.bytes);
            rate.shared_bytes += weight * (per_second(shared_bytes) - rate.shared_bytes);
            rate.frames += weight * (per_second(frames) - rate.frames);
        }
    }

    /// What can be forwarded: all; with SVC, the lower spatial layers; and fewer temporal layers of the lowest.
    /// `height_of` says how high the picture of a spatial layer is, with so many above it.
    pub(crate) fn portions(&self, height_of: impl Fn(u8, u8) -> u16) -> Portions {
        let all = self.rates.iter().flatten();
        let total: f32 = all.map(|rate| rate.bytes).sum();
        let mut portions = Portions::new();
        let is_there = |bytes: f32| bytes > total * LEAST_SHARE;
        let highest_spatial = (0..SPATIAL)
            .rev()
            .find(|&spatial| is_there(self.rates[spatial].iter().map(|rate| rate.bytes).sum()));
        let Some(highest_spatial) = highest_spatial.filter(|_| total > 0.0) else {
            portions.push(Portion {
                layers: ALL_LAYERS,
                share: 1.0,
                height: height_of(0, 0),
                frame_rate: EVERY_FRAME,
            });
            return portions;
        };
        let highest_temporal = (0..TEMPORAL)
            .rev()
            .find(|&temporal| is_there(self.rates.iter().map(|of| of[temporal].bytes).sum()))
            .unwrap_or(0);
        let portion = |spatial: usize, temporal: usize| {
            let rates = self.rates[0].iter().take(temporal + 1);
            let frames: f32 = rates.map(|rate| rate.frames).sum();
            let or_all = |layer: usize, highest: usize| {
                if layer < highest {
                    layer as u8
                } else {
                    u8::MAX
                }
            };
            Portion {
                layers: Layer {
                    spatial: or_all(spatial, highest_spatial),
                    temporal: or_all(temporal, highest_temporal),
                },
                share: self.bytes_up_to(spatial, temporal) / total,
                height: height_of(spatial as u8, (highest_spatial - spatial) as u8),
                frame_rate: match temporal < highest_temporal {
                    true => (frames.round() as u8).min(EVERY_FRAME - 1),
                    false => EVERY_FRAME,
                },
            }
        };
        portions.extend((0..highest_temporal).map(|temporal| portion(0, temporal)));
        portions.extend((0..=highest_spatial).map(|spatial| portion(spatial, highest_temporal)));
        portions
    }

    /// What a slot gets that shows these layers.
    fn bytes_up_to(&self, spatial: usize, temporal: usize) -> f32 {
        let of_layer = |layer: usize, rate: &Rate| match layer == spatial {
            true => rate.bytes,
            false => rate.shared_bytes,
        };
        let layers = self.rates.iter().take(spatial + 1).enumerate();
        layers
            .flat_map(|(layer, of)| of.iter().take(temporal + 1).map(move |it| (layer, it)))
            .map(|(layer, rate)| of_layer(layer, rate))
            .sum()
    }
}

/// Whether a frame is part of any spatial layer above its own.
fn is_part_of_higher(layer: Layer, described: &Described, structure: &DependencyStructure) -> bool {
    (0..structure.decode_target_count()).any(|target| {
        let is_higher = |of: Layer| of.spatial > layer.spatial;
        structure.decode_target_layer(target).is_some_and(is_higher)
            && described.indications.of(target) != DecodeTargetIndication::NotPresent
    })
}

/// AV1 has four; VP9 could have eight, which nobody uses.
const SPATIAL: usize = 4;
const TEMPORAL: usize = 4;

/// Every spatial layer, and fewer temporal layers of the lowest.
pub(crate) const MAX_PORTIONS: usize = SPATIAL + TEMPORAL - 1;

/// A few frames.
const SHORTEST: Duration = Duration::from_millis(150);

/// Over about a second, as bitrates are.
const WEIGHT: f32 = 0.25;

/// A layer that takes less than a hundredth has stopped.
const LEAST_SHARE: f32 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::frame::FrameNumbers;
    use crate::publish::samples::{Mode, Scalable};
    use sfu_rtp::{DependencyDescriptor, PayloadFormat, PayloadInfo};

    /// Two seconds of a stream, and (spatial, temporal, percent, height, frames per second) of each portion.
    fn portions(mode: Mode, spatial: u8, temporal: u8) -> Vec<(u8, u8, u32, u16, u8)> {
        let start = Instant::now();
        let mut rates = LayerRates::default();
        let mut encoder = Scalable::new(mode, spatial, temporal);
        let mut numbers = FrameNumbers::default();
        let mut structure = None;
        for picture in 0..81 {
            if picture > 0 {
                rates.observe(start + Duration::from_millis(25) * ((picture - 1) / 8 * 8));
            }
            for frame in encoder.picture(false) {
                let payload = frame.payload(true, true);
                let read = match frame.descriptor(true, true) {
                    None => {
                        let format = match mode {
                            Mode::Vp8 => PayloadFormat::Vp8,
                            _ => PayloadFormat::Vp9,
                        };
                        let info = PayloadInfo::parse(format, &payload).expect("readable");
                        numbers.of_payload(&info).expect("it names layers")
                    }
                    Some(value) => {
                        structure = DependencyStructure::parse(&value).ok().or(structure);
                        let descriptor = DependencyDescriptor::parse(&value, structure.as_ref());
                        numbers.of_descriptor(&descriptor.expect("readable"))
                    }
                };
                // The second spatial layer takes as much as the first, the third as both.
                let bytes = 500 << frame.layer.spatial.saturating_sub(1);
                // Keyframes would be most of so short a stream.
                if !frame.is_key {
                    rates.on_packet(&read, structure.as_ref(), bytes);
                }
            }
        }
        let portions = rates.portions(|_, above| 720 >> above).into_iter();
        let told = |it: Portion| {
            let Layer { spatial, temporal } = it.layers;
            let percent = (it.share * 100.0).round() as u32;
            (spatial, temporal, percent, it.height, it.frame_rate)
        };
        portions.map(told).collect()
    }

    #[test]
    fn the_portions_of_streams_are_told() {
        const ALL: u8 = u8::MAX;
        type Case = (Mode, u8, u8, &'static [(u8, u8, u32, u16, u8)]);
        let cases: &[Case] = &[
            (Mode::Vp8, 1, 1, &[(ALL, ALL, 100, 720, EVERY_FRAME)]),
            (
                Mode::Vp8,
                1,
                3,
                &[
                    (ALL, 0, 25, 720, 10),
                    (ALL, 1, 50, 720, 20),
                    (ALL, ALL, 100, 720, EVERY_FRAME),
                ],
            ),
            (
                Mode::Vp9,
                3,
                2,
                &[
                    (0, 0, 13, 180, 20),
                    (0, ALL, 25, 180, EVERY_FRAME),
                    (1, ALL, 50, 360, EVERY_FRAME),
                    (ALL, ALL, 100, 720, EVERY_FRAME),
                ],
            ),
            (
                Mode::Described,
                3,
                1,
                &[
                    (0, ALL, 25, 180, EVERY_FRAME),
                    (1, ALL, 50, 360, EVERY_FRAME),
                    (ALL, ALL, 100, 720, EVERY_FRAME),
                ],
            ),
            // Who gets a higher layer gets the lower ones in keyframes only.
            (
                Mode::DescribedKey,
                3,
                1,
                &[
                    (0, ALL, 25, 180, EVERY_FRAME),
                    (1, ALL, 25, 360, EVERY_FRAME),
                    (ALL, ALL, 50, 720, EVERY_FRAME),
                ],
            ),
        ];
        for (mode, spatial, temporal, expected) in cases {
            let found = portions(*mode, *spatial, *temporal);
            assert_eq!(found, *expected, "{mode:?}, {spatial} by {temporal}");
        }
    }

    #[test]
    fn of_what_names_no_layers_all_is_one_portion() {
        let all = Portion {
            layers: ALL_LAYERS,
            share: 1.0,
            height: 360,
            frame_rate: EVERY_FRAME,
        };
        let portions = LayerRates::default().portions(|_, _| 360);
        assert_eq!(portions.as_slice(), [all]);
    }
}
