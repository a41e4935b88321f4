//! How things are going, on standard error: one line that is written over and over on a terminal, a line
//! every few seconds elsewhere.

use std::io::{IsTerminal as _, Write as _};

use crate::report::Sample;

/// Who is told.
pub(super) struct Progress {
    kind: Kind,
    phase: String,
    shown: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Terminal,
    Log,
    Nobody,
}

impl Progress {
    pub(super) fn new(quiet: bool) -> Self {
        Self {
            kind: match (quiet, std::io::stderr().is_terminal()) {
                (true, _) => Kind::Nobody,
                (false, true) => Kind::Terminal,
                (false, false) => Kind::Log,
            },
            phase: String::new(),
            shown: 0,
        }
    }

    /// Something else begins.
    pub(super) fn say(&mut self, what: &str) {
        self.phase = what.to_owned();
        let mut out = std::io::stderr().lock();
        // Nobody to tell is no reason to end.
        let _ = match self.kind {
            Kind::Terminal => write!(out, "\r\x1b[2K{what} …"),
            Kind::Log => writeln!(out, "{what} …"),
            Kind::Nobody => Ok(()),
        };
        let _ = out.flush();
    }

    /// A second has passed.
    pub(super) fn show(&mut self, sample: &Sample) {
        self.shown += 1;
        let mut out = std::io::stderr().lock();
        let _ = match self.kind {
            Kind::Terminal => write!(out, "\r\x1b[2K{:<10} {}", self.phase, line(sample)),
            Kind::Log if self.shown.is_multiple_of(LOG_EVERY) => writeln!(out, "{}", line(sample)),
            Kind::Log | Kind::Nobody => Ok(()),
        };
        let _ = out.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.kind == Kind::Terminal {
            eprintln!();
        }
    }
}

fn line(sample: &Sample) -> String {
    let mut line = format!(
        "{:4.0} s  {:5} clients  {:8.0} packets/s  {:3} lost",
        sample.at_seconds, sample.clients, sample.packets_per_second, sample.lost_packets
    );
    if let (Some(p50), Some(p99)) = (sample.latency_p50_ms, sample.latency_p99_ms) {
        line += &format!("  latency {p50:.2} / {p99:.2} ms");
    }
    if let Some(cores) = sample.server_cores {
        line += &format!("  server {:.0} %", cores * 100.0);
    }
    line + &format!("  generator {:.0} %", sample.generator_cores * 100.0)
}

/// Seconds.
const LOG_EVERY: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_is_known() {
        let sample = Sample {
            at_seconds: 12.3,
            clients: 100,
            packets_per_second: 19_998.0,
            bits_per_second: 2e8,
            lost_packets: 2,
            latency_p50_ms: Some(0.123),
            latency_p99_ms: Some(1.5),
            server_cores: Some(0.251),
            server_memory_bytes: None,
            generator_cores: 0.1,
        };
        let expected = "  12 s    100 clients     19998 packets/s    2 lost  latency 0.12 / 1.50 ms  \
                        server 25 %  generator 10 %";
        assert_eq!(line(&sample), expected);
        let unknown = Sample {
            latency_p50_ms: None,
            server_cores: None,
            ..sample
        };
        assert!(!line(&unknown).contains("latency") && !line(&unknown).contains("server"));
    }
}
