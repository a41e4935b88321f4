//! The template dependency structure (AV1 RTP specification §A.8.1, §A.8.2): what the frames of a
//! stream can be like, sent once with each keyframe so that the other packets need only name a
//! template.

use core::fmt;

use super::bits::BitReader;
use super::{DescriptorError, FrameDependencies};
use crate::codec::Resolution;

/// A pair of layers within a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Layer {
    /// 0 to 7.
    pub spatial: u8,
    /// 0 to 7.
    pub temporal: u8,
}

/// The shape of a stream. Some 6 KiB without pointers, so that keeping one allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DependencyStructure {
    template_id_offset: u8,
    template_count: u8,
    decode_target_count: u8,
    chain_count: u8,
    spatial_layer_count: u8,
    has_resolutions: bool,
    /// Meaningless without chains.
    protecting_chains: [u8; MAX_DECODE_TARGETS],
    decode_target_layers: [Layer; MAX_DECODE_TARGETS],
    resolutions: [Resolution; MAX_SPATIAL_LAYERS],
    templates: [Template; MAX_TEMPLATES],
}

/// What one kind of frame is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) layer: Layer,
    pub(super) frame: FrameDependencies,
}

impl DependencyStructure {
    /// The structure in a descriptor that [has one](super::DependencyDescriptor::has_structure).
    ///
    /// # Errors
    /// [`DescriptorError::NoStructure`] if it has none, or what is wrong with it.
    pub fn parse(value: &[u8]) -> Result<Self, DescriptorError> {
        let (_, flags, mut reader) = super::read_start(value)?;
        if !flags.structure {
            return Err(DescriptorError::NoStructure);
        }
        Self::read(&mut reader)
    }

    /// How many decode targets there are, 1 to 32. A decode target is a choice of layers that one
    /// can receive.
    pub const fn decode_target_count(&self) -> u8 {
        self.decode_target_count
    }

    /// The highest layers in this decode target; `None` if there is no such target.
    pub fn decode_target_layer(&self, decode_target: u8) -> Option<Layer> {
        self.decode_target_layers()
            .get(usize::from(decode_target))
            .copied()
    }

    /// A bit for each decode target.
    pub const fn all_decode_targets(&self) -> u32 {
        u32::MAX >> (u32::BITS - self.decode_target_count as u32)
    }

    /// How many chains there are, 0 to 32. A chain is a series of frames none of which may be lost.
    pub const fn chain_count(&self) -> u8 {
        self.chain_count
    }

    /// The chain whose frames suffice to know that this decode target can be decoded; `None` if
    /// there are no chains or no such target.
    pub fn protecting_chain(&self, decode_target: u8) -> Option<u8> {
        self.protecting_chains()
            .get(usize::from(decode_target))
            .copied()
    }

    /// How many spatial layers there are, 1 to 8.
    pub const fn spatial_layer_count(&self) -> u8 {
        self.spatial_layer_count
    }

    /// The greatest size of this spatial layer's frames, at most 65535 either way; `None` if the
    /// sender did not tell or there is no such layer.
    pub fn resolution(&self, spatial_layer: u8) -> Option<Resolution> {
        self.resolutions().get(usize::from(spatial_layer)).copied()
    }

    /// The first template's id, 0 to 63, and how many there are, 1 to 64. Ids wrap at 64.
    pub const fn template_ids(&self) -> (u8, u8) {
        (self.template_id_offset, self.template_count)
    }

    /// The template that a descriptor names. Ids wrap at 64 and begin anywhere, so that those of
    /// two structures that follow one another can be told apart.
    pub(super) fn template(&self, id: u8) -> Result<&Template, DescriptorError> {
        let index = usize::from(id.wrapping_sub(self.template_id_offset)) % MAX_TEMPLATES;
        self.templates()
            .get(index)
            .ok_or(DescriptorError::UnknownTemplate(id))
    }

    /// template_dependency_structure. Outlined, since it comes with keyframes only.
    #[cold]
    pub(super) fn read(reader: &mut BitReader<'_>) -> Result<Self, DescriptorError> {
        let template_id_offset = reader.bits(6)? as u8;
        let decode_target_count = reader.bits(5)? as u8 + 1;
        let empty = Template {
            layer: Layer::default(),
            frame: FrameDependencies::new(decode_target_count),
        };
        let mut structure = Self {
            template_id_offset,
            template_count: 0,
            decode_target_count,
            chain_count: 0,
            spatial_layer_count: 0,
            has_resolutions: false,
            protecting_chains: [0; MAX_DECODE_TARGETS],
            decode_target_layers: [Layer::default(); MAX_DECODE_TARGETS],
            resolutions: [Resolution::default(); MAX_SPATIAL_LAYERS],
            templates: [empty; MAX_TEMPLATES],
        };
        structure.read_layers(reader)?;
        structure
            .templates_mut()
            .try_for_each(|template| template.frame.read_indications(reader))?;
        structure
            .templates_mut()
            .try_for_each(|template| template.frame.read_template_frame_diffs(reader))?;
        structure.read_chains(reader)?;
        structure.find_decode_target_layers();
        structure.read_resolutions(reader)?;
        Ok(structure)
    }

