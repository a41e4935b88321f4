//! What the kernel knows of this process, under the names that all Prometheus clients give it.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// This process at one moment. What the kernel does not tell is 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Process {
    /// Time on processors, of all threads, in user space and in the kernel.
    pub(crate) cpu: Duration,
    /// Memory that is in RAM, in bytes.
    pub(crate) resident_bytes: u64,
    /// Memory that is mapped, in bytes.
    pub(crate) virtual_bytes: u64,
    /// Open file descriptors.
    pub(crate) open_files: u64,
}

impl Process {
    /// Now.
    pub(crate) fn read() -> Self {
        let (virtual_bytes, resident_bytes) = memory_bytes().unwrap_or_default();
        Self {
            cpu: Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default(),
            resident_bytes,
            virtual_bytes,
            open_files: open_files().unwrap_or_default(),
        }
    }

    /// Since 1970, as well as is known: when this was asked first, which is as the server starts.
    pub(crate) fn started() -> Duration {
        static STARTED: LazyLock<Duration> = LazyLock::new(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
        });
        *STARTED
    }
}

/// Virtual and resident.
fn memory_bytes() -> Option<(u64, u64)> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = statm.split(' ').map(str::parse::<u64>);
    let mut bytes = || Some(pages.next()?.ok()? * page_size() as u64);
    Some((bytes()?, bytes()?))
}

/// Without the one that is open to count them.
fn open_files() -> Option<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").ok()?;
    Some(entries.count().saturating_sub(1) as u64)
}

/// Asks the kernel at each scrape.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let process = Process::read();
        let limit = getrlimit(Resource::Nofile).current;
        ConstCounter::new(process.cpu.as_secs_f64()).encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            "Time on processors, of all threads",
            None,
            MetricType::Counter,
        )?)?;
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory that is in RAM",
                process.resident_bytes as f64,
            ),
            (
                "process_virtual_memory_bytes",
                "Memory that is mapped",
                process.virtual_bytes as f64,
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                process.open_files as f64,
            ),
            (
                "process_max_fds",
                "The most file descriptors that may be open",
                limit.map_or(f64::INFINITY, |limit| limit as f64),
            ),
            (
                "process_start_time_seconds",
                "When the process started, since 1970",
                Process::started().as_secs_f64(),
            ),
        ];
        for (name, help, value) in gauges {
            let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(descriptor)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_this_process_uses() {
        let process = Process::read();
        assert!(process.cpu > Duration::ZERO);
        assert!(process.resident_bytes > 1 << 20, "{process:?}");
        assert!(
            process.virtual_bytes >= process.resident_bytes,
            "{process:?}"
        );
        let file = std::fs::File::open("/proc/self/statm").expect("a file");
        let more = Process::read();
        drop(file);
        // Other tests open and close theirs meanwhile, but standard input, output and error stay.
        assert!(more.open_files >= 3, "{more:?}");
    }
}
