//! Allocation: what each slot gets of its viewer's bandwidth, and what publishers need not send.

use sfu_sim::prelude::*;

/// A camera in three layers; a thumbnail shows the lowest.
const LAYERS: [u32; 3] = [50_000, 300_000, 900_000];

/// What a home router holds.
const QUEUE: usize = 60_000;

fn publisher() -> Person {
    Person::nobody().simulcast(&LAYERS)
}

/// What arrived of somebody's camera in the last second: layers, lowest first.
fn layers(world: &World, viewer: PersonId, publisher: PersonId) -> Vec<u8> {
    let shown = world.camera(viewer, publisher);
    shown
        .encodings(world.last(SECOND))
        .keys()
        .copied()
        .collect()
}

#[test]
fn no_layer_beyond_what_is_displayed_is_sent() {
    for (height, expected) in [(180, 0), (360, 1), (390, 1), (720, 2), (2_160, 2)] {
        let mut world = World::new(1);
        let alice = world.join(publisher());
        let bob = world.join(Person::viewer());
        let camera = TrackSource::Camera;
        world.view(bob, &[(alice, camera, Display::Height(height))]);
        world.run_for(4 * SECOND);
        assert_eq!(layers(&world, bob, alice), [expected], "{height} pixels");
        let shown = world.camera(bob, alice);
        assert!(
            shown.frames(world.last(2 * SECOND)) >= 59,
            "{height} pixels"
        );
        world.finish();
    }
}

#[test]
fn what_nobody_sees_is_not_sent_and_comes_back_at_once() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let alice = world.join(publisher());
        let bob = world.join(Person::viewer());
        let camera = TrackSource::Camera;
        world.run_for(3 * SECOND);
        world.view(bob, &[(alice, camera, Display::Hidden)]);
        let hidden = world.now();
        world.run_for(2 * SECOND);
        let shown = world.camera(bob, alice);
        assert_eq!(
            shown.frames(hidden + 50 * MS..world.now()),
            0,
            "seed {seed}"
        );

        world.view(bob, &[]);
        let back = world.now();
        world.run_for(3 * SECOND);
        let shown = world.camera(bob, alice);
        let first = shown.first_after(back).expect("it is seen again") - back;
        assert!(first < 120 * MS, "seed {seed}: after {first:?}");
        assert_eq!(layers(&world, bob, alice), [2], "seed {seed}");
        world.finish();
    }
}

#[test]
fn a_tile_that_grows_gets_a_larger_layer_without_a_break() {
    let mut world = World::new(1);
    let alice = world.join(publisher());
    let bob = world.join(Person::viewer());
    let camera = TrackSource::Camera;
    for (height, expected) in [(180, 0), (720, 2), (360, 1), (720, 2), (180, 0)] {
        world.view(bob, &[(alice, camera, Display::Height(height))]);
        let changed = world.now();
        world.run_for(3 * SECOND);
        assert_eq!(layers(&world, bob, alice), [expected], "{height} pixels");
        let freeze = world
            .camera(bob, alice)
            .longest_freeze(changed + SECOND / 2..world.now());
        assert!(freeze < 75 * MS, "{height} pixels: frozen for {freeze:?}");
    }
    world.finish();
}

#[test]
fn one_pinned_picture_and_eight_thumbnails_all_have_a_picture_and_none_is_starved() {
    for seed in 0..3 {
        let mut world = World::new(seed);
        let camera = TrackSource::Camera;
        let people: Vec<_> = (0..9).map(|_| world.join(publisher())).collect();
        let link = Link::delayed(20 * MS).limited(1_200_000, QUEUE);
        let viewer = world.join(Person::nobody().slots(9).downlink(link));
        let pinned = people[4];
        world.subscribe(viewer, &[(pinned, camera)], &[]);
        let tiles: Vec<_> = people
            .iter()
            .map(|&person| {
                let height = if person == pinned { 720 } else { 180 };
                (person, camera, Display::Height(height))
            })
            .collect();
        world.view(viewer, &tiles);
        world.run_for(40 * SECOND);
        let frames = world.camera(viewer, pinned).frames(world.last(5 * SECOND));
        assert!(
            frames >= 147,
            "seed {seed}: {frames} of 150 frames of the pinned one"
        );
        assert_eq!(
            layers(&world, viewer, pinned),
            [1],
            "seed {seed}: the pinned one has what the thumbnails leave"
        );
        for &person in people.iter().filter(|&&person| person != pinned) {
            assert_eq!(layers(&world, viewer, person), [0], "seed {seed}");
            let frames = world.camera(viewer, person).frames(world.last(5 * SECOND));
            assert!(frames >= 147, "seed {seed}: {frames} of 150 frames");
        }
        world.finish();
    }
}

