//! What can be demanded of a run. It decides the exit status.

use clap::Args;
use serde::Serialize;

use super::Report;

/// The demands; each `None` demands nothing.
#[derive(Args, Clone, Copy, PartialEq, Default, Debug)]
#[command(next_help_heading = "Demands (the exit status is 1 if one is not met)")]
pub struct Limits {
    /// The most packets that may be lost, in percent
    #[arg(long, value_name = "PERCENT", global = true)]
    pub max_loss: Option<f64>,
    /// The longest median latency, in milliseconds
    #[arg(long, value_name = "MS", global = true)]
    pub max_p50_ms: Option<f64>,
    /// The longest latency that 99 % of the packets may have, in milliseconds
    #[arg(long, value_name = "MS", global = true)]
    pub max_p99_ms: Option<f64>,
    /// The same while viewers join, to those who are there already
    #[arg(long, value_name = "MS", global = true)]
    pub max_joining_p99_ms: Option<f64>,
    /// The longest time that 95 % of the clients may take to join, in milliseconds
    #[arg(long, value_name = "MS", global = true)]
    pub max_join_ms: Option<f64>,
    /// The longest time until 95 % of the clients may have a whole keyframe, in milliseconds
    #[arg(long, value_name = "MS", global = true)]
    pub max_first_frame_ms: Option<f64>,
    /// The most CPU time of the server for each forwarded packet, in microseconds; needs --server-pid
    #[arg(long, value_name = "US", global = true)]
    pub max_cpu_us: Option<f64>,
    /// The most CPU time for each forwarded packet as a multiple of the bare loop; needs --server-pid and
    /// --bare
    #[arg(long, value_name = "RATIO", global = true)]
    pub max_cpu_ratio: Option<f64>,
    /// The most memory of the server for each viewer, in KiB; needs --server-pid
    #[arg(long, value_name = "KIB", global = true)]
    pub max_memory_kib: Option<f64>,
    /// How many clients may fail to join or lose their connection
    #[arg(long, value_name = "NUMBER", default_value_t = 0, global = true)]
    pub max_failed: u64,
    /// The fewest viewers that a ramp must hold
    #[arg(long, value_name = "NUMBER", global = true)]
    pub min_viewers: Option<usize>,
    /// How much the server's memory may grow with each client that came and went, in bytes; needs
    /// --server-pid
    #[arg(long, value_name = "BYTES", global = true)]
    pub max_growth_bytes: Option<f64>,
}

/// One demand.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// What was demanded, in words.
    pub demand: String,
    /// What was measured; null if it could not be.
    pub measured: Option<f64>,
    /// Whether it was met. What could not be measured was not met.
    pub met: bool,
}

impl Limits {
    /// Judges a run. Some demands nobody needs to make: that media flows, to everybody.
    pub(crate) fn judge(&self, report: &Report) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let mut at_most = |demand: &str, limit: Option<f64>, measured: Option<f64>| {
            verdicts.extend(limit.map(|limit| Verdict {
                demand: format!("{demand} at most {limit}"),
                measured,
                met: measured.is_some_and(|measured| measured <= limit),
            }));
        };
        let server = report.server.as_ref();
        at_most(
            "loss in percent",
            self.max_loss,
            Some(report.media.loss_percent),
        );
        at_most(
            "median latency in ms",
            self.max_p50_ms,
            report.latency.p50_ms,
        );
        at_most("99 % latency in ms", self.max_p99_ms, report.latency.p99_ms);
        at_most(
            "99 % latency while viewers join in ms",
            self.max_joining_p99_ms,
            report.latency_while_joining.p99_ms,
        );
        at_most("95 % join time in ms", self.max_join_ms, report.join.p95_ms);
        at_most(
            "95 % first frame in ms",
            self.max_first_frame_ms,
            report.first_frame.p95_ms,
        );
        let cpu = server.and_then(|server| server.cpu_us_per_packet);
        at_most("CPU per forwarded packet in µs", self.max_cpu_us, cpu);
        at_most(
            "CPU as a multiple of the bare loop",
            self.max_cpu_ratio,
            report.cpu_ratio_to_bare,
        );
        let memory = server.and_then(|server| server.memory_per_viewer_bytes);
        at_most(
            "memory per viewer in KiB",
            self.max_memory_kib,
            memory.map(|bytes| bytes / 1_024.0),
        );
        let growth = report
            .churn
            .as_ref()
            .and_then(|churn| churn.memory_growth_per_cycle_bytes);
        at_most(
            "memory growth per client in bytes",
            self.max_growth_bytes,
            growth,
        );

        let failed = report.clients.failed as u64 + report.clients.disconnected;
        verdicts.push(Verdict {
            demand: format!("clients that fail at most {}", self.max_failed),
            measured: Some(failed as f64),
            met: failed <= self.max_failed,
        });
        verdicts.extend(self.min_viewers.map(|limit| {
            let held = report.ramp.as_ref().map(|ramp| ramp.held_viewers);
            Verdict {
                demand: format!("viewers held at least {limit}"),
                measured: held.map(|held| held as f64),
                met: held.is_some_and(|held| held >= limit),
            }
        }));
        verdicts.extend(self_evident(report));
        verdicts
    }
}

fn self_evident(report: &Report) -> Vec<Verdict> {
    let media = &report.media;
    let missing = media
        .expected_streams
        .saturating_sub(media.delivered_streams);
    let mut verdicts = vec![
        Verdict {
            demand: "media is delivered".to_owned(),
            measured: Some(media.delivered_packets as f64),
            met: media.delivered_packets > 0,
        },
        Verdict {
            demand: "no packet that was looked into is forged".to_owned(),
            measured: Some(media.unauthenticated_packets as f64),
            met: media.unauthenticated_packets == 0,
        },
    ];
    // A run that ends before it is complete says nothing about what would still have come.
    if !report.cut_short && media.expected_streams > 0 {
        verdicts.push(Verdict {
            demand: "no stream is missing".to_owned(),
            measured: Some(missing as f64),
            met: missing == 0,
        });
    }
    if let Some(churn) = &report.churn {
        let changed = churn
            .leftovers
            .iter()
            .filter(|leftover| leftover.must_return && leftover.before != leftover.after);
        let changed = changed.count();
        verdicts.push(Verdict {
            demand: "everything is as before".to_owned(),
            measured: Some(changed as f64),
            met: changed == 0,
        });
    }
    verdicts
}
