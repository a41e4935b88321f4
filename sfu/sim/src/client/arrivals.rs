//! Tells the server when each of its packets arrived, as browsers do: transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01), made by the library, so that the server's own reading of
//! it is checked by other hands.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TransportLayerCc,
};
use sfu_rtp::SeqUnwrapper;

/// What has arrived and was not reported yet.
#[derive(Debug)]
pub(super) struct Arrivals {
    start: Instant,
    numbers: SeqUnwrapper,
    /// In microseconds, by number.
    arrived: BTreeMap<u64, i64>,
    /// The number after the last that was reported.
    next: Option<u64>,
    due: Option<Instant>,
    reports: u8,
}

impl Arrivals {
    /// Nothing has arrived; times count from `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            numbers: SeqUnwrapper::new(),
            arrived: BTreeMap::new(),
            next: None,
            due: None,
            reports: 0,
        }
    }

    /// Notes an arrival.
    ///
    /// # Errors
    /// If another packet had the same number a moment ago.
    pub(super) fn record(&mut self, now: Instant, number: u16) -> Result<(), String> {
        let sequence = self.numbers.extend(number).get();
        let micros = (now - self.start).as_micros() as i64;
        if self.arrived.insert(sequence, micros).is_some() {
            return Err(format!(
                "two packets have the transport-wide number {number}"
            ));
        }
        self.due.get_or_insert(now + INTERVAL);
        Ok(())
    }

    /// When to report.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.due
    }

    /// The reports that are due.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        sender_ssrc: u32,
        media_ssrc: u32,
    ) -> Vec<TransportLayerCc> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
        let arrived: Vec<_> = std::mem::take(&mut self.arrived).into_iter().collect();
        // What comes after its number was reported as missing is reported again.
        let first = arrived.first().map_or(0, |&(number, _)| number);
        let mut base = self.next.map_or(first, |next| next.min(first));
        let mut reports = Vec::new();
        for part in arrived.chunks(MOST_PER_REPORT) {
            let Some(&(last, _)) = part.last() else { break };
            let mut report = report(base, part);
            (report.sender_ssrc, report.media_ssrc) = (sender_ssrc, media_ssrc);
            report.fb_pkt_count = self.reports;
            self.reports = self.reports.wrapping_add(1);
            reports.push(report);
            base = last + 1;
        }
        self.next = self.next.max(Some(base));
        reports
    }
}

/// A report about the numbers from `base` to the last of `arrived`.
fn report(base: u64, arrived: &[(u64, i64)]) -> TransportLayerCc {
    let first = arrived.first().map_or(0, |&(_, at)| at / REFERENCE);
    let mut before = first * REFERENCE;
    let mut symbols = Vec::new();
    let mut deltas = Vec::new();
    let mut next = base;
    for &(number, at) in arrived {
        symbols.extend((next..number).map(|_| SymbolTypeTcc::PacketNotReceived));
        next = number + 1;
        // What is cut off here is made up for by the next.
        let delta = (at - before) / TICK * TICK;
        before += delta;
        let symbol = match delta / TICK {
            0..=255 => SymbolTypeTcc::PacketReceivedSmallDelta,
            _ => SymbolTypeTcc::PacketReceivedLargeDelta,
        };
        symbols.push(symbol);
        deltas.push(RecvDelta {
            type_tcc_packet: symbol,
            delta,
        });
    }
    let chunks = symbols.chunks(SYMBOLS_PER_CHUNK).map(|symbols| {
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
            type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
            symbol_size: SymbolSizeTypeTcc::TwoBit,
            symbol_list: symbols.to_vec(),
        })
    });
    TransportLayerCc {
        base_sequence_number: base as u16,
        packet_status_count: symbols.len() as u16,
        reference_time: first as u32 & 0x00ff_ffff,
        packet_chunks: chunks.collect(),
        recv_deltas: deltas,
        ..TransportLayerCc::default()
    }
}

/// Chromium reports every 50 to 250 ms.
const INTERVAL: Duration = Duration::from_millis(100);

/// So that a report fits a datagram.
const MOST_PER_REPORT: usize = 300;

/// The units of reference time and deltas, in microseconds.
const REFERENCE: i64 = 64_000;
const TICK: i64 = 250;

const SYMBOLS_PER_CHUNK: usize = 7;
