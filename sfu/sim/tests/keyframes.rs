//! Keyframes: few are asked for, however many come or lose packets, and whoever comes late sees at once.

use sfu_sim::prelude::*;

#[test]
fn a_thousand_viewers_join_in_a_second_and_all_see_a_picture_within_another() {
    let mut world = World::new(1);
    let publisher = world.join(Person::talker());
    world.run_for(5 * SECOND);
    let requests = world.counters(0).keyframe_requests_sent;
    let viewers: Vec<_> = (0..1_000)
        .map(|_| {
            world.run_for(MS);
            world.join(Person::nobody().slots(1))
        })
        .collect();
    world.run_for(2 * SECOND);
    for viewer in viewers {
        let connected = world.client(viewer).connected_at().expect("connected");
        let first = world.camera(viewer, publisher).first_after(connected);
        assert!(
            first.is_some_and(|first| first < connected + SECOND),
            "{connected:?}, {first:?}"
        );
    }
    // They come for a second, and half of one passes between two requests.
    let requests = world.counters(0).keyframe_requests_sent - requests;
    assert!((1..=3).contains(&requests), "{requests} requests");
    assert!(world.counters(0).cached_starts > 500);
    world.finish();
}

#[test]
fn who_comes_soon_after_a_keyframe_sees_it_at_once_and_the_publisher_is_not_asked() {
    for workers in [1, 2] {
        let mut world = World::with_workers(7, workers);
        let publisher = world.join(Person::talker().on_worker(0));
        world.run_for(3 * SECOND);
        let early = world.join(Person::viewer().on_worker(workers - 1));
        world.run_for(600 * MS);
        let requests = world.sender_statistics(publisher, TrackSource::Camera);
        let late = world.join(Person::viewer().on_worker(workers - 1));
        world.run_for(3 * SECOND);
        assert_eq!(
            world
                .sender_statistics(publisher, TrackSource::Camera)
                .keyframe_requests,
            requests.keyframe_requests,
            "{workers} workers"
        );
        let connected = world.client(late).connected_at().expect("connected");
        let pictures = world.camera(late, publisher);
        let first = pictures.first_after(connected);
        // The way to the viewer, and the time of a frame.
        assert!(
            first < Some(connected + 10 * MS + 34 * MS),
            "{workers} workers: {connected:?}, {first:?}"
        );
        assert!(pictures.frames(world.last(2 * SECOND)) >= 59);
        assert!(
            world
                .camera(early, publisher)
                .longest_freeze(world.last(3 * SECOND))
                < 40 * MS
        );
        world.finish();
    }
}

#[test]
fn a_group_that_is_old_or_large_is_not_sent_and_the_publisher_is_asked() {
    for (what, publisher, wait) in [
        ("an old one", Person::talker(), 3 * SECOND),
        ("a large one", Person::nobody().camera(20_000_000), 600 * MS),
    ] {
        let mut world = World::new(3);
        let publisher = world.join(publisher);
        world.run_for(3 * SECOND);
        world.join(Person::viewer());
        world.run_for(wait);
        let before = world.counters(0).clone();
        let late = world.join(Person::viewer());
        world.run_for(SECOND);
        let after = world.counters(0);
        assert_eq!(after.cached_starts, before.cached_starts, "{what}");
        assert!(
            after.keyframe_requests_sent > before.keyframe_requests_sent,
            "{what}"
        );
        assert!(
            world.camera(late, publisher).frames(world.last(SECOND)) > 0,
            "{what}"
        );
        world.finish();
    }
}

#[test]
fn what_a_muted_camera_showed_before_is_shown_to_nobody_who_comes_after() {
    for workers in [1, 2] {
        let mut world = World::with_workers(5, workers);
        let publisher = world.join(Person::talker().on_worker(0));
        world.run_for(2 * SECOND);
        world.join(Person::viewer().on_worker(workers - 1));
        world.run_for(300 * MS);
        world.set_muted(publisher, TrackSource::Camera, true);
        world.run_for(20 * MS);
        let late = world.join(Person::viewer().on_worker(workers - 1));
        world.run_for(SECOND);
        let seen = world.camera(late, publisher).frames(world.last(SECOND));
        assert_eq!(seen, 0, "{workers} workers");
        world.finish();
    }
}

#[test]
fn the_first_viewer_on_another_worker_begins_with_what_the_publishers_worker_has() {
    let mut asked = 0;
    for seed in 0..20 {
        let mut world = World::with_workers(seed, 2);
        let publisher = world.join(Person::talker().on_worker(0));
        world.run_for(3 * SECOND);
        world.join(Person::viewer().on_worker(0));
        world.run_for(400 * MS);
        let before = world.sender_statistics(publisher, TrackSource::Camera);
        let late = world.join(Person::viewer().on_worker(1));
        world.run_for(SECOND);
        let after = world.sender_statistics(publisher, TrackSource::Camera);
        asked += after.keyframe_requests - before.keyframe_requests;
        let connected = world.client(late).connected_at().expect("connected");
        let first = world.camera(late, publisher).first_after(connected);
        assert!(
            first < Some(connected + 600 * MS),
            "seed {seed}: {connected:?}, {first:?}"
        );
        world.finish();
    }
    // In this world commands to different workers may change places, and what is exported before it is
    // imported is lost.
    assert!(
        asked < 15,
        "the publisher was asked {asked} times in 20 worlds"
    );
}
