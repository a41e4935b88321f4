//! The plaintext packets of one encoding, by source sequence number, for as long as a subscriber may
//! still ask for one of them (RFC 4585 §6.2.1).
//!
//! There is one cache per encoding, however many subscribers there are; each slot remembers only
//! which source number became which outgoing one. What a packet means is the caller's: it travels
//! along as `M`. The cache decides what is a duplicate and what is too old to matter.

use sfu_rtp::SeqNo;

/// The last packets of one encoding.
///
/// A packet stays until `capacity` numbers above it, or about as many bytes as the cache may hold,
/// have come after it. Memory grows with what is inserted, up to these limits, and then stays:
/// once the stream has shown its size nothing is allocated.
#[derive(Debug)]
pub(crate) struct PacketCache<M> {
    /// A ring of a power of two, indexed by the low bits of the number; empty until first used.
    entries: Vec<Option<Entry<M>>>,
    /// How far `entries` may grow; a power of two.
    capacity: usize,
    bytes: ByteRing,
    /// The lengths of all entries together, also of those whose bytes have been overwritten: what
    /// the byte ring would have to hold for nothing to be lost.
    wanted_bytes: usize,
    highest: Option<SeqNo>,
}

/// What became of an inserted packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Insert {
    /// It was not known and is now cached.
    New,
    /// Its number was inserted before. The cache keeps what it had.
    Duplicate,
    /// Its number is so far below the highest that the cache cannot tell whether it was there.
    TooOld,
    /// It is larger than [`PacketCache::MAX_PACKET_BYTES`].
    TooLarge,
}

impl<M: Copy> PacketCache<M> {
    /// The largest packet, in bytes: any UDP datagram fits.
    pub(crate) const MAX_PACKET_BYTES: usize = 1 << 16;

    /// A cache of at most `capacity` packets and `capacity_bytes` bytes of packets, both rounded up
    /// to a power of two, the bytes to at least [`Self::MAX_PACKET_BYTES`]. Takes no memory yet.
    pub(crate) const fn new(capacity: usize, capacity_bytes: usize) -> Self {
        let capacity_bytes = if capacity_bytes < Self::MAX_PACKET_BYTES {
            Self::MAX_PACKET_BYTES
        } else {
            capacity_bytes.next_power_of_two()
        };
        Self {
            entries: Vec::new(),
            capacity: capacity.next_power_of_two(),
            bytes: ByteRing::new(capacity_bytes),
            wanted_bytes: 0,
            highest: None,
        }
    }

    /// Keeps a copy of `packet` unless its number is known already. Numbers may come in any order.
    pub(crate) fn insert(&mut self, seq: SeqNo, meta: M, packet: &[u8]) -> Insert {
        if packet.len() > Self::MAX_PACKET_BYTES {
            return Insert::TooLarge;
        }
        let highest = self.highest.map_or(seq, |highest| highest.max(seq));
        if !self.is_in_window(seq, highest) {
            return Insert::TooOld;
        }
        let slot = self.make_slot(seq, highest);
        let Some(place) = self.entries.get_mut(slot) else {
            return Insert::TooOld;
        };
        if let Some(old) = place {
            if old.seq == seq {
                return Insert::Duplicate;
            }
            self.wanted_bytes -= old.len;
        }
        self.wanted_bytes += packet.len();
        let start = self.bytes.write(packet, self.wanted_bytes);
        *place = Some(Entry {
            seq,
            start,
            len: packet.len(),
            meta,
        });
        self.highest = Some(highest);
        Insert::New
    }

    /// The packet with this number, if it is still here.
    #[inline]
    pub(crate) fn get(&self, seq: SeqNo) -> Option<(&M, &[u8])> {
        let highest = self.highest?;
        if !self.is_in_window(seq, highest) {
            return None;
        }
        let entry = self.entries.get(self.slot(seq))?.as_ref()?;
        if entry.seq != seq {
            return None;
        }
        let packet = self.bytes.read(entry.start, entry.len)?;
        Some((&entry.meta, packet))
    }

