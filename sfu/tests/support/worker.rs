//! A worker on loopback that knows one peer.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use sfu::engine::command::Command;
use sfu::id::PeerId;
use sfu::transport::dtls::Identity;
use sfu::worker::socket::SocketOptions;
use sfu::worker::{SpawnConfig, WorkerHandle, Workers, spawn_workers};

use crate::check::parameters;

pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The peer knows us as `ufrag`; the worker may hear of it a moment later.
pub(crate) fn worker_with_peer(socket: SocketOptions, ufrag: &str) -> WorkerHandle {
    let Workers { mut handles, .. } = spawn_workers(&SpawnConfig {
        workers: 1,
        listen: vec![LOOPBACK],
        first_port: 0,
        socket,
        identity: Arc::new(Identity::generate().expect("randomness")),
        seed: 1,
    })
    .expect("a worker");
    let handle = handles.pop().expect("a worker");
    let parameters = Box::new(parameters(ufrag));
    let peer = PeerId::new(1);
    handle
        .send(Command::AddPeer { peer, parameters })
        .expect("room in the mailbox");
    handle
}
