//! Tells the server when its packets arrived, as browsers do: transport-wide congestion control feedback,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01. From this the server estimates what the path
//! carries, and paces by it, so a client without it would be served otherwise than people are.
//!
//! One for all streams of a client. What is written is `rtc-rtcp`'s, not the server's code.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::rtcp::Packet;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk,
    SymbolSizeTypeTcc, SymbolTypeTcc, TransportLayerCc,
};
use sfu_rtp::{RtpHeader, SeqUnwrapper};

use crate::clock::Stamp;

/// The arrivals that were not reported yet.
#[derive(Debug)]
pub(super) struct Feedback {
    /// The id of the header extension with the number; `None`: the server sends none.
    extension: Option<u8>,
    numbers: SeqUnwrapper,
    arrivals: Vec<Arrival>,
    /// The number after the last that was reported.
    next: Option<u64>,
    due: Option<Instant>,
    /// The stream of the last packet: reports name it.
    stream: u32,
    /// Modulo 256.
    reports: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Arrival {
    number: u64,
    /// In units of 250 µs.
    tick: i64,
}

impl Feedback {
    /// One that has seen nothing; `extension` is the id that the answer gives to the number.
    pub(super) const fn new(extension: Option<u8>) -> Self {
        Self {
            extension,
            numbers: SeqUnwrapper::new(),
            arrivals: Vec::new(),
            next: None,
            due: None,
            stream: 0,
            reports: 0,
        }
    }

    /// A packet reached the socket at `at`.
    pub(super) fn record(&mut self, now: Instant, header: &RtpHeader, packet: &[u8], at: Stamp) {
        let number = self
            .extension
            .and_then(|id| header.extension(packet, id))
            .and_then(|value| value.try_into().ok());
        let Some(number) = number.map(u16::from_be_bytes) else {
            return;
        };
        self.stream = header.ssrc().get();
        self.arrivals.push(Arrival {
            number: self.numbers.extend(number).get(),
            tick: (at.nanos() / TICK_NANOS) as i64,
        });
        if self.arrivals.len() >= MOST_AT_ONCE {
            self.due = Some(now);
        } else if self.due.is_none() {
            self.due = Some(now + INTERVAL);
        }
    }

    /// When [`report`](Self::report) has something; `None`: not before something arrives.
    pub(super) const fn next_deadline(&self) -> Option<Instant> {
        self.due
    }

    /// A report that is due; to be called until there is none. `own` is our SSRC.
    pub(super) fn report(&mut self, now: Instant, own: u32) -> Option<BytesMut> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.arrivals.sort_unstable();
        self.arrivals.dedup_by_key(|arrival| arrival.number);
        let Some(first) = self.arrivals.first().copied() else {
            self.due = None;
            return None;
        };
        // What was skipped since the last report is reported as missing; what fills such a gap later has
        // a report of its own, which says nothing of those around it.
        let base = match self.next {
            Some(next) if next < first.number && first.number - next < LONGEST_GAP => next,
            _ => first.number,
        };
        let filled = self.next.unwrap_or(0);
        let reference = first.tick.div_euclid(TICKS_PER_REFERENCE);
        let (mut expected, mut last) = (base, reference * TICKS_PER_REFERENCE);
        let mut symbols = Vec::new();
        let mut deltas = Vec::new();
        for arrival in &self.arrivals {
            let gap = arrival.number - expected;
            let Ok(delta) = i16::try_from(arrival.tick - last) else {
                break;
            };
            if gap >= LONGEST_GAP || (gap > 0 && expected < filled) {
                break;
            }
            let symbol = match u8::try_from(delta) {
                Ok(_) => SymbolTypeTcc::PacketReceivedSmallDelta,
                Err(_) => SymbolTypeTcc::PacketReceivedLargeDelta,
            };
            symbols.extend((0..gap).map(|_| SymbolTypeTcc::PacketNotReceived));
            symbols.push(symbol);
            deltas.push(RecvDelta {
                type_tcc_packet: symbol,
                delta: i64::from(delta) * TICK_MICROS,
            });
            (expected, last) = (arrival.number + 1, arrival.tick);
        }
        self.arrivals.drain(..deltas.len());
        self.next = self.next.max(Some(expected));
        let report = TransportLayerCc {
            sender_ssrc: own,
            media_ssrc: self.stream,
            base_sequence_number: base as u16,
            packet_status_count: symbols.len() as u16,
            reference_time: reference as u32 & REFERENCE_MASK,
            fb_pkt_count: self.reports,
            packet_chunks: chunks(&symbols),
            recv_deltas: deltas,
        };
        self.reports = self.reports.wrapping_add(1);
        rtc::rtcp::packet::marshal(&[Box::new(report) as Box<dyn Packet>]).ok()
    }
}

/// Runs where they are shorter, else seven to a chunk.
fn chunks(mut symbols: &[SymbolTypeTcc]) -> Vec<PacketStatusChunk> {
    let mut chunks = Vec::new();
    while let Some(&symbol) = symbols.first() {
        let run = symbols.iter().take_while(|&&next| next == symbol).count();
        let taken = if run >= PER_VECTOR || run == symbols.len() {
            chunks.push(PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: symbol,
                // A report is about fewer than the 8,191 that fit.
                run_length: run as u16,
            }));
            run
        } else {
            let listed = symbols.len().min(PER_VECTOR);
            chunks.push(PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
                type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
                symbol_size: SymbolSizeTypeTcc::TwoBit,
                symbol_list: symbols.get(..listed).unwrap_or_default().to_vec(),
            }));
            listed
        };
        symbols = symbols.get(taken..).unwrap_or_default();
    }
    chunks
}

