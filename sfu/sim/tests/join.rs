//! Joining: who sees whom, how soon, and over which protection.

use sfu_sim::prelude::*;

#[test]
fn people_with_different_browsers_see_and_hear_each_other_without_a_flaw() {
    let talker = Person::talker;
    let pairs = [
        (talker(), talker()),
        (talker(), talker().firefox()),
        (talker().firefox(), talker().sha1_only()),
        (
            talker().temporal_layers(3),
            talker().firefox().temporal_layers(2),
        ),
        (talker().sha1_only(), talker().firefox().sha1_only()),
    ];
    for (seed, (alice, bob)) in (1..).zip(pairs) {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(alice), world.join(bob));
        world.run_for(5 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let pictures = world.camera(viewer, publisher);
            assert!(pictures.frames(world.last(4 * SECOND)) >= 119);
            assert!(pictures.longest_freeze(world.last(4 * SECOND)) < 40 * MS);
            let sound = world.microphone(viewer, publisher);
            assert!(sound.frames(world.last(4 * SECOND)) >= 199);
        }
        world.finish();
    }
}

#[test]
fn media_is_protected_by_gcm_unless_the_client_has_none() {
    let mut world = World::new(1);
    let both = world.join(Person::talker());
    let sha1 = world.join(Person::talker().sha1_only());
    world.run_for(SECOND);
    assert_eq!(world.client(both).uses_gcm(), Some(true));
    assert_eq!(world.client(sha1).uses_gcm(), Some(false));
    world.finish();
}

#[test]
fn a_late_joiner_sees_a_picture_within_a_round_trip_and_the_time_of_a_frame() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        let alice = world.join(Person::talker());
        world.run_for(3 * SECOND);
        let bob = world.join(Person::talker());
        world.run_for(SECOND);
        let connected = world.client(bob).connected_at().expect("connected");
        let first = world.camera(bob, alice).first_after(connected);
        // There and back to Alice, her next frame and its coding, and the way to Bob.
        let allowed = 20 * MS + 34 * MS + 12 * MS + 10 * MS;
        assert!(
            first < Some(connected + allowed),
            "seed {seed}: {connected:?}, {first:?}"
        );
        world.finish();
    }
}

#[test]
fn three_in_a_room_and_a_viewer_who_is_not_seen() {
    let mut world = World::new(1);
    let people = [
        world.join(Person::talker()),
        world.join(Person::talker().firefox()),
        world.join(Person::talker()),
    ];
    let mut viewer = Person::viewer();
    viewer.grants = sfu::room::Grants::VIEW_ONLY;
    let viewer = world.join(viewer);
    world.run_for(3 * SECOND);
    for watching in people.into_iter().chain([viewer]) {
        for publisher in people.into_iter().filter(|who| *who != watching) {
            assert!(
                world
                    .camera(watching, publisher)
                    .frames(world.last(2 * SECOND))
                    >= 59
            );
        }
    }
    let heard_of_viewer = world.notifications(people[0]).iter().any(|notification| {
        matches!(notification, Notification::ParticipantJoined(view) if view.name.as_str() == "person 3")
    });
    assert!(!heard_of_viewer);
    world.finish();
}

#[test]
fn more_slots_are_offered_later_and_those_before_stay_as_they_are() {
    let mut world = World::new(1);
    let viewer = world.join(Person::viewer().slots(1));
    let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
    world.run_for(2 * SECOND);
    assert_eq!(
        world.camera(viewer, bob).frames(world.last(SECOND)),
        0,
        "one slot"
    );
    world.add_slots(viewer, 2);
    world.run_for(2 * SECOND);
    assert!(world.camera(viewer, bob).frames(world.last(SECOND)) >= 29);
    assert!(
        world
            .camera(viewer, alice)
            .longest_freeze(world.last(3 * SECOND))
            < 40 * MS
    );
    world.finish();
}

#[test]
fn connections_come_up_at_thirty_percent_loss() {
    let mut slowest = START;
    for seed in 0..30 {
        let mut world = World::new(seed);
        let link = Link::delayed(20 * MS).losing(0.3);
        let person = world.join(Person::viewer().link(link));
        let took = world.run_until(10 * SECOND, "connecting", |world| {
            world.client(person).connected_at().is_some()
        });
        slowest = slowest.max(took);
        world.set_link(person, Link::PERFECT);
        world.finish();
    }
    assert!(slowest < 6 * SECOND, "the slowest took {slowest:?}");
}
