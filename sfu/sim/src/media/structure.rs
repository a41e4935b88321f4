//! Which frames a stream has and which of them refer to which: temporal layers in the patterns of libwebrtc,
//! spatial layers that refer to the one below in every picture (L3T3) or in keyframes only (L3T3_KEY).

use sfu_rtp::Layer;

/// How many layers an encoding has, and how its spatial ones hang together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scalability {
    /// 1 to 3.
    pub spatial: u8,
    /// 1 to 3.
    pub temporal: u8,
    /// Spatial layers refer to one another in keyframes only.
    pub key: bool,
}

impl Scalability {
    /// One layer.
    pub const NONE: Self = Self {
        spatial: 1,
        temporal: 1,
        key: false,
    };

    /// All pairs of layers, the lowest first.
    pub(super) fn layers(self) -> impl Iterator<Item = Layer> + Clone {
        let of = move |spatial| (0..self.temporal).map(move |temporal| Layer { spatial, temporal });
        (0..self.spatial).flat_map(of)
    }

    /// The temporal layers of pictures, from a keyframe on.
    pub(super) const fn pattern(self) -> &'static [u8] {
        match self.temporal {
            0 | 1 => &[0],
            2 => &[0, 1],
            _ => &[0, 2, 1, 2],
        }
    }
}

/// Says what comes next.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    scalability: Scalability,
    /// The number of the next frame.
    next_frame: u32,
    /// That of the next picture.
    next_picture: u32,
    /// Pictures since the last keyframe.
    phase: usize,
    /// The last frame of each layer, the spatial one first.
    last: [[Option<u32>; MAX_LAYERS]; MAX_LAYERS],
    /// The last frame of each spatial layer's chain.
    chains: [Option<u32>; MAX_LAYERS],
}

/// A frame, and what it refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// Counted over all layers.
    pub(super) number: u32,
    pub(super) picture: u32,
    /// Of the picture, since the last keyframe.
    pub(super) phase: usize,
    pub(super) layer: Layer,
    /// How many frames back those are that it refers to; 0: none. First the one in an earlier picture.
    pub(super) refers_back: [u16; 2],
    /// Its picture refers to no earlier one.
    pub(super) key_picture: bool,
    /// It refers to the lowest temporal layer only, and is not of that.
    pub(super) is_sync: bool,
    /// For each spatial layer, how many frames back the last one of its chain is; 0: it begins.
    pub(super) chain_diffs: [u8; MAX_LAYERS],
}

impl Structure {
    pub(super) fn new(scalability: Scalability) -> Self {
        Self {
            scalability,
            next_frame: 0,
            next_picture: 0,
            phase: 0,
            last: [[None; MAX_LAYERS]; MAX_LAYERS],
            chains: [None; MAX_LAYERS],
        }
    }

    /// The frames of the next picture, the lowest layer first.
    pub(super) fn picture(&mut self, keyframe: bool) -> impl Iterator<Item = Frame> {
        let key_picture = keyframe || self.next_picture == 0;
        if key_picture {
            self.phase = 0;
            self.last = [[None; MAX_LAYERS]; MAX_LAYERS];
            self.chains = [None; MAX_LAYERS];
        }
        let pattern = self.scalability.pattern();
        let temporal = pattern[self.phase % pattern.len()];
        let (picture, phase) = (self.next_picture, self.phase);
        self.phase += 1;
        self.next_picture += 1;
        (0..self.scalability.spatial).map(move |spatial| {
            let layer = Layer { spatial, temporal };
            self.frame(picture, phase, layer, key_picture)
        })
    }

    fn frame(&mut self, picture: u32, phase: usize, layer: Layer, key_picture: bool) -> Frame {
        let (spatial, temporal) = (usize::from(layer.spatial), usize::from(layer.temporal));
        let number = self.next_frame;
        self.next_frame += 1;
        // The newest of a lower temporal layer, or of its own if that is the lowest.
        let below = &self.last[spatial][..temporal.max(1)];
        let earlier = below.iter().copied().flatten().max();
        let through = key_picture || !self.scalability.key;
        let inter_layer = (spatial > 0 && through).then(|| number - 1);
        let back = |to: Option<u32>| to.map_or(0, |to| number - to);
        let chain_diffs = self.chains.map(|last| back(last) as u8);
        if temporal == 0 {
            for chain in spatial..usize::from(self.scalability.spatial) {
                if chain == spatial || through {
                    self.chains[chain] = Some(number);
                }
            }
        }
        self.last[spatial][temporal] = Some(number);
        Frame {
            number,
            picture,
            phase,
            layer,
            refers_back: [earlier, inter_layer].map(|to| back(to) as u16),
            key_picture,
            is_sync: temporal > 0 && earlier == self.last[spatial][0],
            chain_diffs,
        }
    }
}

pub(super) const MAX_LAYERS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// (refers back, temporal layer) of the frames of so many pictures.
    fn frames(spatial: u8, temporal: u8, key: bool, pictures: usize) -> Vec<([u16; 2], u8)> {
        let mut structure = Structure::new(Scalability {
            spatial,
            temporal,
            key,
        });
        let mut found = Vec::new();
        for _ in 0..pictures {
            let frames = structure.picture(false);
            found.extend(frames.map(|frame| (frame.refers_back, frame.layer.temporal)));
        }
        found
    }

    #[test]
    fn frames_refer_to_lower_temporal_layers() {
        let of = |temporal, pictures| {
            let frames = frames(1, temporal, false, pictures).into_iter();
            frames
                .map(|([back, _], temporal)| (back, temporal))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(1, 3), [(0, 0), (1, 0), (1, 0)]);
        assert_eq!(of(2, 4), [(0, 0), (1, 1), (2, 0), (1, 1)]);
        let expected = [(0, 0), (1, 2), (2, 1), (1, 2), (4, 0), (1, 2), (2, 1)];
        assert_eq!(of(3, 7), expected);
    }

    #[test]
    fn spatial_layers_refer_to_one_another_always_or_in_keyframes_only() {
        let expected = [([0, 0], 0), ([0, 1], 0), ([2, 0], 0), ([2, 1], 0)];
        assert_eq!(frames(2, 1, false, 2), expected);
        let expected = [([0, 0], 0), ([0, 1], 0), ([2, 0], 0), ([2, 0], 0)];
        assert_eq!(frames(2, 1, true, 2), expected);
    }
}
