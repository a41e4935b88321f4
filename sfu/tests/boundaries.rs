//! The modules of `sfu` may only depend on each other as `ARCHITECTURE.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Who may use whom, besides itself.
const ALLOWED: &[(&str, &str)] = &[
    ("capture_clock", ""),
    ("congestion", ""),
    (
        "control",
        "counters demand drop_reason engine id parameters room sdp transport worker",
    ),
    ("counters", "drop_reason parameters"),
    ("demand", ""),
    ("demux", "id key"),
    ("drop_reason", ""),
    (
        "engine",
        "capture_clock counters demand demux drop_reason id key parameters publish send_batch subscribe transport",
    ),
    ("id", ""),
    ("key", ""),
    ("parameters", ""),
    (
        "publish",
        "capture_clock congestion drop_reason id key parameters rate_window",
    ),
    ("rate_window", ""),
    // Rooms do not know packets: of the engine they see commands and events.
    ("room", "demand engine id parameters"),
    ("sdp", "id parameters"),
    ("send_batch", ""),
    // A forwarder reads the packets that `publish` has cached.
    (
        "subscribe",
        "congestion demand drop_reason key parameters publish rate_window transport",
    ),
    ("transport", "drop_reason parameters send_batch"),
    (
        "worker",
        "counters drop_reason engine id send_batch transport",
    ),
];

#[test]
fn modules_use_only_what_the_table_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut forbidden = BTreeSet::new();
    let mut edges = 0;
    for file in rust_files(&source) {
        let module = top_module(&source, &file);
        if module == "lib" || is_test(&file) {
            continue;
        }
        let allowed = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("module `{module}` is not in the table"))
            .1;
        let text = fs::read_to_string(&file).expect("a source file is readable");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for used in used_modules(code) {
            edges += 1;
            if used != module && !allowed.split(' ').any(|name| name == used) {
                forbidden.insert(format!("{module} → {used} in {}", file.display()));
            }
        }
    }
    assert!(
        edges > 50,
        "only {edges} uses were found: the search is broken"
    );
    assert!(forbidden.is_empty(), "not in the table: {forbidden:#?}");
}

#[test]
fn rooms_see_only_commands_and_events_of_the_engine() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = 0;
    for file in rust_files(&source.join("room")) {
        if is_test(&file) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a source file is readable");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for rest in code.split("crate::engine::").skip(1) {
            uses += 1;
            assert!(
                ["command::", "event::", "MAX_DATA_MESSAGE_BYTES"]
                    .iter()
                    .any(|start| rest.starts_with(start)),
                "{} uses crate::engine::{}",
                file.display(),
                rest.lines().next().unwrap_or_default()
            );
        }
    }
    assert!(uses > 0, "no use was found: the search is broken");
}

/// The names after `crate::`; of a braced list, those at its first level.
fn used_modules(code: &str) -> impl Iterator<Item = &str> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_ascii_lowercase() && c != '_')
                .next()
        })
        .filter(|name| !name.is_empty())
}

/// `src/publish/cache.rs` and `src/publish.rs` are both `publish`.
fn top_module(source: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(source).expect("a file below the source");
    let first = relative.iter().next().expect("a file has a name");
    let first = first.to_str().expect("file names are ASCII");
    first.trim_end_matches(".rs").to_owned()
}

/// Tests that have grown out of their file may use what they like.
fn is_test(file: &Path) -> bool {
    file.iter()
        .any(|part| part == "tests" || part == "tests.rs")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("a folder entry is readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}
