//! Puts the handshake messages of a client together from fragments (RFC 6347 §4.2.3), each once and in order.
//!
//! The library behind us does this too, but gives up when a repeated message is cut at other offsets and when two
//! fragments share a record. It also keeps what it cannot use; here every byte is bounded, and only the messages that a
//! client with a certificate sends are taken, in their order.

use std::ops::Range;

use arrayvec::ArrayVec;

/// Collects fragments.
#[derive(Debug, Default)]
pub(super) struct Reassembler {
    /// The position in [`CLIENT_MESSAGES`] of the message to give out next.
    next: usize,
    partial: [Option<Partial>; CLIENT_MESSAGES.len()],
}

/// A whole message.
#[derive(Debug)]
pub(super) struct Message {
    /// Its place in the handshake: 0 and 1 are the two ClientHellos.
    pub(super) sequence: u16,
    /// As if it had come in one fragment.
    pub(super) header: [u8; HEADER_LEN],
    pub(super) body: Vec<u8>,
}

impl Reassembler {
    /// Takes the fragments in one record. Those that belong to no message we wait for, or contradict what came before,
    /// are ignored. Whether any was taken.
    pub(super) fn push(&mut self, mut record: &[u8]) -> bool {
        let mut taken = false;
        while let Some((fragment, rest)) = Fragment::split_from(record) {
            taken |= self.push_fragment(&fragment).is_some();
            record = rest;
        }
        taken
    }

    fn push_fragment(&mut self, fragment: &Fragment<'_>) -> Option<()> {
        let position = usize::from(fragment.sequence);
        if position < self.next || *CLIENT_MESSAGES.get(position)? != fragment.kind {
            return None;
        }
        let end = fragment.offset.checked_add(fragment.body.len())?;
        if fragment.len > MAX_MESSAGE_LEN || end > fragment.len {
            return None;
        }
        let partial = self.partial.get_mut(position)?;
        let message = partial.get_or_insert_with(|| Partial::new(fragment.len));
        if message.body.len() != fragment.len || !message.covered.insert(fragment.offset..end) {
            return None;
        }
        message
            .body
            .get_mut(fragment.offset..end)?
            .copy_from_slice(fragment.body);
        Some(())
    }

    /// The next message, if it is whole.
    pub(super) fn pop(&mut self) -> Option<Message> {
        let kind = *CLIENT_MESSAGES.get(self.next)?;
        let partial = self.partial.get_mut(self.next)?;
        let Partial { body, .. } = partial.take_if(|partial| partial.is_whole())?;
        let sequence = self.next as u16;
        self.next += 1;

        let [_, l0, l1, l2] = (body.len() as u32).to_be_bytes();
        let [s0, s1] = sequence.to_be_bytes();
        let header = [kind, l0, l1, l2, s0, s1, 0, 0, 0, l0, l1, l2];
        Some(Message {
            sequence,
            header,
            body,
        })
    }
}

#[derive(Debug)]
struct Partial {
    body: Vec<u8>,
    covered: Covered,
}

impl Partial {
    fn new(len: usize) -> Self {
        Self {
            body: vec![0; len],
            covered: Covered::default(),
        }
    }

    fn is_whole(&self) -> bool {
        let whole = 0..self.body.len();
        self.covered.0.first() == Some(&whole)
    }
}

/// Ranges that neither touch nor overlap, in order.
#[derive(Debug, Default)]
struct Covered(ArrayVec<Range<usize>, MAX_RANGES>);

impl Covered {
    /// Adds a range. `false`: it is empty, or there would be too many.
    fn insert(&mut self, added: Range<usize>) -> bool {
        if added.is_empty() {
            return false;
        }
        let first = self
            .0
            .iter()
            .take_while(|range| range.end < added.start)
            .count();
        let touching = self.0[first..]
            .iter()
            .take_while(|range| range.start <= added.end)
            .count();
        if touching == 0 {
            return self.0.try_insert(first, added).is_ok();
        }
        let (start, end) = (self.0[first].start, self.0[first + touching - 1].end);
        self.0[first] = added.start.min(start)..added.end.max(end);
        self.0.drain(first + 1..first + touching);
        true
    }
}

