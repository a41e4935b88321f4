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

    /// The packets of the publisher's next frame.
    pub(crate) fn frame(&mut self) -> Vec<Vec<u8>> {
        self.world.next_burst()
    }

    /// The packets of the publisher's next ten frames. Measured in one go, so that what is in the processor's
    /// caches is the engine's and not the world's.
    pub(crate) fn frames(&mut self) -> Vec<Vec<u8>> {
        (0..10).flat_map(|_| self.world.next_burst()).collect()
    }

    /// Has the frames forwarded; `give` is called with each batch, by the number of its worker.
    pub(crate) fn forward(
        &mut self,
        packets: &mut [Vec<u8>],
        give: impl FnMut(usize, &SendBatch),
    ) -> Cost {
        self.world.forward(self.publisher, packets, give)
    }
}

/// Frames of five packets of about 1,200 bytes, 30 a second.
const BITRATE: u32 = 1_400_000;
