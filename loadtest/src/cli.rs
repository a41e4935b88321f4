//! The command line.

mod duration;
mod mix;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use mix::MixArgs;

use crate::client::lean::Protection;
use crate::report::Limits;

/// Drives a Switchyard server, or another that speaks WHIP and WHEP, with many WebRTC clients over real
/// sockets, and reports what was delivered, how late, and what it cost.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "loadtest",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub scenario: Scenario,
    #[expect(missing_docs, reason = "clap would show it")]
    #[command(flatten)]
    pub common: Common,
    #[expect(missing_docs, reason = "clap would show it")]
    #[command(flatten)]
    pub mix: MixArgs,
    #[expect(missing_docs, reason = "clap would show it")]
    #[command(flatten)]
    pub limits: Limits,
}

/// The scenarios.
#[derive(Subcommand, Clone, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// Rooms in which everybody publishes and sees everybody else
    Room {
        /// People in each room
        #[arg(long, short = 'n', default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        participants: u32,
        /// Rooms
        #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        rooms: u32,
        /// The most people that one participant sees at once [default: all]
        #[arg(long, value_name = "NUMBER")]
        slots: Option<usize>,
        /// The most people that one participant hears at once, of those; servers have a limit
        #[arg(long, value_name = "NUMBER", default_value_t = MOST_HEARD)]
        heard: usize,
    },
    /// One publisher and many viewers
    Broadcast {
        /// Viewers
        #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        viewers: u32,
    },
    /// One room in which everybody talks and nobody shows a picture
    Audio {
        /// People in the room
        #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        participants: u32,
        /// The most people that one participant hears at once; servers have a limit
        #[arg(long, value_name = "NUMBER", default_value_t = MOST_HEARD)]
        slots: usize,
    },
    /// One publisher and more and more viewers, until loss or latency is too much; says how many it held
    ///
    /// The thresholds are --max-loss (1 % unless given), --max-p99-ms (50 ms unless given) and
    /// --max-cpu-us.
    Ramp {
        /// Viewers that come with each step
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        step: u32,
        /// How long each step is measured, such as 5s
        #[arg(long, value_name = "TIME", default_value = "4s", value_parser = duration::parse)]
        hold: Duration,
        /// The most viewers
        #[arg(long, value_name = "NUMBER", default_value_t = 2_000)]
        max_viewers: u32,
    },
    /// Viewers that come, see, and leave, many times; what they leave behind in the server
    Churn {
        /// How often a viewer comes and goes
        #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        cycles: u32,
        /// How many do so at the same time
        #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        concurrency: u32,
    },
    /// No server: the bare loop that a server is measured against
    Bare {
        /// Receivers
        #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        receivers: u32,
    },
}

/// What all scenarios have in common.
#[derive(Args, Clone, PartialEq, Debug)]
pub struct Common {
    /// The server
    #[arg(
        long,
        short,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        global = true
    )]
    pub server: String,
    /// A token, if the server wants one
    #[arg(
        long,
        value_name = "JWT",
        env = "LOADTEST_TOKEN",
        hide_env_values = true,
        global = true
    )]
    pub token: Option<String>,
    /// Test a server that is not on this machine; do so only to one that is yours
    #[arg(long, global = true)]
    pub i_own_this_server: bool,
    /// The end of it all, such as 30s or 2m, joining included
    #[arg(long, short, value_name = "TIME", default_value = "30s", value_parser = duration::parse, global = true)]
    pub duration: Duration,
    /// The server's process, to measure what it uses
    #[arg(long, value_name = "PID", global = true)]
    pub server_pid: Option<u32>,
    /// Run the bare loop for so long afterwards, and compare
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "5s", value_parser = duration::parse, global = true)]
    pub bare: Option<Duration>,

    /// Publish by WHIP instead of WebSocket; with a path, to this endpoint [default: /whip/ROOM]
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "", global = true, help_heading = CLIENTS)]
    pub whip: Option<String>,
    /// View by WHEP instead of WebSocket; with a path, from this endpoint [default: /whep/ROOM]
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "", global = true, help_heading = CLIENTS)]
    pub whep: Option<String>,
    /// What clients are made of
    #[arg(long, value_enum, default_value_t = ClientKind::Lean, global = true, help_heading = CLIENTS)]
    pub client: ClientKind,
    /// How many of the first clients are full whatever --client says
    #[arg(long, value_name = "NUMBER", default_value_t = 0, global = true, help_heading = CLIENTS)]
    pub full: usize,
    /// How many clients join each second
    #[arg(long, value_name = "NUMBER", default_value_t = 40.0, value_parser = parse_rate, global = true, help_heading = CLIENTS)]
    pub join_rate: f64,
    /// How long a client may take to join
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = duration::parse, global = true, help_heading = CLIENTS)]
    pub join_timeout: Duration,
    /// What lean clients offer to protect media with, the preferred first
    #[arg(long, value_enum, value_delimiter = ',', default_value = "gcm,sha1", global = true, help_heading = CLIENTS)]
    pub srtp: Vec<Protection>,
    /// Lean clients authenticate and read every so manyth packet of a stream
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000), global = true, help_heading = CLIENTS)]
    pub sample: u32,
    /// Let the kernel hand runs of datagrams to lean clients whole (UDP_GRO). On one machine the server then
    /// need not cut them, as with a network card that cuts; without it, as with one that does not
    #[arg(long, global = true, help_heading = CLIENTS)]
    pub gro: bool,
    /// Threads for lean clients [default: half of the processors, at most 8]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=256), global = true, help_heading = CLIENTS)]
    pub threads: Option<u32>,

    /// Write everything that was measured to this file
    #[arg(long, value_name = "FILE", global = true, help_heading = OUTPUT)]
    pub json: Option<PathBuf>,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE", global = true, help_heading = OUTPUT)]
    pub html: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short, global = true, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// What a client is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ClientKind {
    /// ICE, DTLS and SRTP and no more: costs less than the server, for thousands
    Lean,
    /// A whole WebRTC implementation: costs several times the server, for a few
    Full,
}

/// What Switchyard sends to one participant unless told otherwise (`participant-audio`).
const MOST_HEARD: usize = 16;

const CLIENTS: &str = "Clients";
const OUTPUT: &str = "Output";

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("not a number above zero".to_owned()),
    }
}

#[cfg(test)]
mod tests;
