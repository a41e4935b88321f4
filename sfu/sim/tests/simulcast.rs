//! Simulcast: the highest layer that flows is shown, and changes of layers are not seen as breaks.

use sfu_sim::prelude::*;

const LAYERS: [u32; 3] = [150_000, 500_000, 1_500_000];

fn publisher() -> Person {
    Person::nobody().microphone().simulcast(&LAYERS)
}

#[test]
fn the_highest_layer_is_shown_to_viewers_of_either_browser() {
    for (seed, publisher) in [(1, publisher()), (2, publisher().firefox())] {
        let mut world = World::new(seed);
        let alice = world.join(publisher);
        let viewers = [
            world.join(Person::viewer()),
            world.join(Person::viewer().firefox()),
        ];
        world.run_for(4 * SECOND);
        for viewer in viewers {
            let shown = world.camera(viewer, alice);
            let layers = shown.encodings(world.last(2 * SECOND));
            assert_eq!(layers.keys().copied().collect::<Vec<_>>(), [2]);
            assert!(shown.frames(world.last(2 * SECOND)) >= 59);
        }
        world.finish();
    }
}

#[test]
fn when_the_highest_layer_stops_the_next_is_shown_until_it_is_back() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let alice = world.join(publisher());
        let bob = world.join(Person::viewer());
        world.run_for(3 * SECOND);

        world
            .sender_mut(alice, TrackSource::Camera)
            .set_active(2, false);
        let stopped = world.now();
        world.run_for(3 * SECOND);
        let shown = world.camera(bob, alice);
        let layers = shown.encodings(world.last(2 * SECOND));
        assert_eq!(
            layers.keys().copied().collect::<Vec<_>>(),
            [1],
            "seed {seed}"
        );
        let freeze = shown.longest_freeze(stopped..world.now());
        assert!(freeze < 900 * MS, "seed {seed}: frozen for {freeze:?}");

        world
            .sender_mut(alice, TrackSource::Camera)
            .set_active(2, true);
        let back = world.now();
        world.run_for(3 * SECOND);
        let shown = world.camera(bob, alice);
        let layers = shown.encodings(world.last(2 * SECOND));
        assert_eq!(
            layers.keys().copied().collect::<Vec<_>>(),
            [2],
            "seed {seed}"
        );
        let freeze = shown.longest_freeze(back..world.now());
        assert!(freeze < 75 * MS, "seed {seed}: frozen for {freeze:?}");
        world.finish();
    }
}

#[test]
fn a_layer_that_starts_late_is_taken_up_without_a_break() {
    let mut world = World::new(1);
    let alice = world.join(publisher().without_layer("f").without_layer("h"));
    let bob = world.join(Person::viewer());
    world.run_for(2 * SECOND);
    for layer in [1, 2] {
        world
            .sender_mut(alice, TrackSource::Camera)
            .set_active(layer, true);
        let started = world.now();
        world.run_for(2 * SECOND);
        let shown = world.camera(bob, alice);
        assert_eq!(shown.encodings(world.last(SECOND)).len(), 1);
        assert!(
            shown
                .encodings(world.last(SECOND))
                .contains_key(&(layer as u8))
        );
        assert!(shown.longest_freeze(started..world.now()) < 75 * MS);
    }
    world.finish();
}

#[test]
fn viewers_ask_for_few_keyframes_however_many_they_are() {
    let mut world = World::new(1);
    let alice = world.join(publisher());
    world.run_for(2 * SECOND);
    let before = world
        .sender_statistics(alice, TrackSource::Camera)
        .keyframe_requests;
    let viewers: Vec<_> = (0..60).map(|_| world.join(Person::viewer())).collect();
    world.run_for(2 * SECOND);
    let after = world
        .sender_statistics(alice, TrackSource::Camera)
        .keyframe_requests;
    assert!(after - before <= 4, "{} requests", after - before);
    for viewer in viewers {
        assert!(world.camera(viewer, alice).frames(world.last(SECOND)) >= 29);
    }
    world.finish();
}
