//! A change of address in mid-call: another Wi-Fi, another NAT binding.

use sfu_sim::prelude::*;

#[test]
fn media_is_back_soon_after_a_change_of_address() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
        world.run_for(2 * SECOND);
        for _ in 0..3 {
            world.change_address(bob);
            let moved = world.now();
            world.run_for(2 * SECOND);
            for (viewer, publisher) in [(alice, bob), (bob, alice)] {
                let freeze = world
                    .camera(viewer, publisher)
                    .longest_freeze(moved..world.now());
                assert!(freeze < 200 * MS, "seed {seed}: frozen for {freeze:?}");
            }
        }
        assert_eq!(world.let_go(bob), None);
        world.finish();
    }
}

#[test]
fn ice_restarts_without_a_break() {
    let mut world = World::new(1);
    let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
    world.run_for(2 * SECOND);
    for _ in 0..3 {
        world.restart_ice(bob);
        let restarted = world.now();
        world.run_for(5 * SECOND);
        for (viewer, publisher) in [(alice, bob), (bob, alice)] {
            let freeze = world
                .camera(viewer, publisher)
                .longest_freeze(restarted..world.now());
            assert!(freeze < 50 * MS, "frozen for {freeze:?}");
        }
    }
    // The new credentials keep the connection alive.
    world.run_for(40 * SECOND);
    assert_eq!(world.let_go(bob), None);
    assert_eq!(world.debug_states()[0].ufrags, 2);
    world.finish();
}
