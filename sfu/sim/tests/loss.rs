//! Lost packets: repaired where there is time to, and never to the cost of others.

use sfu_sim::prelude::*;

#[test]
fn at_five_percent_loss_both_ways_pictures_are_whole_and_sound_misses_little() {
    for seed in 0..8 {
        let mut world = World::new(seed);
        let link = Link::delayed(20 * MS).losing(0.05);
        let (alice, bob) = (
            world.join(Person::talker().link(link)),
            world.join(Person::talker().firefox().link(link)),
        );
        world.run_for(15 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let frames = world
                .camera(viewer, publisher)
                .frames(world.last(10 * SECOND));
            assert!(frames >= 296, "seed {seed}: {frames} of 300 frames");
            let freeze = world
                .camera(viewer, publisher)
                .longest_freeze(world.last(10 * SECOND));
            assert!(freeze < 400 * MS, "seed {seed}: frozen for {freeze:?}");
            // 5 % on each of two links, and no repair.
            let sound = world
                .microphone(viewer, publisher)
                .frames(world.last(10 * SECOND));
            assert!(
                (425..=475).contains(&sound),
                "seed {seed}: {sound} of 500 packets"
            );
        }
        world.finish();
    }
}

#[test]
fn bursts_of_loss_leave_no_long_freeze() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let alice = world.join(Person::talker());
        let link = Link::delayed(25 * MS).losing_in_bursts(0.03, 8.0);
        let bob = world.join(Person::talker().link(link));
        world.run_for(20 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let freeze = world
                .camera(viewer, publisher)
                .longest_freeze(world.last(15 * SECOND));
            assert!(freeze < 500 * MS, "seed {seed}: frozen for {freeze:?}");
        }
        world.finish();
    }
}

#[test]
fn one_viewer_on_a_bad_link_costs_the_others_nothing() {
    let mut world = World::new(1);
    let alice = world.join(Person::talker());
    let good = world.join(Person::viewer());
    let bad = world.join(Person::viewer());
    world.run_for(2 * SECOND);
    world.set_link(bad, Link::delayed(100 * MS).losing(0.5));
    let since = world.now();
    let before = world.sender_statistics(alice, TrackSource::Camera);
    world.run_for(10 * SECOND);
    let after = world.sender_statistics(alice, TrackSource::Camera);
    assert!(world.camera(good, alice).longest_freeze(since..world.now()) < 40 * MS);
    assert_eq!(
        after.nacked, before.nacked,
        "the publisher repairs nothing for him"
    );
    let keyframes = after.requested_keyframes - before.requested_keyframes;
    assert!(keyframes <= 21, "{keyframes} keyframes in ten seconds");
    world.set_link(bad, Link::PERFECT);
    world.finish();
}

#[test]
fn what_is_lost_on_the_way_to_the_server_is_asked_for_once_and_shown_to_all() {
    let mut world = World::new(1);
    let mut alice = Person::talker();
    alice.uplink = Link::delayed(20 * MS).losing(0.05);
    let alice = world.join(alice);
    let viewers: Vec<_> = (0..5).map(|_| world.join(Person::viewer())).collect();
    world.run_for(12 * SECOND);
    for viewer in &viewers {
        assert!(world.camera(*viewer, alice).frames(world.last(10 * SECOND)) >= 299);
    }
    let statistics = world.sender_statistics(alice, TrackSource::Camera);
    assert!(
        statistics.nacked > 0 && statistics.keyframe_requests < 15,
        "{statistics:?}"
    );
    let asked = statistics.nacked as f64 / world.counters(0).nack_sent as f64;
    assert!(asked > 0.9, "the requests arrive");
    world.finish();
}
