//! Reading transport-wide congestion control feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1) without allocating: it comes up to twenty times
//! a second from every subscriber. Writing it, and what follows from it, is done elsewhere.

/// A feedback packet that was checked as a whole: every status it counts is there, and so is every delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    base: u16,
    statuses: u16,
    reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

impl<'a> TransportFeedback<'a> {
    /// The RTCP packet type and the format in its count bits.
    pub const PACKET: (u8, u8) = (205, 15);

    /// The unit of [`reference`](Self::reference), in microseconds.
    pub const REFERENCE_MICROS: i64 = 64_000;

    /// The most packets that one report may be about: what lies farther apart has not been in flight
    /// together, and a report of a few bytes could claim 65,535.
    pub const MAX_STATUSES: u16 = 8192;

    /// Reads the body of an RTCP packet, which is what follows the four-byte header; `None` if it is malformed.
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<HEAD_LEN>()?;
        let &[_, _, _, _, _, _, _, _, b0, b1, n0, n1, r0, r1, r2, _count] = head;
        let statuses = u16::from_be_bytes([n0, n1]);
        if statuses > Self::MAX_STATUSES {
            return None;
        }
        let (mut covered, mut deltas_len, mut chunks_len) = (0_usize, 0, 0);
        while covered < usize::from(statuses) {
            let chunk = chunk_at(rest, chunks_len)?;
            chunks_len += CHUNK_LEN;
            let wanted = usize::from(statuses) - covered;
            for index in 0..chunk.len().min(wanted) {
                deltas_len += chunk.symbol(index).delta_len()?;
                if chunk.is_run() {
                    let repeated = chunk.len().min(wanted) - 1;
                    deltas_len += repeated * chunk.symbol(0).delta_len()?;
                    break;
                }
            }
            covered += chunk.len();
        }
        let (chunks, rest) = rest.split_at_checked(chunks_len)?;
        Some(Self {
            base: u16::from_be_bytes([b0, b1]),
            statuses,
            reference: u32::from_be_bytes([0, r0, r1, r2]),
            chunks,
            deltas: rest.get(..deltas_len)?,
        })
    }

    /// The time to which the arrivals are relative, in units of 64 ms of the receiver's clock; 24 bits, wrapping.
    #[inline]
    pub const fn reference(&self) -> u32 {
        self.reference
    }

    /// How many packets it is about.
    #[inline]
    pub const fn len(&self) -> usize {
        self.statuses as usize
    }

    /// Whether it is about none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.statuses == 0
    }

    /// The packets it is about, in the order of their numbers.
    #[inline]
    pub fn packets(&self) -> TransportStatuses<'a> {
        TransportStatuses {
            number: self.base,
            left: self.statuses,
            chunks: self.chunks,
            chunk: Chunk(0),
            at: 0,
            deltas: self.deltas,
            elapsed: 0,
        }
    }
}

/// What became of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportStatus {
    /// Its transport-wide sequence number.
    pub number: u16,
    /// When it arrived, in microseconds after the reference time (it may be before it); `None`: it has not.
    pub arrival: Option<i64>,
}

/// Walks the packets of a report; made by [`TransportFeedback::packets`].
#[derive(Debug, Clone)]
pub struct TransportStatuses<'a> {
    number: u16,
    left: u16,
    chunks: &'a [u8],
    chunk: Chunk,
    /// The next symbol of `chunk`.
    at: usize,
    deltas: &'a [u8],
    /// Microseconds from the reference time to the last arrival.
    elapsed: i64,
}

impl TransportStatuses<'_> {
    fn next_symbol(&mut self) -> Option<Symbol> {
        while self.at >= self.chunk.len() {
            self.chunk = chunk_at(self.chunks, 0)?;
            self.chunks = self.chunks.get(CHUNK_LEN..)?;
            self.at = 0;
        }
        let symbol = self.chunk.symbol(self.at);
        self.at += 1;
        Some(symbol)
    }

    fn next_delta(&mut self, symbol: Symbol) -> Option<i64> {
        let ticks = match symbol {
            Symbol::SmallDelta => {
                let (&small, rest) = self.deltas.split_first()?;
                self.deltas = rest;
                i64::from(small)
            }
            Symbol::LargeDelta => {
                let (&large, rest) = self.deltas.split_first_chunk()?;
                self.deltas = rest;
                i64::from(i16::from_be_bytes(large))
            }
            Symbol::NotReceived | Symbol::Reserved => return None,
        };
        Some(ticks * TICK_MICROS)
    }
}

impl Iterator for TransportStatuses<'_> {
    type Item = TransportStatus;

    #[inline]
    fn next(&mut self) -> Option<TransportStatus> {
        self.left = self.left.checked_sub(1)?;
        let symbol = self.next_symbol()?;
        let number = self.number;
        self.number = number.wrapping_add(1);
        let arrival = self.next_delta(symbol).map(|delta| {
            self.elapsed += delta;
            self.elapsed
        });
        Some(TransportStatus { number, arrival })
    }
}

/// The status of one packet, by its code of two bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    NotReceived,
    SmallDelta,
    LargeDelta,
    Reserved,
}

impl Symbol {
    const fn of(code: u16) -> Self {
        match code & 3 {
            0 => Self::NotReceived,
            1 => Self::SmallDelta,
            2 => Self::LargeDelta,
            _ => Self::Reserved,
        }
    }

