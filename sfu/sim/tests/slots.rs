//! Slots: what they show changes by messages, and the receiver sees one stream that goes on.

use sfu_sim::prelude::*;

#[test]
fn a_slot_goes_from_one_camera_to_another_and_back_without_a_break_in_its_numbers() {
    let mut world = World::new(1);
    let viewer = world.join(Person::viewer().slots(1));
    let alice = world.join(Person::talker());
    let bob = world.join(Person::talker().firefox());
    world.run_for(2 * SECOND);
    for (shown, hidden) in [(bob, alice), (alice, bob), (bob, alice), (alice, bob)] {
        let tracks = [
            (hidden, TrackSource::Camera),
            (hidden, TrackSource::Microphone),
        ];
        world.subscribe(viewer, &[], &tracks);
        let changed = world.now();
        world.run_for(2 * SECOND);
        let first = world.camera(viewer, shown).first_after(changed);
        assert!(first < Some(changed + 80 * MS), "{changed:?}: {first:?}");
        let rest = changed + 2 * MS..world.now();
        assert_eq!(
            world
                .camera(viewer, hidden)
                .frames(changed + 12 * MS..world.now()),
            0
        );
        assert!(world.microphone(viewer, shown).longest_freeze(rest) < 50 * MS);
    }
    world.finish();
}

#[test]
fn a_shared_screen_takes_the_only_slot_and_gives_it_back() {
    let mut world = World::new(1);
    let viewer = world.join(Person::viewer().slots(1));
    let alice = world.join(Person::talker());
    world.run_for(2 * SECOND);
    let sharer = world.join(Person::nobody().screen(800_000));
    world.run_for(2 * SECOND);
    let screen = world.watch(viewer, sharer, TrackSource::Screen);
    assert!(screen.frames(world.last(SECOND)) >= 9);
    assert_eq!(world.camera(viewer, alice).frames(world.last(SECOND)), 0);
    world.leave(sharer);
    world.run_for(2 * SECOND);
    assert!(world.camera(viewer, alice).frames(world.last(SECOND)) >= 29);
    world.finish();
}

#[test]
fn when_there_are_too_few_slots_those_who_have_one_keep_it() {
    let mut world = World::new(1);
    let viewer = world.join(Person::viewer().slots(2));
    let people: Vec<_> = (0..4).map(|_| world.join(Person::talker())).collect();
    world.run_for(2 * SECOND);
    for (place, publisher) in people.iter().enumerate() {
        let seen = world.camera(viewer, *publisher).frames(world.last(SECOND)) > 0;
        assert_eq!(seen, place < 2, "person {place}");
    }
    world.leave(people[0]);
    world.run_for(SECOND);
    assert!(world.camera(viewer, people[2]).frames(world.last(900 * MS)) >= 25);
    assert!(
        world
            .camera(viewer, people[1])
            .longest_freeze(world.last(2 * SECOND))
            < 40 * MS
    );
    world.finish();
}
