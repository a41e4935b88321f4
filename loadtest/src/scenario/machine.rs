//! The machine: what it is, and how many sockets it lets us have.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::report::Machine;

/// What it is.
pub(super) fn describe() -> Machine {
    let processor = fs::read_to_string("/proc/cpuinfo").ok();
    let processor = processor.as_deref().and_then(|info| {
        let line = info.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Machine {
        processor: processor.unwrap_or_else(|| "unknown processor".to_owned()),
        processors: processors(),
        kernel: kernel.trim().to_owned(),
    }
}

/// How many processors the scheduler has for us.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Every client has two sockets, and the customary limit of 1,024 descriptors is soon reached.
pub(super) fn allow_many_descriptors() {
    let allowed = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = allowed {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
