//! Who talks: what others are told, and which slots they get.

use std::time::Duration;

use super::offer::Offer;
use super::world::World;
use crate::engine::event::Event;
use crate::id::{ParticipantId, TrackId};

/// So many people with microphone and camera, and a viewer with so many pairs of slots.
fn crowd(people: usize, pairs: u16) -> (World, Vec<ParticipantId>, ParticipantId) {
    let mut world = World::new(1);
    let offer = Offer::conference(0);
    let people = (0..people).map(|_| world.enter(0, &offer)).collect();
    let viewer = world.enter(0, &Offer::viewer(pairs));
    (world, people, viewer)
}

fn tracks(world: &World, id: ParticipantId) -> [TrackId; 2] {
    let tracks = &world.room.participants[&id].tracks;
    [tracks[0], tracks[1]]
}

fn speech(world: &mut World, id: ParticipantId, loudness: Option<u8>) {
    let (peer, _) = world.peer(id);
    let [track, _] = tracks(world, id);
    world.event(Event::Speech {
        peer,
        track,
        loudness,
    });
}

/// All of these talk for a second.
fn talk(world: &mut World, ids: &[ParticipantId]) {
    for _ in 0..5 {
        for id in ids {
            speech(world, *id, Some(30));
        }
        world.now += Duration::from_millis(200);
    }
}

fn shown_of(world: &World, viewer: ParticipantId, id: ParticipantId) -> [bool; 2] {
    let shown = world.shown(viewer);
    tracks(world, id).map(|track| shown.contains(&Some(track)))
}

#[test]
fn who_talks_is_heard_at_once_and_seen_when_it_has_the_floor() {
    let (mut world, people, viewer) = crowd(16, 3);
    let last = people[15];
    assert_eq!(shown_of(&world, viewer, last), [false, false]);
    speech(&mut world, last, Some(30));
    assert_eq!(
        shown_of(&world, viewer, last),
        [true, false],
        "with the first report"
    );
    assert_eq!(world.client(viewer).view.speakers, [last]);
    talk(&mut world, &[last]);
    assert_eq!(shown_of(&world, viewer, last), [true, true]);
    speech(&mut world, last, None);
    assert_eq!(world.client(viewer).view.speakers, []);
    assert_eq!(
        shown_of(&world, viewer, last),
        [true, true],
        "it keeps what nobody needs"
    );
}

#[test]
fn only_who_was_silent_for_longest_gives_way() {
    let (mut world, people, viewer) = crowd(16, 3);
    for id in &people[10..13] {
        talk(&mut world, &[*id]);
        speech(&mut world, *id, None);
    }
    let seen = |world: &World| -> Vec<_> {
        let shown = people.iter().map(|id| shown_of(world, viewer, *id));
        people
            .iter()
            .zip(shown)
            .filter(|(_, shown)| *shown == [true, true])
            .map(|(id, _)| *id)
            .collect()
    };
    assert_eq!(seen(&world), people[10..13]);
    talk(&mut world, &[people[4]]);
    assert_eq!(seen(&world), [people[4], people[11], people[12]]);
    let changes = world.client(viewer).slot_changes;
    speech(&mut world, people[4], None);
    talk(&mut world, &[people[12]]);
    talk(&mut world, &[people[4], people[12]]);
    assert_eq!(
        world.client(viewer).slot_changes,
        changes,
        "who is shown already moves nobody"
    );
}

#[test]
fn when_more_talk_than_there_are_slots_who_has_the_floor_is_heard() {
    let (mut world, people, viewer) = crowd(16, 5);
    let talkers = &people[8..];
    talk(&mut world, talkers);
    let heard = |world: &World| {
        let heard = people.iter().map(|id| shown_of(world, viewer, *id)[0]);
        heard.filter(|heard| *heard).count()
    };
    assert_eq!(heard(&world), 5);
    for holder in talkers {
        speech(&mut world, *holder, Some(60));
        speech(&mut world, *holder, Some(60));
        for other in talkers.iter().filter(|other| *other != holder) {
            speech(&mut world, *other, Some(15));
            speech(&mut world, *other, Some(15));
        }
        speech(&mut world, *holder, Some(60));
        world.now += Duration::from_millis(200);
        speech(&mut world, *holder, Some(60));
        assert_eq!(world.client(viewer).view.speakers[0], *holder);
        assert_eq!(shown_of(&world, viewer, *holder), [true, true]);
        assert_eq!(heard(&world), 5);
        for _ in 0..5 {
            speech(&mut world, *holder, Some(15));
        }
    }
}

