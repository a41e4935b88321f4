//! What a worker knows of its own work: plain integers, published a few times a second.
//!
//! They are counted where the work is done, in memory that only the worker's core writes. Now and then
//! a copy goes where the control plane can read it, unless it is being read just then: the worker
//! never waits for a reader. What the engine counts travels in the same copy.

use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::socket::{Received, Segmentation, SendTally};
use crate::counters::Counters;
use crate::engine::DebugState;

/// Everything that a worker publishes, as of some instant of the last quarter of a second.
#[derive(Clone, Debug, Default)]
pub struct WorkerSnapshot {
    /// What its engine counted.
    pub counters: Counters,
    /// How much its engine holds.
    pub engine: DebugState,
    /// How the worker itself is doing.
    pub statistics: WorkerStatistics,
}

/// What one worker has done since it started, and how long its queues are.
#[derive(Clone, Debug, Default)]
pub struct WorkerStatistics {
    /// Turns of its loop.
    pub turns: u64,
    /// How long its turns took together, by the clock on the wall.
    pub awake: Duration,
    /// How long its thread was on a processor.
    pub cpu: Duration,
    /// How long each turn took, in microseconds.
    pub turn_microseconds: Histogram,
    /// How long media packets were in the worker's hands, in microseconds: from when the first packet
    /// of a turn was taken in until the last had been handed to the kernel. Every packet of the turn
    /// counts with that time, so it is rather too long than too short.
    pub forward_microseconds: Histogram,
    /// What it received.
    pub received: ReceiveTally,
    /// What it sent.
    pub sent: SendTally,
    /// Whether the kernel cuts runs of datagrams for it. `None` before its first turn.
    pub segmentation: Option<Segmentation>,
    /// Commands that it carried out.
    pub commands: u64,
    /// Commands that wait for it.
    pub commands_waiting: usize,
    /// Batches of packets that came from other workers.
    pub pipe_batches: u64,
    /// Packets in them.
    pub pipe_packets: u64,
    /// Batches that wait for it.
    pub pipes_waiting: usize,
    /// Events that wait for the control plane.
    pub events_waiting: usize,
    /// Data messages dropped because the control plane is behind.
    pub lost_messages: u64,
}

/// What one worker has received.
#[derive(Clone, Debug, Default)]
pub struct ReceiveTally {
    /// System calls.
    pub calls: u64,
    /// System calls that failed for another reason than that there was nothing.
    pub errors: u64,
    /// Messages: single datagrams and runs that the kernel coalesced.
    pub messages: u64,
    /// Datagrams in them.
    pub datagrams: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes: u64,
    /// Datagrams that the kernel lost because the receive buffer was full.
    pub lost: u64,
    /// Datagrams of each turn that had any.
    pub by_turn: Histogram,
}

impl ReceiveTally {
    /// Adds what one system call did.
    pub(super) fn add(&mut self, received: &Received) {
        self.calls += 1;
        self.messages += received.messages as u64;
        self.datagrams += received.datagrams as u64;
        self.bytes += received.bytes as u64;
        self.lost += u64::from(received.lost);
    }
}

/// How many values there were of each size: up to 1, up to 2, up to 4, and so on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    counts: [u64; Self::BUCKETS],
    sum: u64,
}

impl Histogram {
    /// How many sizes are told apart: the last is for everything above 2^18, a quarter of a second in
    /// microseconds.
    pub const BUCKETS: usize = 20;

    /// Adds a value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.record_many(value, 1);
    }

    /// Adds the same value so many times.
    #[inline]
    pub fn record_many(&mut self, value: u64, times: u64) {
        let power = value
            .clamp(1, 1 << Self::BUCKETS)
            .next_power_of_two()
            .trailing_zeros() as usize;
        self.counts[power.min(Self::BUCKETS - 1)] += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
    }

    /// The sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// For each size the largest value of it, `None` for the last, and how many values there were of
    /// it alone.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        self.counts
            .iter()
            .enumerate()
            .map(|(power, &count)| ((power + 1 < Self::BUCKETS).then(|| 1 << power), count))
    }
}

/// Where the copies go.
#[derive(Debug)]
pub(super) struct Board {
    shared: Arc<Mutex<WorkerSnapshot>>,
    due: Option<Instant>,
}

