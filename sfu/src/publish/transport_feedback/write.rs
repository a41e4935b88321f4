//! Writes one transport-wide feedback packet (draft-holmer-rmcat-transport-wide-cc-extensions-01
//! §3.1): a header, packet status chunks, receive deltas. It does not know which packets to report.

use sfu_rtp::Ssrc;

/// The packet being written. Chunks go straight to the output; the deltas, which follow them on the
/// wire, are gathered here.
#[derive(Debug)]
pub(super) struct FeedbackWriter {
    /// Where the packet begins in the output.
    start: usize,
    statuses: u16,
    chunks: ChunkWriter,
    deltas: Vec<u8>,
    reference: Option<u64>,
    last_tick: u64,
}

impl FeedbackWriter {
    pub(super) const fn new() -> Self {
        Self {
            start: 0,
            statuses: 0,
            chunks: ChunkWriter::new(),
            deltas: Vec::new(),
            reference: None,
            last_tick: 0,
        }
    }

    /// Begins a packet about the numbers from `base` on.
    pub(super) fn begin(&mut self, out: &mut Vec<u8>, sender: Ssrc, media: Ssrc, base: u16) {
        self.start = out.len();
        self.statuses = 0;
        self.chunks = ChunkWriter::new();
        self.deltas.clear();
        self.reference = None;
        out.extend_from_slice(&[VERSION_2 | FORMAT, TRANSPORT_FEEDBACK, 0, 0]);
        out.extend_from_slice(&sender.get().to_be_bytes());
        out.extend_from_slice(&media.get().to_be_bytes());
        out.extend_from_slice(&base.to_be_bytes());
        // Filled in at the end: status count, reference time, feedback count.
        out.extend_from_slice(&[0; 6]);
    }

    /// Adds the packet `index` after the base, which arrived at `tick`. Those between the last one
    /// added and this are reported as not received. `false` if it must go into a packet of its own,
    /// because this one is full or the time between the two does not fit a delta.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, index: u16, tick: u64) -> bool {
        if out.len() - self.start + self.deltas.len() + ROOM_FOR_ONE > MAX_PACKET_BYTES {
            return false;
        }
        let reference = *self.reference.get_or_insert(tick / REFERENCE_TICKS);
        let previous = match self.statuses {
            0 => reference * REFERENCE_TICKS,
            _ => self.last_tick,
        };
        let delta = tick as i64 - previous as i64;
        let symbol = if let Ok(small) = u8::try_from(delta) {
            self.deltas.push(small);
            Symbol::SmallDelta
        } else if let Ok(large) = i16::try_from(delta) {
            self.deltas.extend_from_slice(&large.to_be_bytes());
            Symbol::LargeDelta
        } else {
            return false;
        };
        for _ in self.statuses..index {
            self.chunks.push(out, Symbol::NotReceived);
        }
        self.chunks.push(out, symbol);
        self.statuses = index + 1;
        self.last_tick = tick;
        true
    }

    /// Ends the packet. One without packets to report is taken back, which is `false`.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, feedback_count: u8) -> bool {
        let Some(reference) = self.reference else {
            out.truncate(self.start);
            return false;
        };
        self.chunks.flush(out);
        out.extend_from_slice(&self.deltas);
        // Zeros without the padding bit, as the draft has it: they may stand anywhere in a compound.
        let len = (out.len() - self.start).next_multiple_of(4);
        out.resize(self.start + len, 0);
        let [.., reference_high, reference_mid, reference_low] = reference.to_be_bytes();
        if let Some(packet) = out.get_mut(self.start..) {
            let words = (len / 4 - 1) as u16;
            packet[2..4].copy_from_slice(&words.to_be_bytes());
            packet[14..16].copy_from_slice(&self.statuses.to_be_bytes());
            packet[16..20].copy_from_slice(&[
                reference_high,
                reference_mid,
                reference_low,
                feedback_count,
            ]);
        }
        true
    }
}

/// The status of one packet, with its code of two bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Symbol {
    NotReceived = 0,
    SmallDelta = 1,
    LargeDelta = 2,
}

