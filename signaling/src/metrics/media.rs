//! What the media side knows, asked at each scrape. One line of a table here is one metric.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use sfu::control::Sfu;
use sfu::counters::PacketKind;
use sfu::drop_reason::DropReason;
use sfu::id::WorkerId;
use sfu::worker::WorkerSnapshot;
use sfu::worker::socket::Segmentation;

use super::histogram::CountedHistogram;

/// Asks a running node.
pub(super) struct MediaCollector {
    sfu: Sfu,
}

impl MediaCollector {
    /// Asks this node.
    pub(super) fn new(sfu: Sfu) -> Self {
        Self { sfu }
    }
}

impl fmt::Debug for MediaCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaCollector")
    }
}

/// A metric of each worker: its name, its help, and where it is.
type OfWorker<T> = (&'static str, &'static str, fn(&WorkerSnapshot) -> T);

/// The same of each kind of packet.
type OfWorkerByKind = (
    &'static str,
    &'static str,
    fn(&WorkerSnapshot, PacketKind) -> u64,
);

/// `_total` is appended to each.
const COUNTERS: &[OfWorker<u64>] = &[
    (
        "padding_sent_bytes",
        "Bytes of RTP padding that made packets of a run equal in size",
        |worker| worker.counters.padding_sent_bytes,
    ),
    (
        "nack_received_packets",
        "Packets that subscribers asked for again",
        |worker| worker.counters.nack_received,
    ),
    (
        "nack_sent_packets",
        "Packets that publishers were asked for again",
        |worker| worker.counters.nack_sent,
    ),
    (
        "recovered_audio_frames",
        "Frames of sound that were lost on the way from a publisher and that a later packet brought back",
        |worker| worker.counters.audio_recovered,
    ),
    (
        "keyframe_requests_received",
        "Keyframe requests (PLI, FIR) of subscribers",
        |worker| worker.counters.keyframe_requests_received,
    ),
    (
        "keyframe_requests_sent",
        "Keyframe requests sent to publishers",
        |worker| worker.counters.keyframe_requests_sent,
    ),
    (
        "cached_starts",
        "Slots that began with pictures from the cache, for which no publisher was asked",
        |worker| worker.counters.cached_starts,
    ),
    (
        "handshakes_completed",
        "DTLS handshakes completed",
        |worker| worker.counters.handshakes_completed,
    ),
    (
        "dropped_data_messages",
        "Data messages dropped before they were sent",
        |worker| worker.counters.data_messages_dropped + worker.statistics.lost_messages,
    ),
    ("worker_commands", "Commands carried out", |worker| {
        worker.statistics.commands
    }),
    (
        "pipe_received_packets",
        "Packets that came from other workers",
        |worker| worker.statistics.pipe_packets,
    ),
    (
        "pipe_received_batches",
        "Batches that these packets came in",
        |worker| worker.statistics.pipe_batches,
    ),
    (
        "socket_received_datagrams",
        "Datagrams received, of any kind",
        |worker| worker.statistics.received.datagrams,
    ),
    (
        "socket_receive_calls",
        "System calls that received",
        |worker| worker.statistics.received.calls,
    ),
    (
        "socket_receive_errors",
        "System calls that failed to receive",
        |worker| worker.statistics.received.errors,
    ),
    (
        "socket_lost_datagrams",
        "Datagrams that the kernel lost because the receive buffer was full",
        |worker| worker.statistics.received.lost,
    ),
    (
        "socket_sent_datagrams",
        "Datagrams sent, of any kind",
        |worker| worker.statistics.sent.datagrams,
    ),
    ("socket_send_calls", "System calls that sent", |worker| {
        worker.statistics.sent.calls
    }),
];

/// `_total` is appended to each.
const SECONDS: &[OfWorker<f64>] = &[(
    "worker_cpu_seconds",
    "How long the thread was on a processor",
    |worker| worker.statistics.cpu.as_secs_f64(),
)];

/// By kind of packet; `_total` is appended to each.
const TRAFFIC: &[OfWorkerByKind] = &[
    (
        "received_packets",
        "Media packets received and authenticated",
        |worker, kind| worker.counters.received.packets(kind),
    ),
    (
        "received_bytes",
        "Bytes of these packets, without IP and UDP headers",
        |worker, kind| worker.counters.received.bytes(kind),
    ),
    ("sent_packets", "Media packets sent", |worker, kind| {
        worker.counters.sent.packets(kind)
    }),
    (
        "sent_bytes",
        "Bytes of these packets, without IP and UDP headers",
        |worker, kind| worker.counters.sent.bytes(kind),
    ),
];

