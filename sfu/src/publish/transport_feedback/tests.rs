use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    SymbolTypeTcc, TransportLayerCc,
};

use super::*;

const SENDER: Ssrc = Ssrc::new(0x0102_0304);
const MEDIA: Ssrc = Ssrc::new(0x0506_0708);

/// Packets by (arrival in ticks of 250 µs, number).
type Packets<'a> = &'a [(u64, u16)];

/// A recorder and the clock that its test runs by.
struct Bench {
    recorder: TransportFeedbackRecorder,
    origin: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            recorder: TransportFeedbackRecorder::new(),
            origin: Instant::now(),
        }
    }

    fn record(&mut self, packets: Packets) {
        for &(tick, seq) in packets {
            self.recorder.record(self.at(tick), MEDIA, seq);
        }
    }

    fn at(&self, tick: u64) -> Instant {
        self.origin + Duration::from_micros(tick * TICK_MICROS)
    }

    /// The packets of the report that is due next, as another implementation reads them.
    fn report(&mut self) -> Vec<TransportLayerCc> {
        let Some(now) = self.recorder.next_at() else {
            return Vec::new();
        };
        self.report_at(now)
    }

    fn report_at(&mut self, now: Instant) -> Vec<TransportLayerCc> {
        let mut reports = Vec::new();
        loop {
            let mut out = vec![0xff; 3];
            if !self.recorder.poll(now, SENDER, &mut out) {
                assert_eq!(out.len(), 3, "wrote without saying so");
                return reports;
            }
            let mut packet = out.split_off(3);
            assert!(packet.len() <= write::MAX_PACKET_BYTES);
            assert_eq!(packet.len() % 4, 0);
            reports.push(decode(&mut packet));
        }
    }
}

fn decode(packet: &mut [u8]) -> TransportLayerCc {
    let mut compound = rtcp::packet::unmarshal(&mut &packet[..]).expect("well-formed RTCP");
    assert_eq!(compound.len(), 1);
    let feedback = compound.pop().expect("one packet");
    let feedback: &TransportLayerCc = feedback
        .as_any()
        .downcast_ref()
        .expect("transport feedback");
    assert_eq!(
        (feedback.sender_ssrc, feedback.media_ssrc),
        (SENDER.get(), MEDIA.get())
    );
    feedback.clone()
}

/// What a report says: each number with its arrival in ticks, or `None` for not received.
fn statuses(report: &TransportLayerCc) -> Vec<(u16, Option<u64>)> {
    let mut symbols = Vec::new();
    for chunk in &report.packet_chunks {
        match chunk {
            PacketStatusChunk::RunLengthChunk(run) => {
                symbols.extend(std::iter::repeat_n(
                    run.packet_status_symbol,
                    usize::from(run.run_length),
                ));
            }
            PacketStatusChunk::StatusVectorChunk(vector) => symbols.extend(&vector.symbol_list),
        }
    }
    let mut tick = i64::from(report.reference_time) * 256;
    let mut deltas = report.recv_deltas.iter();
    let statuses = symbols
        .iter()
        .take(usize::from(report.packet_status_count))
        .enumerate()
        .map(|(at, symbol)| {
            let seq = report.base_sequence_number.wrapping_add(at as u16);
            let arrival = (*symbol != SymbolTypeTcc::PacketNotReceived).then(|| {
                tick += deltas
                    .next()
                    .expect("a delta for each packet received")
                    .delta
                    / TICK_MICROS as i64;
                tick as u64
            });
            (seq, arrival)
        });
    let statuses: Vec<_> = statuses.collect();
    assert_eq!(deltas.next(), None, "a delta too many");
    assert_eq!(
        statuses.len(),
        usize::from(report.packet_status_count),
        "a status too few"
    );
    statuses
}

