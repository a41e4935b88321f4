//! `switchyard` without a subcommand: serves until it is told to stop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Access, Config};
use crate::server::Server;

/// Serves until SIGINT or SIGTERM.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let access = config.access.clone();
    let server = Server::start(config).await?;
    warn_if_open(&access);
    tracing::info!(address = %server.address(), metrics = ?server.metrics_address(), "serving");
    println!("Switchyard is at http://{}/", reachable(server.address()));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    server.stop().await;
    Ok(())
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