const TICK_NANOS: u64 = 250_000;
const TICK_MICROS: i64 = 250;
/// Reference times are in units of 64 ms and have 24 bits.
const TICKS_PER_REFERENCE: i64 = 256;
const REFERENCE_MASK: u32 = 0xff_ffff;

/// Two-bit symbols of one chunk.
const PER_VECTOR: usize = 7;

/// Between the 50 ms and 250 ms of libwebrtc, and what it takes at some megabits.
const INTERVAL: Duration = Duration::from_millis(100);

/// At most two bytes of delta each and a little for the gaps: a report fits a datagram.
const MOST_AT_ONCE: usize = 256;

/// A path that loses more in a row is another path.
const LONGEST_GAP: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_rtp::rtcp::{self, TransportFeedback};

    const ID: u8 = 3;

    /// The reports about packets with these numbers that arrive at these milliseconds, read by the
    /// server's parser: (number, when it arrived).
    fn reported(packets: &[(u16, u64)]) -> Vec<Vec<(u16, Option<u64>)>> {
        let now = Instant::now();
        let mut feedback = Feedback::new(Some(ID));
        for &(number, milliseconds) in packets {
            record(&mut feedback, now, number, milliseconds);
        }
        std::iter::from_fn(|| feedback.report(now + INTERVAL, 9))
            .map(|report| read(&report))
            .collect()
    }

    fn record(feedback: &mut Feedback, now: Instant, number: u16, milliseconds: u64) {
        let [high, low] = number.to_be_bytes();
        let packet = [
            0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x31, high, low, 0, 1, 2, 3,
        ];
        let header = RtpHeader::parse(&packet).expect("a packet");
        let at = Stamp::from_nanos(milliseconds * 1_000_000);
        feedback.record(now, &header, &packet, at);
    }

    fn read(report: &[u8]) -> Vec<(u16, Option<u64>)> {
        let packet = rtcp::packets(report).next().expect("a packet");
        assert_eq!(
            (packet.packet_type, packet.count),
            TransportFeedback::PACKET
        );
        let feedback = TransportFeedback::parse(packet.body).expect("well-formed feedback");
        let reference = i64::from(feedback.reference()) * TransportFeedback::REFERENCE_MICROS;
        let statuses = feedback.packets();
        statuses
            .map(|status| {
                let arrival = status.arrival;
                let arrival = arrival.map(|micros| (reference + micros) as u64 / 1_000);
                (status.number, arrival)
            })
            .collect()
    }

    #[test]
    fn the_server_reads_when_everything_arrived_and_what_did_not() {
        type Case<'a> = (&'a [(u16, u64)], &'a [&'a [(u16, Option<u64>)]]);
        let cases: &[Case<'_>] = &[
            (&[], &[]),
            (&[(5, 1_000)], &[&[(5, Some(1_000))]]),
            (
                &[(5, 1_000), (6, 1_000), (8, 1_033), (7, 1_040)],
                &[&[
                    (5, Some(1_000)),
                    (6, Some(1_000)),
                    (7, Some(1_040)),
                    (8, Some(1_033)),
                ]],
            ),
            (
                &[(65_535, 10), (2, 500)],
                &[&[(65_535, Some(10)), (0, None), (1, None), (2, Some(500))]],
            ),
            (&[(9, 10), (9, 20)], &[&[(9, Some(10))]]),
            // Farther apart than a delta can say.
            (
                &[(1, 10), (2, 9_000)],
                &[&[(1, Some(10))], &[(2, Some(9_000))]],
            ),
            (
                &[(1, 10), (2_000, 11)],
                &[&[(1, Some(10))], &[(2_000, Some(11))]],
            ),
        ];
        for &(packets, expected) in cases {
            assert_eq!(reported(packets), expected, "{packets:?}");
        }
    }

    #[test]
    fn what_comes_after_it_was_reported_missing_is_reported_by_itself() {
        let now = Instant::now();
        let mut feedback = Feedback::new(Some(ID));
        let report = |feedback: &mut Feedback| {
            let report = feedback.report(now + INTERVAL, 9).expect("a report");
            read(&report)
        };
        for number in [1, 2, 5] {
            record(&mut feedback, now, number, 100);
        }
        let statuses = report(&mut feedback);
        assert_eq!(statuses.len(), 5, "{statuses:?}");
        assert_eq!(feedback.report(now + INTERVAL, 9), None);
        for number in [3, 6, 8] {
            record(&mut feedback, now, number, 200);
        }
        assert_eq!(report(&mut feedback), [(3, Some(200))]);
        let expected = [(6, Some(200)), (7, None), (8, Some(200))];
        assert_eq!(report(&mut feedback), expected);
        assert_eq!(feedback.report(now + INTERVAL, 9), None);
        assert_eq!(feedback.next_deadline(), None);
    }

    #[test]
    fn many_packets_are_reported_at_once_and_fit_a_datagram() {
        let now = Instant::now();
        let mut feedback = Feedback::new(Some(ID));
        for number in 0..MOST_AT_ONCE as u16 {
            assert_eq!(feedback.report(now, 9), None, "{number} is too early");
            // Every other is missing, and every delta is large.
            record(&mut feedback, now, number * 2, u64::from(number) * 70);
        }
        let report = feedback.report(now, 9).expect("enough for a report");
        assert!(report.len() < 1_200, "{} bytes", report.len());
        let arrived = read(&report).iter().filter(|(_, at)| at.is_some()).count();
        assert_eq!(arrived, MOST_AT_ONCE);
    }

    #[test]
    fn packets_without_numbers_are_not_reported() {
        let now = Instant::now();
        for extension in [None, Some(ID + 1)] {
            let mut feedback = Feedback::new(extension);
            record(&mut feedback, now, 1, 10);
            assert_eq!(feedback.next_deadline(), None, "{extension:?}");
        }
    }
}
