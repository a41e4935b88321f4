//! In which order the packets of one subscriber leave in a turn, and which of them are padded, so that
//! they make few and long runs.
//!
//! A run is sent for the price of a packet, but all of its packets must be equal in size except that the
//! last may be shorter (`send_batch`). Within a stream order is kept; between streams it means nothing
//! to the receiver (RFC 3550 §5.1 numbers each by itself). So packets of like size are put together, the
//! odd one rides at a run's end, and packets that are almost equal are made so by RTP padding
//! (RFC 3550 §5.1), within [`slack`].

use arrayvec::ArrayVec;

use crate::send_batch::MAX_SEGMENTS;
use crate::subscribe::downlink::Pending;

/// Puts the packets of one subscriber in order. Kept for its memory; it remembers nothing.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// For each packet the next of its stream.
    next: ArrayVec<Option<u8>, GROUP>,
    /// The first of each stream that has not been placed.
    heads: ArrayVec<u8, GROUP>,
    /// The last of each stream that has been seen.
    tails: ArrayVec<u8, GROUP>,
    placed: ArrayVec<Pending, GROUP>,
}

impl Runs {
    /// Puts them in order and says which are to be padded. Sizes are taken without headers, which
    /// differ by few bytes.
    pub(super) fn arrange(&mut self, pending: &mut [Pending]) {
        for group in pending.chunks_mut(GROUP) {
            if !is_one_run(group) {
                self.arrange_group(group);
            }
        }
    }

    fn arrange_group(&mut self, group: &mut [Pending]) {
        self.find_streams(group);
        self.placed.clear();
        let mut runs = 0;
        while let Some(first) = self.take_head(group, |_| true) {
            self.place_run(group, first);
            runs += 1;
        }
        // What is greedy is not always best: without a gain they stay as they came.
        if runs < runs_of(group) {
            // Each was a head once, so none is missing.
            group.copy_from_slice(&self.placed);
        }
    }

    fn find_streams(&mut self, group: &[Pending]) {
        self.next.clear();
        self.heads.clear();
        self.tails.clear();
        for (index, packet) in group.iter().enumerate() {
            let index = index as u8;
            self.next.push(None);
            let same = |tail: &&mut u8| group[usize::from(**tail)].same_stream(packet);
            match self.tails.iter_mut().find(same) {
                Some(tail) => {
                    self.next[usize::from(*tail)] = Some(index);
                    *tail = index;
                }
                None => {
                    self.heads.push(index);
                    self.tails.push(index);
                }
            }
        }
    }

    /// Places a run that begins with the packet `first`.
    fn place_run(&mut self, group: &[Pending], first: u8) {
        let size = self.size_of_run(group, first);
        let least = size - slack(size);
        let most_packets = MAX_SEGMENTS.min(MAX_RUN_BYTES / (usize::from(size) + OVERHEAD));
        let begin = self.placed.len();
        self.placed.push(group[usize::from(first)]);
        let mut ended = false;
        while !ended && self.placed.len() - begin < most_packets {
            let fits = |packet: &Pending| packet.payload_len <= size;
            let Some(index) = self.take_head(group, fits) else {
                break;
            };
            let packet = group[usize::from(index)];
            ended = packet.payload_len < least;
            self.placed.push(packet);
        }
        // The last of a run may be shorter, so it needs no padding.
        let count = self.placed.len();
        for packet in &mut self.placed[begin..count - 1] {
            packet.pad_to = size;
        }
        self.placed[count - 1].pad_to = 0;
    }

    /// The size of a run that begins with the packet `first`: what follows in its stream may be a little
    /// longer, because a frame does not divide evenly.
    fn size_of_run(&self, group: &[Pending], first: u8) -> u16 {
        let shortest = group[usize::from(first)].payload_len;
        let longest = shortest.saturating_add(slack(shortest));
        let mut size = shortest;
        let mut follower = self.next[usize::from(first)];
        while let Some(index) = follower {
            let len = group[usize::from(index)].payload_len;
            if len > longest || len < shortest - slack(shortest) {
                break;
            }
            size = size.max(len);
            follower = self.next[usize::from(index)];
        }
        size
    }

    /// Takes the longest packet that `fits` from those that may be placed next, of equals the one that
    /// has waited longest.
    fn take_head(&mut self, group: &[Pending], fits: impl Fn(&Pending) -> bool) -> Option<u8> {
        let (position, index) = self
            .heads
            .iter()
            .copied()
            .enumerate()
            .filter(|&(_, index)| fits(&group[usize::from(index)]))
            .max_by_key(|&(_, index)| {
                let age = u8::MAX - index;
                (group[usize::from(index)].payload_len, age)
            })?;
        match self.next[usize::from(index)] {
            Some(next) => self.heads[position] = next,
            None => {
                self.heads.swap_remove(position);
            }
        }
        Some(index)
    }
}

/// Whether there is nothing to put in order: one packet, or a frame that divides evenly.
fn is_one_run(group: &[Pending]) -> bool {
    let mut neighbours = group.windows(2);
    neighbours.all(|pair| match pair {
        [one, other] => one.same_stream(other) && one.payload_len == other.payload_len,
        _ => true,
    })
}

/// How many runs they make as they are, without padding.
fn runs_of(group: &[Pending]) -> usize {
    let mut runs = 0;
    // The size of the run that the next packet may join.
    let mut open = None;
    for packet in group {
        let len = packet.payload_len;
        match open {
            Some(size) if len == size => {}
            Some(size) if len < size => open = None,
            _ => {
                runs += 1;
                open = Some(len);
            }
        }
    }
    runs
}

/// By how many bytes of padding a payload of `size` bytes may grow: 3 % of the packet with all its
/// headers.
fn slack(size: u16) -> u16 {
    let wire = size.saturating_add(OVERHEAD as u16 + 28);
    (wire / 32).min(size)
}

/// How many packets are looked at together; more are arranged in groups.
const GROUP: usize = 128;

/// About what an RTP header with its extensions and the SRTP tag take, in bytes.
const OVERHEAD: usize = 44;

/// A little less than a GSO message may be, because sizes are only estimated here.
const MAX_RUN_BYTES: usize = 64_000;

#[cfg(test)]
mod tests;
