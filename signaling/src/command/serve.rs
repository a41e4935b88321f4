//! `switchyard` without a subcommand: serves until it is told to stop, or has lost its last worker.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Access, Config};
use crate::server::Server;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// If it cannot start, or no worker is left: whoever started the process starts it again then.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    raise_file_limit();
    let access = config.access.clone();
    let server = Server::start(config).await?;
    warn_if_open(&access);
    tracing::info!(address = %server.address(), metrics = ?server.metrics_address(), "serving");
    // Whoever closed standard output does not want to know.
    let _ = writeln!(
        std::io::stdout(),
        "Switchyard is at http://{}/",
        reachable(server.address())
    );
    let end = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = server.last_worker_failed() => Err(anyhow::anyhow!("no worker is left; the log says why")),
    };
    tracing::info!("stopping");
    server.stop().await;
    end
}

/// Every client has a socket, and the usual limit is that of an interactive program.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, current = ?limit.current, "cannot raise the limit of open files");
    }
}

fn warn_if_open(access: &Access) {
    match access {
        Access::Keys(_) => {}
        Access::OpenToThisMachine => tracing::warn!(
            "NO KEY IS CONFIGURED: everybody on this machine may use the server without a token; \
             configure a key before you let others reach it"
        ),
        Access::OpenToEverybody => tracing::warn!(
            "INSECURE-OPEN: everybody who can reach this server may use it, listen to every room and \
             publish in it, without a token"
        ),
    }
}

/// An address that a browser can open: nobody can connect to "every address".
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        _ => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
    }
}
