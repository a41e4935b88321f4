//! Large rooms: few of the many are sent to each, and those are the ones who talk.

use sfu::counters::PacketKind;
use sfu_sim::prelude::*;

/// The most tracks of sound that the server sends to anybody, by default.
const MOST_AUDIO: usize = 16;

const SILENCE: i8 = -127;
const SPEECH: i8 = -25;

/// Whose microphones `viewer` has heard within the last `length`.
fn heard(world: &World, viewer: PersonId, people: &[PersonId], length: Duration) -> Vec<PersonId> {
    let others = people.iter().filter(|id| **id != viewer);
    let heard = others.filter(|id| world.microphone(viewer, **id).frames(world.last(length)) > 0);
    heard.copied().collect()
}

#[test]
fn of_a_hundred_everybody_hears_those_who_talk_and_no_more_than_the_server_allows() {
    let mut world = World::new(1);
    let quiet = Person::nobody().microphone();
    let camera = || quiet.clone().camera(50_000);
    // Some offer a slot for everybody, as a page does that knows no limit, most only a few.
    let mut people: Vec<_> = (0..4)
        .map(|_| camera().slots(4).audio_slots(40))
        .map(|person| world.join(person))
        .collect();
    people.extend((0..8).map(|_| world.join(camera().audio_slots(3))));
    people.extend((0..88).map(|_| world.join(quiet.clone().audio_slots(3))));
    for id in &people {
        world.set_level(*id, SILENCE);
    }
    world.run_for(2 * SECOND);
    let greedy = people[..4].to_vec();
    for id in &greedy {
        let heard = heard(&world, *id, &people, SECOND);
        assert_eq!(heard.len(), MOST_AUDIO, "nobody talks, and there is room");
    }

    // Two at the end of the table, and one with a camera that nobody shows yet.
    let talkers = [people[99], people[98], people[11]];
    for talker in talkers {
        let began = world.now();
        world.set_level(talker, SPEECH);
        world.run_for(500 * MS);
        for viewer in people.iter().filter(|id| **id != talker) {
            let first = world.microphone(*viewer, talker).first_after(began);
            let waited = first.map(|at| at - began);
            assert!(waited < Some(120 * MS), "{viewer:?}: {waited:?}");
        }
    }
    let before = world.counters(0).clone();
    world.run_for(2 * SECOND);
    let counted = |kind| world.counters(0).sent.packets(kind) - before.sent.packets(kind);
    for id in &greedy {
        let heard = heard(&world, *id, &people, SECOND);
        assert_eq!(heard.len(), MOST_AUDIO);
        assert!(talkers.iter().all(|talker| heard.contains(talker)));
    }
    // A hundred packets of each microphone arrive in two seconds, and each leaves only for who hears it.
    let most = (4 * MOST_AUDIO + 96 * 3) as u64 * 100;
    let sent = counted(PacketKind::Audio);
    assert!(
        (most * 98 / 100..=most).contains(&sent),
        "{sent} of {most} packets"
    );

    // When the others have ended, the one with the camera has the floor, and a picture.
    for talker in &talkers[..2] {
        world.set_level(*talker, SILENCE);
    }
    world.run_for(4 * SECOND);
    for id in &greedy {
        let frames = world.camera(*id, people[11]).frames(world.last(SECOND));
        assert!(frames >= 28, "{id:?} sees {frames} frames of who talks");
        let cameras = world.shown_to(*id).into_iter();
        let cameras = cameras.filter(|(_, source)| *source == TrackSource::Camera);
        assert_eq!(cameras.count(), 4, "as many as it has slots");
    }
    world.finish();
}

#[test]
fn whoever_falls_silent_is_heard_on_until_somebody_needs_the_slot() {
    let mut world = World::new(2);
    let viewer = world.join(Person::viewer().slots(2));
    let people: Vec<_> = (0..6)
        .map(|_| world.join(Person::nobody().microphone()))
        .collect();
    for id in &people {
        world.set_level(*id, SILENCE);
    }
    world.run_for(SECOND);
    for (talker, still_heard) in [(5, None), (4, Some(5)), (3, Some(4)), (2, Some(3))] {
        world.set_level(people[talker], SPEECH);
        world.run_for(SECOND);
        let mut expected: Vec<_> = still_heard
            .map(|who: usize| people[who])
            .into_iter()
            .collect();
        expected.push(people[talker]);
        let heard = heard(&world, viewer, &people, 300 * MS);
        let all_there = expected.iter().all(|id| heard.contains(id));
        assert!(
            all_there && heard.len() == 2,
            "{heard:?} instead of {expected:?}"
        );
        world.set_level(people[talker], SILENCE);
        world.run_for(SECOND);
    }
    world.finish();
}
