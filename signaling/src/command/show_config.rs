//! `switchyard config`: what the settings come to, as a file that `--config` would take.

use crate::config::{Config, Settings};

/// Checks the settings and prints them.
pub(super) fn run(settings: Settings) -> anyhow::Result<()> {
    Config::resolve(settings.clone())?;
    let mut complete = settings.complete();
    for key in complete.key.iter_mut().flatten() {
        key.truncate(key.find(':').unwrap_or(0));
        key.push_str(":(hidden)");
    }
    for server in complete.ice_server.iter_mut().flatten() {
        server.truncate(server.find(' ').unwrap_or(server.len()));
    }
    print!("{}", toml::to_string(&complete)?);
    Ok(())
}
