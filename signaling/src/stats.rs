//! `GET /api/v1/stats`: the figures of the page `/ops`. Counts since the start, whose rates are the reader's
//! to make, so that any number of readers, each at its own pace, costs nothing but the asking.

use std::collections::BTreeMap;
use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use sfu::control::{Load, Sfu};
use sfu::counters::{Counters, PacketKind, Traffic};
use sfu::drop_reason::DropReason;
use sfu::worker::{Histogram, WorkerSnapshot};

use crate::access::bearer;
use crate::client_address::ClientAddress;
use crate::metrics::Process;
use crate::node::{Node, SharedNode};
use crate::problem::Problem;
use crate::tokens::TokenError;

#[derive(Serialize)]
struct Stats {
    version: &'static str,
    /// Since the server started, as of this answer: the time to make rates with.
    uptime_seconds: f64,
    rooms: usize,
    participants: usize,
    peers: Peers,
    tracks: usize,
    slots: Slots,
    received: BTreeMap<&'static str, Amount>,
    sent: BTreeMap<&'static str, Amount>,
    /// By reason; without those that have not happened.
    dropped_packets: BTreeMap<&'static str, u64>,
    /// The same for reasons that are by design.
    spared_packets: BTreeMap<&'static str, u64>,
    nack_received_packets: u64,
    nack_sent_packets: u64,
    keyframe_requests_received: u64,
    keyframe_requests_sent: u64,
    forward_latency: Distribution,
    join: Distribution,
    send: Sending,
    workers: Vec<WorkerStats>,
    process: ProcessStats,
}

#[derive(Serialize)]
struct Peers {
    all: usize,
    connected: usize,
}

#[derive(Serialize)]
struct Slots {
    all: usize,
    assigned: usize,
}

#[derive(Serialize)]
struct Amount {
    packets: u64,
    bytes: u64,
}

/// How many values there were up to each bound, and above the one before; the last is above all.
#[derive(Serialize)]
struct Distribution {
    bounds_seconds: Vec<f64>,
    counts: Vec<u64>,
}

/// What the kernel was handed.
#[derive(Serialize)]
struct Sending {
    /// Runs and single datagrams.
    messages: u64,
    datagrams: u64,
}

#[derive(Serialize)]
struct WorkerStats {
    failed: bool,
    peers: usize,
    cpu_seconds: f64,
    turns: u64,
    turn_seconds: f64,
    commands_waiting: usize,
    events_waiting: usize,
    pipe_batches_waiting: usize,
    received_packets: u64,
    sent_packets: u64,
}

#[derive(Serialize)]
struct ProcessStats {
    cpu_seconds: f64,
    resident_memory_bytes: u64,
    open_files: u64,
}

/// On the public address: for operators, like all of the admin API.
pub(crate) async fn for_operators(
    State(node): State<SharedNode>,
    Extension(from): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match node.guard.administer(bearer(&headers), from.0)? {
        // These figures are of all rooms.
        Some(_only) => Err(TokenError::OtherRoom.into()),
        None => Ok(answer(&node)),
    }
}

/// On the private address of the metrics: for whoever reaches it, as they are.
pub(crate) async fn for_neighbours(State(node): State<SharedNode>) -> Response {
    answer(&node)
}

fn answer(node: &Node) -> Response {
    let mut response = Json(stats(&node.sfu, node.started)).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn stats(sfu: &Sfu, started: Instant) -> Stats {
    let load = sfu.load();
    let workers = sfu.workers();
    let count = |of: fn(&Counters) -> u64| workers.iter().map(|w| of(&w.counters)).sum();
    let held = |of: fn(&WorkerSnapshot) -> usize| workers.iter().map(of).sum();
    let forwarded = workers
        .iter()
        .map(|worker| worker.statistics.forward_microseconds);
    let process = Process::read();
    Stats {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: started.elapsed().as_secs_f64(),
        rooms: load.rooms,
        participants: load.participants,
        peers: Peers {
            all: held(|worker| worker.engine.peers),
            connected: held(|worker| worker.engine.connected_peers),
        },
        tracks: held(|worker| worker.engine.tracks),
        slots: Slots {
            all: held(|worker| worker.engine.slots),
            assigned: held(|worker| worker.engine.assigned_slots),
        },
        received: amounts(&workers, |counters| &counters.received),
        sent: amounts(&workers, |counters| &counters.sent),
        dropped_packets: dropped(&workers, |reason| !reason.is_by_design()),
        spared_packets: dropped(&workers, DropReason::is_by_design),
        nack_received_packets: count(|counters| counters.nack_received),
        nack_sent_packets: count(|counters| counters.nack_sent),
        keyframe_requests_received: count(|counters| counters.keyframe_requests_received),
        keyframe_requests_sent: count(|counters| counters.keyframe_requests_sent),
        forward_latency: distribution(forwarded, 1e-6),
        join: distribution([sfu.join_milliseconds()], 1e-3),
        send: Sending {
            messages: workers.iter().map(|w| w.statistics.sent.messages).sum(),
            datagrams: workers.iter().map(|w| w.statistics.sent.datagrams).sum(),
        },
        workers: worker_stats(&workers, &load),
        process: ProcessStats {
            cpu_seconds: process.cpu.as_secs_f64(),
            resident_memory_bytes: process.resident_bytes,
            open_files: process.open_files,
        },
    }
}

fn amounts(
    workers: &[WorkerSnapshot],
    of: fn(&Counters) -> &Traffic,
) -> BTreeMap<&'static str, Amount> {
    let traffic = || workers.iter().map(|worker| of(&worker.counters));
    let amount = |kind| Amount {
        packets: traffic().map(|traffic| traffic.packets(kind)).sum(),
        bytes: traffic().map(|traffic| traffic.bytes(kind)).sum(),
    };
    PacketKind::ALL
        .map(|kind| (kind.label(), amount(kind)))
        .into()
}

