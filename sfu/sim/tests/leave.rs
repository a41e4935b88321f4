//! Leaving, one way or another: others are told, and nothing is left behind.

use sfu_sim::prelude::*;
use sfu_sim::world::Departed;

/// Why the room says that somebody has left, and how long after it happened.
fn told_of_leaving(how: Departed) -> (LeaveReason, std::time::Duration) {
    let mut world = World::with_workers(1, 2);
    let alice = world.join(Person::talker());
    let bob = world.join(Person::talker());
    world.run_for(2 * SECOND);
    let before = world.debug_states();
    world.depart(bob, how);
    let told = |world: &World| {
        world
            .notifications(alice)
            .iter()
            .find_map(|notification| match notification {
                Notification::ParticipantLeft { reason, .. } => Some(*reason),
                _ => None,
            })
    };
    let took = world.run_until(40 * SECOND, "leaving", |world| told(world).is_some());
    world.run_for(SECOND);
    let of_bob = before[1].tracks;
    assert!(of_bob > 0);
    let after = world.debug_states();
    assert_eq!(
        (after[1].tracks, after[1].peers),
        (0, 0),
        "{how:?}: Bob's worker is empty"
    );
    assert_eq!(
        after[0].assigned_slots, 0,
        "{how:?}: Alice's slots are empty"
    );
    let reason = told(&world).expect("she was told");
    world.finish();
    (reason, took)
}

#[test]
fn others_are_told_at_once_of_a_goodbye() {
    let (reason, took) = told_of_leaving(Departed::Politely);
    assert_eq!(reason, LeaveReason::Left);
    assert!(took <= 2 * MS, "it took {took:?}");
}

#[test]
fn closing_the_connection_is_leaving() {
    let (reason, took) = told_of_leaving(Departed::ByClosing);
    assert_eq!(reason, LeaveReason::MediaLost(CloseReason::ClosedByPeer));
    assert!(took < 15 * MS, "it took {took:?}");
}

#[test]
fn who_falls_silent_is_gone_when_consent_has_expired() {
    let (reason, took) = told_of_leaving(Departed::Silently);
    assert_eq!(reason, LeaveReason::MediaLost(CloseReason::ConsentExpired));
    assert!(
        took > 25 * SECOND && took <= 31 * SECOND,
        "it took {took:?}"
    );
}

#[test]
fn who_never_connects_is_gone_in_time() {
    let mut world = World::new(1);
    let alice = world.join(Person::talker());
    let bob = world.join(Person::talker().link(Link::PERFECT.dead()));
    world.run_for(40 * SECOND);
    let reason = LeaveReason::MediaLost(CloseReason::IceTimeout);
    assert_eq!(world.let_go(bob), Some(reason));
    assert_eq!(world.let_go(alice), None);
    assert_eq!(world.debug_states()[0].peers, 1);
    world.finish();
}

#[test]
fn the_server_says_goodbye_to_whom_it_removes() {
    let mut world = World::new(1);
    let mut admin = Person::talker();
    admin.grants.room_admin = true;
    let (admin, bob) = (world.join(admin), world.join(Person::talker()));
    world.run_for(2 * SECOND);
    world.remove(admin, bob);
    world.run_for(SECOND);
    assert!(world.client(bob).closed_by_server());
    assert_eq!(world.let_go(bob), Some(LeaveReason::Removed));
    world.finish();
}

#[test]
fn who_leaves_and_comes_back_is_seen_again_and_the_others_do_not_notice() {
    let mut world = World::new(1);
    let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
    world.run_for(2 * SECOND);
    for _ in 0..5 {
        let carol = world.join(Person::talker());
        world.run_for(SECOND);
        assert!(world.camera(alice, carol).frames(world.last(SECOND)) > 20);
        world.leave(carol);
        world.run_for(SECOND);
    }
    assert!(
        world
            .camera(alice, bob)
            .longest_freeze(world.last(11 * SECOND))
            < 40 * MS
    );
    world.finish();
}
