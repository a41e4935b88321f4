//! Writes dependency descriptors (RTP Payload Format For AV1, appendix A): a structure with keyframes, whose
//! templates are all kinds of frames that the stream has, so that every other descriptor has three bytes.

use sfu_rtp::Layer;

use super::bits::Bits;
use super::structure::{Frame, MAX_LAYERS, Scalability, Structure};

/// Writes the descriptors of one stream.
#[derive(Clone, Debug)]
pub(super) struct DescriptorWriter {
    scalability: Scalability,
    /// Of the highest spatial layer.
    size: (u16, u16),
    templates: Vec<Template>,
    /// The id of the first template.
    first_id: u8,
    /// What the first frame has, beside the stream's own count.
    first_number: u16,
}

/// What a kind of frame is like.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Template {
    layer: Layer,
    indications: Vec<Indication>,
    refers_back: [u16; 2],
    chain_diffs: [u8; MAX_LAYERS],
}

/// What a frame is to a decode target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Indication {
    NotPresent = 0,
    Discardable = 1,
    Switch = 2,
    Required = 3,
}

impl DescriptorWriter {
    pub(super) fn new(
        scalability: Scalability,
        size: (u16, u16),
        first_id: u8,
        first_number: u16,
    ) -> Self {
        let mut structure = Structure::new(scalability);
        let mut templates = Vec::new();
        // After two rounds of the pattern nothing new comes.
        for _ in 0..2 * scalability.pattern().len() + 1 {
            templates.extend(
                structure
                    .picture(false)
                    .map(|frame| template(scalability, &frame)),
            );
        }
        templates.sort();
        templates.dedup();
        Self {
            scalability,
            size,
            templates,
            first_id,
            first_number,
        }
    }

    /// The descriptor of a packet of this frame.
    pub(super) fn write(&self, frame: &Frame, first: bool, last: bool) -> Vec<u8> {
        let wanted = template(self.scalability, frame);
        let index = self.templates.iter().position(|known| *known == wanted);
        let index = index.expect("the templates are all there are") as u8;
        let number = self.first_number.wrapping_add(frame.number as u16);
        let mut bits = Bits::default();
        bits.put(first.into(), 1);
        bits.put(last.into(), 1);
        bits.put(u32::from(self.first_id.wrapping_add(index) % 64), 6);
        bits.put(number.into(), 16);
        if first && frame.key_picture && frame.layer.spatial == 0 {
            // template_dependency_structure_present_flag alone.
            bits.put(0b10000, 5);
            self.put_structure(&mut bits);
        }
        bits.into_bytes()
    }

    fn put_structure(&self, bits: &mut Bits) {
        let targets = self.scalability.layers();
        let target_count = targets.clone().count() as u32;
        bits.put(self.first_id.into(), 6);
        bits.put(target_count - 1, 5);
        for (index, template) in self.templates.iter().enumerate() {
            let next = self.templates.get(index + 1).map(|next| next.layer);
            bits.put(
                match next {
                    None => 3,
                    Some(next) if next.spatial > template.layer.spatial => 2,
                    Some(next) if next.temporal > template.layer.temporal => 1,
                    Some(_) => 0,
                },
                2,
            );
        }
        for indication in self
            .templates
            .iter()
            .flat_map(|template| &template.indications)
        {
            bits.put(*indication as u32, 2);
        }
        for template in &self.templates {
            for &back in template.refers_back.iter().filter(|&&back| back > 0) {
                bits.put(1, 1);
                bits.put(u32::from(back) - 1, 4);
            }
            bits.put(0, 1);
        }
        let chains = self.scalability.spatial;
        bits.put_below(chains.into(), target_count + 1);
        for target in targets {
            bits.put_below(target.spatial.into(), chains.into());
        }
        for template in &self.templates {
            for &diff in &template.chain_diffs[..usize::from(chains)] {
                bits.put(diff.into(), 4);
            }
        }
        bits.put(1, 1);
        for spatial in 0..self.scalability.spatial {
            let less = self.scalability.spatial - 1 - spatial;
            bits.put(u32::from(self.size.0 >> less) - 1, 16);
            bits.put(u32::from(self.size.1 >> less) - 1, 16);
        }
    }
}

fn template(scalability: Scalability, frame: &Frame) -> Template {
    let targets = scalability.layers();
    Template {
        layer: frame.layer,
        indications: targets
            .map(|target| indication(scalability, frame, target))
            .collect(),
        refers_back: frame.refers_back,
        chain_diffs: frame.chain_diffs,
    }
}

fn indication(scalability: Scalability, frame: &Frame, target: Layer) -> Indication {
    let Layer { spatial, temporal } = frame.layer;
    let is_own = spatial == target.spatial;
    let reaches_up = spatial < target.spatial && (frame.key_picture || !scalability.key);
    if temporal > target.temporal || !(is_own || reaches_up) {
        Indication::NotPresent
    } else if !is_own && !frame.key_picture {
        Indication::Required
    } else if temporal > 0 && temporal == target.temporal {
        Indication::Discardable
    } else {
        Indication::Switch
    }
}
