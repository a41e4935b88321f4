//! The dependency descriptor header extension (RTP Payload Format For AV1, AOM, appendix A): which
//! layer a frame is on, what it refers to and whom it is for, told outside of the payload and so
//! for any codec.
//!
//! Most descriptors are three bytes that name a template of the [`DependencyStructure`], which
//! travels with keyframes. The caller keeps the structure; a descriptor read with it is complete in
//! itself.

mod bits;
mod frame;
mod structure;

use thiserror::Error;

use crate::codec::Resolution;
use bits::{BitReader, BitWriter};

pub use frame::{DecodeTargetIndication, FrameDependencies, Indications};
pub use structure::{
    DependencyStructure, Layer, MAX_DECODE_TARGETS, MAX_SPATIAL_LAYERS, MAX_TEMPLATES,
};

/// Why a value is no dependency descriptor, or why one could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DescriptorError {
    /// The value ends before the descriptor does.
    #[error("the peer sent a dependency descriptor that is cut short")]
    Truncated,
    /// The descriptor names a template and no structure has come, as when its keyframe was lost.
    #[error("the peer sent a dependency descriptor ahead of its structure")]
    NoStructure,
    /// The structure has no such template: it is that of another keyframe.
    #[error(
        "the peer sent a dependency descriptor of template {0}, which its structure does not have"
    )]
    UnknownTemplate(u8),
    /// The structure has more than [`MAX_TEMPLATES`] templates.
    #[error("the peer sent a dependency structure of more than {MAX_TEMPLATES} templates")]
    Templates,
    /// The structure has more than 8 spatial or temporal layers.
    #[error("the peer sent a dependency structure of more than {MAX_SPATIAL_LAYERS} layers")]
    Layers,
    /// The frame refers to more than 16 others.
    #[error("the peer sent a dependency descriptor with more than 16 references")]
    References,
    /// A descriptor does not fit the buffer given to write it into.
    #[error("we have {0} bytes, too few to write a dependency descriptor")]
    BufferTooShort(usize),
}

/// The fields every descriptor begins with, which can be read without a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescriptorHead {
    /// Whether this is the first packet of its frame.
    pub start_of_frame: bool,
    /// Whether this is the last packet of its frame.
    pub end_of_frame: bool,
    /// A count of the frames, all layers together, that wraps at 16 bits.
    pub frame_number: u16,
    template_id: u8,
}

impl DescriptorHead {
    /// Reads the first three bytes of a descriptor.
    ///
    /// # Errors
    /// [`DescriptorError::Truncated`] if there are fewer.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<Self, DescriptorError> {
        let &[first, n0, n1] = value.first_chunk().ok_or(DescriptorError::Truncated)?;
        Ok(Self {
            start_of_frame: first & 0x80 != 0,
            end_of_frame: first & 0x40 != 0,
            frame_number: u16::from_be_bytes([n0, n1]),
            template_id: first & 0x3f,
        })
    }
}

/// One packet's descriptor, with all that its template says filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// Where in its frame the packet is, and the frame's number.
    pub head: DescriptorHead,
    /// The layer the frame is on.
    pub layer: Layer,
    /// What the frame refers to and whom it is for.
    pub frame: FrameDependencies,
    /// The decode targets that are being produced, target 0 in the lowest bit, if this packet
    /// tells; else they are as they were. A packet with a structure that does not tell activates
    /// them all.
    pub active_decode_targets: Option<u32>,
    /// The greatest size of the frame's spatial layer, if the structure tells.
    pub resolution: Option<Resolution>,
    /// Whether a structure came with this packet.
    pub has_structure: bool,
    layout: Layout,
}

/// Where the parts that rewriting replaces lie in the value, in bits from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    mask_start: usize,
    mask_end: usize,
    end: usize,
}

