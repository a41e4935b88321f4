//! A running server: its sockets, its tasks, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu::control::{Load, Sfu, StartError};
use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::listener::Reception;
use crate::node::{Node, SharedNode};
use crate::{listener, routes};

/// A running server.
pub struct Server {
    node: SharedNode,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
}

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The TCP address is taken, or not ours.
    #[error("{key}: cannot listen on {address}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The media side does not start.
    #[error(transparent)]
    Media(#[from] StartError),
}

/// How long the tasks may take to say goodbye: longer than a client may take to read it.
const GOODBYE: Duration = Duration::from_secs(5);

/// How often it is looked whether workers are left. Those who were on the last one have lost it already.
const LOOK_AT_WORKERS: Duration = Duration::from_secs(1);

impl Server {
    /// Starts serving. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If a port is taken, or an address is not of this machine.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        let public = listen("listen", config.listen).await?;
        let private = match config.metrics_listen {
            Some(address) => Some(listen("metrics-listen", address).await?),
            None => None,
        };
        let sfu = Sfu::start(config.media.clone())?;
        let node = Arc::new(Node::new(sfu, &config, Instant::now()));
        let server = Self {
            address: public.local_addr().unwrap_or(config.listen),
            metrics_address: private
                .as_ref()
                .and_then(|listener| listener.local_addr().ok()),
            node: node.clone(),
        };
        let reception = Reception {
            places: config.max_strangers,
            head: config.patience.request,
        };
        let with_metrics = private.is_none();
        let router = routes::public(node.clone(), with_metrics);
        tokio::spawn(listener::serve(
            public,
            router,
            reception,
            node.stopping.subscribe(),
        ));
        if let Some(private) = private {
            let router = routes::private(node.clone());
            tokio::spawn(listener::serve(
                private,
                router,
                reception,
                node.stopping.subscribe(),
            ));
        }
        Ok(server)
    }

    /// Where the page is served: with the port that was chosen if the setting says 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics are served, if not there.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Waits until there is no worker that could serve anybody; for ever, if all is well.
    pub async fn last_worker_failed(&self) {
        let mut look = tokio::time::interval(LOOK_AT_WORKERS);
        while !is_without_workers(&self.node.sfu.load()) {
            look.tick().await;
        }
    }

    /// Stops: tells every client, waits until they have heard it or 5 s have passed, stops media.
    pub async fn stop(self) {
        self.node.stopping.send_replace(true);
        // Every task holds a receiver, so this ends with the last of them.
        if tokio::time::timeout(GOODBYE, self.node.stopping.closed())
            .await
            .is_err()
        {
            tracing::warn!("some clients did not take their leave in time");
        }
        // It waits for the workers' farewells.
        let sfu = self.node.sfu.clone();
        if tokio::task::spawn_blocking(move || sfu.stop())
            .await
            .is_err()
        {
            tracing::error!("media did not stop in order");
        }
    }
}

fn is_without_workers(load: &Load) -> bool {
    load.failed_workers.len() == load.peers.len()
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen {
            key,
            address,
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu::id::WorkerId;

    #[test]
    fn a_server_goes_on_as_long_as_one_worker_does() {
        let cases: &[(usize, &[usize], bool)] = &[
            (1, &[], false),
            (1, &[0], true),
            (3, &[0, 2], false),
            (3, &[0, 1, 2], true),
        ];
        for &(workers, failed, expected) in cases {
            let load = Load {
                rooms: 0,
                participants: 0,
                peers: vec![0; workers],
                failed_workers: failed.iter().copied().filter_map(WorkerId::new).collect(),
            };
            assert_eq!(is_without_workers(&load), expected, "{load:?}");
        }
    }
}
