//! The gauges of a server's `/metrics` that must come back to where they were when everybody has left.
//!
//! The text is Prometheus' or OpenMetrics'. Which gauges a server has is its own business: every one that
//! it declares as such is read, so that what it adds later is watched too.

use std::collections::BTreeMap;

use crate::client::ClientFailure;
use crate::signaling::get;
use crate::target::Target;

/// The gauges by name, summed over their labels.
pub(crate) type Gauges = BTreeMap<String, f64>;

/// Asks the server.
///
/// # Errors
/// If it does not serve metrics.
pub(crate) async fn read_gauges(
    target: &Target,
    token: Option<&str>,
) -> Result<Gauges, ClientFailure> {
    let reply = get(target, "/metrics", token).await?;
    if reply.status != 200 {
        return Err(ClientFailure::new(format_args!(
            "/metrics replies with {}",
            reply.status
        )));
    }
    Ok(parse(&reply.body))
}

fn parse(text: &str) -> Gauges {
    let mut gauges = Gauges::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if let (Some("#"), Some("TYPE"), Some(name), Some("gauge")) =
            (words.next(), words.next(), words.next(), words.next())
        {
            gauges.insert(name.to_owned(), 0.0);
        } else if let Some((name, value)) = sample(line)
            && let Some(gauge) = gauges.get_mut(name)
        {
            *gauge += value;
        }
    }
    gauges
}

/// The name and value of a sample line.
fn sample(line: &str) -> Option<(&str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    // A label's value may hold anything, but not an unescaped quote; values and times follow the brace.
    let values = rest.rsplit_once('}').map_or(rest, |(_, values)| values);
    let value = values.split_ascii_whitespace().next()?.parse().ok()?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_read_and_summed_and_counters_are_not() {
        let text = "# HELP switchyard_rooms Rooms.\n# TYPE switchyard_rooms gauge\nswitchyard_rooms 2\n\
                    # TYPE switchyard_peers gauge\n# UNIT switchyard_peers x\n\
                    switchyard_peers{worker=\"0\"} 3\nswitchyard_peers{worker=\"1 } 9\"} 4.5 1700000000\n\
                    # TYPE switchyard_sent_packets counter\nswitchyard_sent_packets_total 99\n\
                    nonsense\n{} 4\n# EOF\n";
        let expected = [("switchyard_peers", 7.5), ("switchyard_rooms", 2.0)];
        let expected: Gauges = expected
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        assert_eq!(parse(text), expected);
        assert_eq!(parse(""), Gauges::new());
    }
}
