//! Dependency structures and packets as the specification describes them, with a writer of their
//! own: what the parser is compared with on random input.

use rand::Rng;
use rand::rngs::StdRng;

use super::super::*;

const FRAME_NUMBER: u32 = 0x1234;

/// A structure, less what follows from the rest.
pub(super) struct Description {
    template_id_offset: u32,
    decode_targets: u8,
    templates: Vec<TemplateDescription>,
    chains: u8,
    protecting: Vec<u8>,
    resolutions: Option<Vec<(u16, u16)>>,
}

struct TemplateDescription {
    layer: Layer,
    /// next_layer_idc ahead of this template.
    step: u32,
    indications: Vec<u8>,
    frame_diffs: Vec<u16>,
    chain_diffs: Vec<u8>,
}

/// What a packet says in place of its template.
#[derive(Default)]
pub(super) struct CustomFields {
    template: usize,
    active_targets: Option<u32>,
    indications: Option<Vec<u8>>,
    frame_diffs: Option<Vec<u16>>,
    chain_diffs: Option<Vec<u8>>,
}

impl Description {
    pub(super) fn random(random: &mut StdRng) -> Self {
        let decode_targets = random.random_range(1..=32_u8);
        let chains = random.random_range(0..=decode_targets);
        let mut layer = Layer::default();
        let templates = (0..random.random_range(1..=64))
            .map(|index| {
                let step = match random.random_range(0..3) {
                    1 if index > 0 && layer.temporal < 7 => 1,
                    2 if index > 0 && layer.spatial < 7 => 2,
                    _ => 0,
                };
                match step {
                    1 => layer.temporal += 1,
                    2 => {
                        layer = Layer {
                            spatial: layer.spatial + 1,
                            temporal: 0,
                        }
                    }
                    _ => {}
                }
                TemplateDescription {
                    layer,
                    step,
                    indications: (0..decode_targets)
                        .map(|_| random.random_range(0..4))
                        .collect(),
                    frame_diffs: (0..random.random_range(0..=16))
                        .map(|_| random.random_range(1..=16))
                        .collect(),
                    chain_diffs: (0..chains).map(|_| random.random_range(0..16)).collect(),
                }
            })
            .collect();
        let sizes = (0..=layer.spatial)
            .map(|_| (random.random(), random.random()))
            .collect();
        Self {
            template_id_offset: random.random_range(0..64),
            decode_targets,
            templates,
            chains,
            protecting: (0..if chains == 0 { 0 } else { decode_targets })
                .map(|_| random.random_range(0..chains))
                .collect(),
            resolutions: random.random::<bool>().then_some(sizes),
        }
    }

    /// Writes a packet of this stream and returns its length.
    pub(super) fn write(
        &self,
        custom: &CustomFields,
        with_structure: bool,
        out: &mut [u8],
    ) -> usize {
        let template_id = (self.template_id_offset + custom.template as u32) % 64;
        let flags = [
            with_structure,
            custom.active_targets.is_some(),
            custom.indications.is_some(),
            custom.frame_diffs.is_some(),
            custom.chain_diffs.is_some(),
        ];
        let mut writer = BitWriter::new(out);
        let mut put = |value: u32, count: u32| writer.put(value, count).expect("a long buffer");
        put(0b11 << 6 | template_id, 8);
        put(FRAME_NUMBER, 16);
        if flags.contains(&true) {
            flags.iter().for_each(|&flag| put(flag.into(), 1));
        }
        if with_structure {
            self.write_structure(&mut put);
        }
        if let Some(mask) = custom.active_targets {
            put(mask, self.decode_targets.into());
        }
        for &indication in custom.indications.iter().flatten() {
            put(indication.into(), 2);
        }
        if let Some(diffs) = &custom.frame_diffs {
            for &diff in diffs {
                let nibbles = if diff <= 16 {
                    1
                } else if diff <= 256 {
                    2
                } else {
                    3
                };
                put(nibbles, 2);
                put(u32::from(diff) - 1, 4 * nibbles);
            }
            put(0, 2);
        }
        for &diff in custom.chain_diffs.iter().flatten() {
            put(diff.into(), 8);
        }
        writer.bytes_written()
    }