impl DependencyDescriptor {
    /// Reads a descriptor. `known` is the structure that came last, if one did; a structure in the
    /// value itself goes before it.
    ///
    /// If [`has_structure`](Self::has_structure) is then set, [`DependencyStructure::parse`] gives
    /// the structure to keep for the packets that follow, unless this packet is older than the one
    /// that brought the present structure.
    ///
    /// # Errors
    /// Any of [`DescriptorError`] but [`BufferTooShort`](DescriptorError::BufferTooShort).
    #[inline]
    pub fn parse(
        value: &[u8],
        known: Option<&DependencyStructure>,
    ) -> Result<Self, DescriptorError> {
        let (head, flags, mut reader) = read_start(value)?;
        if flags.structure {
            return Self::read_with_structure(head, flags, &mut reader);
        }
        Self::read_rest(
            head,
            flags,
            &mut reader,
            known.ok_or(DescriptorError::NoStructure)?,
        )
    }

    /// Apart, so that the other packets do not pay for the size of a structure.
    #[cold]
    #[inline(never)]
    fn read_with_structure(
        head: DescriptorHead,
        flags: Flags,
        reader: &mut BitReader<'_>,
    ) -> Result<Self, DescriptorError> {
        let structure = DependencyStructure::read(reader)?;
        Self::read_rest(head, flags, reader, &structure)
    }

    /// Reads what follows the structure or its absence.
    fn read_rest(
        head: DescriptorHead,
        flags: Flags,
        reader: &mut BitReader<'_>,
        structure: &DependencyStructure,
    ) -> Result<Self, DescriptorError> {
        let mask_start = reader.position();
        let active_decode_targets = match flags {
            Flags {
                active_targets: true,
                ..
            } => Some(reader.bits(structure.decode_target_count().into())?),
            Flags {
                structure: true, ..
            } => Some(structure.all_decode_targets()),
            _ => None,
        };
        let mask_end = reader.position();

        let template = structure.template(head.template_id)?;
        let mut frame = template.frame;
        if flags.custom_dtis {
            frame.read_indications(reader)?;
        }
        if flags.custom_fdiffs {
            frame.read_frame_diffs(reader)?;
        }
        if flags.custom_chains {
            frame.read_chain_diffs(reader)?;
        }
        Ok(Self {
            head,
            layer: template.layer,
            frame,
            active_decode_targets,
            resolution: structure.resolution(template.layer.spatial),
            has_structure: flags.structure,
            layout: Layout {
                mask_start,
                mask_end,
                end: reader.position(),
            },
        })
    }

    /// Whether a decoder that has seen nothing can start with this packet.
    #[inline]
    pub fn is_keyframe_start(&self) -> bool {
        self.has_structure && self.head.start_of_frame && self.frame.frame_diffs().is_empty()
    }

    /// Writes `value`, from which this descriptor was read, to the start of `out` with another set
    /// of active decode targets, and returns its length: at most [`MAX_GROWTH`](Self::MAX_GROWTH)
    /// bytes more. What the sender put there of a structure, custom references and so on is kept
    /// bit by bit.
    ///
    /// # Errors
    /// [`DescriptorError::BufferTooShort`] if `out` is, and [`DescriptorError::Truncated`] if
    /// `value` is another one that is shorter; `out` then holds no descriptor.
    pub fn write_with_active_targets(
        &self,
        value: &[u8],
        active_decode_targets: u32,
        out: &mut [u8],
    ) -> Result<usize, DescriptorError> {
        let (_, flags, mut reader) = read_start(value)?;
        let mut writer = write_start(value, flags, out)?;
        let Layout {
            mask_start,
            mask_end,
            end,
        } = self.layout;
        writer.copy(&mut reader, mask_start)?;
        reader.skip_to(mask_end)?;
        writer.put(
            active_decode_targets,
            self.frame.decode_target_count().into(),
        )?;
        writer.copy(&mut reader, end)?;
        Ok(writer.bytes_written())
    }

    /// How many bytes rewriting may add: the flags and a bit for each of 32 decode targets.
    pub const MAX_GROWTH: usize = 5;
}

/// Writes another frame number into the descriptor at the start of `value`, and adds `template_shift`, modulo 64, to
/// the ids of its template and of those in its structure. Frames refer to one another by how far apart they are, and to
/// templates by how far those are from the structure's first: offsets common to all frames change nothing else.
#[inline]
pub fn renumber(value: &mut [u8], frame_number: u16, template_shift: u8) {
    let Some((head, rest)) = value.split_first_chunk_mut() else {
        return;
    };
    let [start, high, low] = head;
    *start = *start & !TEMPLATE_ID | start.wrapping_add(template_shift) & TEMPLATE_ID;
    [*high, *low] = frame_number.to_be_bytes();
    if let Some(flags) = rest.first_chunk_mut()
        && flags[0] & STRUCTURE_FLAG != 0
    {
        let mask = u16::from(TEMPLATE_ID) << 5;
        let before = u16::from_be_bytes(*flags);
        let shifted = before.wrapping_add(u16::from(template_shift) << 5) & mask;
        *flags = (before & !mask | shifted).to_be_bytes();
    }
}

