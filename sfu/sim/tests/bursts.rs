//! Frames for more viewers than a batch of datagrams holds: the slots decide in several steps.

use sfu_sim::prelude::*;

#[test]
fn a_frame_for_more_viewers_than_a_batch_holds_reaches_each_of_them_once() {
    let mut world = World::new(1);
    let publisher = world.join(Person::nobody().camera(1_400_000));
    for _ in 0..VIEWERS {
        world.join(Person::nobody().slots(1));
    }
    world.run_for(3 * SECOND);
    world.divert(publisher);
    for frame in 0..20 {
        let mut burst = world.next_burst();
        let mut batches = 0;
        let cost = world.forward(publisher, &mut burst, |_, _| batches += 1);
        assert!(batches > 1, "frame {frame} fits one batch");
        let expected = (burst.len() * VIEWERS) as u64;
        assert_eq!(cost.forwarded, expected, "frame {frame}");
    }
    world.finish();
}

const VIEWERS: usize = 100;