const GAUGES: &[OfWorker<usize>] = &[
    ("peers", "Media connections, connected or not", |worker| {
        worker.engine.peers
    }),
    (
        "connected_peers",
        "Media connections that are up",
        |worker| worker.engine.connected_peers,
    ),
    (
        "tracks",
        "Tracks, those of other workers that are shown here included",
        |worker| worker.engine.tracks,
    ),
    ("cached_bytes", "Bytes in packet caches", |worker| {
        worker.engine.cached_bytes
    }),
    ("slots", "Slots", |worker| worker.engine.slots),
    ("assigned_slots", "Slots that show a track", |worker| {
        worker.engine.assigned_slots
    }),
    (
        "handshakes_waiting",
        "Media connections whose handshake waits for its next step",
        |worker| worker.engine.handshakes_waiting,
    ),
    (
        "worker_commands_waiting",
        "Commands that wait to be carried out",
        |worker| worker.statistics.commands_waiting,
    ),
    (
        "worker_events_waiting",
        "Events that wait for the control plane",
        |worker| worker.statistics.events_waiting,
    ),
    (
        "worker_pipe_batches_waiting",
        "Batches of packets of other workers that wait to be taken",
        |worker| worker.statistics.pipes_waiting,
    ),
    (
        "worker_segmentation_offload",
        "1 if the kernel cuts runs of datagrams (GSO), 0 if each is sent by itself",
        |worker| usize::from(worker.statistics.segmentation == Some(Segmentation::Kernel)),
    ),
];

const HISTOGRAMS: &[OfWorker<CountedHistogram>] = &[
    (
        "worker_turn_seconds",
        "How long turns of the loop took",
        |worker| CountedHistogram::of_microseconds(&worker.statistics.turn_microseconds),
    ),
    (
        "forward_latency_seconds",
        "How long media packets were in the worker's hands, until the last of their turn was sent",
        |worker| CountedHistogram::of_microseconds(&worker.statistics.forward_microseconds),
    ),
    (
        "socket_message_segments",
        "Datagrams of each message that was handed to the kernel",
        CountedHistogram::of_segments,
    ),
];

impl Collector for MediaCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let load = self.sfu.load();
        for (name, help, value) in [
            ("rooms", "Rooms with somebody in them", load.rooms),
            (
                "participants",
                "Participants in all rooms",
                load.participants,
            ),
        ] {
            gauge(value).encode(encoder.encode_descriptor(
                name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        let workers = self.sfu.workers();
        for (name, help, read) in COUNTERS {
            of_each(
                &mut encoder,
                name,
                help,
                MetricType::Counter,
                &workers,
                |worker| ConstCounter::new(read(worker)),
            )?;
        }
        for (name, help, read) in SECONDS {
            of_each(
                &mut encoder,
                name,
                help,
                MetricType::Counter,
                &workers,
                |worker| ConstCounter::new(read(worker)),
            )?;
        }
        for (name, help, read) in GAUGES {
            of_each(
                &mut encoder,
                name,
                help,
                MetricType::Gauge,
                &workers,
                |worker| gauge(read(worker)),
            )?;
        }
        for (name, help, read) in HISTOGRAMS {
            of_each(
                &mut encoder,
                name,
                help,
                MetricType::Histogram,
                &workers,
                read,
            )?;
        }
        of_kinds(&mut encoder, &workers)?;
        drops(&mut encoder, &workers)?;
        failures(&mut encoder, workers.len(), &load.failed_workers)?;
        let help = "From the answer to an offer until the media connection was up";
        let kind = MetricType::Histogram;
        CountedHistogram::of_milliseconds(&self.sfu.join_milliseconds())
            .encode(encoder.encode_descriptor("join_seconds", help, None, kind)?)
    }
}

fn of_each<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    kind: MetricType,
    workers: &[WorkerSnapshot],
    read: impl Fn(&WorkerSnapshot) -> M,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (worker, snapshot) in workers.iter().enumerate() {
        let labels = [("worker", worker.to_string())];
        read(snapshot).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn of_kinds(
    encoder: &mut DescriptorEncoder<'_>,
    workers: &[WorkerSnapshot],
) -> Result<(), fmt::Error> {
    for (name, help, read) in TRAFFIC {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (worker, snapshot) in workers.iter().enumerate() {
            for kind in PacketKind::ALL {
                let labels = [
                    ("worker", worker.to_string()),
                    ("kind", kind.label().to_owned()),
                ];
                ConstCounter::new(read(snapshot, kind)).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn failures(
    encoder: &mut DescriptorEncoder<'_>,
    workers: usize,
    failed: &[WorkerId],
) -> Result<(), fmt::Error> {
    let help = "1 if the worker has failed and serves nobody until the server is restarted";
    let mut family = encoder.encode_descriptor("worker_failed", help, None, MetricType::Gauge)?;
    for worker in 0..workers {
        let has_failed = failed.iter().any(|id| id.index() == worker);
        let labels = [("worker", worker.to_string())];
        gauge(usize::from(has_failed)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn drops(
    encoder: &mut DescriptorEncoder<'_>,
    workers: &[WorkerSnapshot],
) -> Result<(), fmt::Error> {
    let help = "Packets and datagrams that were not forwarded, by reason";
    let mut family =
        encoder.encode_descriptor("dropped_packets", help, None, MetricType::Counter)?;
    for (worker, snapshot) in workers.iter().enumerate() {
        for reason in DropReason::ALL {
            let labels = [
                ("worker", worker.to_string()),
                ("reason", reason.label().to_owned()),
            ];
            ConstCounter::new(snapshot.counters.dropped(*reason))
                .encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauge(value: usize) -> ConstGauge {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