/// In the first byte, behind two flags.
const TEMPLATE_ID: u8 = 0x3f;

/// In the fourth byte, whose last three bits are the first of the six of template_id_offset.
const STRUCTURE_FLAG: u8 = 0x80;

/// Writes the descriptor `value` to the start of `out` with another set of active decode targets, and returns
/// its length: at most [`DependencyDescriptor::MAX_GROWTH`] bytes more. Unlike
/// [`DependencyDescriptor::write_with_active_targets`] it needs no structure, for which the caller says how many
/// decode targets the stream has.
///
/// # Errors
/// [`DescriptorError::BufferTooShort`] if `out` is, or what is wrong with `value`.
pub fn write_with_active_targets(
    value: &[u8],
    decode_target_count: u8,
    active_decode_targets: u32,
    out: &mut [u8],
) -> Result<usize, DescriptorError> {
    let (_, flags, mut reader) = read_start(value)?;
    if flags.structure {
        let descriptor = DependencyDescriptor::parse(value, None)?;
        return descriptor.write_with_active_targets(value, active_decode_targets, out);
    }
    let mut writer = write_start(value, flags, out)?;
    let count = u32::from(decode_target_count).min(u32::BITS);
    if flags.active_targets {
        reader.bits(count)?;
    }
    writer.put(active_decode_targets, count)?;
    // What follows, and zeros that fill the last byte, which may become a byte of zeros: both are allowed.
    writer.copy(&mut reader, value.len() * 8)?;
    Ok(writer.bytes_written())
}

/// Reads the head and the flags, and stands behind them.
#[inline]
fn read_start(value: &[u8]) -> Result<(DescriptorHead, Flags, BitReader<'_>), DescriptorError> {
    let head = DescriptorHead::parse(value)?;
    let mut reader = BitReader::new(value);
    reader.skip_to(HEAD_BITS)?;
    let bits = if value.len() * 8 > HEAD_BITS {
        reader.bits(FLAG_BITS)?
    } else {
        0
    };
    Ok((head, Flags::from_bits(bits), reader))
}

/// Copies the head of `value`, and writes its flags with the one that says that active decode targets follow.
fn write_start<'a>(
    value: &[u8],
    flags: Flags,
    out: &'a mut [u8],
) -> Result<BitWriter<'a>, DescriptorError> {
    let mut writer = BitWriter::new(out);
    writer.copy(&mut BitReader::new(value), HEAD_BITS)?;
    let flags = Flags {
        active_targets: true,
        ..flags
    };
    flags.write(&mut writer)?;
    Ok(writer)
}

/// The five bits of the extended fields; all clear where there are none.
#[derive(Debug, Clone, Copy)]
struct Flags {
    structure: bool,
    active_targets: bool,
    custom_dtis: bool,
    custom_fdiffs: bool,
    custom_chains: bool,
}

impl Flags {
    fn from_bits(bits: u32) -> Self {
        Self {
            structure: bits & 0x10 != 0,
            active_targets: bits & 0x08 != 0,
            custom_dtis: bits & 0x04 != 0,
            custom_fdiffs: bits & 0x02 != 0,
            custom_chains: bits & 0x01 != 0,
        }
    }

    fn write(self, writer: &mut BitWriter<'_>) -> Result<(), DescriptorError> {
        let flags = [
            self.structure,
            self.active_targets,
            self.custom_dtis,
            self.custom_fdiffs,
            self.custom_chains,
        ];
        flags
            .into_iter()
            .try_for_each(|flag| writer.put(flag.into(), 1))
    }
}

/// Extended fields are present exactly if the value is longer.
const HEAD_BITS: usize = 24;
const FLAG_BITS: u32 = 5;

#[cfg(test)]
mod tests;
