//! The command line: `switchyard` serves, `switchyard token` makes a token, `switchyard config` shows
//! what the settings come to.

mod serve;
mod show_config;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{self, Config, Settings};

/// A WebRTC media server: conference rooms and broadcasts from one binary.
///
/// Every option can also be given as the environment variable shown with it, or, by its long name
/// without the dashes, in the file of --config. Options go before variables, variables before the file.
#[derive(Parser, Debug)]
#[command(
    name = "switchyard",
    version,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands (without one: serve)"
)]
struct CommandLine {
    /// Read settings from this TOML file
    #[arg(long, env = "SWITCHYARD_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Subcommands>,
}

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Make a token with the first key, for trying things out
    Token(token::Arguments),
    /// Check the settings and show what they come to, without secrets
    Config,
}

/// Does what the command line of this process says.
///
/// # Errors
/// With one sentence for the operator.
pub fn run() -> anyhow::Result<()> {
    let Some(line) = parse(std::env::args_os())? else {
        return Ok(());
    };
    config::refuse_unknown_variables(
        &CommandLine::command(),
        std::env::vars_os().filter_map(|(name, value)| {
            Some((
                name.into_string().ok()?,
                value.to_string_lossy().into_owned(),
            ))
        }),
    )?;
    let file = line.config.as_deref().map(config::read_file).transpose()?;
    let settings = line.settings.or(file.unwrap_or_default());
    match line.command {
        Some(Subcommands::Token(arguments)) => token::run(&arguments, settings),
        Some(Subcommands::Config) => show_config::run(settings),
        None => serve(settings),
    }
}

/// `None` if the line asked for help or the version, which is then on standard output.
fn parse(arguments: impl Iterator<Item = OsString>) -> anyhow::Result<Option<CommandLine>> {
    let parsed = CommandLine::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    match parsed {
        Ok(line) => Ok(Some(line)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            error.print()?;
            Ok(None)
        }
        Err(error) => {
            // clap's text goes on with tips and the usage; its first paragraph is the sentence.
            let text = error.to_string();
            let paragraph: Vec<&str> = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.is_empty())
                .collect();
            let sentence = paragraph.join(" ");
            let sentence = sentence.trim_start_matches("error: ");
            Err(anyhow::anyhow!("{sentence}; see switchyard --help"))
        }
    }
}

fn serve(settings: Settings) -> anyhow::Result<()> {
    let config = Config::resolve(settings)?;
    crate::logging::start(&config.log, config.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve::run(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_variable_and_a_key_of_its_name_and_an_explanation() {
        let keys = toml::Value::try_from(Settings::default()).expect("settings serialise");
        assert!(
            keys.as_table().is_some_and(toml::Table::is_empty),
            "no value, no key: {keys}"
        );
        for argument in CommandLine::command().get_arguments() {
            let Some(name) = argument
                .get_long()
                .filter(|name| !["help", "version"].contains(name))
            else {
                continue;
            };
            let variable = format!("SWITCHYARD_{}", name.replace('-', "_").to_uppercase());
            assert_eq!(
                argument.get_env().and_then(|env| env.to_str()),
                Some(variable.as_str())
            );
            assert!(argument.get_help().is_some(), "{name} is not explained");
        }
    }

    #[test]
    fn what_is_wrong_with_the_command_line_is_one_sentence_that_names_it() {
        let table = [
            (vec!["--colour"], "--colour"),
            (vec!["--listen", "here"], "--listen"),
            (vec!["--udp-port", "70000"], "--udp-port"),
            (vec!["--log-format", "xml"], "--log-format"),
            (vec!["dance"], "dance"),
            (vec!["token"], "--room"),
        ];
        for (arguments, named) in table {
            let line = std::iter::once("switchyard")
                .chain(arguments)
                .map(OsString::from);
            let sentence = parse(line).expect_err("refused").to_string();
            assert!(
                sentence.contains(named) && !sentence.contains('\n'),
                "{sentence}"
            );
        }
    }
}
