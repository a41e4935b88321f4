//! What is written reads back, by other hands: the library's depacketizers and the server's own parsers.

use bytes::Bytes;
use rand::SeedableRng;
use sfu_rtp::codec::PayloadFormat;
use sfu_rtp::{DependencyDescriptor, DependencyStructure, Layer, PayloadInfo};

use super::super::payload::{Told, read};
use super::*;

const SIZE: (u16, u16) = (640, 360);

fn encoder(codec: Codec, scalability: Scalability, described: bool) -> VideoEncoder {
    let label = Label {
        publisher: 1,
        source: 0,
    };
    let settings = EncoderSettings {
        codec,
        bitrate: 1_000_000,
        frame_rate: 30,
        size: SIZE,
        scalability,
        described,
        sealed: false,
    };
    VideoEncoder::new(label, 0, settings, SmallRng::seed_from_u64(1))
}

const L1T3: Scalability = Scalability {
    temporal: 3,
    ..Scalability::NONE
};
const L3T3: Scalability = Scalability { spatial: 3, ..L1T3 };
const L3T3_KEY: Scalability = Scalability { key: true, ..L3T3 };

const FORMATS: [(Codec, PayloadFormat); 4] = [
    (Codec::Vp8, PayloadFormat::Vp8),
    (Codec::Vp9, PayloadFormat::Vp9),
    (Codec::H264, PayloadFormat::H264),
    (Codec::Av1, PayloadFormat::Av1),
];

#[test]
fn payloads_of_every_codec_read_back_with_numbers_that_run_on() {
    for (codec, format) in FORMATS {
        for scalability in [Scalability::NONE, L1T3] {
            let mut encoder = encoder(codec, scalability, false);
            let mut last: Option<(u16, u8)> = None;
            let mut number = 0;
            for picture in 0..50 {
                let keyframe = picture == 0 || picture == 20;
                let packets = encoder.encode(Duration::ZERO, picture == 20, 5, number);
                assert!(packets.len() > 2);
                let mut ids = None;
                for packet in &packets {
                    let payload = Bytes::from(packet.payload.clone());
                    let view = read(codec, &payload).expect("as written");
                    assert_eq!(view.stamp, packet.stamp, "{codec:?}");
                    assert_eq!((view.stamp.number, view.stamp.sequence), (number, number));
                    assert_eq!(packet.marker, view.stamp.ends_frame());
                    let info = PayloadInfo::parse(format, &payload).expect("the server reads it");
                    let first = packet.stamp.packet == 0;
                    assert_eq!(info.is_keyframe_start(), first && keyframe, "{codec:?}");
                    ids = view.told.ids();
                    number += 1;
                }
                let is_base = packets[0].stamp.temporal == 0;
                if let (Some((picture, tl0)), Some(ids)) = (last, ids) {
                    let expected = ((picture + 1) & 0x7fff, tl0.wrapping_add(is_base.into()));
                    assert_eq!(ids, expected, "{codec:?}");
                }
                last = ids;
            }
        }
    }
}

#[test]
fn sealed_payloads_read_back_and_say_nothing_to_others() {
    let mut encoder = encoder(Codec::Av1, Scalability::NONE, true);
    encoder.settings.sealed = true;
    let mut understood = 0;
    for _ in 0..200 {
        for packet in encoder.encode(Duration::ZERO, false, 1, 0) {
            let payload = Bytes::from(packet.payload);
            let view = read(Codec::Av1, &payload).expect("as written");
            assert_eq!((view.stamp, view.told), (packet.stamp, Told::Nothing));
            let info = PayloadInfo::parse(PayloadFormat::Av1, &payload);
            understood += usize::from(info.is_some());
        }
    }
    assert!(understood < 200, "{understood} of some 800");
}

#[test]
fn descriptors_say_what_the_frames_are() {
    for scalability in [Scalability::NONE, L1T3, L3T3, L3T3_KEY] {
        let mut encoder = encoder(Codec::Av1, scalability, true);
        let mut structure = None;
        let mut first = None;
        for picture in 0..40 {
            for packet in encoder.encode(Duration::ZERO, picture == 22, 1, 0) {
                let stamp = packet.stamp;
                let value = packet.descriptor.expect("it is described");
                let told = DependencyStructure::parse(&value).ok();
                assert_eq!(told.is_some(), stamp.packet == 0 && stamp.is_keyframe());
                structure = told.or(structure);
                let read = DependencyDescriptor::parse(&value, structure.as_ref());
                let read = read.expect("as written");
                let first = *first.get_or_insert(read.head.frame_number);
                let number = read.head.frame_number.wrapping_sub(first);
                assert_eq!(u32::from(number), stamp.frame);
                let refers_back = stamp.refers_back.into_iter().filter(|&back| back > 0);
                assert!(read.frame.frame_diffs().iter().copied().eq(refers_back));
                let layer = Layer {
                    spatial: stamp.spatial,
                    temporal: stamp.temporal,
                };
                assert_eq!(read.layer, layer);
                let bounds = (read.head.start_of_frame, read.head.end_of_frame);
                assert_eq!(bounds, (stamp.packet == 0, stamp.ends_frame()));
                assert_eq!(
                    packet.marker,
                    bounds.1 && layer.spatial + 1 == scalability.spatial
                );
            }
        }
        let structure = structure.expect("a keyframe told");
        let targets = (0..structure.decode_target_count())
            .map(|target| structure.decode_target_layer(target).expect("there is one"));
        assert!(targets.eq(scalability.layers()));
        let top = structure
            .resolution(scalability.spatial - 1)
            .expect("it tells sizes");
        assert_eq!((top.width, top.height), SIZE);
    }
}

#[test]
fn the_rate_is_kept() {
    for scalability in [L1T3, L3T3] {
        let mut encoder = encoder(Codec::Vp9, scalability, false);
        let bytes: usize = (0..300)
            .flat_map(|_| encoder.encode(Duration::ZERO, false, 1, 0))
            .map(|packet| packet.payload.len())
            .sum();
        let rate = bytes * 8 / 10;
        assert!((950_000..1_150_000).contains(&rate), "{rate} bit/s");
    }
}
