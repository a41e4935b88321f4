//! Arrival times of the last packets by unwrapped transport-wide number.

/// A ring that grows with the span of the numbers that are still to be reported.
#[derive(Debug)]
pub(super) struct Arrivals {
    /// A power of two long, indexed by the low bits of the number. A tick and one, or zero for none.
    ring: Vec<u64>,
    /// Earlier numbers are not known.
    start: u64,
    /// The number after the highest.
    end: u64,
}

impl Arrivals {
    pub(super) const fn new() -> Self {
        Self {
            ring: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Forgets everything and expects `number` next.
    pub(super) fn restart(&mut self, number: u64) {
        self.ring.fill(0);
        self.start = number;
        self.end = number;
    }

    /// Remembers an arrival, with room for all from `keep_from` on if that is at all possible.
    /// `false` if the number is known already, or too old to be told.
    pub(super) fn insert(&mut self, number: u64, tick: u64, keep_from: u64) -> bool {
        if number >= self.end {
            self.extend(number + 1, keep_from);
        }
        if number < self.lowest() {
            return false;
        }
        let slot = self.slot(number);
        match self.ring.get_mut(slot) {
            Some(arrival) if *arrival == 0 => {
                *arrival = tick + 1;
                true
            }
            _ => false,
        }
    }

    /// When a number from `lowest()..end()` arrived, if it did.
    pub(super) fn get(&self, number: u64) -> Option<u64> {
        self.ring.get(self.slot(number))?.checked_sub(1)
    }

    /// The lowest number that the ring can tell about.
    pub(super) fn lowest(&self) -> u64 {
        self.start
            .max(self.end.saturating_sub(self.ring.len() as u64))
    }

    /// The number after the highest; zero if there never was one.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    fn slot(&self, number: u64) -> usize {
        number as usize & self.ring.len().wrapping_sub(1)
    }

    /// Moves the end, grows if need be, and empties the slots of the numbers in between.
    fn extend(&mut self, end: u64, keep_from: u64) {
        let span = end.saturating_sub(keep_from).min(MAX_SPAN);
        let len = (span as usize).next_power_of_two().max(MIN_SPAN);
        if len > self.ring.len() {
            self.grow(len);
        }
        let emptied = (end - self.end).min(self.ring.len() as u64);
        for number in end - emptied..end {
            let slot = self.slot(number);
            if let Some(arrival) = self.ring.get_mut(slot) {
                *arrival = 0;
            }
        }
        self.end = end;
    }

    fn grow(&mut self, len: usize) {
        let mut grown = vec![0; len];
        // What the smaller ring has forgotten stays forgotten.
        self.start = self.lowest();
        for number in self.start..self.end {
            if let (Some(to), Some(from)) = (
                grown.get_mut(number as usize & (len - 1)),
                self.ring.get(self.slot(number)),
            ) {
                *to = *from;
            }
        }
        self.ring = grown;
    }
}

/// A kilobyte: a report's worth of packets at a few Mbit/s, and as many before that may come late.
const MIN_SPAN: usize = 128;
/// The most numbers remembered; a power of two.
pub(super) const MAX_SPAN: u64 = 2048;
