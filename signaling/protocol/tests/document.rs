//! `docs/protocol.md` says what the types say: its examples parse, and its tables have every code.

use signaling_protocol::{CloseCode, ErrorCode, Request, ServerMessage};
use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The fenced blocks whose info string is `info`, each with the heading above it.
fn examples(info: &str) -> Vec<(&'static str, &'static str)> {
    let fence = format!("```{info}\n");
    let mut found = Vec::new();
    let mut position = 0;
    while let Some(start) = DOCUMENT[position..].find(&fence) {
        let start = position + start;
        let body = start + fence.len();
        let end = body + DOCUMENT[body..].find("\n```").expect("a fence that closes");
        let heading = DOCUMENT[..start]
            .lines()
            .rfind(|line| line.starts_with('#'))
            .expect("a heading");
        found.push((heading, &DOCUMENT[body..end]));
        position = end;
    }
    found
}

fn type_of(heading: &str) -> Option<&str> {
    heading.strip_prefix("#### `")?.strip_suffix('`')
}

/// The codes in the first column of the table under a heading, with the rest of the row.
fn rows(heading: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let start = DOCUMENT.find(heading).expect("the heading") + heading.len();
    let section = DOCUMENT[start..]
        .split("\n## ")
        .next()
        .expect("split gives one at least");
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            (
                cells.next().expect("a first cell").trim_matches('`'),
                cells.collect(),
            )
        })
        .collect()
}

#[test]
fn every_example_of_a_client_is_a_request_of_the_type_its_heading_names() {
    let mut seen = BTreeSet::new();
    for (heading, text) in examples("json client") {
        let request = Request::parse(text).unwrap_or_else(|error| panic!("{heading}: {error}"));
        if let Some(expected) = type_of(heading) {
            assert_eq!(request.message.name(), expected);
        }
        seen.insert(request.message.name());
    }
    let all = [
        "join",
        "offer",
        "candidate",
        "mute",
        "subscribe",
        "view",
        "leave",
        "ping",
    ];
    assert_eq!(seen, BTreeSet::from(all), "each request has an example");
}

#[test]
fn every_example_of_the_server_is_exactly_what_the_types_write() {
    let mut seen = BTreeSet::new();
    for (heading, text) in examples("json server") {
        let message =
            ServerMessage::parse(text).unwrap_or_else(|error| panic!("{heading}: {error}"));
        assert_ne!(message, ServerMessage::Unknown, "{heading}");
        let written: serde_json::Value = serde_json::from_str(&message.to_json()).expect("JSON");
        let shown: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(
            shown, written,
            "{heading}: the example has fields that the type has not, or the reverse"
        );
        if let Some(expected) = type_of(heading) {
            assert_eq!(written["type"], expected);
            seen.insert(expected);
        }
    }
    assert_eq!(
        seen.len(),
        17,
        "each message of the server has an example: {seen:?}"
    );
}

#[test]
fn the_tables_of_codes_are_complete() {
    let errors: Vec<_> = rows("\n## Error codes")
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert_eq!(
        errors,
        ErrorCode::ALL
            .iter()
            .map(|code| code.as_str())
            .collect::<Vec<_>>()
    );

    let closings = rows("\n## Close codes");
    assert_eq!(closings.len(), CloseCode::ALL.len());
    for (code, (name, cells)) in CloseCode::ALL.iter().zip(closings) {
        assert_eq!(name, code.as_str());
        assert_eq!(
            cells.first(),
            Some(&code.websocket_status().to_string().as_str()),
            "{name}"
        );
        assert_eq!(
            cells.get(1),
            Some(&if code.retry() { "yes" } else { "no" }),
            "{name}"
        );
    }
}