#[test]
fn who_had_the_floor_last_is_worth_most_among_equals_and_who_never_had_it_comes_by_age() {
    let (mut world, people, viewer) = crowd(5, 5);
    // (who talks, who is worth most then)
    let cases: &[(&[usize], [usize; 5])] = &[
        (&[], [0, 1, 2, 3, 4]),
        (&[3], [3, 0, 1, 2, 4]),
        (&[2], [2, 3, 0, 1, 4]),
        (&[3, 2], [2, 3, 0, 1, 4]),
        (&[4, 1], [1, 4, 2, 3, 0]),
    ];
    for (talkers, expected) in cases {
        for talker in *talkers {
            talk(&mut world, &[people[*talker]]);
            speech(&mut world, people[*talker], None);
        }
        assert_eq!(
            order(&world, viewer, &people),
            expected,
            "after {talkers:?}"
        );
    }
    world.leave(people[4]);
    let late = world.enter(0, &Offer::conference(0));
    let people = [people[0], people[1], people[2], people[3], late];
    assert_eq!(order(&world, viewer, &people), [1, 2, 3, 0, 4]);
}

/// In which order the pictures of these people get a viewer's bandwidth.
fn order(world: &World, viewer: ParticipantId, people: &[ParticipantId]) -> Vec<usize> {
    let (peer, worker) = world.peer(viewer);
    let subscriber = &world.workers[worker].peers[&peer];
    let place = |track| people.iter().position(|id| tracks(world, *id)[1] == track);
    let mut pictures: Vec<_> = subscriber
        .demands
        .iter()
        .filter_map(|(mid, demand)| {
            let place = subscriber.slots.get(mid).copied().and_then(place)?;
            Some((demand.importance, demand.rank, place))
        })
        .collect();
    pictures.sort_unstable();
    pictures.iter().map(|(_, _, place)| *place).collect()
}

#[test]
fn pins_come_before_whoever_talks() {
    let (mut world, people, viewer) = crowd(10, 1);
    let pinned = tracks(&world, people[3]);
    world.subscribe(viewer, &pinned, &[]).expect("a viewer may");
    talk(&mut world, &[people[7]]);
    assert_eq!(shown_of(&world, viewer, people[3]), [true, true]);
}

#[test]
fn who_mutes_or_leaves_talks_no_more() {
    let (mut world, people, viewer) = crowd(3, 3);
    talk(&mut world, &people);
    assert_eq!(world.client(viewer).view.speakers, people);
    let [mic, _] = tracks(&world, people[0]);
    world.set_muted(people[0], mic, true).expect("its own");
    assert_eq!(world.client(viewer).view.speakers, people[1..]);
    speech(&mut world, people[0], Some(40));
    assert_eq!(
        world.client(viewer).view.speakers,
        people[1..],
        "it is muted"
    );
    world.leave(people[1]);
    assert_eq!(world.client(viewer).view.speakers, people[2..]);
    world.leave(people[2]);
    assert_eq!(world.client(viewer).view.speakers, []);
}

#[test]
fn news_of_speakers_come_at_a_bounded_rate() {
    let (mut world, people, viewer) = crowd(3, 3);
    speech(&mut world, people[0], Some(30));
    speech(&mut world, people[1], Some(30));
    assert_eq!(world.client(viewer).view.speakers, people[..1]);
    world.now += Duration::from_millis(200);
    speech(&mut world, people[0], Some(30));
    assert_eq!(world.client(viewer).view.speakers, people[..2]);
}

#[test]
fn who_comes_late_knows_who_talks_and_is_told_what_changes() {
    let (mut world, people, _) = crowd(3, 3);
    talk(&mut world, &people[..2]);
    speech(&mut world, people[2], Some(30));
    // Too soon after the last news to be told to anybody; and when it is not, it is no news any more.
    speech(&mut world, people[2], None);
    let late = world.enter(0, &Offer::viewer(3));
    assert_eq!(world.client(late).view.speakers, people);
    speech(&mut world, people[2], Some(30));
    world.now += Duration::from_millis(200);
    speech(&mut world, people[0], Some(30));
    assert_eq!(world.client(late).view.speakers, people);
    speech(&mut world, people[1], None);
    speech(&mut world, people[2], None);
    world.now += Duration::from_millis(200);
    speech(&mut world, people[0], Some(30));
    assert_eq!(world.client(late).view.speakers, people[..1]);
}
