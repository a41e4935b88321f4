//! The three forms of one made-up report, compared with what stands in `golden/`. To write them anew:
//! `LOADTEST_WRITE_GOLDEN=1 cargo test -p loadtest`, and read the difference.

use std::path::PathBuf;

use super::*;
use crate::bare::Sealing;

/// A report in which everything is there.
pub(super) fn sample_report() -> Report {
    let times = |p50: f64| Quantiles {
        count: 100,
        p50_ms: Some(p50),
        p95_ms: Some(p50 * 2.0),
        p99_ms: Some(p50 * 3.0),
        max_ms: Some(p50 * 5.0),
    };
    let second = |second: u32| Sample {
        at_seconds: f64::from(second),
        clients: (second * 25).min(100) as usize,
        packets_per_second: f64::from((second * 5_000).min(20_000)),
        bits_per_second: f64::from((second * 40).min(160)) * 1e6,
        lost_packets: i64::from(second == 7) * 3,
        latency_p50_ms: Some(0.2 + f64::from(second % 3) * 0.05),
        latency_p99_ms: (second > 1).then(|| 0.9 + f64::from(second % 4) * 0.3),
        server_cores: Some(f64::from(second.min(4)) * 0.01),
        server_memory_bytes: Some(u64::from(12 + second.min(4) * 5) << 20),
        generator_cores: f64::from(second.min(4)) * 0.008,
    };
    let leftover = |name: &str, before, after, must_return| Leftover {
        name: name.to_owned(),
        before,
        after,
        must_return,
    };
    let bare = |sealing, cpu_us_per_packet| BareCost {
        sealing,
        packets: 100_000,
        received: 100_000,
        cpu_us_per_packet,
    };
    let step = |viewers: usize, held| RampStep {
        viewers,
        packets_per_second: viewers as f64 * 200.0,
        loss_percent: if held { 0.0 } else { 2.5 },
        latency: times(0.1 * viewers as f64),
        server_cores: Some(viewers as f64 * 0.0004),
        cpu_us_per_packet: Some(2.0),
        held,
    };
    let mut report = Report {
        scenario: "broadcast",
        title: "one publisher, 100 viewers & <more>".to_owned(),
        began_at: 1_800_000_000,
        machine: Machine {
            processor: "Example CPU".to_owned(),
            processors: 2,
            kernel: "6.18.5".to_owned(),
        },
        mix: Mix::CAMERA_AND_MICROPHONE,
        cut_short: false,
        measured_seconds: 20.0,
        clients: Clients {
            wanted: 101,
            arrived: 100,
            failed: 1,
            disconnected: 0,
            failures: vec!["the DTLS handshake did not complete within 15 s".to_owned()],
        },
        media: Media {
            published_packets: 4_000,
            expected_packets: 400_000,
            delivered_packets: 399_997,
            loss_percent: 0.00075,
            expected_streams: 200,
            delivered_streams: 198,
            duplicate_packets: 1,
            reordered_packets: 2,
            authenticated_packets: 25_000,
            unauthenticated_packets: 0,
            requested_keyframes: 3,
            packets_per_second: 19_999.85,
            bits_per_second: 151_000_000.0,
        },
        join: times(3.5),
        first_media: times(15.0),
        first_frame: times(40.0),
        latency: times(0.25),
        latency_while_joining: times(0.5),
        server: Some(ServerCost {
            cpu_seconds: 0.8,
            cpu_cores: 0.04,
            cpu_us_per_packet: Some(2.0),
            memory_before_bytes: 12 << 20,
            memory_bytes: 20 << 20,
            memory_per_viewer_bytes: Some(83_886.08),
            descriptors: 120,
            threads: 6,
        }),
        generator: GeneratorCost {
            cpu_cores: 0.03,
            cpu_us_per_packet: Some(1.5),
        },
        bare: vec![bare(Sealing::Gcm, 1.6), bare(Sealing::Plain, 1.3)],
        cpu_ratio_to_bare: Some(1.25),
        ramp: Some(Ramp {
            held_viewers: 200,
            ended_because: "2.50 % of the packets were lost".to_owned(),
            steps: vec![step(100, true), step(200, true), step(300, false)],
        }),
        churn: Some(Churn {
            warm_up_cycles: 20,
            cycles: 1_000,
            cycles_per_second: 250.0,
            leftovers: vec![
                leftover("example_peers", 1.0, 1.0, true),
                leftover("example_slots", 0.0, 2.0, true),
                leftover(
                    "resident memory in bytes",
                    20_000_000.0,
                    20_010_000.0,
                    false,
                ),
            ],
            memory_growth_per_cycle_bytes: Some(10.0),
        }),
        samples: (1..=12).map(second).collect(),
        latency_shares: vec![
            (0.1, 0.1),
            (0.25, 0.5),
            (0.5, 0.95),
            (0.75, 0.99),
            (1.25, 1.0),
        ],
        verdicts: Vec::new(),
    };
    let limits = Limits {
        max_loss: Some(0.1),
        max_p99_ms: Some(0.5),
        min_viewers: Some(100),
        max_failed: 1,
        ..Limits::default()
    };
    report.verdicts = limits.judge(&report);
    report
}

