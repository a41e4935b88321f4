//! Layers, whatever the codec: every switch among all pairs of them is decodable on both sides, layers start late,
//! stop and come back, and what is encrypted from end to end has layers too. The oracle checks every packet and
//! decodes as browsers do.

use sfu_sim::prelude::*;

const CAMERA: TrackSource = TrackSource::Camera;

const CODECS: [Codec; 4] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];

/// Of the lowest spatial layer, in pixels.
const HEIGHT: u16 = 90;

/// Of up to four encodings.
const RATES: [u32; 4] = [50_000, 200_000, 600_000, 1_600_000];

/// Two to four names in any order, as applications give them.
const RIDS: [&[&str]; 4] = [
    &["q", "h", "f"],
    &["high", "low"],
    &["3", "2", "1", "0"],
    &["r_0-A", "zz", "a"],
];

#[test]
fn every_switch_among_all_pairs_of_encodings_is_decodable_on_both_sides() {
    for (codec, rids) in CODECS.into_iter().zip(RIDS) {
        every_pair_of_encodings(&simulcast(codec, rids), rids.len());
    }
}

#[test]
fn every_switch_among_all_pairs_of_encrypted_encodings_is_decodable_on_both_sides() {
    for codec in [Codec::H264, Codec::Av1] {
        let publisher = simulcast(codec, RIDS[0]).sealed();
        every_pair_of_encodings(&publisher, 3);
        every_pair_of_encodings(&publisher.temporal_layers(3), 3);
    }
}

#[test]
fn every_switch_among_all_pairs_of_spatial_layers_is_decodable_on_both_sides() {
    for (name, publisher) in streams().filter(|(name, _)| name.contains("L3")) {
        for (from, to) in pairs(3) {
            let (mut world, alice, viewers) = broadcast(&publisher);
            for layer in [from, to] {
                let changed = view(&mut world, alice, &viewers, HEIGHT << layer);
                for &viewer in &viewers {
                    let name = format!("{name} from {from} to {to}, {viewer:?}");
                    let shown = world.camera(viewer, alice);
                    let layers = shown.spatial_layers(world.last(SECOND));
                    let layers: Vec<_> = layers.into_keys().collect();
                    assert_eq!(layers, [layer as u8], "{name}");
                    let freeze = shown.longest_freeze(changed + SECOND / 2..world.now());
                    assert!(freeze < 75 * MS, "{name}: frozen for {freeze:?}");
                }
            }
            world.finish();
        }
    }
}

#[test]
fn every_switch_among_all_pairs_of_temporal_layers_is_decodable_on_both_sides() {
    for (name, publisher) in streams().filter(|(name, _)| name.contains("L1T3")) {
        for (from, to) in pairs(3) {
            let mut world = World::new(2);
            let alice = world.join(publisher.clone());
            let bob = world.join(Person::viewer());
            for layer in [from, to] {
                // A quarter of the pictures, a half, or all, and sound.
                let rate = [90_000, 150_000, 3_000_000][layer];
                world.set_downlink(bob, Link::delayed(10 * MS).limited(rate, 60_000));
                world.run_for(20 * SECOND);
                let pictures = world.camera(bob, alice).frames(world.last(4 * SECOND));
                let expected = [30, 60, 120][layer];
                let name = format!("{name} from {from} to {to}");
                assert!(
                    pictures.abs_diff(expected) <= 2,
                    "{name}: {pictures} pictures"
                );
            }
            world.finish();
        }
    }
}

#[test]
fn whatever_its_layers_a_stream_is_shown_whole_to_those_who_have_room_for_it() {
    for (name, publisher) in streams() {
        let (mut world, alice, viewers) = broadcast(&publisher);
        world.run_for(6 * SECOND);
        for viewer in viewers {
            let shown = world.camera(viewer, alice);
            let pictures = shown.frames(world.last(2 * SECOND));
            assert!(
                pictures >= 59,
                "{name}: {viewer:?} sees {pictures} pictures"
            );
            let layers = shown.spatial_layers(world.last(2 * SECOND));
            assert_eq!(layers.len(), 1, "{name}: {layers:?}");
        }
        world.finish();
    }
}