#[test]
fn a_report_tells_what_arrived_and_when() {
    type Case = (
        &'static str,
        &'static [(u64, u16)],
        &'static [(u16, Option<u64>)],
    );
    let cases: &[Case] = &[
        ("one packet", &[(0, 7)], &[(7, Some(0))]),
        (
            "in order",
            &[(0, 7), (4, 8), (5, 9)],
            &[(7, Some(0)), (8, Some(4)), (9, Some(5))],
        ),
        (
            "lost",
            &[(0, 7), (4, 10)],
            &[(7, Some(0)), (8, None), (9, None), (10, Some(4))],
        ),
        (
            "reordered",
            &[(0, 7), (4, 9), (5, 8)],
            &[(7, Some(0)), (8, Some(5)), (9, Some(4))],
        ),
        (
            "twice",
            &[(0, 7), (4, 7), (5, 8)],
            &[(7, Some(0)), (8, Some(5))],
        ),
        (
            "over a wrap",
            &[(0, 65_534), (1, 65_535), (2, 1)],
            &[
                (65_534, Some(0)),
                (65_535, Some(1)),
                (0, None),
                (1, Some(2)),
            ],
        ),
        (
            "the steps of small and large deltas",
            &[(0, 0), (100, 1), (150, 4), (151, 5), (199, 3), (199, 2)],
            &[
                (0, Some(0)),
                (1, Some(100)),
                (2, Some(199)),
                (3, Some(199)),
                (4, Some(150)),
                (5, Some(151)),
            ],
        ),
    ];
    for (name, packets, expected) in cases {
        let mut bench = Bench::new();
        bench.record(packets);
        let reports = bench.report();
        assert_eq!(reports.len(), 1, "{name}");
        assert_eq!(statuses(&reports[0]), *expected, "{name}");
        assert_eq!(bench.recorder.next_at(), None, "{name}");
    }
}

#[test]
fn statuses_are_packed_into_the_chunks_of_the_draft() {
    use SymbolTypeTcc::{
        PacketNotReceived as N, PacketReceivedLargeDelta as L, PacketReceivedSmallDelta as S,
    };
    fn run(symbol: SymbolTypeTcc, length: u16) -> PacketStatusChunk {
        PacketStatusChunk::RunLengthChunk(RunLengthChunk {
            type_tcc: StatusChunkTypeTcc::RunLengthChunk,
            packet_status_symbol: symbol,
            run_length: length,
        })
    }
    fn vector(size: SymbolSizeTypeTcc, symbols: &[SymbolTypeTcc]) -> PacketStatusChunk {
        let len = if size == SymbolSizeTypeTcc::OneBit {
            14
        } else {
            7
        };
        let mut symbol_list = symbols.to_vec();
        symbol_list.resize(len, N);
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
            type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
            symbol_size: size,
            symbol_list,
        })
    }
    let one = |symbols: &[SymbolTypeTcc]| vector(SymbolSizeTypeTcc::OneBit, symbols);
    let two = |symbols: &[SymbolTypeTcc]| vector(SymbolSizeTypeTcc::TwoBit, symbols);
    // Runs of statuses, and the chunks they become.
    type Case = (&'static [(SymbolTypeTcc, usize)], Vec<PacketStatusChunk>);
    let cases: Vec<Case> = vec![
        (&[(S, 1)], vec![run(S, 1)]),
        (&[(S, 30)], vec![run(S, 30)]),
        (
            &[(S, 1), (L, 9)],
            vec![two(&[S, L, L, L, L, L, L]), run(L, 3)],
        ),
        (&[(S, 1), (N, 2), (S, 1)], vec![one(&[S, N, N, S])]),
        (&[(S, 1), (L, 1), (S, 1)], vec![two(&[S, L, S])]),
        (
            &[(S, 1), (N, 1), (S, 12)],
            vec![one(&[S, N, S, S, S, S, S, S, S, S, S, S, S, S])],
        ),
        (
            &[(S, 1), (N, 1), (S, 13)],
            vec![one(&[S, N, S, S, S, S, S, S, S, S, S, S, S, S]), run(S, 1)],
        ),
        (
            &[(S, 1), (N, 100), (S, 1)],
            vec![
                one(&[S, N, N, N, N, N, N, N, N, N, N, N, N, N]),
                run(N, 87),
                run(S, 1),
            ],
        ),
        (&[(S, 20), (N, 1), (S, 1)], vec![run(S, 20), one(&[N, S])]),
        (&[(S, 8), (L, 1)], vec![run(S, 8), run(L, 1)]),
        (
            &[(S, 1), (N, 1), (S, 7), (L, 1)],
            vec![two(&[S, N, S, S, S, S, S]), two(&[S, S, L])],
        ),
        (
            &[(S, 1), (L, 1), (S, 13)],
            vec![two(&[S, L, S, S, S, S, S]), run(S, 8)],
        ),
        (
            &[(S, 3), (L, 3), (S, 3), (L, 3), (S, 3)],
            vec![
                two(&[S, S, S, L, L, L, S]),
                two(&[S, S, L, L, L, S, S]),
                run(S, 1),
            ],
        ),
    ];
    for (runs, expected) in cases {
        let mut bench = Bench::new();
        let (mut seq, mut tick) = (100, 0);
        for &(symbol, count) in runs {
            for _ in 0..count {
                seq += 1;
                match symbol {
                    N => continue,
                    L => tick += 256,
                    _ => tick += 1,
                }
                bench.record(&[(tick, seq)]);
            }
        }
        let reports = bench.report_at(bench.at(tick + 10_000));
        let chunks: Vec<_> = reports
            .iter()
            .flat_map(|report| report.packet_chunks.clone())
            .collect();
        assert_eq!(chunks, expected, "{runs:?}");
    }
}

