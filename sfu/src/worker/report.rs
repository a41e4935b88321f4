//! What workers tell the control plane: events of their engines, and that one has ended.
//!
//! All workers share one bounded queue, and none ever waits for it. While it is full, events stay with
//! their worker, in order, and are offered again: none may be lost, because a `PeerClosed` comes once.
//! How many can pile up is bounded by the peers and tracks that the control plane itself made. Data
//! messages are different: peers make them. They are taken only while at least half of the queue is
//! free, so that they never delay an event, and dropped and counted otherwise.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::engine::event::Event;
use crate::id::WorkerId;

/// Something that a worker tells.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// Something happened to a peer or a track.
    Event {
        /// Where.
        worker: WorkerId,
        /// What.
        event: Event,
    },
    /// The worker has ended; its peers are gone, and no event will say so. Sent once, last.
    Ended {
        /// Which.
        worker: WorkerId,
        /// Why.
        cause: EndCause,
    },
}

/// Why a worker ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndCause {
    /// It was told to.
    Requested,
    /// It panicked, which is a bug, with this message.
    Panicked(String),
}

/// The most reports that wait for the control plane, of all workers together. Everybody in a full
/// node leaving at once is some thousands.
pub(super) const REPORTS: usize = 16_384;

/// How long a worker with events to spare sleeps before it offers them again. A guess: long enough
/// not to burden a machine whose control plane is behind, short enough not to be noticed.
const RETRY_AFTER: Duration = Duration::from_millis(5);

/// A worker's end of the queue.
#[derive(Debug)]
pub(super) struct Outbox {
    worker: WorkerId,
    reports: mpsc::Sender<Report>,
    /// Events that found the queue full.
    waiting: VecDeque<Event>,
    retry_at: Option<Instant>,
    lost_messages: u64,
}

impl Outbox {
    /// With nothing to tell yet.
    pub(super) fn new(worker: WorkerId, reports: mpsc::Sender<Report>) -> Self {
        Self {
            worker,
            reports,
            waiting: VecDeque::new(),
            retry_at: None,
            lost_messages: 0,
        }
    }

    /// Offers what waits, then `event`.
    pub(super) fn deliver(&mut self, now: Instant, event: Event) {
        self.retry(now);
        if let Event::Data { .. } = event {
            let crowded = self.reports.capacity() < self.reports.max_capacity() / 2;
            if crowded || !self.waiting.is_empty() {
                self.lost_messages += 1;
                return;
            }
        }
        // There will be another before long, unless it is the last.
        let repeated = matches!(
            event,
            Event::Speech {
                loudness: Some(_),
                ..
            }
        );
        if repeated && !self.waiting.is_empty() {
            return;
        }
        self.waiting.push_back(event);
        self.offer(now);
    }

    /// Offers what waits, if it is time.
    pub(super) fn retry(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.offer(now);
        }
    }

    /// When [`Self::retry`] is due; `None`: nothing waits.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many data messages were dropped because the control plane is behind.
    pub(super) fn lost_messages(&self) -> u64 {
        self.lost_messages
    }

    fn offer(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at > now) {
            return;
        }
        self.retry_at = None;
        while let Some(event) = self.waiting.pop_front() {
            let report = Report::Event {
                worker: self.worker,
                event,
            };
            if let Err(error) = self.reports.try_send(report) {
                match error {
                    mpsc::error::TrySendError::Full(Report::Event { event, .. }) => {
                        self.waiting.push_front(event);
                        self.retry_at = Some(now + RETRY_AFTER);
                    }
                    // Nobody listens any more: the process is ending.
                    _ => self.waiting.clear(),
                }
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::engine::command::DataMessage;
    use crate::id::{PeerId, TrackId};

    fn outbox(capacity: usize) -> (Outbox, mpsc::Receiver<Report>) {
        let (sender, receiver) = mpsc::channel(capacity);
        let worker = WorkerId::new(1).expect("an index of the test");
        (Outbox::new(worker, sender), receiver)
    }

    fn started(number: u64) -> Event {
        Event::TrackStarted {
            peer: PeerId::new(1),
            track: TrackId::new(number),
        }
    }

    fn data() -> Event {
        Event::Data {
            peer: PeerId::new(1),
            label: "chat".into(),
            message: DataMessage {
                binary: false,
                bytes: Bytes::from_static(b"hello"),
            },
        }
    }

    /// What has arrived: a track's number, or `None` for a data message.
    fn arrived(reports: &mut mpsc::Receiver<Report>) -> Vec<Option<u64>> {
        std::iter::from_fn(|| reports.try_recv().ok())
            .map(|report| match report {
                Report::Event {
                    event: Event::TrackStarted { track, .. },
                    ..
                } => Some(track.get()),
                Report::Event {
                    event: Event::Data { .. },
                    ..
                } => None,
                other => panic!("not a report of the test: {other:?}"),
            })
            .collect()
    }

    #[test]
    fn events_that_find_the_queue_full_arrive_later_in_order() {
        let (mut outbox, mut reports) = outbox(2);
        let start = Instant::now();
        for number in 0..5 {
            outbox.deliver(start, started(number));
        }
        assert_eq!(outbox.waiting(), 3);
        assert_eq!(arrived(&mut reports), [Some(0), Some(1)]);

        let at = outbox.retry_at().expect("something waits");
        outbox.retry(at - Duration::from_millis(1));
        assert_eq!(arrived(&mut reports), [], "it is not time yet");
        outbox.retry(at);
        assert_eq!(arrived(&mut reports), [Some(2), Some(3)]);
        let at = outbox.retry_at().expect("one still waits");
        outbox.deliver(at, started(5));
        assert_eq!(arrived(&mut reports), [Some(4), Some(5)]);
        assert_eq!((outbox.waiting(), outbox.retry_at()), (0, None));
    }

    #[test]
    fn data_messages_give_way_to_events_and_are_counted_when_dropped() {
        let (mut outbox, mut reports) = outbox(4);
        let now = Instant::now();
        for _ in 0..4 {
            outbox.deliver(now, data());
        }
        assert_eq!(
            outbox.lost_messages(),
            1,
            "the third finds half of the queue free, the fourth less"
        );
        outbox.deliver(now, started(1));
        outbox.deliver(now, started(2));
        outbox.deliver(now, data());
        assert_eq!(outbox.lost_messages(), 2);
        assert_eq!(arrived(&mut reports), [None, None, None, Some(1)]);
        outbox.retry(outbox.retry_at().expect("an event waits"));
        assert_eq!(arrived(&mut reports), [Some(2)]);
    }

    #[test]
    fn nothing_piles_up_when_nobody_listens() {
        let (mut outbox, reports) = outbox(1);
        drop(reports);
        for number in 0..3 {
            outbox.deliver(Instant::now(), started(number));
        }
        assert_eq!((outbox.waiting(), outbox.retry_at()), (0, None));
    }
}