/// Where they are read.
#[derive(Clone, Debug, Default)]
pub(super) struct BoardReader(Arc<Mutex<WorkerSnapshot>>);

impl Board {
    /// For the reader at the other end.
    pub(super) fn new(reader: &BoardReader) -> Self {
        Self {
            shared: reader.0.clone(),
            due: None,
        }
    }

    /// Says that there is something new, which is to be published a while from `now`.
    pub(super) fn changed(&mut self, now: Instant) {
        self.due.get_or_insert(now + PUBLISH_EVERY);
    }

    /// When to publish; `None`: there is nothing new.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Publishes. If somebody is reading just now, it is to be tried again soon.
    pub(super) fn publish(&mut self, now: Instant, snapshot: WorkerSnapshot) {
        let mut shared = match self.shared.try_lock() {
            Ok(shared) => shared,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.due = Some(now + RETRY_AFTER);
                return;
            }
        };
        *shared = snapshot;
        self.due = None;
    }

    /// Publishes as the worker ends. Waits for a reader, because there is no later.
    pub(super) fn publish_last(&mut self, snapshot: WorkerSnapshot) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

impl BoardReader {
    /// The last copy.
    pub(super) fn read(&self) -> WorkerSnapshot {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// How long the calling thread has been on a processor. A system call, so not for every turn.
pub(super) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Four times a second: live plots need no more, and scrapers come every few seconds.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// A reader copies a few kilobytes, which takes less than a microsecond.
const RETRY_AFTER: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_by_the_power_of_two_that_holds_them() {
        let cases: &[(u64, Option<u64>)] = &[
            (0, Some(1)),
            (1, Some(1)),
            (2, Some(2)),
            (3, Some(4)),
            (4, Some(4)),
            (5, Some(8)),
            (1 << 18, Some(1 << 18)),
            ((1 << 18) + 1, None),
            (1 << 40, None),
        ];
        for &(value, bound) in cases {
            let mut histogram = Histogram::default();
            histogram.record(value);
            let counted: Vec<_> = histogram
                .buckets()
                .filter(|&(_, count)| count > 0)
                .collect();
            assert_eq!(counted, [(bound, 1)], "{value}");
            assert_eq!((histogram.sum(), histogram.count()), (value, 1));
        }
    }

    #[test]
    fn a_value_of_many_counts_as_often() {
        let (mut one_by_one, mut at_once) = (Histogram::default(), Histogram::default());
        (0..7).for_each(|_| one_by_one.record(300));
        at_once.record_many(300, 7);
        at_once.record_many(9, 0);
        assert_eq!(at_once, one_by_one);
        assert_eq!((at_once.sum(), at_once.count()), (2_100, 7));
    }

    #[test]
    fn what_changed_is_published_once_it_is_due_and_only_if_something_changed() {
        let reader = BoardReader::default();
        let mut board = Board::new(&reader);
        let start = Instant::now();
        assert_eq!(board.due(), None);
        board.changed(start);
        board.changed(start + PUBLISH_EVERY / 2);
        assert_eq!(
            board.due(),
            Some(start + PUBLISH_EVERY),
            "further changes do not put it off"
        );
        board.publish(start + PUBLISH_EVERY, with_turns(7));
        assert_eq!(reader.read().statistics.turns, 7);
        assert_eq!(board.due(), None);
    }

    #[test]
    fn a_reader_does_not_make_the_worker_wait() {
        let reader = BoardReader::default();
        let mut board = Board::new(&reader);
        let now = Instant::now();
        let reading = reader.0.lock().expect("nobody has panicked");
        board.publish(now, with_turns(1));
        assert_eq!(board.due(), Some(now + RETRY_AFTER));
        drop(reading);
        board.publish(now + RETRY_AFTER, with_turns(2));
        assert_eq!(reader.read().statistics.turns, 2);
    }

    fn with_turns(turns: u64) -> WorkerSnapshot {
        let statistics = WorkerStatistics {
            turns,
            ..WorkerStatistics::default()
        };
        WorkerSnapshot {
            statistics,
            ..WorkerSnapshot::default()
        }
    }
}
