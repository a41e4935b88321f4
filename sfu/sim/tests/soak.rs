//! Random people on random links who do random things: every promise holds, and memory returns to the
//! start. `SWITCHYARD_SIM_SEEDS=500` runs more of them, `SWITCHYARD_SIM_SEED=17` one again.

use std::ops::Range;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use sfu_sim::prelude::*;

// Two tests, so that two cores share the work.

#[test]
fn whatever_people_do_every_promise_holds_and_memory_returns_to_the_start_on_even_seeds() {
    seeds().filter(|seed| seed % 2 == 0).for_each(soak);
}

#[test]
fn whatever_people_do_every_promise_holds_and_memory_returns_to_the_start_on_odd_seeds() {
    seeds().filter(|seed| seed % 2 == 1).for_each(soak);
}

fn seeds() -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>());
    match number("SWITCHYARD_SIM_SEED") {
        Some(seed) => {
            let seed = seed.expect("SWITCHYARD_SIM_SEED is a number");
            seed..seed + 1
        }
        None => {
            let count = number("SWITCHYARD_SIM_SEEDS").unwrap_or(Ok(50));
            0..count.expect("SWITCHYARD_SIM_SEEDS is a number")
        }
    }
}

fn soak(seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed ^ 0x50a4);
    let mut world = World::with_workers(seed, rng.random_range(1..=3));
    for _ in 0..rng.random_range(2..=4) {
        world.join(anybody(&mut rng));
    }
    for _ in 0..rng.random_range(8..20) {
        act(&mut world, &mut rng);
        world.run_for(MS * rng.random_range(1..1_500));
    }
    for person in world.present() {
        world.set_link(person, Link::delayed(10 * MS));
        world.view(person, &[]);
    }
    // An encoding that its publisher does not bring back, though it is wanted again, is given up after four
    // seconds.
    world.run_for(6 * SECOND);
    everybody_is_well(&world);
    world.finish();
}

fn act(world: &mut World, rng: &mut SmallRng) {
    let present = world.present();
    let Some(&person) = present.choose(rng) else {
        world.join(anybody(rng));
        return;
    };
    let other = *present.choose(rng).expect("there is one");
    let published = world.sources(person);
    match rng.random_range(0..13) {
        0..=2 if present.len() < 6 => {
            world.join(anybody(rng));
        }
        3 => {
            let ways = [Departed::Politely, Departed::ByClosing, Departed::Silently];
            world.depart(person, *ways.choose(rng).expect("three"));
        }
        4 | 5 => {
            if let Some(&source) = published.choose(rng) {
                world.set_muted(person, source, rng.random());
            }
        }
        6 => world.set_link(person, any_link(rng)),
        7 => world.change_address(person),
        8 => world.restart_ice(person),
        9 if world.slots(person) < 12 => world.add_slots(person, 1),
        10 => {
            let tracks: Vec<_> = world
                .sources(other)
                .into_iter()
                .map(|source| (other, source))
                .collect();
            match rng.random() {
                true => world.subscribe(person, &tracks, &[]),
                false => world.subscribe(person, &[], &tracks),
            }
        }
        11 => {
            let tracks = world.sources(other).into_iter();
            let shown: Vec<_> = tracks
                .map(|source| (other, source, any_display(rng)))
                .collect();
            world.view(person, &shown);
        }
        _ => {
            if published.contains(&TrackSource::Camera) {
                let layer = rng.random_range(0..3);
                let active = rng.random();
                world
                    .sender_mut(person, TrackSource::Camera)
                    .set_active(layer, active);
            }
        }
    }
}

fn anybody(rng: &mut SmallRng) -> Person {
    // At least one slot: without any m-line there is nothing to offer.
    let mut person = Person::nobody()
        .link(any_link(rng))
        .slots(rng.random_range(1..5));
    if rng.random_bool(0.8) {
        person = person.microphone();
    }
    person = match rng.random_range(0..6) {
        0 => person,
        1 => person.simulcast(&[60_000, 200_000, 500_000]),
        2 => person.simulcast(&[80_000, 300_000]).rids(&["b", "a"]),
        3 => person.screen(200_000),
        _ => person.camera(200_000),
    };
    // Nobody comes for nothing at all.
    if person.sources.is_empty() && person.video_slots == 0 {
        person = person.slots(1);
    }
    if rng.random() {
        person = person.firefox();
    }
    if rng.random() {
        person = person.redundant(rng.random_range(0..3));
    }
    person = any_coding(person, rng);
    // Few, because AES-CM is slow in an unoptimised build.
    if rng.random_bool(0.05) {
        person = person.sha1_only();
    }
    person
}

/// Any codec, and any layers that it can have. With Firefox nobody could tell layers of AV1 and H.264, or what is
/// encrypted.
fn any_coding(person: Person, rng: &mut SmallRng) -> Person {
    let codecs = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
    let codec = *codecs.choose(rng).expect("four");
    let mut person = person.codec(codec);
    let describes = person.dialect == Dialect::Chromium;
    if rng.random() {
        person = person.described();
    }
    if describes && rng.random_bool(0.2) {
        person = person.sealed();
    }
    if describes || matches!(codec, Codec::Vp8 | Codec::Vp9) {
        person = person.temporal_layers(rng.random_range(1..=3));
    }
    if matches!(codec, Codec::Vp9 | Codec::Av1) && (describes || codec == Codec::Vp9) {
        person = person.spatial_layers(*[1, 1, 2, 3].choose(rng).expect("four"));
    }
    match rng.random() {
        true => person.key_only(),
        false => person,
    }
}

fn any_display(rng: &mut SmallRng) -> Display {
    match rng.random_range(0..5) {
        0 => Display::Hidden,
        1 => Display::Unknown,
        _ => Display::Height(rng.random_range(50..800)),
    }
}

fn any_link(rng: &mut SmallRng) -> Link {
    let link = Link::delayed(MS * rng.random_range(1..80));
    match rng.random_range(0..6) {
        0 => link.losing(rng.random_range(0.01..0.15)),
        1 => link.losing_in_bursts(0.03, 6.0),
        2 => link
            .jittery(MS * rng.random_range(1..30))
            .reordering(0.02, 10 * MS),
        3 => link.duplicating(0.02).limited(2_000_000, 60_000),
        _ => link,
    }
}

/// On good links, whoever has had a slot for a flowing track for a while sees it.
fn everybody_is_well(world: &World) {
    for viewer in world.present() {
        for (publisher, source) in world.shown_for(viewer, 2 * SECOND) {
            let frames = world
                .watch(viewer, publisher, source)
                .frames(world.last(SECOND));
            let seed = world.seed();
            let expected = match source {
                TrackSource::Screen => 9,
                TrackSource::Camera => 28,
                _ => 49,
            };
            // A path that was bad a moment ago may get fewer frames still: each layer has half of those up to it.
            let expected = expected >> (world.temporal_layers(publisher, source) - 1);
            let sends = world.sends(publisher, source);
            assert!(
                frames >= expected || !sends,
                "seed {seed}: {viewer:?} sees {frames} frames of the {source} of {publisher:?}"
            );
        }
    }
}
