//! Pipes between workers: batches of packets through bounded queues, and the empty batches back.
//!
//! There is one queue for each ordered pair of workers, so each has one writer and one reader. A batch
//! travels as a box that goes round between the two: once there are as many as traffic needs, nothing
//! is allocated, and because there are never more than the queue holds, it never refuses one. When
//! all of them are on their way the reader has fallen behind, and the packets are dropped: late ones
//! are of no use to it. The queues are `sync_channel`s, lock-free as long as nobody waits on them,
//! and nobody does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use super::doorbell::{Doorbell, Rung};
use crate::engine::pipe::PipeBatch;
use crate::id::WorkerId;

/// All pipes of one worker.
#[derive(Debug)]
pub(super) struct Pipes {
    own: WorkerId,
    /// By the index of the other worker; none to itself.
    outlets: Vec<Option<Outlet>>,
    /// The same.
    inlets: Vec<Option<Inlet>>,
}

/// The writer's end of a pipe.
#[derive(Debug)]
struct Outlet {
    batches: SyncSender<Box<PipeBatch>>,
    spent: Receiver<Box<PipeBatch>>,
    /// How many batches there are, on their way in either direction.
    made: usize,
    /// How many wait for the reader.
    waiting: Arc<AtomicUsize>,
    /// The reader's.
    doorbell: Arc<Doorbell>,
}

/// The reader's end of a pipe.
#[derive(Debug)]
struct Inlet {
    batches: Receiver<Box<PipeBatch>>,
    spent: SyncSender<Box<PipeBatch>>,
    waiting: Arc<AtomicUsize>,
}

/// The most batches under way in one pipe. A worker sends one in each turn with traffic; at the
/// thousands of turns a second of a loaded worker this is 10 to 50 ms. A guess.
const PIPE_BATCHES: usize = 64;

/// The most batches taken from one pipe in one turn, so that no worker can keep another from its
/// sockets. What is left waits for the next turn.
const BATCHES_PER_TURN: usize = 8;

impl Pipes {
    /// The pipes of as many workers as there are doorbells, from each to each other.
    pub(super) fn mesh(doorbells: &[Arc<Doorbell>]) -> Vec<Self> {
        let workers = doorbells.len().min(WorkerId::MAX);
        let mut mesh: Vec<Self> = (0..workers)
            .filter_map(WorkerId::new)
            .map(|own| Self {
                own,
                outlets: (0..workers).map(|_| None).collect(),
                inlets: (0..workers).map(|_| None).collect(),
            })
            .collect();
        for from in 0..workers {
            for to in (0..workers).filter(|&to| to != from) {
                let (outlet, inlet) = pipe(doorbells[to].clone());
                mesh[from].outlets[to] = Some(outlet);
                mesh[to].inlets[from] = Some(inlet);
            }
        }
        mesh
    }

    /// Sends what is in `batch` to another worker and leaves an empty one in its place. Gives how many
    /// packets were dropped instead, because the other has fallen behind or has ended.
    #[must_use = "these are dropped packets, and every one is counted"]
    pub(super) fn send(&mut self, to: WorkerId, batch: &mut PipeBatch) -> usize {
        let outlet = self.outlets.get_mut(to.index()).and_then(Option::as_mut);
        let Some(outlet) = outlet else {
            return discard(batch);
        };
        let Some(mut parcel) = outlet.empty_batch() else {
            return discard(batch);
        };
        std::mem::swap(&mut *parcel, batch);
        if let Err(TrySendError::Full(mut refused) | TrySendError::Disconnected(mut refused)) =
            outlet.batches.try_send(parcel)
        {
            return discard(&mut refused);
        }
        outlet.waiting.fetch_add(1, Ordering::Relaxed);
        outlet.doorbell.ring(self.own);
        0
    }

    /// Hands what has come from those who rang to `take`, each batch with its sender. Gives those of
    /// whom there may be more.
    #[must_use = "whoever has more does not ring again"]
    pub(super) fn receive(
        &mut self,
        rung: Rung,
        mut take: impl FnMut(WorkerId, &PipeBatch),
    ) -> Rung {
        let mut left = Rung::default();
        for from in rung.workers() {
            let inlet = self.inlets.get_mut(from.index()).and_then(Option::as_mut);
            let Some(inlet) = inlet else { continue };
            let mut batches = 0;
            while let Ok(mut batch) = inlet.batches.try_recv() {
                // The reader may come first: the sum is right again a moment later.
                inlet.waiting.fetch_sub(1, Ordering::Relaxed);
                take(from, &batch);
                batch.clear();
                // The queue back holds all that there are, so it refuses only when the other worker
                // has ended, and then the batch is of no further use.
                let _ = inlet.spent.try_send(batch);
                batches += 1;
                if batches == BATCHES_PER_TURN {
                    left.insert(from);
                    break;
                }
            }
        }
        left
    }

    /// How many batches wait to be received.
    pub(super) fn waiting(&self) -> usize {
        let waiting = |inlet: &Inlet| inlet.waiting.load(Ordering::Relaxed);
        let inlets = self.inlets.iter().flatten();
        inlets.map(waiting).filter(|&n| n <= PIPE_BATCHES).sum()
    }
}

impl Outlet {
    /// One that has come back, or a new one if there may be more.
    fn empty_batch(&mut self) -> Option<Box<PipeBatch>> {
        if let Ok(batch) = self.spent.try_recv() {
            return Some(batch);
        }
        if self.made == PIPE_BATCHES {
            return None;
        }
        self.made += 1;
        Some(Box::default())
    }
}

