//! A room on several workers: tracks cross once, feedback crosses back.

use sfu_sim::prelude::*;

#[test]
fn people_on_different_workers_see_each_other_as_if_on_one() {
    for seed in 0..4 {
        let mut world = World::with_workers(seed, 3);
        let people: Vec<_> = (0..3)
            .map(|worker| world.join(Person::talker().on_worker(worker)))
            .collect();
        world.run_for(5 * SECOND);
        for &viewer in &people {
            for &publisher in people.iter().filter(|who| **who != viewer) {
                let pictures = world.camera(viewer, publisher);
                assert!(
                    pictures.frames(world.last(4 * SECOND)) >= 119,
                    "seed {seed}"
                );
                assert!(
                    pictures.longest_freeze(world.last(4 * SECOND)) < 40 * MS,
                    "seed {seed}"
                );
                let sound = world.microphone(viewer, publisher);
                assert!(sound.frames(world.last(4 * SECOND)) >= 199, "seed {seed}");
            }
        }
        world.finish();
    }
}

#[test]
fn a_late_joiner_on_another_worker_sees_a_picture_as_soon_as_one_on_the_same() {
    for seed in 0..10 {
        let mut world = World::with_workers(seed, 2);
        let alice = world.join(Person::talker().on_worker(0));
        world.run_for(3 * SECOND);
        let bob = world.join(Person::talker().on_worker(1));
        world.run_for(SECOND);
        let connected = world.client(bob).connected_at().expect("connected");
        let first = world.camera(bob, alice).first_after(connected);
        // As on one worker, and some turns of the two workers' loops.
        let allowed = 20 * MS + 34 * MS + 12 * MS + 10 * MS + 10 * MS;
        assert!(
            first < Some(connected + allowed),
            "seed {seed}: {connected:?}, {first:?}"
        );
        world.finish();
    }
}

#[test]
fn simulcast_crosses_whole_and_viewers_over_there_get_the_highest_layer() {
    let mut world = World::with_workers(1, 2);
    let alice = world.join(
        Person::nobody()
            .simulcast(&[150_000, 500_000, 1_500_000])
            .on_worker(0),
    );
    let bob = world.join(Person::viewer().on_worker(1));
    world.run_for(3 * SECOND);
    let layers = world.camera(bob, alice).encodings(world.last(SECOND));
    assert_eq!(layers.keys().copied().collect::<Vec<_>>(), [2]);
    world
        .sender_mut(alice, TrackSource::Camera)
        .set_active(2, false);
    world.run_for(3 * SECOND);
    let layers = world.camera(bob, alice).encodings(world.last(SECOND));
    assert_eq!(layers.keys().copied().collect::<Vec<_>>(), [1]);
    world.finish();
}

#[test]
fn losses_on_the_way_to_another_worker_are_repaired_as_on_the_same() {
    for seed in 0..4 {
        let mut world = World::with_workers(seed, 2);
        let link = Link::delayed(20 * MS).losing(0.05);
        let alice = world.join(Person::talker().link(link).on_worker(0));
        let bob = world.join(Person::talker().link(link).on_worker(1));
        world.run_for(12 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let frames = world
                .camera(viewer, publisher)
                .frames(world.last(10 * SECOND));
            assert!(frames >= 297, "seed {seed}: {frames} of 300 frames");
        }
        world.finish();
    }
}

#[test]
fn a_track_that_nobody_over_there_shows_any_more_does_not_cross() {
    let mut world = World::with_workers(1, 2);
    let alice = world.join(Person::talker().on_worker(0));
    let bob = world.join(Person::talker().on_worker(1));
    world.run_for(2 * SECOND);
    assert_eq!(
        world.debug_states()[1].tracks,
        4,
        "two of Bob's, two imported"
    );
    let tracks = [
        (alice, TrackSource::Camera),
        (alice, TrackSource::Microphone),
    ];
    world.subscribe(bob, &[], &tracks);
    world.run_for(SECOND);
    assert_eq!(world.debug_states()[1].tracks, 2);
    world.finish();
}

#[test]
fn a_keyframe_that_had_to_be_repaired_crosses_with_all_that_overtook_it() {
    let mut world = World::with_workers(1, 2);
    let mut alice = Person::talker().on_worker(0);
    alice.uplink = Link::delayed(40 * MS).losing(0.15);
    let alice = world.join(alice);
    world.run_for(2 * SECOND);
    for _ in 0..20 {
        let bob = world.join(Person::viewer().on_worker(1));
        world.run_for(SECOND);
        let frames = world.camera(bob, alice).frames(world.last(500 * MS));
        assert!(frames > 0);
        world.leave(bob);
    }
    world.finish();
}
