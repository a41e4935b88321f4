//! A process in `/proc` (proc(5)).

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

/// A process to be watched.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    directory: PathBuf,
}

/// What it has used so far, and holds now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub(crate) struct Usage {
    /// User and system time of all its threads.
    #[serde(skip)]
    pub(crate) cpu: Duration,
    /// Memory in use, in bytes.
    pub(crate) resident: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
    /// Threads.
    pub(crate) threads: u64,
}

impl Process {
    /// The process of this number.
    ///
    /// # Errors
    /// If there is none, or it may not be looked at.
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        let process = Self {
            directory: PathBuf::from(format!("/proc/{pid}")),
        };
        process.usage()?;
        Ok(process)
    }

    /// This process.
    ///
    /// # Errors
    /// If `/proc` is not there.
    pub(crate) fn own() -> io::Result<Self> {
        Self::open(std::process::id())
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// If it is gone, or its descriptors may not be counted.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let stat = fs::read_to_string(self.directory.join("stat"))?;
        let (ticks, threads) = read_stat(&stat).ok_or(io::ErrorKind::InvalidData)?;
        let status = fs::read_to_string(self.directory.join("status"))?;
        let descriptors = fs::read_dir(self.directory.join("fd"))?.count() as u64;
        Ok(Usage {
            cpu: self.thread_times().unwrap_or_else(|| of_ticks(ticks)),
            resident: read_resident(&status).unwrap_or(0),
            descriptors,
            threads,
        })
    }

    /// The CPU time of its threads to the nanosecond, where the kernel counts it. Threads that have ended
    /// are not in it; a server's do not end.
    fn thread_times(&self) -> Option<Duration> {
        let mut nanos = 0_u64;
        for thread in fs::read_dir(self.directory.join("task")).ok()? {
            let path = thread.ok()?.path().join("schedstat");
            // A thread may end while this looks.
            let Ok(schedstat) = fs::read_to_string(path) else {
                continue;
            };
            nanos += schedstat.split(' ').next()?.trim().parse::<u64>().ok()?;
        }
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }
}

/// The user and system ticks, and the number of threads.
fn read_stat(stat: &str) -> Option<(u64, u64)> {
    // The name of the program is in parentheses and may hold anything, also parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some((field(14)? + field(15)?, field(20)?))
}

fn read_resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// `USER_HZ`, which has been this on every architecture that we run on.
const TICKS_PER_SECOND: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stat_line_is_read_whatever_the_program_is_called() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 700 300 0 0 20 0 5 0 12345 100 200";
        for name in ["switchyard", "a b", "a) S 1 (b", ")"] {
            let stat = format!("42 ({name}) {rest}");
            assert_eq!(read_stat(&stat), Some((1_000, 5)), "{stat}");
        }
        for broken in ["", "42", "42 (x)", "42 (x) S 1 2"] {
            assert_eq!(read_stat(broken), None, "{broken}");
        }
        assert_eq!(of_ticks(1_250), Duration::from_millis(12_500));
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(
            read_resident("Name:\tx\nVmRSS:\t   2048 kB\nVmData:\t1 kB"),
            Some(2_097_152)
        );
        assert_eq!(read_resident("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_uses_memory_descriptors_and_threads() {
        let usage = Process::own()
            .and_then(|process| process.usage())
            .expect("/proc");
        assert!(usage.resident > 100_000, "{usage:?}");
        assert!(usage.descriptors >= 3, "{usage:?}");
        assert!(usage.threads >= 1, "{usage:?}");
        assert!(usage.cpu > Duration::ZERO, "{usage:?}");
    }

    #[test]
    fn there_is_no_process_zero() {
        assert!(Process::open(0).is_err());
    }
}
