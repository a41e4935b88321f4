//! Whole runs against a server in this process, on free ports of loopback: what is delivered, and that
//! nothing is left behind. How fast is none of a test's business.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;

use clap::Parser as _;
use loadtest::report::Report;
use loadtest::{Cli, Sealing};
use signaling::config::{Config, Settings};
use signaling::server::Server;

async fn server() -> Server {
    let settings = Settings {
        listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        udp_port: Some(0),
        media_bind: Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        workers: Some(2),
        http_rate: Some(100_000),
        ..Settings::default()
    };
    let config = Config::resolve(settings).expect("good settings");
    Server::start(config).await.expect("a server on loopback")
}

/// What comes of this command line against a server of its own.
async fn run(line: &str) -> Report {
    let server = server().await;
    let report = run_against(server.address(), line).await;
    server.stop().await;
    report
}

async fn run_against(server: SocketAddr, line: &str) -> Report {
    let server = format!("http://{server}");
    let mut words = vec![
        "loadtest",
        "--quiet",
        "--server",
        &server,
        "--join-rate",
        "1000",
    ];
    words.extend(line.split(' '));
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    loadtest::run(&cli)
        .await
        .unwrap_or_else(|error| panic!("{line}: {error:#}"))
}

/// Everything that was published arrived, everywhere, once.
#[track_caller]
fn assert_all_delivered(report: &Report, clients: usize, streams: usize) {
    let table = report.to_table();
    assert!(report.passed(), "{table}");
    assert!(!report.cut_short, "{table}");
    assert_eq!(report.clients.arrived, clients, "{table}");
    let media = &report.media;
    assert_eq!(
        (media.delivered_streams, media.expected_streams),
        (streams, streams),
        "{table}"
    );
    assert_eq!(media.delivered_packets, media.expected_packets, "{table}");
    assert_eq!(media.duplicate_packets, 0, "{table}");
    assert!(media.published_packets > 0, "{table}");
    // There are at least a second's worth of audio packets in each.
    assert!(media.delivered_packets > 50 * streams as u64, "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_delivers_every_packet_to_every_viewer() {
    let report = run("broadcast -n 4 -d 6s --sample 1 --bare=300ms").await;
    assert_all_delivered(&report, 5, 8);
    assert_eq!(
        report.media.authenticated_packets,
        report.media.delivered_packets
    );
    assert_eq!(report.join.count, 5);
    assert_eq!((report.first_media.count, report.first_frame.count), (4, 4));
    assert!(report.latency.p99_ms > Some(0.0), "{:?}", report.latency);
    let sealings: Vec<_> = report.bare.iter().map(|bare| bare.sealing).collect();
    assert_eq!(sealings, [Sealing::Gcm, Sealing::Plain]);
    assert_eq!(
        report.cpu_ratio_to_bare, None,
        "the server's process is not known"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_a_room_sees_all_the_others_with_either_kind_of_client() {
    let report = run("room -n 3 --rooms 2 --full 1 -d 6s --gro --srtp sha1").await;
    assert_all_delivered(&report, 6, 2 * 3 * 2 * 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audio_room_has_no_pictures() {
    let report = run("audio -n 4 -d 5s").await;
    assert_all_delivered(&report, 4, 4 * 3);
    assert_eq!(report.first_frame.count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whip_and_whep_deliver_as_the_websocket_does() {
    let report = run("broadcast -n 3 -d 6s --whip --whep").await;
    assert_all_delivered(&report, 4, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ramp_says_how_many_viewers_were_held() {
    let report = run("ramp --step 2 --hold 700ms --max-viewers 4 -d 30s --max-p99-ms 10000").await;
    let table = report.to_table();
    let ramp = report.ramp.expect("a ramp");
    let steps: Vec<_> = ramp
        .steps
        .iter()
        .map(|step| (step.viewers, step.held))
        .collect();
    assert_eq!(steps, [(2, true), (4, true)], "{table}");
    assert_eq!(ramp.held_viewers, 4, "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_come_and_go_leave_nothing_behind() {
    let report = run("churn --cycles 40 --concurrency 4 -d 60s").await;
    let table = report.to_table();
    assert!(report.passed() && !report.cut_short, "{table}");
    let churn = report.churn.expect("a churn");
    assert_eq!(churn.cycles, 40, "{table}");
    for gauge in [
        "switchyard_peers",
        "switchyard_participants",
        "switchyard_websockets",
    ] {
        let leftover = churn
            .leftovers
            .iter()
            .find(|leftover| leftover.name == gauge);
        let leftover = leftover.unwrap_or_else(|| panic!("{gauge} is not watched: {table}"));
        assert!(leftover.must_return, "{gauge}");
        assert_eq!(
            (leftover.before, leftover.after),
            (1.0, 1.0),
            "{gauge}: {table}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_status_tells_what_became_of_the_demands() {
    let server = server().await;
    let running = format!("http://{}", server.address());
    let directory = std::env::temp_dir().join(format!("loadtest-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let json = directory.join("report.json");
    let json = json.to_str().expect("a name");
    // (arguments, exit status, whether there is a report)
    let cases: &[(&[&str], i32, bool)] = &[
        (
            &["broadcast", "-n", "1", "-s", &running, "--json", json],
            0,
            true,
        ),
        (
            &[
                "broadcast",
                "-n",
                "1",
                "-s",
                &running,
                "--max-p99-ms",
                "0.000001",
            ],
            1,
            true,
        ),
        (
            &[
                "broadcast",
                "-n",
                "1",
                "-s",
                &running,
                "--max-cpu-us",
                "1000000",
            ],
            1,
            true,
        ),
        (&["broadcast", "-s", "http://192.0.2.1:8080"], 2, false),
        (
            &["broadcast", "-s", &running, "--server-pid", "0"],
            2,
            false,
        ),
    ];
    for &(arguments, status, reports) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
        command.args(arguments).args(["-q", "-d", "5s"]);
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("a thread").expect("the binary");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {text}{errors}"
        );
        assert_eq!(
            text.contains("packets delivered"),
            reports,
            "{arguments:?}: {text}"
        );
        assert_eq!(errors.is_empty(), reports, "{arguments:?}: {errors}");
    }
    let written = std::fs::read_to_string(json).expect("the report");
    let written: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(written["scenario"], "broadcast");
    std::fs::remove_dir_all(&directory).expect("the directory");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_is_told_of_those_who_are_there_while_others_join() {
    let report = run("broadcast -n 8 --join-rate 4 -d 8s --sample 1").await;
    assert_all_delivered(&report, 9, 16);
    let joining = report.latency_while_joining;
    assert!(
        joining.count > 0 && joining.p99_ms > Some(0.0),
        "{joining:?}"
    );
    assert!(
        joining.count < report.media.delivered_packets,
        "{joining:?}"
    );
}
