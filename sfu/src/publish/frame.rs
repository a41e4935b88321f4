//! Which frame a packet is part of, on which layer that is, and what it refers to: from the dependency
//! descriptor (AV1 RTP specification, appendix A) where there is one, else from the payload (RFC 7741 §4.2,
//! RFC 9628 §4.2).

use sfu_rtp::dependency_descriptor::{DependencyDescriptor, DescriptorHead, Indications};
use sfu_rtp::{Layer, PayloadInfo, SeqUnwrapper};

/// The frame of one packet. With spatial layers, each picture is several frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    /// Counted over all layers of the encoding, unwrapped.
    pub(crate) number: u64,
    pub(crate) layer: Layer,
    /// The packet is the frame's first.
    pub(crate) starts: bool,
    /// The packet is the frame's last, as far as the source tells: VP8 does by the marker only.
    pub(crate) ends: bool,
    pub(crate) relations: Relations,
}

/// How a frame relates to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relations {
    Described(Described),
    /// A dependency descriptor says, but it cannot be read.
    Unknown,
    Layered(Layered),
}

/// What a dependency descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Described {
    pub(crate) indications: Indications,
    /// For each chain, how many frame numbers back its last frame is; 0: it begins anew.
    pub(crate) chain_diffs: [u8; MAX_CHAINS],
    /// How many frame numbers back the frames are that this one refers to; 0: none.
    references: [u8; MAX_REFERENCES],
    /// There are more references, or some that lie further back.
    has_other_references: bool,
    /// What its publisher says that it produces; 0: as before.
    pub(crate) active_targets: u32,
    pub(crate) has_structure: bool,
}

/// What a payload descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layered {
    /// The number of the picture, which is that of all its spatial layers.
    pub(crate) picture: u64,
    /// It refers to no earlier picture.
    pub(crate) is_intra: bool,
    /// Of its temporal layer or above nothing before it is needed any more: neither by itself nor later.
    pub(crate) is_sync: bool,
    /// Of the temporal layers above its own nothing before it is needed any more.
    pub(crate) opens_above: bool,
}

/// Counts the frames of one encoding.
#[derive(Debug, Default)]
pub(crate) struct FrameNumbers {
    described: SeqUnwrapper,
    pictures: SeqUnwrapper,
}

impl FrameNumbers {
    pub(crate) fn of_descriptor(&mut self, descriptor: &DependencyDescriptor) -> Frame {
        let head = descriptor.head;
        Frame {
            number: self.described.extend(head.frame_number).get(),
            layer: descriptor.layer,
            starts: head.start_of_frame,
            ends: head.end_of_frame,
            relations: Relations::Described(Described::of(descriptor)),
        }
    }

    /// The frame of a descriptor that cannot be read, because the keyframe was lost that says how. No more than its
    /// number is known.
    pub(crate) fn of_head(&mut self, head: DescriptorHead) -> Frame {
        Frame {
            number: self.described.extend(head.frame_number).get(),
            layer: Layer::default(),
            starts: head.start_of_frame,
            ends: head.end_of_frame,
            relations: Relations::Unknown,
        }
    }

    /// The frame that a payload tells of; `None` if it does not number it, or names no layers.
    pub(crate) fn of_payload(&mut self, payload: &PayloadInfo) -> Option<Frame> {
        let (numbers, ends, is_sync, opens_above, is_intra) = match payload {
            PayloadInfo::Vp8(vp8) => (vp8.numbers(), false, vp8.layer_sync, false, vp8.keyframe),
            PayloadInfo::Vp9(vp9) => (
                vp9.numbers(),
                vp9.frame_end,
                false,
                vp9.switching_up_point,
                !vp9.inter_picture_predicted,
            ),
            _ => return None,
        };
        let id = numbers.picture_id?;
        let layer = Layer {
            temporal: payload.temporal_layer()?,
            spatial: payload.spatial_layer().unwrap_or(0),
        };
        // Its bits on top of those of a sequence number, so that the two wrap together.
        let spare = id.width().mask().leading_zeros();
        let picture = self.pictures.extend(id.value() << spare).get() >> spare;
        Some(Frame {
            number: picture * MAX_SPATIAL_LAYERS + u64::from(layer.spatial),
            layer,
            starts: payload.is_frame_start(),
            ends,
            relations: Relations::Layered(Layered {
                picture,
                is_intra,
                is_sync,
                opens_above,
            }),
        })
    }
}

impl Described {
    fn of(descriptor: &DependencyDescriptor) -> Self {
        let frame = &descriptor.frame;
        let mut chain_diffs = [0; MAX_CHAINS];
        for (kept, &diff) in chain_diffs.iter_mut().zip(frame.chain_diffs()) {
            *kept = diff;
        }
        let diffs = frame.frame_diffs();
        let mut references = [0; MAX_REFERENCES];
        let mut has_other_references = diffs.len() > references.len();
        for (kept, &diff) in references.iter_mut().zip(diffs) {
            match u8::try_from(diff) {
                Ok(diff) => *kept = diff,
                Err(_) => has_other_references = true,
            }
        }
        Self {
            indications: frame.indications(),
            chain_diffs,
            references,
            has_other_references,
            active_targets: descriptor.active_decode_targets.unwrap_or(0),
            has_structure: descriptor.has_structure,
        }
    }

    /// Whether all that the frame refers to is known to be `present`, by how many frame numbers back it is.
    pub(crate) fn refers_only_to(&self, present: impl Fn(u8) -> bool) -> bool {
        let references = self.references.iter().filter(|&&diff| diff > 0);
        !self.has_other_references && references.copied().all(present)
    }
}

/// The highest pair of layers there can be.
pub(crate) const ALL_LAYERS: Layer = Layer {
    spatial: u8::MAX,
    temporal: u8::MAX,
};

/// One for each spatial layer, of which there are eight at most. A stream with more is not taken apart.
pub(crate) const MAX_CHAINS: usize = 8;

/// AV1 can use seven; browsers two or three.
const MAX_REFERENCES: usize = 4;

/// The VP9 spatial layer id has three bits.
const MAX_SPATIAL_LAYERS: u64 = 8;
