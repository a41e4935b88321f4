//! The table at the end of a run.

use std::fmt::Write as _;

use super::number::{bytes, grouped, measured, scaled, significant};
use super::{Quantiles, Report};
use crate::bare::Sealing;

/// Writes it.
pub(super) fn table(report: &Report) -> String {
    let mut table = Table::default();
    table.heading(&report.title);
    clients(report, &mut table);
    media(report, &mut table);
    table.row("latency, from sending to arrival", times(&report.latency));
    if report.latency_while_joining.count > 0 {
        table.row(
            "the same while viewers joined",
            times(&report.latency_while_joining),
        );
    }
    cost(report, &mut table);
    if let Some(ramp) = &report.ramp {
        table.row(
            "viewers held",
            format!("{} ({})", ramp.held_viewers, ramp.ended_because),
        );
    }
    table.finish(report)
}

#[derive(Default)]
struct Table {
    text: String,
    rows: Vec<(String, String)>,
}

impl Table {
    fn heading(&mut self, heading: &str) {
        line(&mut self.text, format_args!("\n{heading}\n"));
    }

    fn row(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.rows.push((name.into(), value.into()));
    }

    fn finish(mut self, report: &Report) -> String {
        let width = self
            .rows
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, value) in &self.rows {
            line(&mut self.text, format_args!("  {name:<width$}  {value}"));
        }
        ramp_steps(report, &mut self.text);
        leftovers(report, &mut self.text);
        verdicts(report, &mut self.text);
        self.text
    }
}

fn clients(report: &Report, table: &mut Table) {
    let clients = &report.clients;
    let mut arrived = format!("{} of {}", clients.arrived, clients.wanted);
    if clients.disconnected > 0 {
        arrived += &format!(", {} lost their connection", clients.disconnected);
    }
    if report.cut_short {
        arrived += ", cut short";
    }
    table.row("clients", arrived);
    for failure in &clients.failures {
        table.row("", failure);
    }
    table.row("join", times(&report.join));
    table.row("first media", times(&report.first_media));
    if report.first_frame.count > 0 {
        table.row("first frame", times(&report.first_frame));
    }
}

fn media(report: &Report, table: &mut Table) {
    let media = &report.media;
    let lost = media
        .expected_packets
        .saturating_sub(media.delivered_packets);
    table.row("packets delivered", {
        let (delivered, expected) = (media.delivered_packets, media.expected_packets);
        format!("{} of {}", grouped(delivered), grouped(expected))
    });
    table.row(
        "packets lost",
        format!("{} ({} %)", grouped(lost), significant(media.loss_percent)),
    );
    if media.duplicate_packets + media.reordered_packets > 0 {
        let (twice, late) = (
            grouped(media.duplicate_packets),
            grouped(media.reordered_packets),
        );
        table.row(
            "packets out of order",
            format!("{late} late, {twice} twice"),
        );
    }
    if media.expected_streams > 0 {
        let (delivered, expected) = (media.delivered_streams, media.expected_streams);
        table.row("streams", format!("{delivered} of {expected}"));
    }
    let (packets, bits) = (
        scaled(media.packets_per_second),
        scaled(media.bits_per_second),
    );
    let seconds = significant(report.measured_seconds);
    table.row(
        "rate",
        format!("{packets}packets/s, {bits}bit/s, over {seconds} s"),
    );
}

fn cost(report: &Report, table: &mut Table) {
    if let Some(server) = &report.server {
        let cores = significant(server.cpu_cores);
        table.row("server CPU", format!("{cores} cores"));
        let cost = server.cpu_us_per_packet.map_or("–".to_owned(), significant);
        table.row("server CPU per forwarded packet", format!("{cost} µs"));
        table.row("server memory", {
            let (all, before) = (
                server.memory_bytes as f64,
                server.memory_before_bytes as f64,
            );
            format!("{}, {} before", bytes(all), bytes(before))
        });
        if let Some(each) = server.memory_per_viewer_bytes {
            table.row("server memory per viewer", bytes(each));
        }
    }
    table.row("load generator CPU", {
        let cost = report
            .generator
            .cpu_us_per_packet
            .map_or("–".to_owned(), significant);
        format!(
            "{} cores, {cost} µs per packet",
            significant(report.generator.cpu_cores)
        )
    });
    for bare in &report.bare {
        let name = match bare.sealing {
            Sealing::Gcm => "bare loop, AES-GCM",
            Sealing::Plain => "bare loop, plain",
        };
        table.row(
            name,
            format!("{} µs per packet", significant(bare.cpu_us_per_packet)),
        );
    }
    if let Some(ratio) = report.cpu_ratio_to_bare {
        table.row("server ÷ bare loop", significant(ratio));
    }
}

fn times(times: &Quantiles) -> String {
    let (Some(p50), Some(p95), Some(p99), Some(max)) =
        (times.p50_ms, times.p95_ms, times.p99_ms, times.max_ms)
    else {
        return "–".to_owned();
    };
    let [p50, p95, p99, max] = [p50, p95, p99, max].map(significant);
    format!("p50 {p50} ms, p95 {p95} ms, p99 {p99} ms, max {max} ms")
}

fn ramp_steps(report: &Report, text: &mut String) {
    let Some(ramp) = &report.ramp else {
        return;
    };
    line(
        text,
        format_args!("\n  viewers   packets/s   loss %    p50 ms    p99 ms   cores   µs/packet"),
    );
    for step in &ramp.steps {
        let value = |value: Option<f64>| value.map_or("–".to_owned(), significant);
        line(
            text,
            format_args!(
                "  {:>7}  {:>10}  {:>7}  {:>8}  {:>8}  {:>6}  {:>10}{}",
                step.viewers,
                scaled(step.packets_per_second).trim_end(),
                significant(step.loss_percent),
                value(step.latency.p50_ms),
                value(step.latency.p99_ms),
                value(step.server_cores),
                value(step.cpu_us_per_packet),
                if step.held { "" } else { "  ✗" },
            ),
        );
    }
}

fn leftovers(report: &Report, text: &mut String) {
    let Some(churn) = &report.churn else {
        return;
    };
    let rate = significant(churn.cycles_per_second);
    line(
        text,
        format_args!(
            "\n  {} clients came and went, {rate} a second",
            churn.cycles
        ),
    );
    for leftover in &churn.leftovers {
        let mark = match (leftover.before == leftover.after, leftover.must_return) {
            (true, _) => "✓",
            (false, true) => "✗",
            (false, false) => " ",
        };
        let (before, after) = (
            grouped(leftover.before as u64),
            grouped(leftover.after as u64),
        );
        line(
            text,
            format_args!("  {mark} {:<40} {before:>14} → {after:>14}", leftover.name),
        );
    }
    if let Some(growth) = churn.memory_growth_per_cycle_bytes {
        line(
            text,
            format_args!("    memory growth per client: {}", bytes(growth)),
        );
    }
}

fn verdicts(report: &Report, text: &mut String) {
    line(text, format_args!(""));
    for verdict in &report.verdicts {
        let mark = if verdict.met { '✓' } else { '✗' };
        let value = verdict.measured.map_or("not measured".to_owned(), measured);
        line(text, format_args!("  {mark} {} ({value})", verdict.demand));
    }
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("a String takes everything");
}