fn pipe(doorbell: Arc<Doorbell>) -> (Outlet, Inlet) {
    let (there, batches) = sync_channel(PIPE_BATCHES);
    let (back, spent) = sync_channel(PIPE_BATCHES);
    let waiting = Arc::new(AtomicUsize::new(0));
    let outlet = Outlet {
        batches: there,
        spent,
        made: 0,
        waiting: waiting.clone(),
        doorbell,
    };
    (
        outlet,
        Inlet {
            batches,
            spent: back,
            waiting,
        },
    )
}

/// Empties `batch` and gives how many packets were in it.
fn discard(batch: &mut PipeBatch) -> usize {
    let packets = batch.packets();
    batch.clear();
    packets
}

#[cfg(test)]
mod tests {
    use sfu_rtp::{RtpHeader, SeqNo};

    use super::*;
    use crate::id::TrackId;
    use crate::publish::packet::{ForwardedExtensions, PacketMeta, payload_span};
    use crate::publish::picture::Picture;

    fn mesh(workers: usize) -> (Vec<Pipes>, Vec<Arc<Doorbell>>) {
        let doorbells: Vec<_> = (0..workers)
            .map(|_| Arc::new(Doorbell::new().expect("an eventfd")))
            .collect();
        (Pipes::mesh(&doorbells), doorbells)
    }

    fn worker(index: usize) -> WorkerId {
        WorkerId::new(index).expect("an index of the test")
    }

    fn batch_of(packets: usize) -> PipeBatch {
        let packet = [0x80; 24];
        let header = RtpHeader::parse(&packet).expect("a header without extensions");
        let meta = PacketMeta {
            sequence: SeqNo::new(1),
            continuity: 0,
            codec_index: 0,
            picture: Picture {
                switch_point: true,
                height: None,
                frame: None,
                numbers: None,
                closes_up: false,
            },
            extensions: ForwardedExtensions::default(),
            payload: payload_span(&header, &packet).expect("a payload"),
            repeats: 0,
            header,
        };
        let mut batch = PipeBatch::default();
        for _ in 0..packets {
            assert!(batch.push_packet(TrackId::new(1), 0, &meta, &packet));
        }
        batch
    }

    /// The (sender, packets) of everything that has come for a worker, whoever rang.
    fn drain(pipes: &mut Pipes, doorbell: &Doorbell) -> Vec<(usize, usize)> {
        let mut rung = doorbell.take();
        let mut taken = Vec::new();
        while !rung.is_empty() {
            rung = pipes.receive(rung, |from, batch| {
                taken.push((from.index(), batch.packets()))
            });
        }
        taken
    }

    #[test]
    fn a_batch_goes_to_the_worker_it_is_for_and_leaves_an_empty_one() {
        let (mut mesh, doorbells) = mesh(3);
        let mut batch = batch_of(4);
        assert_eq!(mesh[0].send(worker(2), &mut batch), 0);
        assert!(batch.is_empty());
        assert_eq!(mesh[1].send(worker(2), &mut batch_of(1)), 0);
        assert_eq!(drain(&mut mesh[1], &doorbells[1]), []);
        assert_eq!(drain(&mut mesh[2], &doorbells[2]), [(0, 4), (1, 1)]);
        assert_eq!(drain(&mut mesh[2], &doorbells[2]), []);
    }

    #[test]
    fn a_worker_that_falls_behind_loses_what_it_could_not_take_and_then_goes_on() {
        let (mut mesh, doorbells) = mesh(2);
        for _ in 0..PIPE_BATCHES {
            assert_eq!(mesh[0].send(worker(1), &mut batch_of(2)), 0);
        }
        let mut late = batch_of(7);
        assert_eq!(mesh[0].send(worker(1), &mut late), 7, "all seven are told");
        assert!(late.is_empty(), "what is dropped is not sent again");
        assert_eq!(drain(&mut mesh[1], &doorbells[1]).len(), PIPE_BATCHES);
        assert_eq!(mesh[0].send(worker(1), &mut batch_of(3)), 0);
        assert_eq!(drain(&mut mesh[1], &doorbells[1]), [(0, 3)]);
    }

    #[test]
    fn batches_go_round() {
        let (mut mesh, doorbells) = mesh(2);
        for _ in 0..10 * PIPE_BATCHES {
            for packets in [1, 2] {
                assert_eq!(mesh[0].send(worker(1), &mut batch_of(packets)), 0);
            }
            assert_eq!(drain(&mut mesh[1], &doorbells[1]), [(0, 1), (0, 2)]);
        }
        let outlet = mesh[0].outlets[1].as_ref().expect("a pipe from 0 to 1");
        assert_eq!(outlet.made, 2, "as many as were ever under way together");
    }

    #[test]
    fn one_turn_takes_a_bounded_number_and_says_who_has_more() {
        let (mut mesh, doorbells) = mesh(2);
        for _ in 0..BATCHES_PER_TURN + 1 {
            assert_eq!(mesh[0].send(worker(1), &mut batch_of(1)), 0);
        }
        let mut taken = 0;
        let left = mesh[1].receive(doorbells[1].take(), |_, _| taken += 1);
        assert_eq!((taken, left.contains(worker(0))), (BATCHES_PER_TURN, true));
        let left = mesh[1].receive(left, |_, _| taken += 1);
        assert_eq!((taken, left.is_empty()), (BATCHES_PER_TURN + 1, true));
    }

    #[test]
    fn packets_for_a_worker_that_has_ended_or_never_was_are_dropped() {
        let (mut mesh, _doorbells) = mesh(2);
        drop(mesh.pop());
        for _ in 0..2 * PIPE_BATCHES {
            assert_eq!(mesh[0].send(worker(1), &mut batch_of(5)), 5);
        }
        assert_eq!(mesh[0].send(worker(9), &mut batch_of(1)), 1);
        assert_eq!(
            mesh[0].send(worker(0), &mut batch_of(1)),
            1,
            "there is no pipe to oneself"
        );
    }
}