/// Of all of these together; `unit` is how many seconds a value of 1 is.
fn distribution(histograms: impl IntoIterator<Item = Histogram>, unit: f64) -> Distribution {
    let mut counts = vec![0; Histogram::BUCKETS];
    for histogram in histograms {
        for (count, (_, values)) in counts.iter_mut().zip(histogram.buckets()) {
            *count += values;
        }
    }
    let bounds = Histogram::default();
    let bounds = bounds.buckets().filter_map(|(bound, _)| bound);
    Distribution {
        bounds_seconds: bounds.map(|bound| bound as f64 * unit).collect(),
        counts,
    }
}

fn worker_stats(workers: &[WorkerSnapshot], load: &Load) -> Vec<WorkerStats> {
    let failed = |index| load.failed_workers.iter().any(|id| id.index() == index);
    let stats = |(index, worker): (usize, &WorkerSnapshot)| WorkerStats {
        failed: failed(index),
        peers: worker.engine.peers,
        cpu_seconds: worker.statistics.cpu.as_secs_f64(),
        turns: worker.statistics.turns,
        turn_seconds: worker.statistics.awake.as_secs_f64(),
        commands_waiting: worker.statistics.commands_waiting,
        events_waiting: worker.statistics.events_waiting,
        pipe_batches_waiting: worker.statistics.pipes_waiting,
        received_packets: worker.counters.received.all_packets(),
        sent_packets: worker.counters.sent.all_packets(),
    };
    workers.iter().enumerate().map(stats).collect()
}

/// What was not forwarded, for the reasons that are wanted.
fn dropped(
    workers: &[WorkerSnapshot],
    is_wanted: impl Fn(DropReason) -> bool,
) -> BTreeMap<&'static str, u64> {
    let reasons = DropReason::ALL.iter().copied();
    let count = |reason: DropReason| {
        let packets = workers.iter().map(|w| w.counters.dropped(reason)).sum();
        (packets > 0).then_some((reason.label(), packets))
    };
    reasons
        .filter(|reason| is_wanted(*reason))
        .filter_map(count)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu::id::WorkerId;

    #[test]
    fn what_is_not_forwarded_by_design_is_told_apart_and_is_what_the_manual_says() {
        let mut worker = WorkerSnapshot::default();
        worker.counters.drop_many(DropReason::Muted, 3);
        worker.counters.drop_many(DropReason::SocketFull, 2);
        let workers = [worker.clone(), worker];
        let others = dropped(&workers, |reason| !reason.is_by_design());
        assert_eq!(others, [("socket_full", 4)].into());
        let spared = dropped(&workers, DropReason::is_by_design);
        assert_eq!(spared, [("muted", 6)].into());

        let manual = include_str!("../../docs/operations.md");
        let row = manual
            .lines()
            .find(|line| line.starts_with("| By design |"));
        let named = row.expect("the row").split('`').skip(1).step_by(2);
        let mut named: Vec<_> = named.collect();
        let by_design = DropReason::ALL
            .iter()
            .filter(|reason| reason.is_by_design());
        let mut by_design: Vec<_> = by_design.map(|reason| reason.label()).collect();
        named.sort_unstable();
        by_design.sort_unstable();
        assert_eq!(named, by_design);
    }

    #[test]
    fn a_worker_that_has_failed_is_shown_as_such() {
        let workers = vec![WorkerSnapshot::default(); 3];
        let load = Load {
            rooms: 0,
            participants: 0,
            peers: vec![0; 3],
            failed_workers: WorkerId::new(1).into_iter().collect(),
        };
        let failed: Vec<_> = worker_stats(&workers, &load)
            .iter()
            .map(|worker| worker.failed)
            .collect();
        assert_eq!(failed, [false, true, false]);
    }

    #[test]
    fn distributions_of_workers_are_added_up() {
        let mut one = Histogram::default();
        one.record_many(3, 5);
        let mut other = Histogram::default();
        other.record(4);
        other.record(u64::MAX);
        let all = distribution([one, other], 1e-6);
        assert_eq!(all.bounds_seconds.len() + 1, all.counts.len());
        assert_eq!(
            (all.counts[2], all.counts.last(), all.counts.iter().sum()),
            (6, Some(&1), 7)
        );
        assert!((all.bounds_seconds[2] - 4e-6).abs() < 1e-12);
    }
}
