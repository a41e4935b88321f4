//! A stream with layers, frame by frame: what each refers to, and how a dependency descriptor or the payload
//! descriptor of VP8 or VP9 says so. The patterns are those of browsers: temporal layers 0-2-1-2, spatial
//! layers that refer to the one below in each picture, or in keyframes only.

use sfu_rtp::Layer;

/// How a stream tells of its layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// By a dependency descriptor; spatial layers refer to one another in each picture.
    Described,
    /// By a dependency descriptor; in keyframes only.
    DescribedKey,
    Vp8,
    Vp9,
}

/// The encoder.
#[derive(Debug)]
pub(crate) struct Scalable {
    mode: Mode,
    layers: Layer,
    /// Of the next picture, since the last keyframe.
    phase: u64,
    picture: u64,
    number: u64,
    tl0: u8,
    /// By spatial and temporal layer, the last frame.
    last: [[Option<u64>; 3]; 3],
    chains: [Option<u64>; 3],
}

/// A frame, and how it says what it is.
#[derive(Clone, Debug)]
pub(crate) struct ScalableFrame {
    pub(crate) number: u64,
    pub(crate) picture: u64,
    pub(crate) layer: Layer,
    pub(crate) tl0: u8,
    pub(crate) references: Vec<u64>,
    pub(crate) is_key: bool,
    /// The last of its picture.
    pub(crate) is_top: bool,
    is_sync: bool,
    chain_diffs: Vec<u8>,
    spatial_layers: u8,
    temporal_layers: u8,
    mode: Mode,
}

impl Scalable {
    /// One with so many spatial and temporal layers, three at most.
    pub(crate) fn new(mode: Mode, spatial: u8, temporal: u8) -> Self {
        Self {
            mode,
            layers: Layer { spatial, temporal },
            phase: 0,
            picture: 100,
            number: 1_000,
            tl0: 250,
            last: [[None; 3]; 3],
            chains: [None; 3],
        }
    }

    pub(crate) fn spatial_layers(&self) -> u8 {
        self.layers.spatial
    }

    pub(crate) fn temporal_layers(&self) -> u8 {
        self.layers.temporal
    }

    /// The frames of the next picture, the lowest layer first.
    pub(crate) fn picture(&mut self, keyframe: bool) -> Vec<ScalableFrame> {
        let is_key = keyframe || self.last[0][0].is_none();
        if is_key {
            self.phase = 0;
            self.last = [[None; 3]; 3];
            self.chains = [None; 3];
        }
        let pattern: &[u8] = match self.layers.temporal {
            1 => &[0],
            2 => &[0, 1],
            _ => &[0, 2, 1, 2],
        };
        let temporal = pattern[self.phase as usize % pattern.len()];
        self.phase += 1;
        self.picture += 1;
        if temporal == 0 {
            self.tl0 = self.tl0.wrapping_add(1);
        }
        (0..self.layers.spatial)
            .map(|spatial| self.frame(Layer { spatial, temporal }, is_key))
            .collect()
    }

    fn frame(&mut self, layer: Layer, is_key: bool) -> ScalableFrame {
        let (spatial, temporal) = (usize::from(layer.spatial), usize::from(layer.temporal));
        let number = self.number;
        self.number += 1;
        // The newest of a lower temporal layer, or of its own if that is the lowest.
        let below = &self.last[spatial][..temporal.max(1)];
        let mut references: Vec<u64> = below.iter().copied().flatten().max().into_iter().collect();
        let is_sync = temporal > 0 && references.first().copied() == self.last[spatial][0];
        let inter_layer = spatial > 0 && (is_key || self.mode != Mode::DescribedKey);
        if inter_layer {
            references.push(number - 1);
        }
        let chain_diffs = self.chains[..usize::from(self.layers.spatial)]
            .iter()
            .map(|last| last.map_or(0, |last| (number - last) as u8))
            .collect();
        if temporal == 0 {
            for (chain, last) in self.chains.iter_mut().enumerate() {
                let through = spatial == chain
                    || spatial < chain && (is_key || self.mode != Mode::DescribedKey);
                if through {
                    *last = Some(number);
                }
            }
        }
        self.last[spatial][temporal] = Some(number);
        ScalableFrame {
            number,
            picture: self.picture,
            layer,
            tl0: self.tl0,
            references,
            is_key,
            is_top: layer.spatial + 1 == self.layers.spatial,
            is_sync,
            chain_diffs,
            spatial_layers: self.layers.spatial,
            temporal_layers: self.layers.temporal,
            mode: self.mode,
        }
    }
}

