//! The Prometheus text format 0.0.4, which every scraper and `promtool` read.
//!
//! The library writes OpenMetrics, in which a counter is declared without the `_total` of its samples and
//! a metric has a unit line. Everything else is the same, so only those lines are rewritten.

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// What the format is called in HTTP.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything in the registry.
pub(super) fn encode(registry: &Registry) -> Result<String, fmt::Error> {
    let mut written = String::new();
    text::encode_registry(&mut written, registry)?;
    Ok(without_open_metrics(&written))
}

fn without_open_metrics(written: &str) -> String {
    let mut plain = String::with_capacity(written.len() + written.len() / 16);
    let mut lines = written.lines().peekable();
    while let Some(line) = lines.next() {
        // A help line comes right before its type.
        let is_counter = [Some(&line), lines.peek()]
            .into_iter()
            .flatten()
            .any(|line| line.starts_with("# TYPE ") && line.ends_with(" counter"));
        let declared = ["# HELP ", "# TYPE "]
            .into_iter()
            .find_map(|start| Some((start, line.strip_prefix(start)?.split_once(' ')?)));
        match declared {
            Some((start, (name, rest))) if is_counter => {
                plain.extend([start, name, "_total ", rest, "\n"]);
            }
            _ if line.starts_with("# UNIT ") => {}
            _ => plain.extend([line, "\n"]),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_declared_by_the_name_of_their_samples_and_all_else_stays() {
        let open_metrics = "# HELP a Things.\n# TYPE a counter\na_total{x=\"1\"} 2\n\
                            # HELP b counter\n# TYPE b gauge\nb 3\n\
                            # HELP c_seconds Time.\n# TYPE c_seconds histogram\n# UNIT c_seconds seconds\n\
                            c_seconds_sum 1.0\nc_seconds_count 1\nc_seconds_bucket{le=\"+Inf\"} 1\n";
        let plain = "# HELP a_total Things.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n\
                     # HELP b counter\n# TYPE b gauge\nb 3\n\
                     # HELP c_seconds Time.\n# TYPE c_seconds histogram\n\
                     c_seconds_sum 1.0\nc_seconds_count 1\nc_seconds_bucket{le=\"+Inf\"} 1\n";
        assert_eq!(without_open_metrics(open_metrics), plain);
    }
}
