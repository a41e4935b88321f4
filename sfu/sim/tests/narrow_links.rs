//! Viewers whose links carry less than everything: they get what fits, soon, without freezes or flapping.

use sfu_sim::prelude::*;

/// A camera in three layers of 320×180, 640×360 and 1,280×720.
const LAYERS: [u32; 3] = [150_000, 500_000, 1_500_000];

/// A publisher with sound, a viewer, and a link of so many bits per second with 20 ms of delay each way and a
/// queue of 300 ms, as home routers have.
fn world(seed: u64, bits_per_second: u64) -> (World, PersonId, PersonId) {
    let mut world = World::new(seed);
    let publisher = world.join(Person::nobody().microphone().simulcast(&LAYERS));
    let viewer = world.join(Person::viewer().downlink(link(bits_per_second)));
    (world, publisher, viewer)
}

fn link(bits_per_second: u64) -> Link {
    let queue = bits_per_second as usize / 8 * 300 / 1_000;
    Link::delayed(20 * MS).limited(bits_per_second, queue)
}

/// In how many of the seconds `from..until` most frames that were shown are of `layer`.
fn seconds_on(watch: &Watch, layer: u8, from: u32, until: u32) -> u32 {
    let mostly = |second: &u32| {
        let shown = watch.encodings(SECOND * *second..SECOND * (*second + 1));
        let most = shown.iter().max_by_key(|(_, frames)| **frames);
        most.is_some_and(|(most, _)| *most == layer)
    };
    (from..until).filter(mostly).count() as u32
}

/// How often another layer was shown than before.
fn switches(watch: &Watch, within: std::ops::Range<Duration>) -> usize {
    let layers: Vec<_> = watch.within(within).map(|frame| frame.encoding).collect();
    layers.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// How long the slowest packet of sound took within `range`, beyond the least of all time: the queue before the
/// link, because sound waits nowhere else.
fn queueing(sound: &Watch, range: std::ops::Range<Duration>) -> Duration {
    let took = |frame: &ShownFrame| sound.time_of(frame) - frame.captured;
    let least = sound.within(Duration::ZERO..range.end).map(took).min();
    let most = sound.within(range).map(took).max();
    most.expect("sound flows") - least.expect("sound flows")
}

#[test]
fn a_narrow_link_shows_the_lowest_layer_soon_and_goes_on_without_a_freeze() {
    for seed in 0..4 {
        let (mut world, alice, bob) = world(seed, 400_000);
        world.run_for(60 * SECOND);
        let shown = world.camera(bob, alice);
        let first = shown.first_after(Duration::ZERO).expect("a picture");
        assert!(first < SECOND / 2, "seed {seed}: the first after {first:?}");
        let settled = shown.within(first..4 * SECOND);
        let layers: Vec<_> = settled.map(|frame| frame.encoding).collect();
        assert!(
            !layers.is_empty() && layers.iter().all(|layer| *layer == 0),
            "seed {seed}: {layers:?}"
        );
        let freeze = shown.longest_freeze(first..60 * SECOND);
        assert!(freeze < 200 * MS, "seed {seed}: frozen for {freeze:?}");
        let best = seconds_on(&shown, 0, 0, 60);
        assert!(
            best * 100 >= 60 * 85,
            "seed {seed}: {best} of 60 seconds on the best layer"
        );
        world.finish();
    }
}

#[test]
fn a_link_that_drops_and_returns_empties_its_queue_and_shows_the_best_layer_again() {
    for seed in 0..4 {
        let (mut world, alice, bob) = world(seed, 3_000_000);
        world.run_for(15 * SECOND);
        assert_eq!(
            seconds_on(&world.camera(bob, alice), 2, 10, 15),
            5,
            "seed {seed}"
        );
        world.set_downlink(bob, link(500_000));
        world.run_for(15 * SECOND);
        let queue = queueing(&world.microphone(bob, alice), 18 * SECOND..30 * SECOND);
        assert!(queue < 100 * MS, "seed {seed}: a queue of {queue:?}");
        world.set_downlink(bob, link(3_000_000));
        world.run_for(15 * SECOND);
        let shown = world.camera(bob, alice);
        // A queue of 300 ms fills before anybody can know, and a keyframe takes a round trip to the publisher.
        let freeze = shown.longest_freeze(15 * SECOND..30 * SECOND);
        assert!(
            freeze < SECOND,
            "seed {seed}: frozen for {freeze:?} after the drop"
        );
        assert_eq!(
            seconds_on(&shown, 2, 40, 45),
            5,
            "seed {seed}: not the best layer after ten seconds"
        );
        let freeze = shown.longest_freeze(30 * SECOND..45 * SECOND);
        assert!(freeze < 200 * MS, "seed {seed}: frozen for {freeze:?}");
        world.finish();
    }
}

#[test]
fn whatever_a_link_carries_the_best_layer_that_fits_is_shown_and_layers_do_not_flap() {
    // Bits per second, and the layer that fits with its sound and headers.
    for (rate, layer) in [
        (250_000, 0),
        (300_000, 0),
        (400_000, 0),
        (500_000, 0),
        (800_000, 1),
        (1_000_000, 1),
        (1_400_000, 1),
        (2_200_000, 2),
        (2_600_000, 2),
        (5_000_000, 2),
    ] {
        let seed = 1;
        let (mut world, alice, bob) = world(seed, rate);
        world.run_for(70 * SECOND);
        let shown = world.camera(bob, alice);
        let best = seconds_on(&shown, layer, 10, 70);
        assert!(
            best * 100 >= 60 * 85,
            "seed {seed}, {rate} bit/s: {best} of 60 seconds on layer {layer}"
        );
        let switches = switches(&shown, 10 * SECOND..70 * SECOND);
        assert!(
            switches <= 6,
            "seed {seed}, {rate} bit/s: {switches} changes of layers in a minute"
        );
        let first = shown.first_after(Duration::ZERO).expect("a picture");
        let freeze = shown.longest_freeze(first..70 * SECOND);
        assert!(
            freeze < 200 * MS,
            "seed {seed}, {rate} bit/s: frozen for {freeze:?}"
        );
        world.finish();
    }
}

#[test]
fn a_link_that_sways_about_a_layer_makes_a_bounded_number_of_switches() {
    for seed in 0..2 {
        let (mut world, alice, bob) = world(seed, 3_000_000);
        for _ in 0..12 {
            world.set_downlink(bob, link(3_000_000));
            world.run_for(5 * SECOND);
            world.set_downlink(bob, link(900_000));
            world.run_for(5 * SECOND);
        }
        for minute in [0, 1] {
            let range = SECOND * 60 * minute..SECOND * 60 * (minute + 1);
            let switches = switches(&world.camera(bob, alice), range);
            // At most six rises a minute, and as many falls.
            assert!(
                switches <= 12,
                "seed {seed}: {switches} changes of layers in minute {minute}"
            );
        }
        world.finish();
    }
}