    fn decode_target_layers(&self) -> &[Layer] {
        first(&self.decode_target_layers, self.decode_target_count)
    }

    fn protecting_chains(&self) -> &[u8] {
        let count = if self.chain_count == 0 {
            0
        } else {
            self.decode_target_count
        };
        first(&self.protecting_chains, count)
    }

    fn resolutions(&self) -> &[Resolution] {
        let count = if self.has_resolutions {
            self.spatial_layer_count
        } else {
            0
        };
        first(&self.resolutions, count)
    }

    fn templates(&self) -> &[Template] {
        first(&self.templates, self.template_count)
    }

    fn templates_mut(&mut self) -> impl Iterator<Item = &mut Template> {
        self.templates
            .iter_mut()
            .take(usize::from(self.template_count))
    }

    /// template_layers.
    fn read_layers(&mut self, reader: &mut BitReader<'_>) -> Result<(), DescriptorError> {
        let mut layer = Layer::default();
        loop {
            let template = self.templates.get_mut(usize::from(self.template_count));
            template.ok_or(DescriptorError::Templates)?.layer = layer;
            self.template_count += 1;
            match reader.bits(2)? {
                0 => {}
                1 => layer.temporal += 1,
                2 => {
                    layer = Layer {
                        spatial: layer.spatial + 1,
                        temporal: 0,
                    }
                }
                _ => break,
            }
            if usize::from(layer.spatial.max(layer.temporal)) >= MAX_SPATIAL_LAYERS {
                return Err(DescriptorError::Layers);
            }
        }
        self.spatial_layer_count = layer.spatial + 1;
        Ok(())
    }

    /// template_chains.
    fn read_chains(&mut self, reader: &mut BitReader<'_>) -> Result<(), DescriptorError> {
        self.chain_count = reader.below(self.decode_target_count + 1)?;
        if self.chain_count == 0 {
            return Ok(());
        }
        for chain in self
            .protecting_chains
            .iter_mut()
            .take(usize::from(self.decode_target_count))
        {
            *chain = reader.below(self.chain_count)?;
        }
        let chain_count = self.chain_count;
        self.templates_mut().try_for_each(|template| {
            template
                .frame
                .read_template_chain_diffs(chain_count, reader)
        })
    }

    /// decode_target_layers: the highest layers of the templates that a target has.
    fn find_decode_target_layers(&mut self) {
        let templates = first(&self.templates, self.template_count);
        for Template { layer, frame } in templates {
            for (target, highest) in
                (0..self.decode_target_count).zip(&mut self.decode_target_layers)
            {
                if frame.is_present(target) {
                    highest.spatial = highest.spatial.max(layer.spatial);
                    highest.temporal = highest.temporal.max(layer.temporal);
                }
            }
        }
    }

    /// render_resolutions.
    fn read_resolutions(&mut self, reader: &mut BitReader<'_>) -> Result<(), DescriptorError> {
        self.has_resolutions = reader.flag()?;
        if !self.has_resolutions {
            return Ok(());
        }
        for resolution in self
            .resolutions
            .iter_mut()
            .take(usize::from(self.spatial_layer_count))
        {
            let [width, height] = [reader.bits(16)?, reader.bits(16)?]
                .map(|less_one| (less_one as u16).saturating_add(1));
            *resolution = Resolution { width, height };
        }
        Ok(())
    }
}

impl fmt::Debug for DependencyStructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependencyStructure")
            .field("template_id_offset", &self.template_id_offset)
            .field("decode_target_layers", &self.decode_target_layers())
            .field("protecting_chains", &self.protecting_chains())
            .field("resolutions", &self.resolutions())
            .field("templates", &self.templates())
            .finish()
    }
}

/// The part of an array that is in use.
fn first<T>(items: &[T], count: u8) -> &[T] {
    items.get(..usize::from(count)).unwrap_or_default()
}

/// DtCnt has five bits and is sent less one.
pub const MAX_DECODE_TARGETS: usize = 32;
/// Template ids have six bits.
pub const MAX_TEMPLATES: usize = 64;
/// VP9 has eight, AV1 four; the specification sets no bound. The same holds of temporal layers, of
/// which each has eight.
pub const MAX_SPATIAL_LAYERS: usize = 8;
