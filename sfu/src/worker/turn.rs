//! The loop of a worker: wait, take in, give out.
//!
//! A turn takes in commands, packets of other workers, datagrams and what is due, then sends what the
//! engine has to send. How much it takes in is bounded, so that nothing waits behind a flood of
//! something else; what is left is taken by the next turn, which then does not wait. Nothing waits for
//! company either: at low load each datagram has a turn of its own, and under load turns grow by
//! themselves, because more arrives while one is under way. The clock is read once a turn, once
//! more if it slept and once more before what was due is done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::doorbell::{Doorbell, Rung};
use super::mailbox::Inbox;
use super::pipe::Pipes;
use super::report::Outbox;
use super::socket::{Receiver, Segmentation, Sender, SocketSet};
use super::statistics::{Board, WorkerSnapshot, WorkerStatistics, thread_cpu_time};
use super::wait::{Readable, wait};
use crate::drop_reason::DropReason;
use crate::engine::Engine;
use crate::id::WorkerId;
use crate::send_batch::{MAX_SEGMENTS, SendBatch};

/// A worker's engine with everything that it needs to run.
pub(super) struct Worker {
    id: WorkerId,
    engine: Engine,
    links: Links,
    receiver: Receiver,
    sender: Sender,
    batch: SendBatch,
    left: Left,
    /// Media packets sent before this turn.
    sent_before: u64,
    statistics: WorkerStatistics,
}

/// What ties a worker to the world.
pub(super) struct Links {
    pub(super) sockets: SocketSet,
    pub(super) doorbell: Arc<Doorbell>,
    pub(super) inbox: Inbox,
    pub(super) pipes: Pipes,
    pub(super) outbox: Outbox,
    pub(super) board: Board,
}

/// What is known to wait for the next turn.
struct Left {
    rung: Rung,
    readable: Readable,
}

impl Worker {
    /// Ready to run. Takes its buffers, so it is best made by the thread that runs it.
    pub(super) fn new(id: WorkerId, engine: Engine, links: Links) -> Self {
        let sender = Sender::new(&links.sockets);
        let statistics = WorkerStatistics {
            segmentation: Some(sender.segmentation()),
            ..WorkerStatistics::default()
        };
        Self {
            id,
            engine,
            receiver: Receiver::new(),
            batch: batch_for(sender.segmentation()),
            sender,
            links,
            left: Left {
                rung: Rung::default(),
                readable: Readable::UNKNOWN,
            },
            sent_before: 0,
            statistics,
        }
    }

    /// Runs until the doorbell says to stop. What was commanded before that is still carried out, and
    /// what has arrived is still taken in.
    pub(super) fn run(&mut self) {
        let mut now = Instant::now();
        while !self.links.doorbell.is_stopping() {
            self.turn(now);
            let end = self.note_forwarded(now);
            self.account(end.duration_since(now), end);
            now = if self.wait(end) { Instant::now() } else { end };
        }
        while let Some(command) = self.links.inbox.take() {
            self.statistics.commands += 1;
            self.engine.handle_command(now, command);
        }
        self.left.readable = Readable::UNKNOWN;
        self.take_in(now);
        self.give_out(now);
        let last = self.snapshot();
        self.links.board.publish_last(last);
    }

    fn turn(&mut self, now: Instant) {
        let took_in = self.take_in(now);
        if took_in {
            self.give_out(now);
        }
        // Handshakes and reports are not as urgent as what has just been received.
        let due = self.engine.next_deadline().is_some_and(|due| due <= now);
        if due {
            self.note_forwarded(now);
            self.engine.handle_deadline(now);
            self.give_out(now);
        }
        if took_in || due {
            self.links.board.changed(now);
        } else {
            self.links.outbox.retry(now);
        }
    }

    /// Hands to the engine what has come. `false`: nothing has.
    fn take_in(&mut self, now: Instant) -> bool {
        let rung = self.left.rung.union(self.links.doorbell.take());
        self.left.rung = Rung::default();
        let mut took_in = false;
        if rung.contains(self.id) {
            took_in |= self.take_commands(now);
        }
        if !rung.is_empty() {
            took_in |= self.take_packets(now, rung);
        }
        took_in | self.receive(now)
    }

    fn take_commands(&mut self, now: Instant) -> bool {
        for taken in 0..COMMANDS_PER_TURN {
            let Some(command) = self.links.inbox.take() else {
                return taken > 0;
            };
            self.statistics.commands += 1;
            self.engine.handle_command(now, command);
        }
        self.left.rung.insert(self.id);
        true
    }

    fn take_packets(&mut self, now: Instant, rung: Rung) -> bool {
        let before = self.statistics.pipe_batches;
        let left = self.links.pipes.receive(rung, |from, batch| {
            self.statistics.pipe_batches += 1;
            self.statistics.pipe_packets += batch.packets() as u64;
            self.engine.handle_pipe(now, from, batch);
        });
        self.left.rung = self.left.rung.union(left);
        self.statistics.pipe_batches > before
    }

