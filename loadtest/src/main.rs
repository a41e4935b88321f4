//! The `loadtest` binary. Exit status: 0, all demands met; 1, not all; 2, it could not be run.

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use loadtest::Cli;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // The DTLS library warns of every extension that it does not know.
    let filter = EnvFilter::try_from_env("LOADTEST_LOG").unwrap_or_else(|_| {
        EnvFilter::new("warn,rtc=error,webrtc=error,rtc_dtls=error,rtc_ice=error")
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no threads")?;
    let report = runtime.block_on(loadtest::run(cli))?;
    // Before the files: what was measured must not be lost because a disk is full.
    print!("{}", report.to_table());
    if let Some(path) = &cli.common.json {
        fs::write(path, report.to_json()).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &cli.common.html {
        fs::write(path, report.to_html()).with_context(|| path.display().to_string())?;
    }
    Ok(report.passed())
}