    /// Heap memory in use, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Option<Entry<M>>>() + self.bytes.ring.capacity()
    }

    /// The highest number that was put in, whether it is still there or not.
    pub(crate) fn highest(&self) -> Option<SeqNo> {
        self.highest
    }

    /// Whether `seq` is among the `capacity` numbers that end with `highest`.
    fn is_in_window(&self, seq: SeqNo, highest: SeqNo) -> bool {
        let age = highest.distance_from(seq);
        age >= 0 && age < self.capacity as i64
    }

    fn slot(&self, seq: SeqNo) -> usize {
        seq.get() as usize & self.entries.len().wrapping_sub(1)
    }

    /// The slot for `seq`, after growing the ring for as long as another number that is still in
    /// the window lies there.
    fn make_slot(&mut self, seq: SeqNo, highest: SeqNo) -> usize {
        loop {
            let slot = self.slot(seq);
            let is_free = match self.entries.get(slot) {
                Some(Some(old)) => old.seq == seq || !self.is_in_window(old.seq, highest),
                Some(None) => true,
                None => false,
            };
            if is_free || self.entries.len() >= self.capacity {
                return slot;
            }
            self.grow_entries();
        }
    }

    fn grow_entries(&mut self) {
        let len = (self.entries.len() * 2).clamp(MIN_ENTRIES.min(self.capacity), self.capacity);
        let mut grown: Vec<Option<Entry<M>>> = std::iter::repeat_with(|| None).take(len).collect();
        for entry in self.entries.drain(..).flatten() {
            let slot = entry.seq.get() as usize & (len - 1);
            grown[slot] = Some(entry);
        }
        self.entries = grown;
    }
}

#[derive(Debug)]
struct Entry<M> {
    seq: SeqNo,
    /// Where its bytes begin, as [`ByteRing`] counts.
    start: u64,
    len: usize,
    meta: M,
}

/// Bytes written one piece after the other into a ring, each piece contiguous.
///
/// Positions count up for ever, and a position's place is its low bits. So whether a piece has been
/// overwritten is a comparison, and nothing has to be told when it is.
#[derive(Debug)]
struct ByteRing {
    /// A power of two long, or empty.
    ring: Vec<u8>,
    /// How far `ring` may grow; a power of two.
    capacity: usize,
    /// The position after the last byte written.
    head: u64,
    /// What lies before this position was lost when the ring was smaller.
    intact_from: u64,
}

impl ByteRing {
    const fn new(capacity: usize) -> Self {
        Self {
            ring: Vec::new(),
            capacity,
            head: 0,
            intact_from: 0,
        }
    }

    /// Writes `piece`, which is not longer than the capacity, and gives its position. First the ring
    /// grows if it does not comfortably hold `wanted` bytes.
    fn write(&mut self, piece: &[u8], wanted: usize) -> u64 {
        // What the jump over the end wastes, and what pieces that came late add to the distance.
        let comfortable = wanted + piece.len() + wanted / 8;
        while self.ring.len() < comfortable.min(self.capacity) {
            self.grow();
        }
        let size = self.ring.len() as u64;
        if size == 0 {
            return self.head;
        }
        let mut start = self.head;
        if self.place(start) + piece.len() > self.ring.len() {
            start = start.next_multiple_of(size);
        }
        let place = self.place(start);
        if let Some(target) = self.ring.get_mut(place..place + piece.len()) {
            target.copy_from_slice(piece);
        }
        self.head = start + piece.len() as u64;
        start
    }

    /// Where a position lies: the ring is a power of two long, and a mask costs less than a division.
    #[inline]
    fn place(&self, position: u64) -> usize {
        position as usize & self.ring.len().wrapping_sub(1)
    }

    #[inline]
    fn read(&self, start: u64, len: usize) -> Option<&[u8]> {
        let size = self.ring.len() as u64;
        if start < self.intact_from.max(self.head.saturating_sub(size)) {
            return None;
        }
        let place = self.place(start);
        self.ring.get(place..place + len)
    }

    /// Doubles the ring. A piece never crosses a multiple of the old size, so each old lap moves as
    /// a whole to the half that its positions now belong to.
    fn grow(&mut self) {
        let size = self.ring.len();
        if size == 0 {
            self.ring = vec![0; MIN_BYTES.min(self.capacity)];
            return;
        }
        let mut grown = vec![0; size * 2];
        // The ring holds the beginning of the current lap and, after it, the end of the one before.
        let in_lap = (self.head % size as u64) as usize;
        let current = (self.head / size as u64 % 2) as usize * size;
        let previous = size - current;
        let (beginning, end) = self.ring.split_at(in_lap);
        grown[current..current + in_lap].copy_from_slice(beginning);
        grown[previous + in_lap..previous + size].copy_from_slice(end);
        self.intact_from = self.intact_from.max(self.head.saturating_sub(size as u64));
        self.ring = grown;
    }
}