#[test]
fn what_does_not_fit_is_paused_the_least_important_first_and_resumes() {
    let mut world = World::new(1);
    let people: Vec<_> = (0..3).map(|_| world.join(Person::talker())).collect();
    let narrow = Link::delayed(20 * MS).limited(700_000, QUEUE);
    let viewer = world.join(Person::viewer().downlink(narrow));
    world.subscribe(viewer, &[(people[2], TrackSource::Camera)], &[]);
    world.run_for(15 * SECOND);
    let frames: Vec<_> = people
        .iter()
        .map(|&person| world.camera(viewer, person).frames(world.last(10 * SECOND)))
        .collect();
    assert!(frames[2] >= 295, "the pinned one has {frames:?}");
    assert!(
        frames[1] < frames[2] / 2,
        "who came last of the others has {frames:?}"
    );
    assert!(paused(&world, viewer), "the viewer is told");
    for &person in &people {
        let frames = world
            .microphone(viewer, person)
            .frames(world.last(3 * SECOND));
        assert!(frames >= 145, "sound goes on: {frames}");
    }

    world.set_downlink(viewer, Link::delayed(20 * MS));
    world.run_for(15 * SECOND);
    for &person in &people {
        let frames = world.camera(viewer, person).frames(world.last(3 * SECOND));
        assert!(frames >= 88, "{frames} of 90 frames");
    }
    assert!(
        !paused(&world, viewer),
        "the viewer is told that all is well"
    );
    world.finish();
}

/// Whether a viewer was told that a slot of it is paused.
fn paused(world: &World, viewer: PersonId) -> bool {
    let told = world.notifications(viewer).iter().rev();
    told.filter_map(|notification| match notification {
        Notification::SlotsChanged(view) => Some(view.slots.iter().any(|slot| slot.paused)),
        _ => None,
    })
    .next()
    .expect("a viewer is told about its slots")
}

#[test]
fn layers_that_nobody_watches_are_not_sent_to_the_server_and_resume_within_a_keyframe() {
    for workers in [1, 2] {
        let mut world = World::with_workers(1, workers);
        let camera = TrackSource::Camera;
        let alice = world.join(publisher().on_worker(0));
        let bob = world.join(Person::viewer().on_worker(workers - 1));
        world.view(bob, &[(alice, camera, Display::Height(180))]);
        world.run_for(4 * SECOND);
        let sending = world.sender_mut(alice, camera).sending();
        assert_eq!(sending, [true, true, true], "not hastily");
        world.run_for(8 * SECOND);
        let sending = world.sender_mut(alice, camera).sending();
        assert_eq!(sending, [true, false, false], "{workers} workers");

        let asked = world.sender_statistics(alice, camera).keyframe_requests;
        world.view(bob, &[(alice, camera, Display::Height(720))]);
        let changed = world.now();
        world.run_for(2 * SECOND);
        assert_eq!(layers(&world, bob, alice), [2], "{workers} workers");
        let shown = world.camera(bob, alice);
        let mut later = shown.within(changed..world.now());
        let first = later.find(|frame| frame.encoding == 2);
        let highest = shown.time_of(first.expect("the layer comes back")) - changed;
        assert!(highest < 500 * MS, "{workers} workers: after {highest:?}");
        let freeze = world
            .camera(bob, alice)
            .longest_freeze(changed..world.now());
        assert!(freeze < 75 * MS, "{workers} workers: frozen for {freeze:?}");
        let requests = world.sender_statistics(alice, camera).keyframe_requests - asked;
        assert!(requests <= 2, "{requests} requests");

        // All of it, when the last viewer looks away.
        world.view(bob, &[(alice, camera, Display::Hidden)]);
        world.run_for(12 * SECOND);
        assert_eq!(world.sender_mut(alice, camera).sending(), [false; 3]);
        let asleep = world.now();
        world.view(bob, &[]);
        world.run_for(2 * SECOND);
        let first = world.camera(bob, alice).first_after(asleep).expect("awake") - asleep;
        assert!(first < 200 * MS, "{workers} workers: after {first:?}");
        world.finish();
    }
}

#[test]
fn to_look_away_for_a_moment_costs_the_publisher_nothing() {
    let mut world = World::new(1);
    let camera = TrackSource::Camera;
    let alice = world.join(Person::nobody().simulcast(&LAYERS[..2]));
    let bob = world.join(Person::viewer());
    world.run_for(3 * SECOND);
    for _ in 0..6 {
        world.view(bob, &[(alice, camera, Display::Height(180))]);
        world.run_for(2 * SECOND);
        world.view(bob, &[]);
        world.run_for(2 * SECOND);
    }
    let told = world.notifications(alice).iter();
    let told =
        told.filter(|notification| matches!(notification, Notification::EncodingsWanted { .. }));
    assert_eq!(told.count(), 0);
    world.finish();
}

#[test]
fn a_publisher_that_does_not_listen_is_forwarded_all_the_same() {
    let mut world = World::new(1);
    let camera = TrackSource::Camera;
    let alice = world.join(publisher().heedless());
    let bob = world.join(Person::viewer());
    world.view(bob, &[(alice, camera, Display::Height(180))]);
    world.run_for(8 * SECOND);
    assert_eq!(layers(&world, bob, alice), [0]);
    world.view(bob, &[]);
    world.run_for(2 * SECOND);
    assert_eq!(layers(&world, bob, alice), [2]);
    world.finish();
}
