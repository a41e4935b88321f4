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
    /// Whom the last datagram was from: they come in runs, and a hash that strangers cannot steer is slow.
    recent: Option<(SocketAddr, PeerKey)>,
    by_ufrag: HashMap<Box<str>, PeerKey>,
    by_id: HashMap<PeerId, PeerKey>,
}

impl Directory {
    #[inline]
    pub(crate) fn at(&mut self, address: SocketAddr) -> Option<PeerKey> {
        if let Some((recent, key)) = self.recent
            && recent == address
        {
            return Some(key);
        }
        let key = self.by_address.get(&address).copied()?;
        self.recent = Some((address, key));
        Some(key)
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
        self.recent = None;
        self.by_address.insert(address, key);
    }

    /// Forgets the address if it is still this peer's.
    pub(crate) fn remove_address(&mut self, address: SocketAddr, key: PeerKey) {
        if self.by_address.get(&address) == Some(&key) {
            self.recent = None;
            self.by_address.remove(&address);
        }
    }

    /// Forgets a peer by all its names. Rare, so a scan is cheaper than a list per peer.
    pub(crate) fn remove_peer(&mut self, id: PeerId, key: PeerKey) {
        self.recent = None;
        self.by_id.remove(&id);
        self.by_ufrag.retain(|_, other| *other != key);
        self.by_address.retain(|_, other| *other != key);
    }

    /// How many (addresses, username fragments, identities) it holds.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.by_address.len(), self.by_ufrag.len(), self.by_id.len())
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn an_address_is_known_for_as_long_as_it_is_a_peers_however_often_it_was_asked_for() {
        let mut peers = SlotMap::<PeerKey, ()>::with_key();
        let (one, other) = (peers.insert(()), peers.insert(()));
        let address = SocketAddr::from(([192, 0, 2, 1], 5_000));
        let mut directory = Directory::default();
        let expect = |directory: &mut Directory, expected, step| {
            for _ in 0..2 {
                assert_eq!(directory.at(address), expected, "{step}");
            }
        };
        expect(&mut directory, None, "before anybody came");
        directory.add_address(address, one);
        expect(&mut directory, Some(one), "added");
        directory.add_address(address, other);
        expect(&mut directory, Some(other), "the port has gone to another");
        directory.remove_address(address, one);
        expect(&mut directory, Some(other), "it was no longer that one's");
        directory.remove_address(address, other);
        expect(&mut directory, None, "removed");
        directory.add_address(address, one);
        expect(&mut directory, Some(one), "added again");
        directory.remove_peer(PeerId::new(1), one);
        expect(&mut directory, None, "its peer has left");
    }
}
