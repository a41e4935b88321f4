//! The page: everything in one file, no script, light and dark.

use std::fmt::Write as _;

use super::number::{bytes, grouped, measured, scaled, significant};
use super::plot::{Line, Plot, escape};
use super::{Quantiles, Report, Sample};
use crate::bare::Sealing;

/// Writes it.
pub(super) fn page(report: &Report) -> String {
    let mut html = String::new();
    let title = escape(&report.title);
    write(
        &mut html,
        format_args!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Load test: {title}</title>\n<style>\n{STYLE}</style>\n<main>\n"
        ),
    );
    header(&mut html, report);
    tiles(&mut html, report);
    plots(&mut html, report);
    tables(&mut html, report);
    footer(&mut html, report);
    html.push_str("</main>\n</html>\n");
    html
}

fn header(html: &mut String, report: &Report) {
    let (class, word) = match (report.passed(), report.cut_short) {
        (true, false) => ("good", "all demands met"),
        (true, true) => ("good", "cut short; all demands met so far"),
        (false, _) => ("bad", "not all demands met"),
    };
    let title = escape(&report.title);
    write(
        html,
        format_args!("<header><h1>{title}</h1><p class=\"{class}\">{word}</p></header>\n"),
    );
}

fn tiles(html: &mut String, report: &Report) {
    let media = &report.media;
    let number = |value: Option<f64>| value.map_or("–".to_owned(), significant);
    let milliseconds = |value: Option<f64>| {
        value.map_or("–".to_owned(), |value| {
            format!("{} ms", significant(value))
        })
    };
    html.push_str("<section class=\"tiles\">\n");
    if let Some(ramp) = &report.ramp {
        let held = format!("{} viewers", ramp.held_viewers);
        let beside = format!("then {}", ramp.ended_because);
        tile(html, "held", &held, &beside);
    }
    let bits = format!("{}bit/s", scaled(media.bits_per_second));
    let rate = format!("{}packets/s", scaled(media.packets_per_second));
    tile(
        html,
        "delivered",
        &bits,
        &format!("{rate}, {} clients", report.clients.arrived),
    );
    let lost = grouped(
        media
            .expected_packets
            .saturating_sub(media.delivered_packets),
    );
    let share = format!("{} %", significant(media.loss_percent));
    tile(
        html,
        "lost",
        &share,
        &format!("{lost} of {}", grouped(media.expected_packets)),
    );
    let median = format!("median {}", milliseconds(report.latency.p50_ms));
    tile(
        html,
        "latency p99",
        &milliseconds(report.latency.p99_ms),
        &median,
    );
    if let Some(server) = &report.server {
        let beside = match report.cpu_ratio_to_bare {
            Some(ratio) => format!("{} × the bare loop", significant(ratio)),
            None => format!("{} cores", significant(server.cpu_cores)),
        };
        let cost = format!("{} µs/packet", number(server.cpu_us_per_packet));
        tile(html, "server CPU", &cost, &beside);
        let each = server.memory_per_viewer_bytes.map_or("–".to_owned(), bytes);
        let all = format!("{} in all", bytes(server.memory_bytes as f64));
        tile(html, "memory per viewer", &each, &all);
    }
    let frame = format!("first frame {}", milliseconds(report.first_frame.p95_ms));
    tile(html, "join p95", &milliseconds(report.join.p95_ms), &frame);
    html.push_str("</section>\n");
}

/// `value` is a number and its unit.
fn tile(html: &mut String, name: &str, value: &str, beside: &str) {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let [name, number, unit, beside] = [name, number, unit, beside].map(escape);
    write(
        html,
        format_args!(
            "<div><h2>{name}</h2><b>{number} <i>{unit}</i></b><small>{beside}</small></div>\n"
        ),
    );
}

