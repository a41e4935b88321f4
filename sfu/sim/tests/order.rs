//! Packets that arrive late, twice or in another order: nobody sees it, and nobody asks for what is on
//! its way already.

use sfu_sim::prelude::*;

#[test]
fn jitter_reordering_and_duplication_are_not_seen() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let link = Link::delayed(30 * MS)
            .jittery(30 * MS)
            .reordering(0.02, 8 * MS)
            .duplicating(0.01);
        let (alice, bob) = (
            world.join(Person::talker().link(link)),
            world.join(Person::talker().firefox().link(link)),
        );
        world.run_for(12 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let pictures = world.camera(viewer, publisher);
            assert!(
                pictures.frames(world.last(10 * SECOND)) >= 299,
                "seed {seed}"
            );
            assert!(
                pictures.longest_freeze(world.last(10 * SECOND)) < 150 * MS,
                "seed {seed}"
            );
            assert_eq!(pictures.keyframes(world.last(8 * SECOND)), 0, "seed {seed}");
            let sound = world.microphone(viewer, publisher);
            assert!(sound.frames(world.last(10 * SECOND)) >= 498, "seed {seed}");
        }
        // 2 % of some 1,000 packets of pictures are late; asking for half of them is patience.
        for person in [alice, bob] {
            let asked = world.sender_statistics(person, TrackSource::Camera).nacked;
            assert!(
                asked < 20,
                "seed {seed}: the server asked for {asked} packets"
            );
        }
        world.finish();
    }
}

/// A number that nothing comes under is sent by itself, and again when that is lost; receivers of these codecs know
/// by nothing else that they may go on.
#[test]
fn padding_that_is_overtaken_stops_no_picture() {
    let links = [Link::delayed(10 * MS), Link::delayed(10 * MS).losing(0.1)];
    for (workers, link) in [1, 2].into_iter().zip(links) {
        for codec in [Codec::H264, Codec::Av1] {
            let mut world = World::with_workers(1, workers);
            let alice = world.join(Person::nobody().camera(300_000).codec(codec));
            let viewers = [Person::viewer(), Person::viewer().firefox()];
            let viewers = viewers.map(|viewer| world.join(viewer));
            world.run_for(2 * SECOND);
            for &viewer in &viewers {
                world.set_downlink(viewer, link);
            }
            let before = world.sender_statistics(alice, TrackSource::Camera);
            for _ in 0..20 {
                world.set_uplink(alice, Link::PERFECT.reordering(1.0, 50 * MS));
                world.probe(alice);
                world.run_for(MS);
                world.set_uplink(alice, Link::PERFECT);
                world.run_for(199 * MS);
            }
            for viewer in viewers {
                let freeze = world
                    .camera(viewer, alice)
                    .longest_freeze(world.last(4 * SECOND));
                assert!(
                    freeze < 200 * MS,
                    "{codec:?}, {link:?}: frozen for {freeze:?}"
                );
                let slots = world.oracle(viewer).slots().iter();
                let vacant: u64 = slots.map(|slot| slot.statistics.vacant).sum();
                assert!(vacant >= 15, "{codec:?}, {link:?}: {vacant} numbers");
            }
            let after = world.sender_statistics(alice, TrackSource::Camera);
            assert_eq!(
                after.requested_keyframes, before.requested_keyframes,
                "{codec:?}, {link:?}"
            );
            world.finish();
        }
    }
}

#[test]
fn sound_keeps_its_numbers_whatever_the_order_it_comes_in() {
    let mut world = World::new(3);
    let mut alice = Person::talker();
    alice.uplink = Link::delayed(10 * MS)
        .reordering(0.2, 50 * MS)
        .duplicating(0.1);
    let alice = world.join(alice);
    let bob = world.join(Person::viewer());
    world.run_for(10 * SECOND);
    assert!(world.microphone(bob, alice).frames(world.last(8 * SECOND)) >= 396);
    world.finish();
}
