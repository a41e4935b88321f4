//! One queue of deadlines for everything in an engine that waits for time to pass.
//!
//! Whoever owns a deadline remembers when it is due; the queue may hold stale entries besides, which
//! the owner recognises and ignores. So moving a deadline costs one push, and nobody is ever scanned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Deadlines of owners named by `K`.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    queue: BinaryHeap<Reverse<(Instant, K)>>,
    /// While deadlines are served, nothing is due again before this.
    floor: Option<Instant>,
}

/// When an owner is due next; lives with the owner.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    at: Option<Instant>,
}

impl<K: Ord + Copy> Deadlines<K> {
    pub(super) fn new() -> Self {
        Self {
            queue: BinaryHeap::new(),
            floor: None,
        }
    }

    /// Makes `owner` due at `at` unless it is due earlier already.
    pub(super) fn advance(&mut self, owner: K, due: &mut Due, at: Instant) {
        let at = self.floor.map_or(at, |floor| at.max(floor));
        if due.at.is_none_or(|current| at < current) {
            due.at = Some(at);
            self.queue.push(Reverse((at, owner)));
        }
    }

    /// What is due by `now` is about to be served. Until [`end`](Self::end), an owner that is due again at
    /// once is put off by a millisecond: whatever goes wrong with one, the others get their turn.
    pub(super) fn begin(&mut self, now: Instant) {
        self.floor = Some(now + GRAIN);
    }

    /// What was due has been served.
    pub(super) fn end(&mut self) {
        self.floor = None;
    }

    /// The next entry that `now` has reached, stale or not.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, K)> {
        let Reverse((at, _)) = self.queue.peek()?;
        if *at > now {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| entry)
    }

    /// When the next entry is reached.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// How many entries there are, stale ones included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Due {
    /// Whether the entry that was popped is this owner's current one; if so, it is taken.
    pub(super) fn take(&mut self, popped: Instant) -> bool {
        if self.at == Some(popped) {
            self.at = None;
            return true;
        }
        false
    }
}

/// Finer than anything here needs to be on time.
const GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_a_moved_deadline_fires_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new();
        let (mut a, mut b) = (Due::default(), Due::default());
        deadlines.advance('a', &mut a, at(30));
        deadlines.advance('b', &mut b, at(20));
        deadlines.advance('a', &mut a, at(10));
        deadlines.advance('b', &mut b, at(25));
        assert_eq!(deadlines.next(), Some(at(10)));
        assert_eq!(deadlines.len(), 3, "a later deadline is not queued");

        let mut fired = Vec::new();
        while let Some((popped, owner)) = deadlines.pop(at(40)) {
            let due = if owner == 'a' { &mut a } else { &mut b };
            if due.take(popped) {
                fired.push((owner, popped));
            }
        }
        assert_eq!(fired, [('a', at(10)), ('b', at(20))]);
    }

    #[test]
    fn an_owner_that_is_always_due_does_not_keep_the_others_waiting() {
        let now = Instant::now();
        let mut deadlines = Deadlines::new();
        let mut due = Due::default();
        deadlines.advance((), &mut due, now);
        deadlines.begin(now);
        let mut served = 0;
        while let Some((popped, ())) = deadlines.pop(now) {
            served += usize::from(due.take(popped));
            deadlines.advance((), &mut due, now);
        }
        deadlines.end();
        assert_eq!(served, 1);
        assert_eq!(deadlines.next(), Some(now + GRAIN), "it comes again soon");
    }

    #[test]
    fn nothing_fires_early() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new();
        let mut due = Due::default();
        deadlines.advance(1, &mut due, start + Duration::from_millis(1));
        assert_eq!(deadlines.pop(start), None);
    }
}