/// A first step that costs little when the stream turns out to be idle.
const MIN_ENTRIES: usize = 16;
/// Room for three full video packets, or forty audio packets.
const MIN_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::StdRng;
    use rand::{Rng, RngCore, SeedableRng};

    use super::*;

    fn cache(capacity: usize) -> PacketCache<u32> {
        PacketCache::new(capacity, 1 << 16)
    }

    #[test]
    fn numbers_are_told_apart_as_new_duplicate_and_too_old() {
        use Insert::{Duplicate, New, TooOld};
        // The capacity is 8. Numbers in order of arrival, and what becomes of each.
        let cases: &[(&str, &[(u64, Insert)])] = &[
            ("in order", &[(100, New), (101, New), (102, New)]),
            (
                "twice",
                &[(100, New), (100, Duplicate), (101, New), (100, Duplicate)],
            ),
            (
                "reordered",
                &[
                    (100, New),
                    (103, New),
                    (101, New),
                    (102, New),
                    (101, Duplicate),
                ],
            ),
            (
                "before the first",
                &[(100, New), (99, New), (93, New), (92, TooOld)],
            ),
            (
                "the edge of the window",
                &[
                    (100, New),
                    (107, New),
                    (100, Duplicate),
                    (108, New),
                    (100, TooOld),
                ],
            ),
            (
                "a gap wider than the window",
                &[(100, New), (1000, New), (100, TooOld), (993, New)],
            ),
            (
                "the first number there is",
                &[(0, New), (0, Duplicate), (8, New), (0, TooOld)],
            ),
            (
                "the last number there is",
                &[(u64::MAX, New), (u64::MAX - 7, New), (u64::MAX - 8, TooOld)],
            ),
        ];
        for (name, steps) in cases {
            let mut cache = cache(8);
            for &(seq, expected) in *steps {
                let outcome = cache.insert(SeqNo::new(seq), 0, b"packet");
                assert_eq!(outcome, expected, "{name}: {seq}");
            }
        }
    }

    #[test]
    fn a_packet_comes_back_as_it_went_in_until_its_number_leaves_the_window() {
        let mut cache = cache(4);
        for seq in 0..10_u32 {
            let packet = [seq as u8; 3];
            cache.insert(SeqNo::new(u64::from(seq)), seq * 10, &packet);
        }
        for seq in 0..12_u64 {
            let expected = (6..10).contains(&seq).then_some(seq as u32 * 10);
            let got = cache.get(SeqNo::new(seq));
            assert_eq!(got.map(|(meta, _)| *meta), expected, "{seq}");
            if let Some((_, packet)) = got {
                assert_eq!(packet, [seq as u8; 3], "{seq}");
            }
        }
    }

    #[test]
    fn a_packet_whose_bytes_are_overwritten_is_gone_but_still_a_duplicate() {
        let mut cache = cache(1024);
        for seq in 0..100 {
            assert_eq!(
                cache.insert(SeqNo::new(seq), 0, &[seq as u8; 1200]),
                Insert::New
            );
        }
        // 65536 bytes hold 54 packets of 1200.
        assert_eq!(cache.get(SeqNo::new(0)), None);
        assert_eq!(
            cache.insert(SeqNo::new(0), 0, &[0; 1200]),
            Insert::Duplicate
        );
        for seq in 46..100 {
            let (_, packet) = cache.get(SeqNo::new(seq)).expect("within the last 64 kB");
            assert_eq!(packet, [seq as u8; 1200]);
        }
    }

    #[test]
    fn memory_follows_use() {
        // Packets, their size, and how much memory they may take in a cache of 1024 packets or 1 MiB.
        let cases = [
            (0, 0, 0),
            (1, 100, 5_000),
            (10_000, 100, 200_000),
            (10_000, 1_200, 1_100_000),
        ];
        for (count, size, limit) in cases {
            let mut cache = PacketCache::<u32>::new(1024, 1 << 20);
            for seq in 0..count {
                cache.insert(SeqNo::new(seq), 0, &vec![0; size]);
            }
            let memory = cache.memory_bytes();
            assert!(
                memory <= limit,
                "{count} packets of {size} bytes took {memory} bytes"
            );
        }
    }

    #[test]
    fn what_was_lost_while_the_ring_was_small_stays_lost_when_it_grows() {
        let mut cache = cache(8);
        cache.insert(SeqNo::new(100), 0, &[1; 100]);
        // Large packets that come at the last moment: never many at a time, yet 6 kB in all.
        for step in 0..5 {
            cache.insert(SeqNo::new(101 + step), 0, &[2; 1]);
            cache.insert(SeqNo::new(94 + step), 0, &[3; 1200]);
        }
        assert_eq!(cache.get(SeqNo::new(100)), None);
        let before = cache.memory_bytes();
        cache.insert(SeqNo::new(106), 0, &[4; 9000]);
        assert!(cache.memory_bytes() > before, "the ring did not grow");
        assert_eq!(cache.get(SeqNo::new(100)), None);
        assert_eq!(cache.get(SeqNo::new(105)), Some((&0, &[2][..])));
    }

    #[test]
    fn packets_of_every_size_are_contiguous_and_the_largest_datagram_fits() {
        let mut cache = cache(16);
        let sizes = [0, 1, 1_200, 65_536, 0, 40_000, 40_000, 1, 65_507];
        for (seq, &size) in sizes.iter().enumerate() {
            let packet: Vec<u8> = (0..size).map(|at| (at * 7 + seq) as u8).collect();
            let seq = SeqNo::new(seq as u64);
            assert_eq!(cache.insert(seq, 0, &packet), Insert::New, "{size} bytes");
            assert_eq!(cache.get(seq).map(|(_, bytes)| bytes), Some(&packet[..]));
        }
        let outcome = cache.insert(SeqNo::new(9), 0, &[0; 65_537]);
        assert_eq!(outcome, Insert::TooLarge);
        assert_eq!(cache.get(SeqNo::new(9)), None);
    }

    /// The cache must agree with a map that forgets nothing: on what is new, on every byte it still
    /// has, and on having everything that is neither out of the window nor out of bytes.
    #[test]
    fn a_cache_agrees_with_a_map_that_forgets_nothing() {
        let seed: u64 = rand::random();
        println!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        for round in 0..48 {
            let capacity = 1_usize << rng.random_range(2..9);
            let max_size = *[20, 200, 1_300, 9_000].get(round % 4).expect("four sizes");
            // While the ring still grows, a stream in great disorder may outrun it.
            let is_orderly = round % 3 != 0;
            let limit = if is_orderly { capacity / 8 } else { capacity };
            let reorder = rng.random_range(0..=limit as u64).max(1);
            let mut cache = PacketCache::<u64>::new(capacity, 1 << 16);
            let mut model: HashMap<u64, (u64, Vec<u8>)> = HashMap::new();
            let mut written = 0;
            let mut highest = 1_000_u64;
            for _ in 0..3_000 {
                let seq = match rng.random_range(0..20) {
                    _ if model.is_empty() => highest,
                    0 => highest + rng.random_range(1..=reorder),
                    1..=5 => highest - rng.random_range(0..=reorder),
                    _ => highest + 1,
                };
                highest = highest.max(seq);
                let mut packet = vec![0; rng.random_range(0..=max_size)];
                rng.fill_bytes(&mut packet);
                let expected = if highest - seq >= capacity as u64 {
                    Insert::TooOld
                } else if model.contains_key(&seq) {
                    Insert::Duplicate
                } else {
                    Insert::New
                };
                let outcome = cache.insert(SeqNo::new(seq), written, &packet);
                assert_eq!(outcome, expected, "seed {seed}: {seq}");
                if expected == Insert::New {
                    written += packet.len() as u64;
                    model.insert(seq, (written - packet.len() as u64, packet));
                }
                let asked = highest.saturating_sub(rng.random_range(0..2 * capacity as u64));
                match cache.get(SeqNo::new(asked)) {
                    Some((meta, bytes)) => {
                        let (start, packet) = &model[&asked];
                        assert_eq!((meta, bytes), (start, &packet[..]), "seed {seed}: {asked}");
                        assert!(highest - asked < capacity as u64, "seed {seed}: {asked}");
                    }
                    None => {
                        let is_due = highest - asked < capacity as u64
                            && model.get(&asked).is_some_and(|(start, _)| {
                                written - start + 2 * max_size as u64 <= 1 << 16
                            });
                        assert!(!is_due || !is_orderly, "seed {seed}: {asked} is missing");
                    }
                }
            }
        }
    }
}
