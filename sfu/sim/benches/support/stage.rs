//! A publisher and viewers, for engines to forward from one to the others.

use sfu::send_batch::SendBatch;
use sfu_sim::prelude::*;
use sfu_sim::world::Cost;

/// A publisher of a camera, and viewers who show it.
pub(crate) struct Stage {
    world: World,
    publisher: PersonId,
}

impl Stage {
    /// Everybody is connected, and sees the picture.
    pub(crate) fn new(workers: usize, viewers: usize) -> Self {
        let mut world = World::with_workers(1, workers);
        let publisher = world.join(Person::nobody().camera(BITRATE));
        for viewer in 0..viewers {
            world.join(Person::nobody().slots(1));
            // They would all shake hands at once, and virtual time is no help against that.
            if viewer % 50 == 49 {
                world.run_for(SECOND);
            }
        }
        world.run_for(10 * SECOND);
        world.divert(publisher);
        Self { world, publisher }
    }

    /// The packets of the publisher's next frames. Several are best forwarded one right after the other: what is
    /// in the processor's caches is then the engine's, and not the world's.
    pub(crate) fn frames(&mut self, count: usize) -> Vec<Vec<Vec<u8>>> {
        (0..count).map(|_| self.world.next_burst()).collect()
    }

    /// Has frames forwarded, each in a turn of its own; `give` is called with each batch, by the number of its
    /// worker.
    ///
    /// They leave at one moment, that of the last: what is carried arrives when the world goes on, and viewers
    /// would take what had left before for delayed.
    pub(crate) fn forward(
        &mut self,
        frames: &mut [Vec<Vec<u8>>],
        mut give: impl FnMut(usize, &SendBatch),
    ) -> Cost {
        let mut cost = Cost::default();
        for frame in frames {
            cost += self.world.forward(self.publisher, frame, &mut give);
        }
        cost
    }
}

/// Frames of five packets of about 1,200 bytes, 30 a second.
const BITRATE: u32 = 1_400_000;
