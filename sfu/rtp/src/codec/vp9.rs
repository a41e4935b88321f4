//! The VP9 payload descriptor (RFC 9628 §4.2).

mod scalability;

use super::reader::Reader;
use super::{PictureId, PictureNumbers};

pub use scalability::ScalabilityStructure;

/// What a VP9 payload says of its frame, which is one spatial layer of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Whether the frame begins with this packet (B).
    pub frame_start: bool,
    /// Whether the frame ends with this packet (E). The picture ends at the marker bit.
    pub frame_end: bool,
    /// Whether the frame refers to earlier pictures (P).
    pub inter_picture_predicted: bool,
    /// Whether references are listed per packet (F), in place of the pattern in the scalability
    /// structure.
    pub flexible: bool,
    /// Whether higher spatial layers of this picture do not refer to this frame (Z).
    pub not_reference_for_upper: bool,
    /// The picture's number, if sent.
    pub picture_id: Option<PictureId>,
    /// TID, 0 to 7, if sent.
    pub temporal_layer: Option<u8>,
    /// SID, 0 to 7, if sent.
    pub spatial_layer: Option<u8>,
    /// Whether later pictures of higher temporal layers need nothing from before this one but what
    /// it refers to (U).
    pub switching_up_point: bool,
    /// Whether the frame refers to the next lower spatial layer of its picture (D).
    pub inter_layer_predicted: bool,
    /// TL0PICIDX, if sent: a count of the pictures of temporal layer 0, the one this picture
    /// depends on.
    pub tl0_picture_index: Option<u8>,
    /// The shape of the stream, sent with keyframes and whenever it changes.
    pub scalability: Option<ScalabilityStructure>,
    len: u16,
    tl0_picture_index_at: u8,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the start of `payload`. `None` if the payload ends with it or
    /// before, or if it lists more than the three references allowed.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let first = reader.u8()?;
        let has = |bit: u8| first & bit != 0;
        let flexible = has(FLEXIBLE_BIT);

        let picture_id = if has(PICTURE_ID_BIT) {
            Some(PictureId::read(&mut reader)?)
        } else {
            None
        };
        let layers = if has(LAYER_BIT) {
            Some(reader.u8()?)
        } else {
            None
        };
        let tl0_picture_index_at = reader.position() as u8;
        let tl0_picture_index = if has(LAYER_BIT) && !flexible {
            Some(reader.u8()?)
        } else {
            None
        };
        if flexible && has(PREDICTED_BIT) {
            skip_references(&mut reader)?;
        }
        let scalability = if has(SCALABILITY_BIT) {
            Some(ScalabilityStructure::read(&mut reader)?)
        } else {
            None
        };
        if reader.rest().is_empty() {
            return None;
        }

        let layer_bit = |bit: u8| layers.is_some_and(|layers| layers & bit != 0);
        Some(Self {
            frame_start: has(FRAME_START_BIT),
            frame_end: has(FRAME_END_BIT),
            inter_picture_predicted: has(PREDICTED_BIT),
            flexible,
            not_reference_for_upper: has(NOT_REFERENCE_BIT),
            picture_id,
            temporal_layer: layers.map(|layers| layers >> 5),
            spatial_layer: layers.map(|layers| layers >> 1 & 0x07),
            switching_up_point: layer_bit(SWITCHING_UP_BIT),
            inter_layer_predicted: layer_bit(INTER_LAYER_BIT),
            tl0_picture_index,
            scalability,
            // At most 1 + 2 + 2 + 3 + 1 + 8 * 4 + 1 + 255 * 4.
            len: reader.position() as u16,
            tl0_picture_index_at,
        })
    }

    /// Whether a decoder that has seen nothing can start with this packet: the lowest spatial layer
    /// of a picture that refers to no other begins here.
    #[inline]
    pub fn is_keyframe_start(&self) -> bool {
        self.frame_start && !self.inter_picture_predicted && self.spatial_layer.unwrap_or(0) == 0
    }

    /// Bytes before the frame's data.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Always false: a descriptor has at least one byte.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The picture's numbers and where they lie.
    #[inline]
    pub const fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_picture_index: self.tl0_picture_index,
            picture_id_at: PICTURE_ID_AT,
            tl0_picture_index_at: self.tl0_picture_index_at,
        }
    }
}

/// The picture-id differences of flexible mode; the last one has its lowest bit clear.
fn skip_references(reader: &mut Reader<'_>) -> Option<()> {
    for _ in 0..MAX_REFERENCES {
        if reader.u8()? & MORE_REFERENCES_BIT == 0 {
            return Some(());
        }
    }
    None
}

/// RFC 9628 §4.2, P_DIFF.
const MAX_REFERENCES: usize = 3;
const MORE_REFERENCES_BIT: u8 = 0x01;

/// Right behind the first byte.
const PICTURE_ID_AT: u8 = 1;

const PICTURE_ID_BIT: u8 = 0x80;
const PREDICTED_BIT: u8 = 0x40;
const LAYER_BIT: u8 = 0x20;
const FLEXIBLE_BIT: u8 = 0x10;
const FRAME_START_BIT: u8 = 0x08;
const FRAME_END_BIT: u8 = 0x04;
const SCALABILITY_BIT: u8 = 0x02;
const NOT_REFERENCE_BIT: u8 = 0x01;

const SWITCHING_UP_BIT: u8 = 0x10;
const INTER_LAYER_BIT: u8 = 0x01;

#[cfg(test)]
#[expect(
    clippy::unusual_byte_groupings,
    reason = "grouped as the fields of the descriptor are"
)]
mod tests;