fn plots(html: &mut String, report: &Report) {
    let over_time = |value: &dyn Fn(&Sample) -> Option<f64>| -> Vec<(f64, f64)> {
        let samples = report.samples.iter();
        samples
            .filter_map(|sample| Some((sample.at_seconds, value(sample)?)))
            .collect()
    };
    let line = |name, points| Line { name, points };
    let plot = |title, unit, lines| Plot {
        title,
        unit,
        across: "seconds",
        logarithmic: false,
        lines,
    };
    let mut plots = vec![
        plot(
            "Packets delivered",
            "packets/s",
            vec![line(
                "delivered",
                over_time(&|sample| Some(sample.packets_per_second)),
            )],
        ),
        plot(
            "Latency from sending to arrival",
            "ms",
            vec![
                line("median", over_time(&|sample| sample.latency_p50_ms)),
                line("99 %", over_time(&|sample| sample.latency_p99_ms)),
            ],
        ),
        Plot {
            title: "Packets that came within …",
            unit: "% of all",
            across: "milliseconds",
            logarithmic: true,
            lines: vec![line("share", {
                let shares = report.latency_shares.iter();
                shares
                    .map(|(within, share)| (*within, share * 100.0))
                    .collect()
            })],
        },
        plot(
            "CPU",
            "cores",
            vec![
                line("server", over_time(&|sample| sample.server_cores)),
                line(
                    "load generator",
                    over_time(&|sample| Some(sample.generator_cores)),
                ),
            ],
        ),
        plot(
            "Server memory",
            "MiB",
            vec![line(
                "resident",
                over_time(&|sample| Some(sample.server_memory_bytes? as f64 / 1_048_576.0)),
            )],
        ),
    ];
    // Of those that come and go hardly any are there when it is looked.
    if report.churn.is_none() {
        let clients = over_time(&|sample| Some(sample.clients as f64));
        plots.push(plot("Clients", "", vec![line("clients", clients)]));
    }
    if report.samples.iter().any(|sample| sample.lost_packets != 0) {
        let lost = over_time(&|sample| Some(sample.lost_packets as f64));
        plots.push(plot(
            "Packets lost",
            "each second",
            vec![line("lost", lost)],
        ));
    }
    if let Some(ramp) = &report.ramp {
        let steps = |value: &dyn Fn(&super::RampStep) -> Option<f64>| -> Vec<(f64, f64)> {
            ramp.steps
                .iter()
                .filter_map(|step| Some((step.viewers as f64, value(step)?)))
                .collect()
        };
        let by_viewers = |title, unit, lines| Plot {
            across: "viewers",
            ..plot(title, unit, lines)
        };
        plots.insert(
            0,
            by_viewers(
                "Latency by viewers",
                "ms",
                vec![
                    line("median", steps(&|step| step.latency.p50_ms)),
                    line("99 %", steps(&|step| step.latency.p99_ms)),
                ],
            ),
        );
        plots.insert(
            1,
            by_viewers(
                "Server CPU for each packet",
                "µs",
                vec![line("CPU", steps(&|step| step.cpu_us_per_packet))],
            ),
        );
    }
    html.push_str("<section class=\"plots\">\n");
    for plot in plots {
        write(html, format_args!("{}\n", plot.svg()));
    }
    html.push_str("</section>\n");
}

fn tables(html: &mut String, report: &Report) {
    html.push_str("<section class=\"tables\">\n");
    times(html, report);
    demands(html, report);
    leftovers(html, report);
    html.push_str("</section>\n");
}

fn times(html: &mut String, report: &Report) {
    html.push_str(
        "<table><caption>Times in milliseconds</caption>\
         <tr><th></th><th>p50</th><th>p95</th><th>p99</th><th>max</th></tr>\n",
    );
    let rows: [(&str, &Quantiles); 5] = [
        ("join", &report.join),
        ("first media", &report.first_media),
        ("first frame", &report.first_frame),
        ("latency", &report.latency),
        ("while joining", &report.latency_while_joining),
    ];
    for (name, times) in rows {
        if times.count == 0 {
            continue;
        }
        let cell = |value: Option<f64>| value.map_or("–".to_owned(), significant);
        let cells = [times.p50_ms, times.p95_ms, times.p99_ms, times.max_ms].map(cell);
        let cells: String = cells
            .iter()
            .map(|cell| format!("<td>{cell}</td>"))
            .collect();
        write(html, format_args!("<tr><th>{name}</th>{cells}</tr>\n"));
    }
    html.push_str("</table>\n");
}

fn demands(html: &mut String, report: &Report) {
    html.push_str(
        "<table><caption>Demands</caption><tr><th></th><th>measured</th><th>met</th></tr>\n",
    );
    for verdict in &report.verdicts {
        let value = verdict.measured.map_or("–".to_owned(), measured);
        let (class, word) = if verdict.met {
            ("good", "yes")
        } else {
            ("bad", "no")
        };
        let demand = escape(&verdict.demand);
        write(
            html,
            format_args!(
                "<tr><th>{demand}</th><td>{value}</td><td class=\"{class}\">{word}</td></tr>\n"
            ),
        );
    }
    html.push_str("</table>\n");
}

fn leftovers(html: &mut String, report: &Report) {
    let Some(churn) = &report.churn else {
        return;
    };
    write(
        html,
        format_args!(
            "<table><caption>After {} clients came and went</caption>\
             <tr><th></th><th>before</th><th>after</th></tr>\n",
            grouped(churn.cycles as u64)
        ),
    );
    for leftover in &churn.leftovers {
        let changed = leftover.must_return && leftover.before != leftover.after;
        let class = if changed { "bad" } else { "" };
        let (before, after) = (
            grouped(leftover.before as u64),
            grouped(leftover.after as u64),
        );
        let name = escape(&leftover.name);
        write(
            html,
            format_args!(
                "<tr><th>{name}</th><td>{before}</td><td class=\"{class}\">{after}</td></tr>\n"
            ),
        );
    }
    html.push_str("</table>\n");
}

fn footer(html: &mut String, report: &Report) {
    let machine = &report.machine;
    let mut facts = vec![
        format!("{} × {}", machine.processors, machine.processor),
        format!("Linux {}", machine.kernel),
        format!("measured for {} s", significant(report.measured_seconds)),
        format!(
            "load generator {} cores",
            significant(report.generator.cpu_cores)
        ),
    ];
    for bare in &report.bare {
        let name = match bare.sealing {
            Sealing::Gcm => "bare loop with AES-GCM",
            Sealing::Plain => "plain bare loop",
        };
        facts.push(format!(
            "{name} {} µs/packet",
            significant(bare.cpu_us_per_packet)
        ));
    }
    let facts: String = facts
        .iter()
        .map(|fact| format!("<span>{}</span>", escape(fact)))
        .collect();
    write(html, format_args!("<footer>{facts}</footer>\n"));
}

fn write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes everything");
}

const STYLE: &str = include_str!("style.css");