struct Fragment<'a> {
    kind: u8,
    /// Of the whole message.
    len: usize,
    sequence: u16,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    fn split_from(record: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2], rest) =
            record.split_first_chunk::<HEADER_LEN>()?;
        let number = |bytes: [u8; 3]| {
            let [high, middle, low] = bytes;
            u32::from_be_bytes([0, high, middle, low]) as usize
        };
        let (body, behind) = rest.split_at_checked(number([f0, f1, f2]))?;
        let fragment = Self {
            kind,
            len: number([l0, l1, l2]),
            sequence: u16::from_be_bytes([s0, s1]),
            offset: number([o0, o1, o2]),
            body,
        };
        Some((fragment, behind))
    }
}

/// The types (RFC 5246 §7.4) of what a client sends unencrypted, in order: ClientHello, ClientHello with the cookie,
/// Certificate, ClientKeyExchange, CertificateVerify. We always ask for a cookie and a certificate, so none is optional,
/// and only Finished follows.
const CLIENT_MESSAGES: [u8; 5] = [1, 1, 11, 16, 15];

/// Type, length, sequence number, and the offset and length of a fragment.
pub(super) const HEADER_LEN: usize = 12;

/// The ClientHellos of browsers have 1,500 bytes, with a post-quantum key share in them; a certificate with a 4,096-bit
/// RSA key has as many.
const MAX_MESSAGE_LEN: usize = 8192;

