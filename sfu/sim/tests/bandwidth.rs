//! Paths that carry only so much: what a subscriber's reports and probes tell, and what pacing makes of it.

use sfu_sim::prelude::*;

#[test]
fn a_path_with_room_is_probed_and_shows_every_frame_in_time() {
    let mut world = World::new(1);
    let publisher = Person::nobody().microphone();
    let alice = world.join(publisher.simulcast(&[150_000, 500_000, 1_500_000]));
    let bob = world.join(Person::viewer());
    world.run_for(10 * SECOND);
    let slots = world.oracle(bob).slots().iter();
    let padding: u64 = slots.map(|slot| slot.statistics.padding).sum();
    assert!(padding > 0, "no padding came");
    let shown = world.camera(bob, alice);
    assert!(shown.frames(world.last(8 * SECOND)) >= 239);
    let freeze = shown.longest_freeze(world.last(8 * SECOND));
    assert!(freeze < 75 * MS, "frozen for {freeze:?}");
    world.finish();
}

#[test]
fn a_picture_that_just_fits_is_shown_and_the_sound_beside_it_is_whole() {
    for seed in 0..4 {
        let mut world = World::new(seed);
        let alice = world.join(Person::nobody().microphone().camera(250_000));
        let bob = world.join(Person::viewer());
        world.set_downlink(bob, Link::delayed(20 * MS).limited(500_000, 30_000));
        world.run_for(20 * SECOND);
        let last = world.last(15 * SECOND);
        let sound = world.microphone(bob, alice).frames(last.clone());
        assert!(sound >= 740, "seed {seed}: {sound} of 750 packets of sound");
        let shown = world.camera(bob, alice);
        let frames = shown.frames(last.clone());
        assert!(frames >= 440, "seed {seed}: {frames} of 450 frames");
        let freeze = shown.longest_freeze(last);
        assert!(freeze < 400 * MS, "seed {seed}: frozen for {freeze:?}");
        world.finish();
    }
}

#[test]
fn who_agreed_to_report_and_does_not_is_sent_everything() {
    let mut world = World::new(1);
    let alice = world.join(Person::nobody().simulcast(&[150_000, 500_000, 1_500_000]));
    let bob = world.join(Person::viewer().without_path_feedback());
    world.run_for(6 * SECOND);
    let shown = world.camera(bob, alice);
    let layers = shown.encodings(world.last(2 * SECOND));
    assert_eq!(layers.keys().copied().collect::<Vec<_>>(), [2]);
    assert!(shown.frames(world.last(2 * SECOND)) >= 59);
    world.finish();
}

#[test]
fn publishers_that_know_only_remb_are_told_what_their_path_carries() {
    // Where packets do not tell when they left, the timestamps of the picture do.
    for departures in [true, false] {
        for seed in 0..3 {
            let mut world = World::new(seed);
            let alice = Person::nobody().microphone().camera(600_000);
            let alice = world.join(alice.guided_by_remb(departures));
            let bob = world.join(Person::viewer());
            for (capacity, seconds) in [(2_000_000, 30), (500_000, 30), (1_500_000, 40)] {
                let link = Link::delayed(20 * MS).limited(capacity, capacity as usize / 8 / 4);
                world.set_uplink(alice, link);
                world.run_for(SECOND * seconds);
                let rates = world.client(alice).told_rates();
                let (_, last) = rates.last().copied().expect("it is told");
                let share = last as f64 / capacity as f64;
                let shown = world.camera(bob, alice).frames(world.last(10 * SECOND));
                let scene = format!("seed {seed}, departures {departures}, {capacity} bit/s");
                assert!(
                    (0.7..1.15).contains(&share),
                    "{scene}: {share} of it is told"
                );
                assert!(shown >= 290, "{scene}: {shown} of 300 frames");
            }
            world.finish();
        }
    }
}
