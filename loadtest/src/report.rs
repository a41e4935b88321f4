//! What a run comes to, and its forms: a table for the terminal, JSON for programs, a page for people.
//!
//! The fields are the JSON, so their names are part of the interface. Units are in the names; a value that
//! could not be measured is null.

mod html;
mod limits;
mod number;
mod plot;
mod table;

pub use limits::{Limits, Verdict};

use std::time::Duration;

use serde::Serialize;

use crate::bare::BareCost;
use crate::histogram::Histogram;
use crate::media::Mix;

/// One run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// `room`, `broadcast`, `audio`, `ramp` or `churn`.
    pub scenario: &'static str,
    /// What was asked for, in words.
    pub title: String,
    /// When it began, in seconds since 1970.
    pub began_at: u64,
    /// The machine.
    pub machine: Machine,
    /// What each publisher sent.
    pub mix: Mix,
    /// Whether it was ended early: by Ctrl-C, or because the time was up before all were there.
    pub cut_short: bool,
    /// For how long was measured, in seconds.
    pub measured_seconds: f64,
    /// The clients.
    pub clients: Clients,
    /// What they received, all in all.
    pub media: Media,
    /// From the first byte of signaling to media being possible.
    pub join: Quantiles,
    /// From the same to the first media packet.
    pub first_media: Quantiles,
    /// From the same to the last packet of the first whole keyframe. Only lean clients tell.
    pub first_frame: Quantiles,
    /// From sending to arrival at the socket of the viewer, while measured.
    pub latency: Quantiles,
    /// The same while viewers arrived, to those who had been there for half a second.
    pub latency_while_joining: Quantiles,
    /// The server, if its process was named.
    pub server: Option<ServerCost>,
    /// This program.
    pub generator: GeneratorCost,
    /// The bare loop, if it was asked for: sealed, then plain.
    pub bare: Vec<BareCost>,
    /// CPU time for each forwarded packet, divided by that of the sealing bare loop of the same run.
    pub cpu_ratio_to_bare: Option<f64>,
    /// The steps of a ramp.
    pub ramp: Option<Ramp>,
    /// What a churn left behind.
    pub churn: Option<Churn>,
    /// Second by second.
    pub samples: Vec<Sample>,
    /// Which share of the packets came within so many milliseconds.
    pub latency_shares: Vec<(f64, f64)>,
    /// What was demanded, and whether it was met.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// For a terminal.
    pub fn to_table(&self) -> String {
        table::table(self)
    }

    /// For a browser: one file, with everything in it.
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("it has names and numbers only");
        json.push('\n');
        json
    }

    /// Whether everything that was demanded was met.
    pub fn passed(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.met)
    }
}

/// Where it ran.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Machine {
    /// The model of the processor.
    pub processor: String,
    /// How many of them the scheduler has.
    pub processors: usize,
    /// The version of Linux.
    pub kernel: String,
}

/// The clients of a run.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Clients {
    /// How many were to come.
    pub wanted: usize,
    /// How many of them arrived.
    pub arrived: usize,
    /// How many failed to.
    pub failed: usize,
    /// How many lost their connection later.
    pub disconnected: u64,
    /// The first reasons for which some failed, each once.
    pub failures: Vec<String>,
}

/// Media, from the publishers' first packet to the viewers' last.
#[derive(Clone, PartialEq, Default, Debug, Serialize)]
pub struct Media {
    /// Packets that publishers sent.
    pub published_packets: u64,
    /// Packets that viewers should have received: of each stream, what was published since its first
    /// packet that came.
    pub expected_packets: u64,
    /// Packets that viewers received, each counted once.
    pub delivered_packets: u64,
    /// The difference, in percent.
    pub loss_percent: f64,
    /// Streams that viewers should have received.
    pub expected_streams: usize,
    /// Streams of which viewers received something.
    pub delivered_streams: usize,
    /// Packets that came again.
    pub duplicate_packets: u64,
    /// Packets that came after later ones.
    pub reordered_packets: u64,
    /// Packets that were looked into.
    pub authenticated_packets: u64,
    /// Packets that were looked into and not authentic.
    pub unauthenticated_packets: u64,
    /// Keyframes that publishers sent because they were asked to.
    pub requested_keyframes: u64,
    /// Packets a second that were delivered while measured.
    pub packets_per_second: f64,
    /// Bits a second that were delivered while measured, without IP and UDP headers.
    pub bits_per_second: f64,
}

