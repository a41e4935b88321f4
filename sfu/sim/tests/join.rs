//! Joining: how soon people see and hear each other, whatever browsers they have.

use std::time::Duration;

use sfu_sim::person::Person;
use sfu_sim::world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn two_people_see_and_hear_each_other() {
    let mut world = World::new(1);
    let alice = world.join(Person::talker());
    let bob = world.join(Person::talker().firefox());
    world.run_for(5 * SECOND);
    for (viewer, publisher) in [(alice, bob), (bob, alice)] {
        let camera = world.camera(viewer, publisher);
        let last = world.last(4 * SECOND);
        assert!(
            camera.frames(last.clone()) >= 119,
            "{}",
            camera.frames(last)
        );
        assert!(camera.longest_freeze(world.last(4 * SECOND)) < Duration::from_millis(40));
        assert!(
            world
                .microphone(viewer, publisher)
                .frames(world.last(4 * SECOND))
                >= 199
        );
    }
    world.finish();
}
