//! What an attacker on the network can do: listen, send from any address, and repeat what it has heard.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::World;
use super::crowd::PersonId;
use crate::network::Arrival;

/// Where somebody listens.
#[derive(Debug, Default)]
pub(super) struct Tap {
    at: Option<SocketAddr>,
    heard: Vec<Vec<u8>>,
}

impl Tap {
    pub(super) fn hear(&mut self, arrival: &Arrival) {
        if self.at == Some(arrival.from) {
            self.heard.push(arrival.bytes.clone());
        }
    }
}

impl World {
    /// An address that is nobody's.
    pub const STRANGER: SocketAddr =
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 66)), 6_666);

    /// The address of the worker that serves somebody.
    pub fn server_of(&self, id: PersonId) -> SocketAddr {
        let candidates = self.node.candidates(self.crowd.member(id).worker);
        candidates[0].address()
    }

    /// Begins to listen to what somebody sends.
    pub fn listen_to(&mut self, id: PersonId) {
        self.tap = Tap {
            at: Some(self.crowd.member(id).device.address()),
            heard: Vec::new(),
        };
    }

    /// What was heard, in order.
    pub fn stop_listening(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.tap).heard
    }

    /// Sends datagrams to the server of `victim`, claiming to be `from`, one each millisecond, and waits
    /// until the last has arrived.
    pub fn inject(
        &mut self,
        from: SocketAddr,
        victim: PersonId,
        datagrams: impl IntoIterator<Item = Vec<u8>>,
    ) {
        let to = self.server_of(victim);
        for datagram in datagrams {
            self.network.send(self.now, from, to, datagram);
            self.run_for(Duration::from_millis(1));
        }
        self.run_for(Duration::from_millis(200));
    }
}