/// Durations in milliseconds.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize)]
pub struct Quantiles {
    /// How many there are.
    pub count: u64,
    /// Half are not longer.
    pub p50_ms: Option<f64>,
    /// 95 % are not longer.
    pub p95_ms: Option<f64>,
    /// 99 % are not longer.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

impl Quantiles {
    /// Of these.
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let quantile = |share| histogram.quantile(share).map(milliseconds);
        Self {
            count: histogram.len(),
            p50_ms: quantile(0.50),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            max_ms: histogram.max().map(milliseconds),
        }
    }
}

/// What the server used while measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ServerCost {
    /// CPU time in seconds.
    pub cpu_seconds: f64,
    /// The same, in processors.
    pub cpu_cores: f64,
    /// CPU time for each packet that viewers received, in microseconds.
    pub cpu_us_per_packet: Option<f64>,
    /// Memory before any viewer came, in bytes.
    pub memory_before_bytes: u64,
    /// Memory with all of them, in bytes.
    pub memory_bytes: u64,
    /// The difference for each viewer, in bytes; null if there is none.
    pub memory_per_viewer_bytes: Option<f64>,
    /// Open descriptors, with all viewers.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

/// What this program used while measured.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize)]
pub struct GeneratorCost {
    /// CPU time, in processors.
    pub cpu_cores: f64,
    /// CPU time for each packet that viewers received, in microseconds.
    pub cpu_us_per_packet: Option<f64>,
}

/// A second of the run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// Its end, in seconds since the run began.
    pub at_seconds: f64,
    /// Clients that are there.
    pub clients: usize,
    /// Packets a second that viewers received.
    pub packets_per_second: f64,
    /// Bits a second that viewers received.
    pub bits_per_second: f64,
    /// Packets that were missing.
    pub lost_packets: i64,
    /// Half of the packets came within so many milliseconds.
    pub latency_p50_ms: Option<f64>,
    /// 99 % of the packets came within so many milliseconds.
    pub latency_p99_ms: Option<f64>,
    /// Processors that the server used.
    pub server_cores: Option<f64>,
    /// Memory of the server.
    pub server_memory_bytes: Option<u64>,
    /// Processors that this program used.
    pub generator_cores: f64,
}

/// How far a ramp went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Ramp {
    /// The most viewers with which nothing crossed its threshold.
    pub held_viewers: usize,
    /// Why it went no further.
    pub ended_because: String,
    /// The steps.
    pub steps: Vec<RampStep>,
}

/// So many viewers, for a while.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct RampStep {
    /// Viewers.
    pub viewers: usize,
    /// Packets a second that they received.
    pub packets_per_second: f64,
    /// Packets that were missing, in percent.
    pub loss_percent: f64,
    /// From sending to arrival.
    pub latency: Quantiles,
    /// Processors that the server used.
    pub server_cores: Option<f64>,
    /// CPU time of the server for each packet, in microseconds.
    pub cpu_us_per_packet: Option<f64>,
    /// Whether nothing crossed its threshold.
    pub held: bool,
}

/// What is left of clients that came and went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Churn {
    /// How often a client came and went before the first look.
    pub warm_up_cycles: usize,
    /// How often a client came and went between the looks.
    pub cycles: usize,
    /// How many did so each second.
    pub cycles_per_second: f64,
    /// What was there before and after.
    pub leftovers: Vec<Leftover>,
    /// How much more memory the server has for each client that came and went, in bytes.
    pub memory_growth_per_cycle_bytes: Option<f64>,
}

/// Something that should be as it was.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Leftover {
    /// A gauge of the server's metrics, or a property of its process.
    pub name: String,
    /// At the first look.
    pub before: f64,
    /// At the second.
    pub after: f64,
    /// Whether it must be the same. Memory and threads need not be: allocators and runtimes keep some.
    pub must_return: bool,
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests;