/// Packs symbols into chunks of 16 bits: a run of equal ones, fourteen of one bit, or seven of two.
#[derive(Debug)]
struct ChunkWriter {
    /// The first of the symbols that are not in a chunk yet; all, unless they are a run.
    first: [Symbol; ONE_BIT_SYMBOLS],
    count: usize,
    is_run: bool,
    has_large: bool,
}

impl ChunkWriter {
    const fn new() -> Self {
        Self {
            first: [Symbol::NotReceived; ONE_BIT_SYMBOLS],
            count: 0,
            is_run: true,
            has_large: false,
        }
    }

    fn push(&mut self, out: &mut Vec<u8>, symbol: Symbol) {
        if !self.has_room_for(symbol) {
            self.write_chunk(out);
        }
        self.append(symbol);
    }

    /// Writes what is left; the last vector may be partly empty, as the status count ends it.
    fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count > 0 && !self.is_run && !self.has_large {
            self.write_one_bit_vector(out);
        }
        while self.count > 0 {
            self.write_chunk(out);
        }
    }

    /// Whether some chunk can hold all symbols and this one.
    fn has_room_for(&self, symbol: Symbol) -> bool {
        let has_large = self.has_large || symbol == Symbol::LargeDelta;
        self.count < TWO_BIT_SYMBOLS
            || (self.count < ONE_BIT_SYMBOLS && !has_large)
            || (self.count < MAX_RUN && self.is_run && symbol == self.first[0])
    }

    fn append(&mut self, symbol: Symbol) {
        self.is_run = self.count == 0 || (self.is_run && symbol == self.first[0]);
        self.has_large |= symbol == Symbol::LargeDelta;
        if let Some(place) = self.first.get_mut(self.count) {
            *place = symbol;
        }
        self.count += 1;
    }

    /// Writes the chunk that takes the most symbols without leaving room in it.
    fn write_chunk(&mut self, out: &mut Vec<u8>) {
        if self.is_run {
            let run = u16::from(self.first[0] as u8) << 13 | self.count as u16;
            out.extend_from_slice(&run.to_be_bytes());
            *self = Self::new();
        } else if self.count == ONE_BIT_SYMBOLS && !self.has_large {
            self.write_one_bit_vector(out);
        } else {
            self.write_two_bit_vector(out);
        }
    }

    fn write_one_bit_vector(&mut self, out: &mut Vec<u8>) {
        let mut chunk = ONE_BIT_VECTOR;
        for (at, symbol) in self.first.iter().take(self.count).enumerate() {
            chunk |= u16::from(*symbol as u8) << (ONE_BIT_SYMBOLS - 1 - at);
        }
        out.extend_from_slice(&chunk.to_be_bytes());
        *self = Self::new();
    }

    fn write_two_bit_vector(&mut self, out: &mut Vec<u8>) {
        let symbols = self.first;
        let (now, later) =
            symbols[..self.count.min(ONE_BIT_SYMBOLS)].split_at(self.count.min(TWO_BIT_SYMBOLS));
        let mut chunk = TWO_BIT_VECTOR;
        for (at, symbol) in now.iter().enumerate() {
            chunk |= u16::from(*symbol as u8) << (2 * (TWO_BIT_SYMBOLS - 1 - at));
        }
        out.extend_from_slice(&chunk.to_be_bytes());
        *self = Self::new();
        for symbol in later {
            self.append(*symbol);
        }
    }
}

/// A packet and the SRTCP around it stay within any path's MTU.
pub(super) const MAX_PACKET_BYTES: usize = 1150;
/// What one more packet can add: the chunks of what is pending, those of a run before it, its own,
/// its delta and the padding.
const ROOM_FOR_ONE: usize = 16;
/// Ticks of 250 µs in a unit of the reference time, 64 ms.
const REFERENCE_TICKS: u64 = 256;
const VERSION_2: u8 = 2 << 6;
const FORMAT: u8 = 15;
const TRANSPORT_FEEDBACK: u8 = 205;
const ONE_BIT_VECTOR: u16 = 0b10 << 14;
const TWO_BIT_VECTOR: u16 = 0b11 << 14;
const ONE_BIT_SYMBOLS: usize = 14;
const TWO_BIT_SYMBOLS: usize = 7;
/// The largest length of a run that 13 bits can tell.
const MAX_RUN: usize = (1 << 13) - 1;
