//! Random histories over three workers: the models of `World` check every step.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::offer::{Offer, codec};
use super::world::World;
use crate::engine::event::Event;
use crate::id::{ParticipantId, TrackId};
use crate::parameters::{Codec, MediaKind, NegotiatedCodec};
use crate::room::{Grants, Refusal, RoomLimits, TrackSource, Viewing};

const WORKERS: usize = 3;
const STEPS: usize = 400;
const SEEDS: u64 = 60;

#[test]
fn whatever_happens_slots_pipes_and_views_agree_and_nothing_is_left() {
    for seed in 0..SEEDS {
        // Shown only if the test fails.
        println!("seed {seed}");
        history(seed);
    }
}

fn history(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let limits = RoomLimits {
        participants: 12,
        slots_per_participant: 16,
        ..Default::default()
    };
    let mut world = World::with_limits(WORKERS, limits);
    for _ in 0..STEPS {
        step(&mut world, &mut random);
    }
    for id in world.room.participants().collect::<Vec<_>>() {
        if random.random_bool(0.5) && is_connected(&world, id) {
            world.lose(id);
        } else {
            world.leave(id);
        }
    }
    assert!(world.room.is_empty(), "people are left");
}

fn step(world: &mut World, random: &mut StdRng) {
    let people: Vec<_> = world.room.participants().collect();
    let Some(&somebody) = people.choose(random) else {
        join(world, random);
        return;
    };
    let connected = is_connected(world, somebody);
    match random.random_range(0..100) {
        0..15 => join(world, random),
        15..23 => world.leave(somebody),
        23..27 if connected => world.lose(somebody),
        27..50 => offer(world, random, somebody, connected),
        50..75 => {
            if let Some(track) = any_track(world, random) {
                let _refused = world.set_muted(somebody, track, random.random());
            }
        }
        75..90 => {
            let pinned: Vec<_> = (0..2).filter_map(|_| any_track(world, random)).collect();
            let hidden: Vec<_> = any_track(world, random).into_iter().collect();
            let (pinned, hidden) = match random.random_range(0..3) {
                0 => (&pinned[..], &[][..]),
                1 => (&pinned[..], &hidden[..]),
                _ => (&[][..], &[][..]),
            };
            let _refused = world.subscribe(somebody, pinned, hidden);
        }
        90..95 if connected => world.up(somebody),
        95..98 if connected => world.send_data(somebody, "data"),
        _ => {
            let track = any_track(world, random).unwrap_or(TrackId::new(1));
            // The room goes by the track; an engine names the publisher for those who look it up.
            let peer = crate::id::PeerId::new(0);
            world.event(Event::TrackStarted { peer, track });
        }
    }
}

fn join(world: &mut World, random: &mut StdRng) {
    let (grants, viewing) = match random.random_range(0..10) {
        0 => (Grants::VIEW_ONLY, Viewing::Newest),
        1 => (Grants::PUBLISH_ONLY, Viewing::Everyone),
        2 => (
            Grants {
                room_admin: true,
                ..Grants::CONFERENCE
            },
            Viewing::Everyone,
        ),
        _ => (Grants::CONFERENCE, Viewing::Everyone),
    };
    match world.try_join(grants, viewing) {
        Ok(_) => {}
        Err(refusal) => assert_eq!(refusal, Refusal::RoomFull { limit: 12 }),
    }
}

fn offer(world: &mut World, random: &mut StdRng, id: ParticipantId, connected: bool) {
    let mut offer = Offer::default();
    let sources = [
        ("mic", TrackSource::Microphone),
        ("cam", TrackSource::Camera),
        ("share", TrackSource::Screen),
        ("tab", TrackSource::ScreenAudio),
    ];
    for (name, source) in sources {
        if random.random_bool(0.5) {
            offer = offer.publish(name, source);
        }
    }
    // The same m-line with another source, sometimes.
    if let (true, Some(declared)) = (random.random_bool(0.1), offer.declarations.first_mut()) {
        declared.source = match declared.source {
            TrackSource::Microphone => TrackSource::ScreenAudio,
            TrackSource::ScreenAudio => TrackSource::Microphone,
            TrackSource::Camera => TrackSource::Screen,
            TrackSource::Screen => TrackSource::Camera,
        };
    }
    for media in offer
        .published
        .iter_mut()
        .filter(|media| media.kind == MediaKind::Video)
    {
        media.codecs = video_codecs(random);
    }
    for pair in 0..random.random_range(0..9) {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if random.random_bool(0.8) {
                offer = offer.slot(kind, pair);
            }
        }
    }
    for slot in offer
        .slots
        .iter_mut()
        .filter(|slot| slot.kind == MediaKind::Video)
    {
        slot.codecs = video_codecs(random);
    }
    let done = if connected && random.random_bool(0.9) {
        world.reoffer(id, &offer)
    } else {
        world.offer(id, random.random_range(0..WORKERS), &offer)
    };
    match done {
        Ok(tracks) => assert_eq!(tracks.len(), offer.published.len()),
        Err(refusal) => assert!(
            matches!(
                refusal,
                Refusal::MayNotPublish | Refusal::TooManySlots { .. }
            ),
            "{refusal}"
        ),
    }
}

/// VP8, H.264 or both, in either order.
fn video_codecs(random: &mut StdRng) -> Vec<NegotiatedCodec> {
    let vp8 = codec(MediaKind::Video);
    let h264 = NegotiatedCodec {
        codec: Codec::H264,
        ..vp8
    };
    let lists = [vec![vp8], vec![vp8, h264], vec![h264, vp8], vec![h264]];
    lists
        .choose_weighted(random, |list| 8 / list.len())
        .cloned()
        .unwrap_or_default()
}

fn any_track(world: &World, random: &mut StdRng) -> Option<TrackId> {
    let tracks: Vec<_> = world
        .room
        .snapshot()
        .participants
        .iter()
        .flat_map(|participant| participant.tracks.clone())
        .map(|track| track.track)
        .collect();
    tracks.choose(random).copied()
}

fn is_connected(world: &World, id: ParticipantId) -> bool {
    world.room.participants[&id].connection.is_some()
}
