//! Variables of the environment. Their values are read together with the flags; here is only the
//! check that none is misspelt.

use super::ConfigError;

const PREFIX: &str = "SWITCHYARD_";

/// Refuses variables that begin with `SWITCHYARD_` and are none of the command's.
///
/// # Errors
/// With the name of the first such variable.
pub fn refuse_unknown_variables(
    command: &clap::Command,
    variables: impl Iterator<Item = String>,
) -> Result<(), ConfigError> {
    let mut unknown: Vec<String> = variables
        .filter(|name| name.starts_with(PREFIX))
        .filter(|name| {
            !command
                .get_arguments()
                .any(|argument| argument.get_env().is_some_and(|env| env == name.as_str()))
        })
        .collect();
    unknown.sort_unstable();
    match unknown.into_iter().next() {
        Some(name) => Err(ConfigError::UnknownVariable(name)),
        None => Ok(()),
    }
}
