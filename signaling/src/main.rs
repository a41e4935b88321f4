//! The `switchyard` command: reads the configuration, then serves, or does what a subcommand says.
//! Everything that can go wrong here ends in one sentence and a status other than zero.

use std::process::ExitCode;

fn main() -> ExitCode {
    match signaling::command::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchyard: {error:#}");
            ExitCode::FAILURE
        }
    }
}
