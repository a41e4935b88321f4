//! A complete peer connection of the library: an offer, checks and expectations that are not ours.

use sfu_sim::prelude::*;

#[test]
fn a_peer_connection_of_the_library_sees_and_is_seen() {
    let mut world = World::new(1);
    let alice = world.join(Person::talker().with_library());
    let bob = world.join(Person::talker());
    let carol = world.join(Person::talker().with_library());
    world.run_for(6 * SECOND);
    let people = [alice, bob, carol];
    for viewer in people {
        for publisher in people.into_iter().filter(|who| *who != viewer) {
            let pictures = world.camera(viewer, publisher);
            let frames = pictures.frames(world.last(3 * SECOND));
            assert!(frames >= 89, "{viewer:?} sees {frames} of {publisher:?}");
            let sound = world
                .microphone(viewer, publisher)
                .frames(world.last(3 * SECOND));
            assert!(sound >= 149, "{viewer:?} hears {sound} of {publisher:?}");
        }
    }
    world.finish();
}

#[test]
fn data_messages_reach_everybody_else() {
    let mut world = World::with_workers(1, 2);
    let people: Vec<_> = (0..3)
        .map(|_| world.join(Person::nobody().with_library()))
        .collect();
    world.run_until(5 * SECOND, "opening the channels", |world| {
        people.iter().all(|id| world.browser(*id).channel_is_open())
    });
    world.run_for(SECOND);
    world.send_text(people[0], "hello");
    world.send_bytes(people[1], &[7; 5_000]);
    world.run_for(SECOND);
    let received = |id: PersonId| -> Vec<(bool, usize)> {
        let messages = world.browser(id).messages().iter();
        messages
            .map(|message| (message.text, message.bytes.len()))
            .collect()
    };
    assert_eq!(received(people[0]), [(false, 5_000)]);
    assert_eq!(received(people[1]), [(true, 5)]);
    let mut both = received(people[2]);
    both.sort_unstable();
    assert_eq!(both, [(false, 5_000), (true, 5)]);
    world.finish();
}
