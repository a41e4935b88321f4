//! Where log lines go (standard error) and which of them.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// rtc-dtls warns about every extension that it does not know: several times for each handshake of a
/// browser. What an operator names goes before this.
const QUIET: &str = "rtc_dtls=error";

/// Starts logging for the whole process.
///
/// # Errors
/// If the filter is not one.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| anyhow::anyhow!("log is `{filter}`, which is no filter: {error}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
