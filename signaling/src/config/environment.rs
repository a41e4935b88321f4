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
    variables: impl Iterator<Item = (String, String)>,
) -> Result<(), ConfigError> {
    let is_known = |name: &str| {
        let mut arguments = command.get_arguments();
        arguments.any(|argument| argument.get_env().is_some_and(|env| env == name))
    };
    let unknown = variables.filter(|(name, value)| {
        let rest = name.strip_prefix(PREFIX);
        rest.is_some_and(|rest| !is_known(name) && !is_of_kubernetes(rest, value))
    });
    // The first in the alphabet, so that the message does not depend on the order of the environment.
    match unknown.map(|(name, _)| name).min() {
        Some(name) => Err(ConfigError::UnknownVariable(name)),
        None => Ok(()),
    }
}

/// Kubernetes describes a service to its pods in variables that begin with the service's name, which may
/// well be ours: `_SERVICE_HOST`, `_PORT=tcp://…`, `_PORT_8080_TCP_ADDR` and so on.
fn is_of_kubernetes(rest: &str, value: &str) -> bool {
    let is_port = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    rest.starts_with("SERVICE_")
        || rest.strip_prefix("PORT_").is_some_and(is_port)
        || (rest == "PORT" && value.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_means_nothing_is_named() {
        let command = clap::Command::new("test").arg(
            clap::Arg::new("listen")
                .long("listen")
                .env("SWITCHYARD_LISTEN"),
        );
        let table = [
            ("PATH", "/bin", true),
            ("SWITCHYARD", "1", true),
            ("SWITCHYARD_LISTEN", "x", true),
            ("SWITCHYARD_LISTEM", "x", false),
            ("SWITCHYARD_listen", "x", false),
            ("SWITCHYARD_SERVICE_HOST", "10.0.0.1", true),
            ("SWITCHYARD_SERVICE_PORT_HTTP", "8080", true),
            ("SWITCHYARD_PORT", "tcp://10.0.0.1:8080", true),
            ("SWITCHYARD_PORT", "8080", false),
            ("SWITCHYARD_PORT_8080_TCP_ADDR", "10.0.0.1", true),
            ("SWITCHYARD_PORT_BASE", "7882", false),
        ];
        for (name, value, is_fine) in table {
            let variables = [(name.to_owned(), value.to_owned())];
            let result = refuse_unknown_variables(&command, variables.into_iter());
            assert_eq!(result.is_ok(), is_fine, "{name}={value}: {result:?}");
        }
        let two = ["SWITCHYARD_B", "SWITCHYARD_A"].map(|name| (name.to_owned(), String::new()));
        let error =
            refuse_unknown_variables(&command, two.into_iter()).expect_err("both are unknown");
        assert!(error.to_string().ends_with("SWITCHYARD_A"), "{error}");
    }
}