#[track_caller]
fn assert_golden(name: &str, written: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/report/golden")
        .join(name);
    if std::env::var_os("LOADTEST_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, written).expect("golden/ can be written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written
        .lines()
        .zip(golden.lines())
        .position(|(written, golden)| written != golden);
    if let Some(line) = differs {
        let (written, golden) = (written.lines().nth(line), golden.lines().nth(line));
        panic!(
            "{name} differs in line {}:\n{golden:?}\n{written:?}",
            line + 1
        );
    }
    assert_eq!(written.len(), golden.len(), "{name} is longer or shorter");
}

#[test]
fn the_table_is_as_it_was() {
    assert_golden("report.txt", &sample_report().to_table());
}

#[test]
fn the_json_is_as_it_was() {
    assert_golden("report.json", &sample_report().to_json());
}

#[test]
fn the_page_is_as_it_was() {
    assert_golden("report.html", &sample_report().to_html());
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_shows_what_it_is_given() {
    let page = sample_report().to_html();
    for foreign in [
        "http:", "https:", "src=", "href=", "@import", "url(", "<script",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("100 viewers &amp; &lt;more&gt;"));
    assert!(!page.contains("<more>"), "names are text, not HTML");
    assert!(page.contains("not all demands met"));
    assert_eq!(
        page.matches("<figure>").count(),
        page.matches("</figure>").count()
    );
}

#[test]
fn what_was_not_measured_does_not_show_as_a_number() {
    let report = Report {
        server: None,
        ramp: None,
        churn: None,
        bare: Vec::new(),
        cpu_ratio_to_bare: None,
        latency: Quantiles::default(),
        first_frame: Quantiles::default(),
        samples: Vec::new(),
        latency_shares: Vec::new(),
        verdicts: Vec::new(),
        ..sample_report()
    };
    let table = report.to_table();
    for absent in ["server CPU", "bare loop", "first frame", "held"] {
        assert!(!table.contains(absent), "{absent} in {table}");
    }
    assert!(!report.to_html().contains("<figure>"));
    assert!(!report.to_html().contains("NaN"));
}

#[test]
fn demands_are_judged_by_what_was_measured() {
    let report = sample_report();
    let limits = |set: fn(&mut Limits)| {
        let mut limits = Limits {
            max_failed: 1,
            ..Limits::default()
        };
        set(&mut limits);
        limits
    };
    // (demands, whether those made are met)
    let cases: [(Limits, bool); 16] = [
        (limits(|limits| limits.max_loss = Some(0.001)), true),
        (limits(|limits| limits.max_loss = Some(0.0)), false),
        (limits(|limits| limits.max_p50_ms = Some(0.25)), true),
        (limits(|limits| limits.max_p50_ms = Some(0.24)), false),
        (limits(|limits| limits.max_p99_ms = Some(0.75)), true),
        (limits(|limits| limits.max_p99_ms = Some(0.74)), false),
        (limits(|limits| limits.max_join_ms = Some(6.9)), false),
        (
            limits(|limits| limits.max_first_frame_ms = Some(80.0)),
            true,
        ),
        (limits(|limits| limits.max_cpu_us = Some(1.9)), false),
        (limits(|limits| limits.max_cpu_ratio = Some(1.3)), true),
        (limits(|limits| limits.max_memory_kib = Some(80.0)), false),
        (limits(|limits| limits.max_growth_bytes = Some(10.0)), true),
        (limits(|limits| limits.max_growth_bytes = Some(9.0)), false),
        (limits(|limits| limits.min_viewers = Some(201)), false),
        (limits(|limits| limits.max_failed = 0), false),
        (limits(|_| {}), true),
    ];
    // Those that nobody needs to make are not met by the sample, and are the last.
    let evident = 4;
    for (limits, expected) in cases {
        let verdicts = limits.judge(&report);
        let (made, _) = verdicts.split_at(verdicts.len() - evident);
        let met = made.iter().all(|verdict| verdict.met);
        assert_eq!(met, expected, "{limits:?}: {made:?}");
    }
    let blind = Report {
        server: None,
        ..sample_report()
    };
    let verdicts = limits(|limits| limits.max_cpu_us = Some(1e9)).judge(&blind);
    let first = verdicts.first().expect("a verdict");
    assert_eq!(
        (first.measured, first.met),
        (None, false),
        "what was not measured is not met"
    );
}

#[test]
fn a_run_fails_without_media_with_forgeries_missing_streams_or_leftovers() {
    let good = || {
        let mut report = sample_report();
        report.media.delivered_streams = report.media.expected_streams;
        report.churn = None;
        report
    };
    let limits = Limits {
        max_failed: 1,
        ..Limits::default()
    };
    type Change = fn(&mut Report);
    let cases: [(&str, Change, bool); 7] = [
        ("as it is", |_| {}, true),
        (
            "no media",
            |report| report.media.delivered_packets = 0,
            false,
        ),
        (
            "forged",
            |report| report.media.unauthenticated_packets = 1,
            false,
        ),
        (
            "a stream is missing",
            |report| report.media.delivered_streams -= 1,
            false,
        ),
        (
            "cut short",
            |report| {
                report.media.delivered_streams -= 1;
                report.cut_short = true;
            },
            true,
        ),
        (
            "disconnected",
            |report| report.clients.disconnected = 1,
            false,
        ),
        (
            "something is left behind",
            |report| report.churn = sample_report().churn,
            false,
        ),
    ];
    for (name, change, expected) in cases {
        let mut report = good();
        change(&mut report);
        let met = limits.judge(&report).iter().all(|verdict| verdict.met);
        assert_eq!(met, expected, "{name}");
    }
}
