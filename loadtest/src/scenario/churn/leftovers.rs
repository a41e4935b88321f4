//! What a server holds, and whether it lets go of it.

use std::time::{Duration, Instant};

use crate::report::Leftover;
use crate::scenario::stage::Stage;
use crate::server::{Gauges, Usage, read_gauges};

/// What a server holds at one moment.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Holdings {
    /// The gauges of its metrics; empty if it has none that we may see.
    pub(super) gauges: Gauges,
    /// Its process, if that is known.
    pub(super) usage: Option<Usage>,
}

impl Holdings {
    /// Now.
    pub(super) async fn of(stage: &Stage, token: Option<&str>) -> Self {
        let gauges = read_gauges(&stage.target, token).await;
        if let Err(failure) = &gauges {
            tracing::warn!(%failure, "the server's metrics cannot be read");
        }
        Self {
            gauges: gauges.unwrap_or_default(),
            usage: stage.server_usage(),
        }
    }

    /// Once it has let go of what those held who have left, or has had long enough to.
    pub(super) async fn settled(stage: &Stage, token: Option<&str>, rest: &Self) -> Self {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let now = Self::of(stage, token).await;
            let held = compare(rest, &now);
            let more = held
                .iter()
                .any(|one| one.must_return && one.after > one.before);
            if !more || Instant::now() >= give_up_at || stage.ending.is_interrupted() {
                return now;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// What was there before and after.
pub(super) fn compare(before: &Holdings, after: &Holdings) -> Vec<Leftover> {
    let gauges = before.gauges.iter().filter_map(|(name, value)| {
        Some(Leftover {
            name: name.clone(),
            before: *value,
            after: *after.gauges.get(name)?,
            must_return: counts_things(name),
        })
    });
    let mut leftovers: Vec<_> = gauges.collect();
    if let Some((before, after)) = before.usage.zip(after.usage) {
        let mut process = |name: &str, before: u64, after: u64, must_return| {
            leftovers.push(Leftover {
                name: name.to_owned(),
                before: before as f64,
                after: after as f64,
                must_return,
            });
        };
        process(
            "file descriptors",
            before.descriptors,
            after.descriptors,
            true,
        );
        process("threads", before.threads, after.threads, false);
        process(
            "resident memory in bytes",
            before.resident,
            after.resident,
            false,
        );
    }
    leftovers
}

/// Gauges of loads, times and amounts come and go as they like; those of things must come back.
fn counts_things(gauge: &str) -> bool {
    const AMOUNTS: [&str; 7] = [
        "bytes",
        "seconds",
        "ratio",
        "process_",
        "load",
        "rate",
        "per_second",
    ];
    !AMOUNTS.iter().any(|amount| gauge.contains(amount))
}

/// Servers may keep a session for a while whose client has said nothing; ours say goodbye.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn holdings(gauges: &[(&str, f64)], descriptors: u64) -> Holdings {
        Holdings {
            gauges: gauges
                .iter()
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
            usage: Some(Usage {
                descriptors,
                threads: 5,
                ..Usage::default()
            }),
        }
    }

    #[test]
    fn things_must_come_back_and_amounts_need_not() {
        let before = holdings(
            &[("x_peers", 1.0), ("x_memory_bytes", 10.0), ("x_gone", 1.0)],
            20,
        );
        let after = holdings(
            &[("x_peers", 2.0), ("x_memory_bytes", 99.0), ("x_new", 1.0)],
            20,
        );
        let seen: Vec<_> = compare(&before, &after)
            .into_iter()
            .map(|one| (one.name, one.before, one.after, one.must_return))
            .collect();
        let expected = [
            ("x_memory_bytes", 10.0, 99.0, false),
            ("x_peers", 1.0, 2.0, true),
            ("file descriptors", 20.0, 20.0, true),
            ("threads", 5.0, 5.0, false),
            ("resident memory in bytes", 0.0, 0.0, false),
        ];
        let expected =
            expected.map(|(name, before, after, must)| (name.to_owned(), before, after, must));
        assert_eq!(seen, expected);
    }
}