#[test]
fn time_that_fits_no_delta_begins_another_packet() {
    // Arrivals, and the reference time and number of statuses of each packet of the report.
    type Case = (&'static [(u64, u16)], &'static [(u32, u16)]);
    let cases: &[Case] = &[
        (&[(0, 1), (255, 2), (33_022, 3)], &[(0, 3)]),
        (&[(0, 1), (255, 2), (33_023, 3)], &[(0, 2), (128, 1)]),
        (&[(0, 1), (33_023, 5), (33_024, 4)], &[(0, 1), (129, 4)]),
        (&[(0, 1), (70_000, 3), (70_001, 2)], &[(0, 1), (273, 2)]),
    ];
    for (packets, expected) in cases {
        let mut bench = Bench::new();
        bench.record(packets);
        let reports = bench.report_at(bench.at(100_000));
        let seen: Vec<_> = reports
            .iter()
            .map(|report| (report.reference_time, report.packet_status_count))
            .collect();
        assert_eq!(seen, *expected, "{packets:?}");
        let numbers: Vec<_> = reports
            .iter()
            .flat_map(statuses)
            .map(|(seq, _)| seq)
            .collect();
        let count = packets.iter().map(|(_, seq)| *seq).max().expect("a packet");
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{packets:?}");
    }
}

#[test]
fn a_late_packet_is_reported_although_it_was_given_up() {
    let mut bench = Bench::new();
    bench.record(&[(0, 1), (1, 3)]);
    assert_eq!(
        statuses(&bench.report()[0]),
        [(1, Some(0)), (2, None), (3, Some(1))]
    );
    bench.record(&[(300, 4), (301, 2)]);
    assert_eq!(
        statuses(&bench.report()[0]),
        [(2, Some(301)), (3, Some(1)), (4, Some(300))]
    );
    bench.record(&[(600, 5)]);
    assert_eq!(statuses(&bench.report()[0]), [(5, Some(600))]);
}

#[test]
fn a_report_names_a_stream_that_the_peer_sends() {
    let mut bench = Bench::new();
    let mut out = Vec::new();
    for (number, stream) in [(1, 70), (2, 80)] {
        bench
            .recorder
            .record(bench.at(0), Ssrc::new(stream), number);
    }
    let due = bench.recorder.next_at().expect("packets have arrived");
    assert!(bench.recorder.poll(due, SENDER, &mut out));
    assert_eq!(out.get(8..12), Some(&80_u32.to_be_bytes()[..]));
}

#[test]
fn reports_count_up() {
    let mut bench = Bench::new();
    for count in 0..600_u32 {
        bench.record(&[(u64::from(count) * 1000, count as u16)]);
        assert_eq!(bench.report()[0].fb_pkt_count, count as u8);
    }
}

