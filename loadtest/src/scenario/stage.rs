//! What every scenario with a server needs: the server, the clients' threads, the clock and the watch.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use tokio::net::TcpStream;

use super::crowd::Crowd;
use super::ending::Ending;
use super::machine;
use super::monitor::{Monitor, Window};
use crate::cli::Cli;
use crate::client::ClientSummary;
use crate::lobby::{Lobby, LobbyOptions};
use crate::media::SourceId;
use crate::report::{Clients, GeneratorCost, Media, Quantiles, Report, ServerCost, milliseconds};
use crate::server::{Process, Usage};
use crate::target::Target;

/// The stage.
pub(super) struct Stage {
    pub(super) target: Target,
    pub(super) lobby: Arc<Lobby>,
    pub(super) monitor: Monitor,
    pub(super) ending: Ending,
    pub(super) server: Option<Process>,
    began: SystemTime,
}

impl Stage {
    /// Sets it up. The time of the run begins.
    ///
    /// # Errors
    /// See [`run`](super::run).
    pub(super) async fn set(cli: &Cli) -> anyhow::Result<Self> {
        let common = &cli.common;
        let target = Target::resolve(&common.server, common.i_own_this_server).await?;
        // A server that is not there is no result.
        TcpStream::connect(target.address())
            .await
            .with_context(|| format!("cannot connect to {}", common.server))?;
        let server = common
            .server_pid
            .map(|pid| Process::open(pid).with_context(|| format!("cannot look at process {pid}")));
        let server = server.transpose()?;
        machine::allow_many_descriptors();
        let threads = common.threads.map(|threads| threads as usize);
        let lobby = Arc::new(Lobby::open(LobbyOptions {
            threads: threads.unwrap_or_else(|| (machine::processors() / 2).clamp(1, 8)),
            protections: common.srtp.clone(),
            sample_every: common.sample,
            coalesce: common.gro,
            patience: common.join_timeout,
        })?);
        Ok(Self {
            target,
            monitor: Monitor::start(Arc::clone(&lobby), server.clone(), common.quiet)?,
            lobby,
            ending: Ending::after(common.duration),
            server,
            began: SystemTime::now(),
        })
    }

    /// What the server uses now, if its process is known and there.
    pub(super) fn server_usage(&self) -> Option<Usage> {
        self.server.as_ref()?.usage().ok()
    }

    /// Writes down what is known of a run.
    pub(super) fn report(&self, scenario: &'static str, title: String, cli: &Cli) -> Report {
        let began = self
            .began
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let total = self.monitor.total();
        Report {
            scenario,
            title,
            began_at: began.as_secs(),
            machine: machine::describe(),
            mix: cli.mix.mix(),
            cut_short: self.ending.is_interrupted(),
            measured_seconds: 0.0,
            clients: Clients {
                disconnected: total.disconnected,
                ..Clients::default()
            },
            media: Media {
                duplicate_packets: total.duplicates,
                authenticated_packets: total.authenticated,
                unauthenticated_packets: total.unauthenticated,
                requested_keyframes: total.keyframes,
                ..Media::default()
            },
            join: Quantiles::of(&total.join),
            first_media: Quantiles::of(&total.first_media),
            first_frame: Quantiles::of(&total.first_frame),
            latency: Quantiles::of(&total.latency),
            latency_while_joining: Quantiles::default(),
            server: None,
            generator: GeneratorCost::default(),
            bare: Vec::new(),
            cpu_ratio_to_bare: None,
            ramp: None,
            churn: None,
            samples: self.monitor.samples(),
            latency_shares: Vec::new(),
            verdicts: Vec::new(),
        }
    }
}

/// Adds what a crowd came to.
pub(super) fn add_crowd(report: &mut Report, crowd: &Crowd, expected_streams: usize) {
    report.clients.wanted = crowd.wanted();
    report.clients.arrived = crowd.arrived();
    report.clients.failed = crowd.failed();
    report.clients.failures = crowd.failures().to_vec();
    report.media.expected_streams = expected_streams;
}

/// Adds what clients sent and received who stayed until nothing was sent any more.
pub(super) fn add_summaries(media: &mut Media, summaries: &[ClientSummary]) {
    let sent: HashMap<SourceId, u64> = summaries
        .iter()
        .flat_map(|summary| summary.sent.iter().copied())
        .collect();
    media.published_packets += sent.values().sum::<u64>();
    add_streams(media, summaries, &sent);
}

/// Adds what clients received who left while media flowed: what should have come is what came before it.
pub(super) fn add_passers_by(media: &mut Media, summaries: &[ClientSummary]) {
    add_streams(media, summaries, &HashMap::new());
}

fn add_streams(media: &mut Media, summaries: &[ClientSummary], sent: &HashMap<SourceId, u64>) {
    for stream in summaries.iter().flat_map(|summary| &summary.streams) {
        media.delivered_streams += 1;
        media.delivered_packets += stream.received;
        media.expected_packets += stream.expected(sent);
        media.reordered_packets += stream.reordered;
    }
    let lost = media
        .expected_packets
        .saturating_sub(media.delivered_packets);
    media.loss_percent = percent(lost as f64, media.expected_packets as f64);
}

/// Adds what was measured in a window. `before` is the server before any of the `viewers` came.
pub(super) fn add_window(
    report: &mut Report,
    window: &Window,
    before: Option<Usage>,
    viewers: usize,
) {
    let seconds = window.elapsed.as_secs_f64();
    let packets = window.tally.packets as f64;
    report.measured_seconds = seconds;
    report.media.packets_per_second = per(packets, seconds).unwrap_or(0.0);
    report.media.bits_per_second = per(window.tally.bytes as f64 * 8.0, seconds).unwrap_or(0.0);
    report.latency = Quantiles::of(&window.tally.latency);
    let shares = window.tally.latency.cumulative();
    report.latency_shares = shares
        .map(|(within, share)| (milliseconds(within), share))
        .collect();
    let own = window.own_cpu.as_secs_f64();
    report.generator = GeneratorCost {
        cpu_cores: per(own, seconds).unwrap_or(0.0),
        cpu_us_per_packet: per(own * 1e6, packets),
    };
    report.server = window.server.map(|server| {
        let cpu = server.cpu.as_secs_f64();
        let before = before.unwrap_or(server.at_end).resident;
        let more = server.at_end.resident.saturating_sub(before);
        ServerCost {
            cpu_seconds: cpu,
            cpu_cores: per(cpu, seconds).unwrap_or(0.0),
            cpu_us_per_packet: per(cpu * 1e6, packets),
            memory_before_bytes: before,
            memory_bytes: server.at_end.resident,
            memory_per_viewer_bytes: per(more as f64, viewers as f64),
            descriptors: server.at_end.descriptors,
            threads: server.at_end.threads,
        }
    });
}

/// How much of one there is for each of the other.
pub(super) fn per(much: f64, each: f64) -> Option<f64> {
    (each > 0.0).then(|| much / each)
}

/// One as a share of the other.
pub(super) fn percent(part: f64, whole: f64) -> f64 {
    per(part * 100.0, whole).unwrap_or(0.0)
}