impl ScalableFrame {
    /// A payload of the frame's first or last packet. With a dependency descriptor it is encrypted.
    pub(crate) fn payload(&self, starts: bool, ends: bool) -> Vec<u8> {
        let [high, low] = (0x8000 | self.picture as u16).to_be_bytes();
        let Layer { spatial, temporal } = self.layer;
        match self.mode {
            Mode::Described | Mode::DescribedKey => vec![0xff; 30],
            Mode::Vp8 => vec![
                0x80 | u8::from(starts) << 4,
                0xe0,
                high,
                low,
                self.tl0,
                temporal << 6 | u8::from(self.is_sync) << 5,
                u8::from(!self.is_key),
                0,
                0,
            ],
            Mode::Vp9 => vec![
                0xa0 | u8::from(!self.is_key) << 6 | u8::from(starts) << 3 | u8::from(ends) << 2,
                high,
                low,
                temporal << 5 | 0x10 | spatial << 1 | u8::from(spatial > 0),
                self.tl0,
                0xff,
            ],
        }
    }

    /// A dependency descriptor that says everything for itself; the structure comes with keyframes.
    pub(crate) fn descriptor(&self, starts: bool, ends: bool) -> Option<Vec<u8>> {
        if matches!(self.mode, Mode::Vp8 | Mode::Vp9) {
            return None;
        }
        let mut bits = Bits::default();
        bits.put(starts.into(), 1);
        bits.put(ends.into(), 1);
        let template = self.layer.spatial * self.temporal_layers + self.layer.temporal;
        bits.put(template.into(), 6);
        bits.put(self.number as u16 as u32, 16);
        let structure = self.is_key && self.layer.spatial == 0 && starts;
        bits.put(u32::from(structure), 1);
        bits.put(0b0111, 4);
        if structure {
            self.put_structure(&mut bits);
        }
        for target in self.targets() {
            bits.put(self.indication(target), 2);
        }
        for reference in &self.references {
            bits.put(2, 2);
            bits.put((self.number - reference - 1) as u32, 8);
        }
        bits.put(0, 2);
        for &diff in &self.chain_diffs {
            bits.put(diff.into(), 8);
        }
        Some(bits.bytes)
    }

    /// All decode targets, in their order.
    pub(crate) fn targets(&self) -> Vec<Layer> {
        layers(self.spatial_layers, self.temporal_layers)
    }

    fn put_structure(&self, bits: &mut Bits) {
        let targets = self.targets();
        bits.put(0, 6);
        bits.put(targets.len() as u32 - 1, 5);
        for template in &targets {
            let next = if template.temporal + 1 < self.temporal_layers {
                1
            } else if template.spatial + 1 < self.spatial_layers {
                2
            } else {
                3
            };
            bits.put(next, 2);
        }
        for template in &targets {
            for target in &targets {
                let present =
                    template.spatial <= target.spatial && template.temporal <= target.temporal;
                bits.put(if present { 3 } else { 0 }, 2);
            }
        }
        bits.put(0, targets.len());
        let chains = u32::from(self.spatial_layers);
        bits.put_below(chains, targets.len() as u32 + 1);
        for target in &targets {
            bits.put_below(target.spatial.into(), chains);
        }
        for _ in &targets {
            bits.put(0, 4 * usize::from(self.spatial_layers));
        }
        bits.put(1, 1);
        for spatial in 0..self.spatial_layers {
            bits.put((320 << spatial) - 1, 16);
            bits.put((180 << spatial) - 1, 16);
        }
    }

    /// 0: not present, 1: discardable, 2: switch, 3: required.
    fn indication(&self, target: Layer) -> u32 {
        let Layer { spatial, temporal } = self.layer;
        let is_own = spatial == target.spatial;
        let reaches_up = spatial < target.spatial && (self.is_key || self.mode == Mode::Described);
        if temporal > target.temporal || !(is_own || reaches_up) {
            return 0;
        }
        if temporal + 1 == self.temporal_layers && temporal > 0 {
            return if is_own { 1 } else { 3 };
        }
        if is_own || self.is_key { 2 } else { 3 }
    }
}

/// All pairs of so many spatial and temporal layers.
pub(crate) fn layers(spatial: u8, temporal: u8) -> Vec<Layer> {
    let of = |spatial| (0..temporal).map(move |temporal| Layer { spatial, temporal });
    (0..spatial).flat_map(of).collect()
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: usize) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = if bit < 32 { value >> bit & 1 } else { 0 };
            if let Some(last) = self.bytes.last_mut() {
                *last |= (bit as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// ns(n) of the AV1 specification, §4.10.7.
    fn put_below(&mut self, value: u32, bound: u32) {
        let width = 32 - bound.leading_zeros() as usize;
        let short = (1 << width) - bound;
        if value < short {
            self.put(value, width - 1);
        } else {
            self.put(value + short, width);
        }
    }
}
