//! Who a datagram is from: by address once a peer has authenticated from there, by ICE username fragment
//! before, and by identity for commands.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::id::PeerId;
use crate::key::PeerKey;

/// The names of an engine's peers. Addresses enter only after their ICE request has authenticated, and
/// each peer's are capped by its ICE state, so strangers cannot make it grow.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    by_address: HashMap<SocketAddr, PeerKey>,
    by_ufrag: HashMap<Box<str>, PeerKey>,
    by_id: HashMap<PeerId, PeerKey>,
}

impl Directory {
    #[inline]
    pub(crate) fn at(&self, address: SocketAddr) -> Option<PeerKey> {
        self.by_address.get(&address).copied()
    }

    pub(crate) fn with_ufrag(&self, ufrag: &str) -> Option<PeerKey> {
        self.by_ufrag.get(ufrag).copied()
    }

    pub(crate) fn with_id(&self, id: PeerId) -> Option<PeerKey> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn add_peer(&mut self, id: PeerId, key: PeerKey) {
        self.by_id.insert(id, key);
    }

    pub(crate) fn add_ufrag(&mut self, ufrag: &str, key: PeerKey) {
        self.by_ufrag.insert(ufrag.into(), key);
    }

    pub(crate) fn remove_ufrag(&mut self, ufrag: &str) {
        self.by_ufrag.remove(ufrag);
    }

    /// The address is this peer's from now on, whoever had it before: a NAT may give a port to another.
    pub(crate) fn add_address(&mut self, address: SocketAddr, key: PeerKey) {
        self.by_address.insert(address, key);
    }

    /// Forgets the address if it is still this peer's.
    pub(crate) fn remove_address(&mut self, address: SocketAddr, key: PeerKey) {
        if self.at(address) == Some(key) {
            self.by_address.remove(&address);
        }
    }

    /// Forgets a peer by all its names. Rare, so a scan is cheaper than a list per peer.
    pub(crate) fn remove_peer(&mut self, id: PeerId, key: PeerKey) {
        self.by_id.remove(&id);
        self.by_ufrag.retain(|_, other| *other != key);
        self.by_address.retain(|_, other| *other != key);
    }

    /// How many (addresses, username fragments, identities) it holds.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.by_address.len(), self.by_ufrag.len(), self.by_id.len())
    }
}