/// A message of that length in datagrams of 600 bytes has 14 fragments, of which at most every other is missing.
const MAX_RANGES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    use rand::rngs::StdRng;
    use rand::seq::SliceRandom as _;
    use rand::{Rng as _, SeedableRng as _};

    /// A fragment of a message whose byte at each offset is that offset.
    fn fragment(kind: u8, sequence: u16, len: usize, range: Range<usize>) -> Vec<u8> {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        [
            vec![kind],
            three(len),
            sequence.to_be_bytes().to_vec(),
            three(range.start),
            three(range.len()),
            range.map(|offset| offset as u8).collect(),
        ]
        .concat()
    }

    fn body(len: usize) -> Vec<u8> {
        (0..len).map(|offset| offset as u8).collect()
    }

    #[test]
    fn a_client_hello_is_put_together_however_it_was_cut() {
        // Each record as the ranges of the fragments in it, in the order of arrival.
        #[expect(clippy::single_range_in_vec_init)]
        let cases: &[(&str, &[&[Range<usize>]])] = &[
            ("whole", &[&[0..1400]]),
            ("in order", &[&[0..1000], &[1000..1400]]),
            ("reordered", &[&[1000..1400], &[0..1000]]),
            ("duplicated", &[&[0..1000], &[0..1000], &[1000..1400]]),
            ("two fragments in one record", &[&[0..700, 700..1400]]),
            (
                "two in one record, the wrong way round",
                &[&[700..1400, 0..700]],
            ),
            (
                "the second lost, then cut at other offsets",
                &[&[0..1000], &[0..600], &[600..1200], &[1200..1400]],
            ),
            (
                "the first lost, then cut at other offsets",
                &[&[1000..1400], &[0..600], &[600..1200]],
            ),
            (
                "overlapping on both sides",
                &[&[400..900], &[0..500], &[800..1400]],
            ),
            ("one inside another", &[&[100..200], &[0..1400]]),
            ("with an empty fragment", &[&[0..0, 0..1000], &[1000..1400]]),
        ];
        for (name, records) in cases {
            let mut reassembler = Reassembler::default();
            for (position, ranges) in records.iter().enumerate() {
                assert!(
                    reassembler.pop().is_none(),
                    "{name}: whole before record {position}"
                );
                let record: Vec<_> = ranges
                    .iter()
                    .flat_map(|range| fragment(1, 0, 1400, range.clone()))
                    .collect();
                assert!(reassembler.push(&record), "{name}: record {position}");
            }
            let message = reassembler
                .pop()
                .unwrap_or_else(|| panic!("{name}: not whole"));
            assert_eq!(message.body, body(1400), "{name}");
            assert_eq!(message.sequence, 0, "{name}");
            assert_eq!(
                message.header[..],
                fragment(1, 0, 1400, 0..1400)[..12],
                "{name}"
            );
            assert!(reassembler.pop().is_none(), "{name}: twice");
        }
    }

    #[test]
    fn messages_come_out_once_and_in_order_whatever_the_network_does() {
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let lens: Vec<usize> = CLIENT_MESSAGES
                .iter()
                .map(|_| rng.random_range(1..3000))
                .collect();
            let mut records = Vec::new();
            // Several repetitions, each cut in its own way and with its own losses; the last arrives.
            for repetition in 0..4 {
                let cut = rng.random_range(200..1400);
                for (sequence, (&kind, &len)) in CLIENT_MESSAGES.iter().zip(&lens).enumerate() {
                    for start in (0..len).step_by(cut) {
                        if repetition == 3 || rng.random_bool(0.6) {
                            let range = start..len.min(start + cut);
                            records.push(fragment(kind, sequence as u16, len, range));
                        }
                    }
                }
            }
            let last = records.len() / 4 * 3;
            records[..last].shuffle(&mut rng);

            let mut reassembler = Reassembler::default();
            let mut out = Vec::new();
            for record in &records {
                reassembler.push(record);
                while let Some(message) = reassembler.pop() {
                    assert_eq!(message.body, body(lens[out.len()]), "seed {seed}");
                    out.push(message.sequence);
                }
            }
            assert_eq!(out, [0, 1, 2, 3, 4], "seed {seed}");
        }
    }

    #[test]
    fn what_cannot_be_of_use_takes_no_memory() {
        let cases: &[(&str, Vec<u8>)] = &[
            ("no header", vec![1; 11]),
            (
                "longer than its record",
                fragment(1, 0, 100, 0..100)[..50].to_vec(),
            ),
            ("beyond its message", fragment(1, 0, 100, 50..150)),
            ("too long", fragment(1, 0, MAX_MESSAGE_LEN + 1, 0..10)),
            ("a message of a server", fragment(2, 0, 100, 0..100)),
            ("out of its place", fragment(16, 2, 100, 0..100)),
            ("behind the last", fragment(20, 5, 12, 0..12)),
            ("nothing of something", fragment(1, 0, 100, 0..0)),
        ];
        for (name, record) in cases {
            let mut reassembler = Reassembler::default();
            assert!(!reassembler.push(record), "{name}");
            let held: usize = reassembler
                .partial
                .iter()
                .flatten()
                .map(|partial| partial.body.len())
                .sum();
            assert!(
                reassembler.pop().is_none() && held <= 100,
                "{name}: {held} bytes"
            );
        }
    }

    #[test]
    fn a_fragment_that_contradicts_the_first_is_ignored() {
        let mut reassembler = Reassembler::default();
        assert!(reassembler.push(&fragment(1, 0, 100, 0..50)));
        assert!(!reassembler.push(&fragment(1, 0, 90, 50..90)));
        assert!(reassembler.pop().is_none());
        assert!(reassembler.push(&fragment(1, 0, 100, 50..100)));
        assert_eq!(
            reassembler.pop().map(|message| message.body),
            Some(body(100))
        );
        assert!(
            !reassembler.push(&fragment(1, 0, 100, 0..100)),
            "the message is over"
        );
    }

    #[test]
    fn fragments_in_crumbs_are_bounded() {
        let mut reassembler = Reassembler::default();
        let crumbs = (0..100)
            .filter(|crumb| reassembler.push(&fragment(1, 0, 1000, crumb * 10..crumb * 10 + 1)));
        assert_eq!(crumbs.count(), MAX_RANGES);
        assert!(reassembler.push(&fragment(1, 0, 1000, 0..1000)));
        assert!(reassembler.pop().is_some());
    }
}
