mod description;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use description::{CustomFields, Description};

/// The first packet of a keyframe from Chrome, in AV1 mode L3T3, with nine decode targets and
/// fifteen templates.
const KEYFRAME: &str = concat!(
    "c1017280081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082",
    "b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca877530077004200ef008601df010d",
);

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn chrome_structure() -> DependencyStructure {
    DependencyStructure::parse(&hex(KEYFRAME)).unwrap()
}

fn layer(spatial: u8, temporal: u8) -> Layer {
    Layer { spatial, temporal }
}

fn indications(frame: &FrameDependencies) -> String {
    let debug = format!("{frame:?}");
    let after = debug.split("indications: ").nth(1);
    after
        .and_then(|after| after.split(',').next())
        .expect("indications and a comma")
        .to_owned()
}

fn seeded() -> StdRng {
    let seed = rand::rng().random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

#[test]
fn the_structure_of_a_keyframe_from_chrome_is_read() {
    let structure = chrome_structure();
    assert_eq!(
        (
            structure.decode_target_count(),
            structure.chain_count(),
            structure.spatial_layer_count()
        ),
        (9, 3, 3)
    );
    assert_eq!(structure.all_decode_targets(), 0x1ff);
    for target in 0..9 {
        assert_eq!(
            structure.decode_target_layer(target),
            Some(layer(target / 3, target % 3))
        );
        assert_eq!(structure.protecting_chain(target), Some(target / 3));
    }
    assert_eq!(
        (
            structure.decode_target_layer(9),
            structure.protecting_chain(9)
        ),
        (None, None)
    );
    let sizes: Vec<_> = (0..4)
        .map(|spatial| structure.resolution(spatial))
        .collect();
    let expected = [(120, 67), (240, 135), (480, 270)]
        .map(|(width, height)| Some(Resolution { width, height }));
    assert_eq!((&sizes[..3], sizes[3]), (&expected[..], None));
}

#[test]
fn packets_from_chrome_are_read() {
    struct Expected {
        packet: &'static str,
        start_end: (bool, bool),
        number: u16,
        layer: Layer,
        indications: &'static str,
        frame_diffs: &'static [u16],
        chain_diffs: [u8; 3],
        active: Option<u32>,
    }
    let cases = [
        Expected {
            packet: KEYFRAME,
            start_end: (true, true),
            number: 370,
            layer: layer(0, 0),
            indications: "SSSSSSSSS",
            frame_diffs: &[],
            chain_diffs: [0, 0, 0],
            active: Some(0x1ff),
        },
        Expected {
            packet: "86017340fc",
            start_end: (true, false),
            number: 371,
            layer: layer(1, 0),
            indications: "---SSSSSS",
            frame_diffs: &[1],
            chain_diffs: [1, 1, 1],
            active: Some(0x3f),
        },
        Expected {
            packet: "48017640fc",
            start_end: (false, true),
            number: 374,
            layer: layer(1, 2),
            indications: "-----D--R",
            frame_diffs: &[3, 1],
            chain_diffs: [4, 3, 2],
            active: Some(0x3f),
        },
        Expected {
            packet: "0b0174",
            start_end: (false, false),
            number: 372,
            layer: layer(2, 0),
            indications: "------SSS",
            frame_diffs: &[1],
            chain_diffs: [2, 1, 1],
            active: None,
        },
        Expected {
            packet: "c2017840fc",
            start_end: (true, true),
            number: 376,
            layer: layer(0, 1),
            indications: "-DS-RR-RR",
            frame_diffs: &[6],
            chain_diffs: [6, 5, 4],
            active: Some(0x3f),
        },
    ];
    let structure = chrome_structure();
    for expected in cases {
        let name = expected.packet;
        let parsed =
            DependencyDescriptor::parse(&hex(expected.packet), Some(&structure)).expect(name);
        assert_eq!(
            (parsed.head.start_of_frame, parsed.head.end_of_frame),
            expected.start_end,
            "{name}"
        );
        assert_eq!(
            (parsed.head.frame_number, parsed.layer),
            (expected.number, expected.layer),
            "{name}"
        );
        assert_eq!(indications(&parsed.frame), expected.indications, "{name}");
        assert_eq!(parsed.frame.frame_diffs(), expected.frame_diffs, "{name}");
        assert_eq!(parsed.frame.chain_diffs(), expected.chain_diffs, "{name}");
        assert_eq!(parsed.active_decode_targets, expected.active, "{name}");
        assert_eq!(
            parsed.resolution,
            structure.resolution(expected.layer.spatial),
            "{name}"
        );
        assert_eq!(
            parsed.is_keyframe_start(),
            expected.packet == KEYFRAME,
            "{name}"
        );
    }
}

#[test]
fn active_targets_are_written_as_chrome_writes_them() {
    let structure = chrome_structure();
    let mut out = [0xaa; 16];
    for (before, after) in [
        ("860173", "86017340fc"),
        ("88017640fc", "88017640fc"),
        ("c30175", "c3017540fc"),
    ] {
        let value = hex(before);
        let descriptor = DependencyDescriptor::parse(&value, Some(&structure)).unwrap();
        let len = descriptor
            .write_with_active_targets(&value, 0x3f, &mut out)
            .unwrap();
        assert_eq!(out[..len], hex(after), "{before}");
    }
}

#[test]
fn descriptors_that_are_none_are_refused() {
    let keyframe = hex(KEYFRAME);
    for len in 0..keyframe.len() {
        let refused = DependencyDescriptor::parse(&keyframe[..len], None).unwrap_err();
        let expected = if len == 3 {
            DescriptorError::NoStructure
        } else {
            DescriptorError::Truncated
        };
        assert_eq!(refused, expected, "cut to {len}");
    }
    let structure = chrome_structure();
    let cases: &[(&str, DescriptorError)] = &[
        ("860173f8", DescriptorError::Truncated),
        ("8f0173", DescriptorError::UnknownTemplate(15)),
        ("bf0173", DescriptorError::UnknownTemplate(63)),
    ];
    for (value, expected) in cases {
        assert_eq!(
            DependencyDescriptor::parse(&hex(value), Some(&structure)),
            Err(*expected),
            "{value}"
        );
    }
    assert_eq!(
        DependencyStructure::parse(&hex("860173")),
        Err(DescriptorError::NoStructure)
    );
}

#[test]
fn structures_past_the_bounds_are_refused() {
    let bytes_of = |layer_steps: &[u32]| {
        let mut bytes = vec![0; 600];
        let mut writer = BitWriter::new(&mut bytes);
        writer.put(0x80_0000, 24).unwrap();
        // A structure, its offset, one decode target.
        [(0x10, 5), (0, 6), (0, 5)]
            .into_iter()
            .for_each(|(value, count)| writer.put(value, count).unwrap());
        layer_steps
            .iter()
            .for_each(|&step| writer.put(step, 2).unwrap());
        bytes
    };
    let (same, temporal, spatial, end) = (0, 1, 2, 3);
    let cases = [
        ("64 templates", [vec![same; 63], vec![end]].concat(), Ok(())),
        (
            "65 templates",
            [vec![same; 64], vec![end]].concat(),
            Err(DescriptorError::Templates),
        ),
        (
            "8 temporal layers",
            [vec![temporal; 7], vec![end]].concat(),
            Ok(()),
        ),
        (
            "9 temporal layers",
            [vec![temporal; 8], vec![end]].concat(),
            Err(DescriptorError::Layers),
        ),
        (
            "8 spatial layers",
            [vec![spatial; 7], vec![end]].concat(),
            Ok(()),
        ),
        (
            "9 spatial layers",
            [vec![spatial; 8], vec![end]].concat(),
            Err(DescriptorError::Layers),
        ),
    ];
    for (name, steps, expected) in cases {
        let bytes = bytes_of(&steps);
        assert_eq!(
            DependencyStructure::parse(&bytes).map(|_| ()),
            expected,
            "{name}"
        );
        assert_eq!(
            DependencyDescriptor::parse(&bytes, None).map(|_| ()),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_seventeenth_reference_is_refused() {
    let structure = chrome_structure();
    for (references, expected) in [(16, Ok(16)), (17, Err(DescriptorError::References))] {
        let mut bytes = [0; 64];
        let mut writer = BitWriter::new(&mut bytes);
        writer.put(0x80_0000, 24).unwrap();
        writer.put(0b00010, 5).unwrap();
        for _ in 0..references {
            writer.put(0b11_1111_1111_1111, 14).unwrap();
        }
        let parsed = DependencyDescriptor::parse(&bytes, Some(&structure));
        assert_eq!(
            parsed.map(|parsed| parsed.frame.frame_diffs().len()),
            expected
        );
        if let Ok(parsed) = parsed {
            assert!(parsed.frame.frame_diffs().iter().all(|&diff| diff == 4096));
        }
    }
}

#[test]
fn any_structure_survives_writing_reading_and_rewriting() {
    let mut random = seeded();
    for _ in 0..400 {
        let description = Description::random(&mut random);
        let (mut value, mut out) = ([0; 4096], [0; 4096 + DependencyDescriptor::MAX_GROWTH]);
        let custom = CustomFields::random(&mut random, &description);
        let len = description.write(&custom, true, &mut value);
        let value = &value[..len];
        let structure = DependencyStructure::parse(value).expect("a structure");
        description.assert_is(&structure);

        let parsed = DependencyDescriptor::parse(value, None).expect("a descriptor");
        custom.assert_is(&parsed, &description);
        let mask = random.random::<u32>() & structure.all_decode_targets();
        let len = parsed
            .write_with_active_targets(value, mask, &mut out)
            .expect("room");
        assert!(len <= value.len() + DependencyDescriptor::MAX_GROWTH);
        let again = DependencyDescriptor::parse(&out[..len], None).expect("a rewritten descriptor");
        assert_eq!(again.active_decode_targets, Some(mask));
        assert_eq!(
            (again.frame, again.layer, again.head),
            (parsed.frame, parsed.layer, parsed.head)
        );
        assert_eq!(DependencyStructure::parse(&out[..len]), Ok(structure));
    }
}

#[test]
fn any_packet_survives_writing_reading_and_rewriting() {
    let mut random = seeded();
    for _ in 0..40 {
        let description = Description::random(&mut random);
        let (mut value, mut out) = ([0; 4096], [0xaa; 4096]);
        let len = description.write(&CustomFields::default(), true, &mut value);
        let structure = DependencyStructure::parse(&value[..len]).expect("a structure");
        for _ in 0..20 {
            let custom = CustomFields::random(&mut random, &description);
            let len = description.write(&custom, false, &mut value);
            let value = &value[..len];
            let parsed =
                DependencyDescriptor::parse(value, Some(&structure)).expect("a descriptor");
            custom.assert_is(&parsed, &description);
            let mask = random.random::<u32>() & structure.all_decode_targets();
            let len = parsed
                .write_with_active_targets(value, mask, &mut out)
                .expect("room");
            assert!(len <= value.len() + DependencyDescriptor::MAX_GROWTH);
            for short in 0..len {
                let refused = parsed.write_with_active_targets(value, mask, &mut out[..short]);
                assert_eq!(refused, Err(DescriptorError::BufferTooShort(short)));
            }
            parsed
                .write_with_active_targets(value, mask, &mut out)
                .expect("room");
            let check = |rewritten: &[u8], head| {
                let again = DependencyDescriptor::parse(rewritten, Some(&structure))
                    .expect("a rewritten descriptor");
                assert_eq!(again.active_decode_targets, Some(mask));
                assert_eq!(
                    (again.frame, again.layer, again.head),
                    (parsed.frame, parsed.layer, head)
                );
            };
            check(&out[..len], parsed.head);

            // The same without the structure, and under another number.
            let count = structure.decode_target_count();
            let len = super::write_with_active_targets(value, count, mask, &mut out).expect("room");
            assert!(len <= value.len() + DependencyDescriptor::MAX_GROWTH);
            let frame_number = random.random();
            super::renumber(&mut out, frame_number, 0);
            let head = DescriptorHead {
                frame_number,
                ..parsed.head
            };
            check(&out[..len], head);
        }
    }
}

#[test]
fn shifted_templates_are_told_apart_from_those_before_and_mean_the_same() {
    let mut random = seeded();
    for _ in 0..200 {
        let description = Description::random(&mut random);
        let (mut key, mut other) = ([0; 4096], [0; 4096]);
        let custom = CustomFields::default();
        let key_len = description.write(&custom, true, &mut key);
        let other_len = description.write(&custom, false, &mut other);
        let [key, other] = [&mut key[..key_len], &mut other[..other_len]];
        let before = DependencyStructure::parse(key).expect("a structure");
        let meant = DependencyDescriptor::parse(other, Some(&before)).expect("a descriptor");
        let (first, count) = before.template_ids();
        let shift = random.random();
        for value in [&mut *key, &mut *other] {
            super::renumber(value, meant.head.frame_number, shift);
        }
        let after = DependencyStructure::parse(key).expect("a structure");
        assert_eq!(
            after.template_ids(),
            (first.wrapping_add(shift) % 64, count)
        );
        let read = DependencyDescriptor::parse(other, Some(&after)).expect("a descriptor");
        assert_eq!((read.frame, read.layer), (meant.frame, meant.layer));
        if (count..=64 - count).contains(&(shift % 64)) {
            let by_the_old = DependencyDescriptor::parse(other, Some(&before));
            assert!(matches!(
                by_the_old,
                Err(DescriptorError::UnknownTemplate(_))
            ));
        }
    }
}

#[test]
fn any_bytes_are_read_without_panic() {
    let mut random = seeded();
    let structure = chrome_structure();
    let mut out = [0; 300];
    for round in 0..30_000 {
        let mut value = vec![0; random.random_range(0..255)];
        random.fill(&mut value[..]);
        // A keyframe with a few bytes changed gets further than noise.
        if round % 2 == 0 {
            value = hex(KEYFRAME);
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..value.len());
                value[at] = random.random();
            }
        }
        let Ok(parsed) = DependencyDescriptor::parse(&value, Some(&structure)) else {
            continue;
        };
        let _ = parsed.write_with_active_targets(&value, random.random(), &mut out);
        let _ =
            parsed.write_with_active_targets(&value[..value.len() / 2], random.random(), &mut out);
        let _ = parsed.write_with_active_targets(&hex(KEYFRAME), random.random(), &mut out);
    }
}