#[test]
fn numbers_that_jump_far_are_believed_the_second_time() {
    // Arrivals, and the numbers that are then reported.
    type Case = (&'static str, &'static [u16], &'static [u16]);
    let cases: &[Case] = &[
        ("a single stray ahead", &[10, 11, 5_000, 12], &[10, 11, 12]),
        (
            "a single stray behind",
            &[10, 11, 60_000, 12],
            &[10, 11, 12],
        ),
        (
            "begun anew ahead",
            &[10, 11, 5_000, 5_001, 5_002],
            &[5_001, 5_002],
        ),
        (
            "begun anew behind",
            &[40_000, 40_001, 10, 11, 12],
            &[11, 12],
        ),
        (
            "strays that do not follow each other",
            &[10, 11, 5_000, 9_000, 5_001, 12],
            &[10, 11, 12],
        ),
        (
            "the stray's successor too late",
            &[10, 5_000, 11, 5_001, 12],
            &[10, 11, 12],
        ),
    ];
    for (name, numbers, expected) in cases {
        let mut bench = Bench::new();
        for (tick, &seq) in numbers.iter().enumerate() {
            bench.record(&[(tick as u64, seq)]);
        }
        let reports = bench.report();
        let seen: Vec<_> = reports
            .iter()
            .flat_map(statuses)
            .map(|(seq, _)| seq)
            .collect();
        assert_eq!(seen, *expected, "{name}");
    }
}

#[test]
fn the_interval_follows_the_packet_rate() {
    // Packets per second, and the mean time between reports in milliseconds: the interval, and the
    // wait for the packet that it begins with.
    let cases = [
        (5, 400),
        (50, 220),
        (100, 110),
        (150, 70),
        (300, 53),
        (5_000, 51),
    ];
    for (rate, expected) in cases {
        let mut bench = Bench::new();
        let mut packets = 0;
        let mut reports = Vec::new();
        for millis in 0..4_000 {
            while packets * 1_000 <= millis * rate {
                bench.record(&[(millis * 4, packets as u16)]);
                packets += 1;
            }
            if !bench.report_at(bench.at(millis * 4)).is_empty() {
                reports.push(millis);
            }
        }
        let settled = &reports[reports.len() / 2..];
        let mean = (settled[settled.len() - 1] - settled[0]) / (settled.len() as u64 - 1);
        assert!(
            mean.abs_diff(expected) <= expected / 20,
            "{rate} per second: {mean} ms"
        );
    }
}

#[test]
fn a_burst_is_reported_before_the_interval_is_over_and_memory_is_bounded() {
    let mut bench = Bench::new();
    for seq in 0..399 {
        bench.record(&[(0, seq)]);
    }
    assert!(bench.recorder.next_at() > Some(bench.at(0)));
    bench.record(&[(0, 399)]);
    assert_eq!(bench.recorder.next_at(), Some(bench.at(0)));
    // Nobody polls: the oldest are forgotten.
    for seq in 400..20_000 {
        bench.record(&[(0, seq)]);
    }
    let reports = bench.report();
    let seen: Vec<_> = reports
        .iter()
        .flat_map(statuses)
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(seen, (20_000 - 2_048..20_000).collect::<Vec<_>>());
}

/// Whatever the network does, the reports together say about each packet what happened to it.
#[test]
fn reports_agree_with_what_happened() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..40 {
        let loss = rng.random_range(0.0..0.6);
        let reordering = rng.random_range(0..400);
        let spacing = [1, 8, 40, 400][rng.random_range(0..4)];
        let first: u16 = rng.random();
        let mut arrivals: Vec<(u64, u16)> = (0..1_500_u64)
            .filter_map(|packet| {
                let tick = packet * spacing + rng.random_range(0..=reordering);
                rng.random_bool(1.0 - loss)
                    .then_some((tick, first.wrapping_add(packet as u16)))
            })
            .collect();
        arrivals.sort_unstable();

        let mut bench = Bench::new();
        let mut told: BTreeMap<u16, Option<u64>> = BTreeMap::new();
        let start = arrivals[0].0;
        let began_with = arrivals[0].1;
        let mut tell = |reports: Vec<TransportLayerCc>| {
            for (seq, arrival) in reports.iter().flat_map(statuses) {
                let before = told.insert(seq.wrapping_sub(began_with), arrival);
                let is_forgotten = before
                    .flatten()
                    .is_some_and(|before| arrival != Some(before));
                assert!(
                    !is_forgotten,
                    "seed {seed}: {seq} was {before:?}, now {arrival:?}"
                );
            }
        };
        for &(tick, seq) in &arrivals {
            let tick = tick - start;
            while bench
                .recorder
                .next_at()
                .is_some_and(|due| due <= bench.at(tick))
            {
                tell(bench.report());
            }
            bench.record(&[(tick, seq)]);
        }
        tell(bench.report());

        let arrived: BTreeMap<u16, u64> = arrivals
            .iter()
            .map(|&(tick, seq)| (seq.wrapping_sub(began_with), tick - start))
            .collect();
        for (seq, tick) in &arrived {
            // Those before the first to arrive, and those later than the recorder reaches back.
            let may_miss = *seq > 2_000 || reordering / spacing > 100;
            let seen = told.get(seq).copied().flatten();
            assert!(
                seen == Some(*tick) || (seen.is_none() && may_miss),
                "seed {seed}: {seq} at {tick}: {seen:?}"
            );
        }
        for (seq, arrival) in told {
            assert_eq!(
                arrival,
                arrival.and(arrived.get(&seq).copied()),
                "seed {seed}: {seq}"
            );
        }
    }
}
