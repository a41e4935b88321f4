//! Muting: nothing of a muted track leaves the server, and what comes after is as good as before.

use sfu_sim::prelude::*;

#[test]
fn nothing_is_sent_of_a_muted_track_and_all_of_it_afterwards() {
    for workers in [1, 2] {
        let mut world = World::with_workers(1, workers);
        let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
        world.run_for(2 * SECOND);
        for source in [TrackSource::Camera, TrackSource::Microphone] {
            world.set_muted(alice, source, true);
            world.run_for(3 * SECOND);
            let silence = world
                .watch(bob, alice, source)
                .frames(world.last(2_900 * MS));
            assert_eq!(silence, 0, "{source} on {workers} workers");
            world.set_muted(alice, source, false);
            world.run_for(200 * MS);
            let again = world.watch(bob, alice, source).frames(world.last(100 * MS));
            assert!(again >= 2, "{source} on {workers} workers: {again} frames");
            world.run_for(SECOND);
        }
        assert!(
            world
                .camera(alice, bob)
                .longest_freeze(world.last(8 * SECOND))
                < 40 * MS
        );
        world.finish();
    }
}

#[test]
fn the_others_are_told_of_muting() {
    let mut world = World::new(1);
    let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
    world.run_for(SECOND);
    world.set_muted(alice, TrackSource::Microphone, true);
    let track = world.track(alice, TrackSource::Microphone);
    let muted = Notification::TrackMuted { track, muted: true };
    assert!(world.notifications(bob).contains(&muted));
    world.finish();
}

#[test]
fn who_is_muted_from_the_beginning_is_not_seen_until_unmuted() {
    let mut world = World::new(1);
    let mut shy = Person::talker();
    for source in &mut shy.sources {
        source.muted = true;
    }
    let (bob, shy) = (world.join(Person::talker()), world.join(shy));
    world.run_for(3 * SECOND);
    assert_eq!(world.camera(bob, shy).frames(START..world.now()), 0);
    world.set_muted(shy, TrackSource::Camera, false);
    world.run_for(SECOND);
    assert!(world.camera(bob, shy).frames(world.last(900 * MS)) >= 25);
    assert_eq!(world.microphone(bob, shy).frames(START..world.now()), 0);
    world.finish();
}
