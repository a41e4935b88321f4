use super::super::Resolution;
use super::*;

const NOTHING: Vp9Descriptor = Vp9Descriptor {
    frame_start: false,
    frame_end: false,
    inter_picture_predicted: false,
    flexible: false,
    not_reference_for_upper: false,
    picture_id: None,
    temporal_layer: None,
    spatial_layer: None,
    switching_up_point: false,
    inter_layer_predicted: false,
    tl0_picture_index: None,
    scalability: None,
    len: 1,
    tl0_picture_index_at: 1,
};

fn long_id(value: u16) -> Option<PictureId> {
    PictureId::read(&mut Reader::new(&(value | 0x8000).to_be_bytes()))
}

/// The data of a frame, of which a descriptor needs at least one byte.
const FRAME: u8 = 0x82;

#[test]
fn descriptors_are_read() {
    let cases: &[(&str, &[u8], Vp9Descriptor)] = &[
        ("nothing", &[0x00, FRAME], NOTHING),
        (
            "whole keyframe without layers",
            &[0x8c, 0x81, 0x23, FRAME],
            Vp9Descriptor {
                frame_start: true,
                frame_end: true,
                picture_id: long_id(0x123),
                len: 3,
                tl0_picture_index_at: 3,
                ..NOTHING
            },
        ),
        (
            "predicted frame with layers, not flexible",
            &[0xe9, 0x80, 0x07, 0b010_1_001_1, 0x55, FRAME],
            Vp9Descriptor {
                frame_start: true,
                inter_picture_predicted: true,
                not_reference_for_upper: true,
                picture_id: long_id(7),
                temporal_layer: Some(2),
                spatial_layer: Some(1),
                switching_up_point: true,
                inter_layer_predicted: true,
                tl0_picture_index: Some(0x55),
                len: 5,
                tl0_picture_index_at: 4,
                ..NOTHING
            },
        ),
        (
            "flexible with three references",
            &[0xf4, 0x80, 0x07, 0b111_0_111_0, 0x03, 0x05, 0x06, FRAME],
            Vp9Descriptor {
                frame_end: true,
                inter_picture_predicted: true,
                flexible: true,
                picture_id: long_id(7),
                temporal_layer: Some(7),
                spatial_layer: Some(7),
                len: 7,
                tl0_picture_index_at: 4,
                ..NOTHING
            },
        ),
        (
            "flexible keyframe has no references",
            &[0x18, FRAME],
            Vp9Descriptor {
                frame_start: true,
                flexible: true,
                ..NOTHING
            },
        ),
    ];
    for (name, payload, expected) in cases {
        assert_eq!(
            Vp9Descriptor::parse(payload).as_ref(),
            Some(expected),
            "{name}"
        );
        for len in 0..payload.len() {
            assert_eq!(
                Vp9Descriptor::parse(&payload[..len]),
                None,
                "{name}, cut to {len}"
            );
        }
    }
}

#[test]
fn a_fourth_reference_is_refused() {
    assert_eq!(
        Vp9Descriptor::parse(&[0x50, 0x03, 0x03, 0x03, 0x02, FRAME]),
        None
    );
}

#[test]
fn scalability_structures_are_read() {
    let three_layers = [
        &[0x0a, 0b010_11_000][..],
        &[
            0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x05, 0x00, 0x02, 0xd0,
        ],
        // Four pictures with 0, 1, 2 and 3 references.
        &[
            4,
            0b000_1_00_00,
            0b010_0_01_00,
            9,
            0b001_0_10_00,
            9,
            9,
            0b010_0_11_00,
            9,
            9,
            9,
        ],
        &[FRAME],
    ]
    .concat();
    let parsed = Vp9Descriptor::parse(&three_layers).unwrap();
    let structure = parsed.scalability.unwrap();
    assert_eq!(structure.spatial_layers(), 3);
    let sizes: Vec<_> = structure
        .resolutions()
        .iter()
        .map(|size| (size.width, size.height))
        .collect();
    assert_eq!(sizes, [(320, 180), (640, 360), (1280, 720)]);
    assert_eq!(parsed.len(), three_layers.len() - 1);
    for len in 0..three_layers.len() {
        assert_eq!(
            Vp9Descriptor::parse(&three_layers[..len]),
            None,
            "cut to {len}"
        );
    }

    let bare = Vp9Descriptor::parse(&[0x0a, 0b111_00_000, FRAME])
        .unwrap()
        .scalability
        .unwrap();
    assert_eq!(
        (bare.spatial_layers(), bare.resolutions()),
        (8, &[] as &[Resolution])
    );
}

#[test]
fn decoders_start_at_the_lowest_layer_of_an_unpredicted_picture() {
    let cases = [
        ("no layers", &[0x08, FRAME][..], true),
        ("lowest layer", &[0x38, 0b000_0_000_0, FRAME], true),
        (
            "upper layer of a keyframe",
            &[0x38, 0b000_0_001_1, FRAME],
            false,
        ),
        ("later packet", &[0x30, 0b000_0_000_0, FRAME], false),
        ("predicted", &[0x48, FRAME], false),
    ];
    for (name, payload, expected) in cases {
        assert_eq!(
            Vp9Descriptor::parse(payload).map(|vp9| vp9.is_keyframe_start()),
            Some(expected),
            "{name}"
        );
    }
}

#[test]
fn renumbering_changes_the_numbers_and_nothing_else() {
    let cases: &[(&str, &[u8], &[u8])] = &[
        ("none", &[0x08, 1, 2], &[0x08, 1, 2]),
        ("short id", &[0x88, 0x11, 1], &[0x88, 0x34, 1]),
        (
            "long id and index",
            &[0xa8, 0x80, 0x00, 0x20, 0x22, 1],
            &[0xa8, 0x92, 0x34, 0x20, 0x56, 1],
        ),
        (
            "flexible has no index",
            &[0xb8, 0x80, 0x00, 0x20, 0x22, 1],
            &[0xb8, 0x92, 0x34, 0x20, 0x22, 1],
        ),
        (
            "index alone",
            &[0x28, 0x20, 0x22, 1],
            &[0x28, 0x20, 0x56, 1],
        ),
    ];
    for (name, before, after) in cases {
        let mut payload = before.to_vec();
        let descriptor = Vp9Descriptor::parse(before).expect(name);
        descriptor.numbers().overwrite(&mut payload, 0x1234, 0x56);
        assert_eq!(payload, *after, "{name}");
        for len in 0..before.len() {
            descriptor
                .numbers()
                .overwrite(&mut before.to_vec()[..len], 0x1234, 0x56);
        }
    }
}
