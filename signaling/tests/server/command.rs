//! The binary: what it says when it starts, and when it cannot.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::support::SECRET;

/// The binary, with none of the variables of whoever runs the tests.
fn switchyard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchyard"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWITCHYARD_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    switchyard()
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .expect("the binary runs")
}

/// A file of settings that goes away with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("switchyard-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path of text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_start_that_fails_says_why_in_one_sentence_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("an address").to_string();
    let unknown_key = File::new(
        "unknown-key",
        "listen = \"127.0.0.1:0\"\nlisten-on = true\n",
    );
    let short_key = format!("dev:{}", &SECRET[..31]);
    type Row<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>, Vec<&'a str>);
    let table: Vec<Row<'_>> = vec![
        (vec!["--listen", &taken], vec![], vec!["listen", &taken]),
        (vec!["--colour"], vec![], vec!["--colour"]),
        (vec!["dance"], vec![], vec!["dance"]),
        (
            vec!["--config", unknown_key.path()],
            vec![],
            vec!["listen-on", "line 2"],
        ),
        (
            vec!["--config", "/nonexistent.toml"],
            vec![],
            vec!["/nonexistent.toml"],
        ),
        (
            vec![],
            vec![("SWITCHYARD_COLOUR", "red")],
            vec!["SWITCHYARD_COLOUR"],
        ),
        (
            vec![],
            vec![("SWITCHYARD_UDP_PORT", "many")],
            vec!["--udp-port", "many"],
        ),
        (vec!["--key", &short_key], vec![], vec!["`dev`"]),
        (vec!["--listen", "0.0.0.0:0"], vec![], vec!["insecure-open"]),
        (vec!["--log", "a=b=c"], vec![], vec!["a=b=c"]),
        (
            vec!["token", "--room", "a", "--identity", "b"],
            vec![],
            vec!["--key"],
        ),
    ];
    for (arguments, variables, named) in table {
        let output = run(&arguments, &variables);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert_eq!(
            said.lines().count(),
            1,
            "{arguments:?} {variables:?}: {said}"
        );
        for name in named {
            assert!(
                said.contains(name),
                "{arguments:?} {variables:?} does not name {name}: {said}"
            );
        }
        assert!(
            !said.contains(SECRET) && !said.contains(&SECRET[..31]),
            "{said}"
        );
    }
}

#[test]
fn flags_go_before_variables_before_the_file_before_defaults() {
    let file = File::new(
        "precedence",
        "udp-port = 1003\nworkers = 3\nmax-rooms = 3\n",
    );
    let output = run(
        &["--config", file.path(), "--udp-port", "1001", "config"],
        &[
            ("SWITCHYARD_UDP_PORT", "1002"),
            ("SWITCHYARD_WORKERS", "2"),
            ("SWITCHYARD_ANNOUNCE", "192.0.2.1,2001:db8::1"),
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let settings: toml::Table =
        toml::from_str(&String::from_utf8_lossy(&output.stdout)).expect("TOML");
    let table = [
        ("udp-port", 1001),
        ("workers", 2),
        ("max-rooms", 3),
        ("spread-above", 32),
    ];
    for (key, expected) in table {
        assert_eq!(
            settings.get(key).and_then(toml::Value::as_integer),
            Some(expected),
            "{key}"
        );
    }
    assert_eq!(
        settings["announce"].as_array().map(Vec::len),
        Some(2),
        "a list in one variable"
    );
}

#[test]
fn the_settings_are_shown_without_their_secrets() {
    let key = format!("dev:{SECRET}");
    let output = run(
        &[
            "--key",
            &key,
            "--ice-server",
            "turn:t.example.org user password",
            "config",
        ],
        &[],
    );
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("dev") && shown.contains("turn:t.example.org"),
        "{shown}"
    );
    assert!(
        !shown.contains(SECRET) && !shown.contains("password"),
        "{shown}"
    );
}

#[test]
fn help_explains_every_flag() {
    let output = run(&["--help"], &[]);
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    for flag in [
        "--listen",
        "--announce",
        "--media-bind",
        "--udp-port",
        "--workers",
        "--metrics-listen",
        "--key",
        "--config",
    ] {
        assert!(help.contains(flag), "{flag} is not in {help}");
    }
}

#[test]
fn a_server_says_where_it_is_and_stops_when_it_is_told_to() {
    let mut child = switchyard()
        .args([
            "--listen",
            "127.0.0.1:0",
            "--udp-port",
            "0",
            "--media-bind",
            "127.0.0.1",
            "--workers",
            "1",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let port = line
        .trim()
        .strip_prefix("Switchyard is at http://127.0.0.1:")
        .and_then(|rest| rest.strip_suffix('/'));
    assert!(
        port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port != 0)),
        "{line}"
    );
    let stopped = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(stopped.success());
    let status = child.wait().expect("it ends");
    let mut log = String::new();
    child
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut log)
        .expect("text");
    assert!(status.success(), "{status}: {log}");
    assert!(
        log.contains("NO KEY IS CONFIGURED"),
        "an open server says so: {log}"
    );
}

#[test]
fn a_token_of_the_command_opens_what_it_says() {
    let key = format!("test:{SECRET}");
    let output = run(
        &[
            "token",
            "--key",
            &key,
            "--room",
            "standup",
            "--identity",
            "ada",
            "--no-publish",
        ],
        &[],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = crate::support::server(crate::support::WITH_KEY).await;
        let mut client = crate::support::websocket::Client::connect(server.address()).await;
        let joined = client
            .enter(serde_json::json!({"room": "standup", "token": token}))
            .await;
        assert_eq!(joined.name, "ada");
        assert!(
            !joined.permissions.publish && joined.permissions.subscribe,
            "{joined:?}"
        );
    });
}

#[test]
fn a_token_for_all_rooms_shows_the_figures_and_opens_no_room() {
    let key = format!("test:{SECRET}");
    let without_room = ["token", "--key", &key, "--identity", "ada"];
    assert!(!run(&without_room, &[]).status.success(), "for which room?");
    let output = run(&[&without_room[..], &["--admin"]].concat(), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let server = crate::support::server(crate::support::WITH_KEY).await;
        let authorization = format!("Bearer {token}");
        for (method, path, expected) in [
            (hyper::Method::GET, "/api/v1/stats", 200),
            (hyper::Method::GET, "/api/v1/rooms", 200),
            (hyper::Method::POST, "/whip/standup", 403),
        ] {
            let headers = [
                ("authorization", authorization.as_str()),
                crate::support::http::SDP,
            ];
            let body = crate::support::http::encoder();
            let answer =
                crate::support::http::request(server.address(), method, path, &headers, body).await;
            assert_eq!(answer.status, expected, "{path}: {}", answer.body);
        }
    });
}
