//! Looks over SCTP packets before the library does, and stops those that would make it keep or do too much (RFC 9260,
//! RFC 3758, RFC 6525).
//!
//! The peer is authenticated, but it may be anybody's page. The library walks to whatever TSN a FORWARD-TSN names, opens
//! whatever stream a DATA chunk names, keeps every reset request whose time has not come, and bounds what it cannot
//! deliver yet in bytes but not in chunks. An honest peer never gets near the limits here.

use super::chunk::{Chunk, chunks, parameters};

/// What is known of the peer's side of an association.
#[derive(Debug)]
pub(super) struct Gate {
    /// All TSNs up to here have come.
    cumulative: u32,
    /// Those behind that have come: a ring of bits by TSN.
    seen: Box<[u64; WORDS]>,
    /// The sequence number of the last reset request that was let in, and the TSN that it waits for.
    last_reset: (u32, u32),
    /// Chunks that were let in and have not been delivered.
    undelivered: usize,
}

/// The peer sent what no honest peer sends, or so much that cannot be delivered that the association should end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// Drop the packet.
    Packet,
    /// End the association.
    Association,
}

impl Gate {
    /// For the association that an INIT with this initial TSN begins.
    pub(super) fn new(initial_tsn: u32) -> Self {
        let before = initial_tsn.wrapping_sub(1);
        Self {
            cumulative: before,
            seen: Box::new([0; WORDS]),
            // Requests are numbered from the initial TSN (RFC 6525 §4.1).
            last_reset: (before, before),
            undelivered: 0,
        }
    }

    /// Lets a packet in or refuses it as a whole.
    pub(super) fn admit(&mut self, packet: &[u8]) -> Result<(), Refusal> {
        for chunk in chunks(packet) {
            let chunk = chunk.ok_or(Refusal::Packet)?;
            if !self.permits(&chunk) {
                return Err(Refusal::Packet);
            }
        }
        for chunk in chunks(packet).flatten() {
            self.note(&chunk);
        }
        if self.undelivered > MAX_UNDELIVERED {
            return Err(Refusal::Association);
        }
        Ok(())
    }

    /// Notes that a message of so many chunks was delivered.
    pub(super) fn delivered(&mut self, chunks: usize) {
        self.undelivered = self.undelivered.saturating_sub(chunks);
    }

    /// Reads our own acknowledgements: when all of the receive buffer is free, nothing waits to be delivered, whatever
    /// the peer may have abandoned since.
    pub(super) fn note_outgoing(&mut self, packet: &[u8], receive_buffer: u32) {
        for chunk in chunks(packet).flatten() {
            if chunk.kind == Chunk::SACK && chunk.number_at(4) == Some(receive_buffer) {
                self.undelivered = 0;
            }
        }
    }

    fn permits(&self, chunk: &Chunk<'_>) -> bool {
        match chunk.kind {
            Chunk::DATA => {
                let stream = chunk.value.get(4..6).and_then(|id| id.try_into().ok());
                let stream = stream.map(u16::from_be_bytes);
                chunk.number_at(0).is_some_and(|tsn| self.is_in_reach(tsn))
                    && stream.is_some_and(|stream| stream < MAX_STREAMS)
            }
            Chunk::FORWARD_TSN => chunk.number_at(0).is_some_and(|tsn| self.is_in_reach(tsn)),
            Chunk::RECONFIG => parameters(chunk.value)
                .all(|parameter| parameter.is_some_and(|parameter| self.permits_reset(&parameter))),
            Chunk::ABORT => has_readable_causes(chunk.value),
            Chunk::SACK
            | Chunk::HEARTBEAT
            | Chunk::HEARTBEAT_ACK
            | Chunk::SHUTDOWN
            | Chunk::SHUTDOWN_ACK
            | Chunk::COOKIE_ECHO
            | Chunk::SHUTDOWN_COMPLETE => true,
            // What only a server sends; INIT, which comes alone and is dealt with elsewhere; ERROR, which says nothing
            // that we could act on and ends the library's association; and what we do not speak.
            _ => false,
        }
    }

    /// Requests come one after the other, each when the one before has been answered for good (RFC 6525 §5.1.1).
    fn permits_reset(&self, parameter: &Chunk<'_>) -> bool {
        if parameter.kind != Chunk::OUTGOING_RESET {
            return true;
        }
        let (Some(sequence), Some(tsn)) = (parameter.number_at(0), parameter.number_at(8)) else {
            return false;
        };
        let (last_sequence, last_tsn) = self.last_reset;
        let is_next = sequence == last_sequence.wrapping_add(1) && self.has_passed(last_tsn);
        (is_next || sequence == last_sequence) && self.is_in_reach(tsn)
    }

