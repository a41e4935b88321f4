use std::net::SocketAddr;

use super::*;

const EXAMPLE: &str = include_str!("../../../deploy/switchyard.example.toml");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn settings(toml: &str) -> Settings {
    file::parse(toml).unwrap_or_else(|error| panic!("{toml}: {error:?}"))
}

#[test]
fn the_example_file_shows_the_defaults() {
    let shown = settings(EXAMPLE);
    // These two depend on the machine, or are better not shown as if they were on.
    let expected = Settings {
        workers: None,
        ..defaults::settings()
    };
    assert_eq!(shown, expected);
}

#[test]
fn the_help_text_names_the_defaults() {
    let defaults = Settings {
        workers: None,
        ..defaults::settings()
    };
    let defaults = toml::Table::try_from(defaults).expect("settings serialise");
    let command = <Settings as clap::Args>::augment_args(clap::Command::new("switchyard"));
    for argument in command.get_arguments() {
        let key = argument.get_long().expect("settings are long options");
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let named = help
            .split_once("[default: ")
            .and_then(|(_, rest)| rest.strip_suffix(']'));
        let expected = match defaults.get(key) {
            Some(toml::Value::String(text)) => Some(text.clone()),
            Some(toml::Value::Array(list)) => {
                let texts = list.iter().filter_map(toml::Value::as_str);
                Some(texts.collect::<Vec<_>>().join(","))
            }
            Some(value) => Some(value.to_string()),
            None if key == "workers" => Some("one for each core".to_owned()),
            None => None,
        };
        assert_eq!(named, expected.as_deref(), "{key}: {help}");
    }
}

#[test]
fn the_example_file_has_every_key_and_its_commented_keys_hold_too() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| !key.contains(' ')) =>
            {
                rest
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let complete = toml::Value::try_from(settings(&uncommented)).expect("settings serialise");
    let command = <Settings as clap::Args>::augment_args(clap::Command::new("switchyard"));
    for argument in command.get_arguments() {
        let key = argument.get_long().expect("settings are long options");
        assert!(
            complete.get(key).is_some(),
            "{key} is not in the example file"
        );
    }
}

#[test]
fn a_bad_file_is_refused_with_the_line_and_the_key() {
    let table = [
        ("listen = \"127.0.0.1:1\"\nlisten-on = 1\n", 2, "listen-on"),
        ("udp-port = 70000\n", 1, "70000"),
        ("listen = 8080\n", 1, "8080"),
        ("log-format = \"xml\"\n", 1, "xml"),
        ("\n\nkey = [\n", 3, ""),
    ];
    for (text, line, named) in table {
        let (found, message) = file::parse(text).expect_err(text);
        assert_eq!(found, line, "{message}");
        assert!(
            message.contains(named) && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn values_are_refused_with_one_sentence_that_names_the_key() {
    let one_key = format!("key = [\"a:{SECRET}\"]\n");
    let table = [
        ("workers = 0".to_owned(), "workers"),
        ("workers = 65".to_owned(), "workers"),
        ("udp-port = 65530\nworkers = 7".to_owned(), "udp-port"),
        ("message-rate = 9".to_owned(), "message-rate"),
        ("resume-seconds = 0".to_owned(), "resume-seconds"),
        ("participant-slots = 513".to_owned(), "participant-slots"),
        ("participant-audio = 0".to_owned(), "participant-audio"),
        ("announce = [\"0.0.0.0\"]".to_owned(), "announce"),
        ("media-bind = [\"224.0.0.1\"]".to_owned(), "media-bind"),
        ("ice-server = [\"http://a\"]".to_owned(), "ice-server"),
        ("ice-server = [\"turn:a\"]".to_owned(), "ice-server"),
        ("ice-server = [\"stun:a b c\"]".to_owned(), "ice-server"),
        ("ice-server = [\"turn:a b \\\"c\"]".to_owned(), "ice-server"),
        ("key = [\"nonsense\"]".to_owned(), "key number 1"),
        (format!("key = [\":{SECRET}\"]"), "key number 1"),
        ("key = [\"a:short\"]".to_owned(), "`a`"),
        (format!("key = [\"a:{SECRET}\", \"a:{SECRET}\"]"), "`a`"),
        (
            "key-file = \"/nonexistent/keys\"".to_owned(),
            "/nonexistent/keys",
        ),
        ("listen = \"0.0.0.0:8080\"".to_owned(), "insecure-open"),
        (format!("{one_key}insecure-open = true"), "insecure-open"),
    ];
    for (text, named) in table {
        let sentence = Config::resolve(settings(&text))
            .expect_err(&text)
            .to_string();
        assert!(
            sentence.contains(named) && !sentence.contains('\n'),
            "{sentence}"
        );
        assert!(!sentence.contains(SECRET), "{sentence}");
    }
}

#[test]
fn who_may_use_the_server_follows_from_keys_address_and_consent() {
    let keys = format!("key = [\"a:{SECRET}\"]\n");
    let table = [
        (String::new(), "OpenToThisMachine"),
        ("listen = \"[::1]:8080\"".to_owned(), "OpenToThisMachine"),
        (
            "insecure-open = true\nlisten = \"0.0.0.0:8080\"".to_owned(),
            "OpenToEverybody",
        ),
        (format!("{keys}listen = \"0.0.0.0:8080\""), "Keys"),
        (keys.clone(), "Keys"),
    ];
    for (text, expected) in table {
        let config =
            Config::resolve(settings(&text)).unwrap_or_else(|error| panic!("{text}: {error}"));
        let access = format!("{:?}", config.access);
        assert!(access.starts_with(expected), "{text}: {access}");
        assert!(!access.contains(SECRET), "secrets are not shown");
    }
}

#[test]
fn one_source_goes_before_another_value_by_value() {
    let first = settings("listen = \"127.0.0.1:1\"");
    let second = settings("listen = \"127.0.0.1:2\"\nudp-port = 9000");
    let config = Config::resolve(first.or(second)).expect("good settings");
    assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 1)));
    assert_eq!(config.media.udp_port, 9000);
    assert_eq!(
        config.message_rate,
        Rate {
            per_second: 20,
            burst: 100
        }
    );
}