    /// How many bytes its delta takes; `None` for the code that means nothing.
    const fn delta_len(self) -> Option<usize> {
        match self {
            Self::NotReceived => Some(0),
            Self::SmallDelta => Some(1),
            Self::LargeDelta => Some(2),
            Self::Reserved => None,
        }
    }
}

/// A packet status chunk: a run of equal symbols, fourteen of one bit, or seven of two (§3.1.3, §3.1.4).
#[derive(Debug, Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    const fn is_run(self) -> bool {
        self.0 >> 15 == 0
    }

    const fn is_two_bit(self) -> bool {
        self.0 >> 14 & 1 == 1
    }

    const fn len(self) -> usize {
        match (self.is_run(), self.is_two_bit()) {
            (true, _) => (self.0 & RUN_LENGTH_MASK) as usize,
            (false, false) => 14,
            (false, true) => 7,
        }
    }

    /// `index` is less than the length.
    const fn symbol(self, index: usize) -> Symbol {
        match (self.is_run(), self.is_two_bit()) {
            (true, _) => Symbol::of(self.0 >> 13),
            (false, false) => Symbol::of(self.0 >> (13 - index) & 1),
            (false, true) => Symbol::of(self.0 >> (12 - 2 * index)),
        }
    }
}

fn chunk_at(bytes: &[u8], at: usize) -> Option<Chunk> {
    let chunk = bytes.get(at..)?.first_chunk()?;
    Some(Chunk(u16::from_be_bytes(*chunk)))
}

/// Two SSRCs, the base number, the count of statuses, the reference time and the packet count.
const HEAD_LEN: usize = 16;
const CHUNK_LEN: usize = 2;
const RUN_LENGTH_MASK: u16 = 0x1fff;
/// §3.1.5
const TICK_MICROS: i64 = 250;

#[cfg(test)]
mod tests {
    use super::*;

    /// A body about `statuses` packets from number 65,534 on, with reference time 3.
    fn body(statuses: u16, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe];
        body.extend(statuses.to_be_bytes());
        body.extend([0, 0, 3, 9]);
        body.extend(rest);
        body
    }

    fn arrivals(body: &[u8]) -> Option<Vec<(u16, Option<i64>)>> {
        let report = TransportFeedback::parse(body)?;
        assert_eq!(report.reference(), 3);
        let packets: Vec<_> = report
            .packets()
            .map(|packet| (packet.number, packet.arrival))
            .collect();
        assert_eq!(packets.len(), report.len());
        Some(packets)
    }

    #[test]
    fn every_kind_of_chunk_is_read() {
        type Case = (
            &'static str,
            u16,
            &'static [u8],
            &'static [(u16, Option<i64>)],
        );
        let cases: &[Case] = &[
            (
                "a run of small deltas over a wrap",
                3,
                &[0x20, 0x03, 4, 0, 2],
                &[
                    (65_534, Some(1_000)),
                    (65_535, Some(1_000)),
                    (0, Some(1_500)),
                ],
            ),
            (
                "a run of losses, then one bit each",
                4,
                &[0x00, 0x02, 0b1001_0000, 0, 8],
                &[(65_534, None), (65_535, None), (0, None), (1, Some(2_000))],
            ),
            (
                "two bits each: small, none, large and backwards",
                3,
                &[0b1101_0010, 0, 4, 0xff, 0xfc],
                &[(65_534, Some(1_000)), (65_535, None), (0, Some(0))],
            ),
            (
                "padding after the deltas",
                1,
                &[0x20, 0x01, 4, 0],
                &[(65_534, Some(1_000))],
            ),
            ("nothing", 0, &[], &[]),
        ];
        for (name, statuses, rest, expected) in cases {
            let found = arrivals(&body(*statuses, rest));
            assert_eq!(found.as_deref(), Some(*expected), "{name}");
        }
    }

    #[test]
    fn what_is_incomplete_or_means_nothing_is_refused() {
        let cases: &[(&str, u16, &[u8])] = &[
            ("no chunk", 1, &[]),
            ("half a chunk", 1, &[0x20]),
            ("fewer symbols than counted", 3, &[0x20, 0x02, 1, 1]),
            ("a delta is missing", 2, &[0x20, 0x02, 1]),
            ("half a large delta", 1, &[0x40, 0x01, 1]),
            ("the reserved symbol", 1, &[0x60, 0x01, 1, 1, 1]),
            ("empty runs for ever", 1, &[0x20, 0x00, 0x20, 0x00]),
            (
                "more than can be in flight",
                8_193,
                &[0x1f, 0xff, 0x1f, 0xff],
            ),
        ];
        for (name, statuses, rest) in cases {
            assert_eq!(arrivals(&body(*statuses, rest)), None, "{name}");
        }
        assert_eq!(
            TransportFeedback::parse(&body(0, &[])[..15]),
            None,
            "no head"
        );
    }

    #[test]
    fn no_bytes_make_it_panic_or_count_more_than_it_may() {
        // A small generator of its own; the fuzz target has the large one.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..20_000 {
            let bytes: Vec<u8> = (0..round % 80)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state as u8
                })
                .collect();
            if let Some(report) = TransportFeedback::parse(&bytes) {
                assert_eq!(report.packets().count(), report.len(), "{bytes:?}");
            }
        }
    }
}
