//! What an attacker on the network can do: send from any address, and repeat what it has seen.

use std::net::SocketAddr;

use super::World;
use super::crowd::PersonId;

impl World {
    /// The address of the worker that serves somebody.
    pub fn server_of(&self, id: PersonId) -> SocketAddr {
        let candidates = self.node.candidates(self.crowd.member(id).worker);
        candidates[0].address()
    }

    /// Puts a datagram onto the network that claims to come from `from`.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        self.network.send(self.now, from, to, datagram);
    }
}