    fn receive(&mut self, now: Instant) -> bool {
        let readable = std::mem::replace(&mut self.left.readable, Readable::NONE);
        let tally = &mut self.statistics.received;
        let mut datagrams = 0;
        for (position, socket) in self.links.sockets.as_mut_slice().iter_mut().enumerate() {
            if !readable.contains(position) {
                continue;
            }
            let mut taken = 0;
            loop {
                let received = self.receiver.receive(socket, |path, datagram| {
                    self.engine.handle_datagram(now, path, datagram);
                });
                let Ok(received) =
                    received.inspect_err(|error| tracing::debug!(%error, "receiving"))
                else {
                    tally.calls += 1;
                    tally.errors += 1;
                    break;
                };
                tally.add(&received);
                taken += received.datagrams;
                if !received.more {
                    break;
                }
                if taken >= DATAGRAMS_PER_TURN {
                    self.left.readable = Readable::UNKNOWN;
                    break;
                }
            }
            datagrams += taken;
        }
        if datagrams > 0 {
            tally.by_turn.record(datagrams as u64);
        }
        datagrams > 0
    }

    /// Carries out what the engine has to give. Other workers first: they can start while this one
    /// sends.
    fn give_out(&mut self, now: Instant) {
        let mut lost = 0;
        while let Some((to, batch)) = self.engine.poll_pipe() {
            lost += self.links.pipes.send(to, batch);
        }
        if lost > 0 {
            self.engine
                .counters_mut()
                .drop_many(DropReason::PipeFull, lost as u64);
        }
        self.transmit();
        while let Some(event) = self.engine.poll_event() {
            self.links.outbox.deliver(now, event);
        }
        self.links.outbox.retry(now);
    }

    fn transmit(&mut self) {
        loop {
            let more = self.engine.poll_transmit(&mut self.batch);
            if self.batch.is_empty() {
                break;
            }
            let tally = &mut self.statistics.sent;
            let refused = self.sender.send(&self.links.sockets, &self.batch, tally);
            self.batch.clear();
            let counters = self.engine.counters_mut();
            counters.drop_many(DropReason::SocketFull, refused.full);
            counters.drop_many(DropReason::MtuExceeded, refused.too_large);
            counters.drop_many(DropReason::SendFailed, refused.failed);
            if !more {
                break;
            }
        }
        let segmentation = self.sender.segmentation();
        if self.statistics.segmentation != Some(segmentation) {
            self.statistics.segmentation = Some(segmentation);
            self.batch = batch_for(segmentation);
        }
    }

    /// Notes how long what was sent just now has taken since it was taken in. Returns the time.
    fn note_forwarded(&mut self, taken_in: Instant) -> Instant {
        let now = Instant::now();
        let sent = self.engine.counters().sent.all_packets();
        self.statistics.forward_microseconds.record_many(
            microseconds(now.duration_since(taken_in)),
            sent - self.sent_before,
        );
        self.sent_before = sent;
        now
    }

    /// Notes how long a turn took, and publishes if that is due.
    fn account(&mut self, took: Duration, now: Instant) {
        self.statistics.turns += 1;
        self.statistics.awake += took;
        self.statistics.turn_microseconds.record(microseconds(took));
        if self.links.board.due().is_some_and(|due| due <= now) {
            let snapshot = self.snapshot();
            self.links.board.publish(now, snapshot);
        }
    }

    fn snapshot(&mut self) -> WorkerSnapshot {
        self.statistics.cpu = thread_cpu_time();
        self.statistics.commands_waiting = self.links.inbox.depth();
        self.statistics.pipes_waiting = self.links.pipes.waiting();
        self.statistics.events_waiting = self.links.outbox.waiting();
        self.statistics.lost_messages = self.links.outbox.lost_messages();
        WorkerSnapshot {
            counters: self.engine.counters().clone(),
            engine: self.engine.debug_state(),
            statistics: self.statistics.clone(),
        }
    }

    /// Sleeps until there is something to do. `false`: there was already.
    fn wait(&mut self, now: Instant) -> bool {
        let nothing_left = self.left.rung.is_empty() && self.left.readable == Readable::NONE;
        let due = [
            self.engine.next_deadline(),
            self.links.board.due(),
            self.links.outbox.retry_at(),
        ];
        let due = due.into_iter().flatten().min();
        if !nothing_left || due.is_some_and(|due| due <= now) {
            self.left.readable = Readable::UNKNOWN;
            return false;
        }
        let timeout = due.map(|due| due.duration_since(now));
        self.left.readable = wait(&self.links.doorbell, self.links.sockets.as_slice(), timeout);
        true
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn batch_for(segmentation: Segmentation) -> SendBatch {
    match segmentation {
        Segmentation::Kernel => SendBatch::new(MESSAGES_PER_BATCH, MAX_SEGMENTS),
        Segmentation::None => SendBatch::new(MESSAGES_PER_BATCH, 1),
    }
}

/// The most messages that are staged before they are sent. From 32 on a larger batch gains nothing.
const MESSAGES_PER_BATCH: usize = 64;

/// When a turn stops receiving: at about a microsecond each, for encrypting and sending not counted,
/// this is a quarter of a millisecond. A guess. The last system call of a turn may exceed it.
const DATAGRAMS_PER_TURN: usize = 256;

/// The most commands of a turn. The dearest, a new peer, takes some ten microseconds. A guess.
const COMMANDS_PER_TURN: usize = 32;
