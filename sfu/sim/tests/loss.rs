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

/// The share of the frames captured until `patience` ago that were there within `patience` of their capture.
fn in_time(world: &World, watch: &Watch, rate: u32, length: Duration, patience: Duration) -> f64 {
    let until = world.now() - patience;
    let span = until - length..until;
    let shown = watch
        .all()
        .filter(|(captured, shown)| span.contains(captured) && *shown - *captured <= patience);
    shown.count() as f64 / (length.as_secs_f64() * f64::from(rate))
}

#[test]
fn at_ten_percent_loss_both_ways_pictures_are_repaired_and_sound_is_repeated_in_time() {
    for seed in 0..6 {
        let mut world = World::new(seed);
        let link = Link::delayed(25 * MS).losing(0.1);
        let talker = || Person::talker().link(link).redundant(2);
        let (alice, bob) = (world.join(talker()), world.join(talker().firefox()));
        world.run_for(35 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let (camera, microphone) = (
                world.camera(viewer, publisher),
                world.microphone(viewer, publisher),
            );
            // A repair on each of two links takes a round trip of 50 ms, and may be lost too.
            let pictures = in_time(&world, &camera, 30, 25 * SECOND, 400 * MS);
            assert!(pictures >= 0.995, "seed {seed}: {pictures} of the frames");
            // Two frames of 20 ms on each way, and the way.
            let sound = in_time(&world, &microphone, 50, 25 * SECOND, 150 * MS);
            assert!(sound >= 0.995, "seed {seed}: {sound} of the sound");
        }
        world.finish();
    }
}

#[test]
fn sound_is_repeated_for_those_who_lose_it_and_for_nobody_else() {
    let mut world = World::new(1);
    let alice = world.join(Person::talker().redundant(1));
    let lossy = Link::delayed(25 * MS).losing(0.1);
    let viewer = || Person::viewer().slots(1);
    let well = world.join(viewer().redundant(0));
    let unable = world.join(viewer().link(lossy));
    let poor = world.join(viewer().link(lossy).redundant(0));
    // While nothing is known of a path, sound goes on as it comes.
    world.run_for(500 * MS);
    assert!(repeated(&world, well) > 10);
    world.run_for(20 * SECOND);
    let before = [well, unable, poor].map(|id| repeated(&world, id));
    world.run_for(10 * SECOND);
    let [well_got, unable_got, poor_got] = [well, unable, poor].map(|id| repeated(&world, id));
    assert_eq!(well_got, before[0], "nothing is lost there");
    assert_eq!(unable_got, 0, "it has not agreed to it");
    assert!(poor_got - before[2] > 700, "{}", poor_got - before[2]);
    let heard = |id| world.microphone(id, alice).frames(world.last(9 * SECOND));
    assert!((395..=440).contains(&heard(unable)), "{}", heard(unable));
    assert!(heard(poor) >= 448, "{}", heard(poor));
    // When the path is well again, it ends.
    world.set_link(poor, Link::delayed(25 * MS));
    world.run_for(20 * SECOND);
    let before = repeated(&world, poor);
    world.run_for(5 * SECOND);
    assert_eq!(repeated(&world, poor), before);
    world.finish();
}

#[test]
fn what_a_publisher_repeats_helps_those_too_who_take_no_redundancy() {
    for workers in [1, 2] {
        let mut world = World::with_workers(3, workers);
        let mut alice = Person::talker().redundant(1);
        alice.uplink = Link::delayed(25 * MS).losing(0.1);
        let alice = world.join(alice);
        let bob = world.join(Person::viewer());
        world.run_for(12 * SECOND);
        let heard = world.microphone(bob, alice).frames(world.last(10 * SECOND));
        assert!(heard >= 490, "{heard} of 500 frames");
        assert!(world.counters(0).audio_recovered > 30);
        world.finish();
    }
}

/// How many earlier frames of sound have come to somebody with later ones.
fn repeated(world: &World, id: PersonId) -> u64 {
    let slots = world.oracle(id).slots().iter();
    slots.map(|slot| slot.statistics.repeated).sum()
}