    fn note(&mut self, chunk: &Chunk<'_>) {
        match (chunk.kind, chunk.number_at(0)) {
            (Chunk::DATA, Some(tsn)) if !self.has_passed(tsn) && !self.is_seen(tsn) => {
                self.undelivered += 1;
                let (word, bit) = place(tsn);
                self.seen[word] |= bit;
            }
            (Chunk::FORWARD_TSN, Some(tsn)) => {
                while !self.has_passed(tsn) {
                    self.advance();
                }
            }
            (Chunk::RECONFIG, _) => {
                for parameter in parameters(chunk.value).flatten() {
                    if parameter.kind == Chunk::OUTGOING_RESET
                        && let (Some(sequence), Some(tsn)) =
                            (parameter.number_at(0), parameter.number_at(8))
                    {
                        self.last_reset = (sequence, tsn);
                    }
                }
            }
            _ => {}
        }
        while self.is_seen(self.cumulative.wrapping_add(1)) {
            self.advance();
        }
    }

    fn advance(&mut self) {
        self.cumulative = self.cumulative.wrapping_add(1);
        let (word, bit) = place(self.cumulative);
        self.seen[word] &= !bit;
    }

    /// Serial number arithmetic (RFC 1982).
    fn has_passed(&self, tsn: u32) -> bool {
        self.cumulative.wrapping_sub(tsn) < 1 << 31
    }

    fn is_in_reach(&self, tsn: u32) -> bool {
        self.has_passed(tsn) || tsn.wrapping_sub(self.cumulative) < REACH
    }

    /// Of a TSN that is in reach and has not passed.
    fn is_seen(&self, tsn: u32) -> bool {
        let (word, bit) = place(tsn);
        self.seen[word] & bit != 0
    }
}

/// Whether the library can read the causes of an ABORT. It takes their lengths at their word, and does not know that
/// they are padded (RFC 9260 §3.3.10).
fn has_readable_causes(mut causes: &[u8]) -> bool {
    while let Some(&[_, _, l0, l1]) = causes.first_chunk() {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        match causes.get(len..) {
            Some(rest) if len >= 4 => causes = rest,
            _ => return false,
        }
    }
    true
}

fn place(tsn: u32) -> (usize, u64) {
    (tsn as usize / 64 % WORDS, 1 << (tsn % 64))
}

/// Streams of an association, 0 and up. Chromium offers as many; channels take the lowest that is free.
pub(super) const MAX_STREAMS: u16 = 1024;

/// How far a TSN may be ahead of the last without a gap. A peer with this many chunks under way would have filled any
/// receive buffer, unless they are tiny; then it will have to send some of them again.
const REACH: u32 = 8192;
const WORDS: usize = REACH as usize / 64;