#[test]
fn an_encoding_that_starts_late_stops_and_returns_is_taken_up_and_given_up_without_a_break() {
    for (codec, rids) in CODECS.into_iter().zip(RIDS) {
        let top = rids.len() - 1;
        for publisher in [
            simulcast(codec, rids),
            simulcast(codec, rids).described().sealed(),
        ] {
            let mut world = World::new(3);
            let alice = world.join(publisher.without_layer(rids[top]));
            let bob = world.join(Person::viewer());
            for (active, shown) in [(false, top - 1), (true, top), (false, top - 1), (true, top)] {
                world.sender_mut(alice, CAMERA).set_active(top, active);
                let changed = world.now();
                world.run_for(4 * SECOND);
                assert_eq!(encodings(&world, bob, alice), [shown as u8], "{codec:?}");
                // That one has stopped is known after three looks.
                let patience = if active { 75 * MS } else { SECOND };
                let watch = world.camera(bob, alice);
                let freeze = watch.longest_freeze(changed.max(SECOND)..world.now());
                assert!(freeze < patience, "{codec:?}: frozen for {freeze:?}");
            }
            world.finish();
        }
    }
}

/// A camera in as many encodings as there are names.
fn simulcast(codec: Codec, rids: &[&str]) -> Person {
    let rates = &RATES[..rids.len()];
    Person::nobody().simulcast(rates).rids(rids).codec(codec)
}

/// All kinds of streams with layers in one encoding.
fn streams() -> impl Iterator<Item = (&'static str, Person)> {
    let temporal = |codec| {
        Person::nobody()
            .camera(200_000)
            .codec(codec)
            .temporal_layers(3)
    };
    let spatial = |codec| {
        let camera = Person::nobody().camera(800_000).codec(codec);
        camera.spatial_layers(3).temporal_layers(3)
    };
    let streams = [
        ("VP8 L1T3", temporal(Codec::Vp8)),
        ("VP8 L1T3 described", temporal(Codec::Vp8).described()),
        ("VP9 L1T3", temporal(Codec::Vp9)),
        ("H.264 L1T3 described", temporal(Codec::H264).described()),
        ("H.264 L1T3 encrypted", temporal(Codec::H264).sealed()),
        ("AV1 L1T3", temporal(Codec::Av1)),
        ("AV1 L1T3 encrypted", temporal(Codec::Av1).sealed()),
        ("VP9 L3T3", spatial(Codec::Vp9)),
        ("VP9 L3T3_KEY", spatial(Codec::Vp9).key_only()),
        ("VP9 L3T3 described", spatial(Codec::Vp9).described()),
        (
            "VP9 L3T3_KEY described",
            spatial(Codec::Vp9).key_only().described(),
        ),
        ("AV1 L3T3", spatial(Codec::Av1)),
        ("AV1 L3T3_KEY", spatial(Codec::Av1).key_only()),
        (
            "AV1 L3T3_KEY encrypted",
            spatial(Codec::Av1).key_only().sealed(),
        ),
    ];
    streams.into_iter()
}

/// A publisher, and a viewer with either browser: one of them knows no dependency descriptors.
fn broadcast(publisher: &Person) -> (World, PersonId, [PersonId; 2]) {
    let mut world = World::new(1);
    let alice = world.join(publisher.clone());
    let viewers = [Person::viewer(), Person::viewer().firefox()];
    let viewers = viewers.map(|viewer| world.join(viewer));
    (world, alice, viewers)
}

/// They show the camera at this height, and some time passes. Returns since when they do.
fn view(world: &mut World, publisher: PersonId, viewers: &[PersonId], height: u16) -> Duration {
    for &viewer in viewers {
        world.view(viewer, &[(publisher, CAMERA, Display::Height(height))]);
    }
    let changed = world.now();
    world.run_for(4 * SECOND);
    changed
}

fn every_pair_of_encodings(publisher: &Person, encodings: usize) {
    for (from, to) in pairs(encodings) {
        let (mut world, alice, viewers) = broadcast(publisher);
        for encoding in [from, to] {
            let changed = view(&mut world, alice, &viewers, 180 << encoding);
            for &viewer in &viewers {
                let codec = publisher.sources[0].layers[0].encoder.codec;
                let name = format!("{codec:?} from {from} to {to} of {encodings}, {viewer:?}");
                assert_eq!(
                    self::encodings(&world, viewer, alice),
                    [encoding as u8],
                    "{name}"
                );
                let shown = world.camera(viewer, alice);
                let freeze = shown.longest_freeze(changed + SECOND / 2..world.now());
                assert!(freeze < 75 * MS, "{name}: frozen for {freeze:?}");
            }
        }
        world.finish();
    }
}

/// What arrived of somebody's camera in the last second: encodings, the lowest first.
fn encodings(world: &World, viewer: PersonId, publisher: PersonId) -> Vec<u8> {
    let shown = world.camera(viewer, publisher);
    let encodings = shown.encodings(world.last(SECOND));
    encodings.into_keys().collect()
}

/// All pairs of different layers.
fn pairs(layers: usize) -> impl Iterator<Item = (usize, usize)> {
    let all = (0..layers).flat_map(move |from| (0..layers).map(move |to| (from, to)));
    all.filter(|(from, to)| from != to)
}
