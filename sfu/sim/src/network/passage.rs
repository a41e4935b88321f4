//! The state of one link: its queue, its loss process, and the order in which datagrams leave it.

use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::SmallRng;

use super::MishapKind;
use super::link::{Link, Loss};

/// A link and what has crossed it.
#[derive(Debug, Default)]
pub(super) struct Passage {
    link: Link,
    /// Whether the burst process is in the state that loses.
    in_burst: bool,
    /// When the last bit of the queue will have left.
    busy_until: Option<Instant>,
    /// When the last datagram that keeps its place in the order arrives.
    last_arrival: Option<Instant>,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Dropped(MishapKind),
    Carried {
        at: Instant,
        copy_at: Option<Instant>,
        held_back: bool,
    },
}

impl Passage {
    pub(super) fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    /// Takes a datagram that weighs `len` bytes.
    pub(super) fn cross(&mut self, now: Instant, len: usize, rng: &mut SmallRng) -> Outcome {
        if self.loses(rng) {
            return Outcome::Dropped(MishapKind::Lost);
        }
        let Some(departure) = self.queue(now, len) else {
            return Outcome::Dropped(MishapKind::QueueFull);
        };
        let jitter = match self.link.jitter {
            Duration::ZERO => Duration::ZERO,
            most => most.mul_f64(rng.random()),
        };
        let mut at = departure + self.link.delay + jitter;
        let held_back = happens(self.link.reorder.share, rng);
        // One that is held back overtakes nobody.
        at = self.last_arrival.map_or(at, |last| last.max(at));
        if held_back {
            at += self.link.reorder.by;
        } else {
            self.last_arrival = Some(at);
        }
        let copy_at = happens(self.link.duplicate, rng).then(|| at + COPY_AFTER);
        Outcome::Carried {
            at,
            copy_at,
            held_back,
        }
    }

    fn loses(&mut self, rng: &mut SmallRng) -> bool {
        match self.link.loss {
            Loss::None => false,
            Loss::Random { share } => happens(share, rng),
            Loss::Bursts { share, burst } => {
                let end = 1.0 / burst;
                let begin = end * share / (1.0 - share);
                let change = if self.in_burst { end } else { begin };
                if happens(change, rng) {
                    self.in_burst = !self.in_burst;
                }
                self.in_burst
            }
        }
    }

    /// When the datagram has left the queue; `None`: there was no room in it.
    fn queue(&mut self, now: Instant, len: usize) -> Option<Instant> {
        let Some(rate) = self.link.rate else {
            return Some(now);
        };
        let begin = self.busy_until.map_or(now, |busy| busy.max(now));
        let waiting = (begin - now).as_secs_f64() * rate.bits_per_second as f64 / 8.0;
        if waiting + len as f64 > rate.queue_bytes as f64 {
            return None;
        }
        let took = Duration::from_secs_f64(len as f64 * 8.0 / rate.bits_per_second as f64);
        self.busy_until = Some(begin + took);
        self.busy_until
    }
}

/// Draws only where chance decides, so that a link without loss does not move the seed's sequence.
fn happens(probability: f64, rng: &mut SmallRng) -> bool {
    probability > 0.0 && rng.random_bool(probability.min(1.0))
}

/// How far behind the original a duplicate comes.
const COPY_AFTER: Duration = Duration::from_micros(300);