    fn write_structure(&self, put: &mut impl FnMut(u32, u32)) {
        put(self.template_id_offset, 6);
        put(u32::from(self.decode_targets) - 1, 5);
        for template in self.templates.iter().skip(1) {
            put(template.step, 2);
        }
        put(3, 2);
        for template in &self.templates {
            template
                .indications
                .iter()
                .for_each(|&indication| put(indication.into(), 2));
        }
        for template in &self.templates {
            template
                .frame_diffs
                .iter()
                .for_each(|&diff| put(0b1_0000 | (u32::from(diff) - 1), 5));
            put(0, 1);
        }
        put_below(self.chains, self.decode_targets + 1, put);
        if self.chains > 0 {
            self.protecting
                .iter()
                .for_each(|&chain| put_below(chain, self.chains, put));
            for template in &self.templates {
                template
                    .chain_diffs
                    .iter()
                    .for_each(|&diff| put(diff.into(), 4));
            }
        }
        put(self.resolutions.is_some().into(), 1);
        for &(width, height) in self.resolutions.iter().flatten() {
            put(width.into(), 16);
            put(height.into(), 16);
        }
    }

    pub(super) fn assert_is(&self, structure: &DependencyStructure) {
        assert_eq!(structure.decode_target_count(), self.decode_targets);
        assert_eq!(structure.chain_count(), self.chains);
        for target in 0..self.decode_targets {
            let chain = self.protecting.get(usize::from(target)).copied();
            assert_eq!(structure.protecting_chain(target), chain);
            let within = || {
                self.templates
                    .iter()
                    .filter(|template| template.indications[usize::from(target)] != 0)
            };
            let highest = Layer {
                spatial: within()
                    .map(|template| template.layer.spatial)
                    .max()
                    .unwrap_or(0),
                temporal: within()
                    .map(|template| template.layer.temporal)
                    .max()
                    .unwrap_or(0),
            };
            assert_eq!(structure.decode_target_layer(target), Some(highest));
        }
        let last = self.templates.last().expect("at least one template");
        assert_eq!(structure.spatial_layer_count(), last.layer.spatial + 1);
        for spatial in 0..8 {
            let size = self
                .resolutions
                .as_ref()
                .and_then(|sizes| sizes.get(usize::from(spatial)));
            let size =
                size.map(|&(width, height)| (width.saturating_add(1), height.saturating_add(1)));
            let found = structure
                .resolution(spatial)
                .map(|size| (size.width, size.height));
            assert_eq!(found, size, "spatial layer {spatial}");
        }
    }
}

impl CustomFields {
    pub(super) fn random(random: &mut StdRng, of: &Description) -> Self {
        let mask = random.random::<u32>() >> (32 - of.decode_targets);
        let indications = (0..of.decode_targets)
            .map(|_| random.random_range(0..4))
            .collect();
        let frame_diffs = (0..random.random_range(0..=16))
            .map(|_| {
                let most = [16, 256, 4096][random.random_range(0..3)];
                random.random_range(1..=most)
            })
            .collect();
        let chain_diffs = (0..of.chains).map(|_| random.random()).collect();
        Self {
            template: random.random_range(0..of.templates.len()),
            active_targets: random.random::<bool>().then_some(mask),
            indications: random.random::<bool>().then_some(indications),
            frame_diffs: random.random::<bool>().then_some(frame_diffs),
            chain_diffs: random.random::<bool>().then_some(chain_diffs),
        }
    }

    pub(super) fn assert_is(&self, parsed: &DependencyDescriptor, of: &Description) {
        let template = &of.templates[self.template];
        assert!(parsed.head.start_of_frame && parsed.head.end_of_frame);
        assert_eq!(u32::from(parsed.head.frame_number), FRAME_NUMBER);
        assert_eq!(parsed.layer, template.layer);
        let all = u32::MAX >> (32 - of.decode_targets);
        assert_eq!(
            parsed.active_decode_targets,
            self.active_targets.or(parsed.has_structure.then_some(all))
        );
        let indications: Vec<u8> = (0..of.decode_targets)
            .map(|target| parsed.frame.indication(target) as u8)
            .collect();
        assert_eq!(
            &indications,
            self.indications.as_ref().unwrap_or(&template.indications)
        );
        assert_eq!(
            parsed.frame.frame_diffs(),
            self.frame_diffs.as_ref().unwrap_or(&template.frame_diffs)
        );
        assert_eq!(
            parsed.frame.chain_diffs(),
            self.chain_diffs.as_ref().unwrap_or(&template.chain_diffs)
        );
    }
}

/// ns(n) of §A.8.2, as an encoder has it.
fn put_below(value: u8, bound: u8, put: &mut impl FnMut(u32, u32)) {
    let (value, bound) = (u32::from(value), u32::from(bound));
    let width = bound.ilog2() + 1;
    let short = (1 << width) - bound;
    if value < short {
        put(value, width - 1);
    } else {
        put(value + short, width);
    }
}