/// Chunks that wait for others before their message can be delivered. A message of the largest size has 230, so this is
/// seconds of small messages behind one that was lost.
const MAX_UNDELIVERED: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::data::chunk::tests::{item, packet};

    fn data(tsn: u32, stream: u16) -> Vec<u8> {
        let value = [
            &tsn.to_be_bytes()[..],
            &stream.to_be_bytes(),
            &[0, 0, 0, 0, 0, 51],
            b"x",
        ]
        .concat();
        item([0, 3], &value)
    }

    fn forward(tsn: u32) -> Vec<u8> {
        item([192, 0], &tsn.to_be_bytes())
    }

    fn reset(sequence: u32, last_tsn: u32) -> Vec<u8> {
        let numbers: Vec<u8> = [sequence, 0, last_tsn]
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect();
        item([130, 0], &item([0, 13], &[&numbers[..], &[0, 1]].concat()))
    }

    fn sack(window: u32) -> Vec<u8> {
        item(
            [3, 0],
            &[&[0; 4][..], &window.to_be_bytes(), &[0; 4]].concat(),
        )
    }

    #[test]
    fn what_is_far_ahead_is_refused_and_what_is_near_or_old_is_not() {
        for initial in [0_u32, 1, 1_000, u32::MAX - 3] {
            let mut gate = Gate::new(initial);
            let tsn = |offset: u32| initial.wrapping_add(offset);
            let cases = [
                ("the first", data(tsn(0), 0), true),
                ("the first again", data(tsn(0), 0), true),
                ("a gap", data(tsn(5), 0), true),
                ("the end of the reach", data(tsn(8_191), 0), true),
                ("beyond the reach", data(tsn(8_192), 0), false),
                ("half way round", data(tsn(1 << 31), 0), false),
                ("before the first", data(tsn(u32::MAX), 0), true),
                ("the last stream", data(tsn(1), 1_023), true),
                ("one stream too many", data(tsn(2), 1_024), false),
                ("a step over the gap", forward(tsn(5)), true),
                ("further than it was", data(tsn(8_197), 0), false),
                ("as far as it is now", data(tsn(8_196), 0), true),
                ("a step into nowhere", forward(tsn(1_000_000)), false),
                ("a step back", forward(tsn(1)), true),
            ];
            for (name, chunk, expected) in cases {
                let admitted = gate.admit(&packet(&[chunk]));
                assert_eq!(admitted.is_ok(), expected, "{name}, from {initial}");
            }
        }
    }

    #[test]
    fn a_packet_is_refused_as_a_whole() {
        let mut gate = Gate::new(10);
        let mixed = packet(&[data(10, 0), data(11, 5_000)]);
        assert_eq!(gate.admit(&mixed), Err(Refusal::Packet));
        assert_eq!((gate.cumulative, gate.undelivered), (9, 0));
        let mut cut = packet(&[data(10, 0), data(11, 0)]);
        cut.truncate(cut.len() - 5);
        assert_eq!(gate.admit(&cut), Err(Refusal::Packet));
        assert_eq!(gate.admit(&packet(&[data(10, 0), data(11, 0)])), Ok(()));
        assert_eq!((gate.cumulative, gate.undelivered), (11, 2));
    }

    #[test]
    fn chunks_of_unknown_or_unexpected_types_are_refused() {
        for (kind, expected) in [
            (1, false),
            (2, false),
            (3, true),
            (9, false),
            (11, false),
            (14, true),
            (64, false),
            (255, false),
        ] {
            let admitted = Gate::new(1).admit(&packet(&[item([kind, 0], &[0; 20])]));
            assert_eq!(admitted.is_ok(), expected, "type {kind}");
        }
    }

    #[test]
    fn an_abort_must_have_causes_that_can_be_read() {
        let cases: &[(&str, &[u8], bool)] = &[
            ("none", &[], true),
            ("one", &[0, 12, 0, 4], true),
            ("one with a reason", &[0, 12, 0, 7, b'b', b'y', b'e'], true),
            ("two", &[0, 12, 0, 4, 0, 13, 0, 4], true),
            ("a length beyond the end", &[0, 12, 0, 5], false),
            ("no length", &[0, 12, 0, 0], false),
            (
                "a second beyond the end",
                &[0, 12, 0, 4, 0, 13, 1, 0],
                false,
            ),
        ];
        for &(name, causes, expected) in cases {
            let admitted = Gate::new(1).admit(&packet(&[item([6, 0], causes)]));
            assert_eq!(admitted.is_ok(), expected, "{name}");
        }
    }

    #[test]
    fn reset_requests_come_one_by_one() {
        let mut gate = Gate::new(100);
        // The request, and the DATA that arrives after it.
        let cases = [
            ("out of order", reset(101, 99), false),
            (
                "the first, for data that is on its way",
                reset(100, 102),
                true,
            ),
            ("the first again", reset(100, 102), true),
            ("the next before its time", reset(101, 102), false),
            ("data", data(100, 0), true),
            ("data", data(102, 0), true),
            ("the next, still before its time", reset(101, 102), false),
            ("data", data(101, 0), true),
            ("the next", reset(101, 102), true),
            (
                "one for data that will never come",
                reset(102, 102 + 9_000),
                false,
            ),
            ("the one after", reset(102, 102), true),
        ];
        for (name, chunk, expected) in cases {
            assert_eq!(gate.admit(&packet(&[chunk])).is_ok(), expected, "{name}");
        }
        let cut = item([130, 0], &item([0, 13], &[0; 6]));
        assert_eq!(gate.admit(&packet(&[cut])), Err(Refusal::Packet));
    }

    #[test]
    fn too_many_chunks_that_cannot_be_delivered_end_the_association() {
        let mut gate = Gate::new(0);
        for tsn in 0..MAX_UNDELIVERED as u32 {
            // Sent twice, counted once.
            assert_eq!(
                gate.admit(&packet(&[data(tsn, 0), data(tsn, 0)])),
                Ok(()),
                "{tsn}"
            );
        }
        gate.delivered(1);
        assert_eq!(gate.admit(&packet(&[data(8_192, 0)])), Ok(()));
        assert_eq!(
            gate.admit(&packet(&[data(8_193, 0)])),
            Err(Refusal::Association)
        );
        gate.note_outgoing(&packet(&[sack(1_000)]), 2_000);
        assert_eq!(gate.undelivered, 8_193);
        gate.note_outgoing(&packet(&[sack(2_000)]), 2_000);
        assert_eq!(gate.undelivered, 0);
    }
}
