//! The server's ICE candidates, as the answer names them (RFC 8445 §5.1, RFC 8839 §5.1).

use std::fmt;
use std::net::SocketAddr;

/// A host candidate: a UDP address on which a worker can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Candidate {
    address: SocketAddr,
}

impl Candidate {
    /// A local address, or the one that a 1:1 NAT maps to it. The unspecified address and port 0 are
    /// the caller's mistake: peers ignore such candidates.
    pub const fn host(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The address.
    pub const fn address(self) -> SocketAddr {
        self.address
    }

    /// The value of the `a=candidate` line for each of these, the preferred first.
    pub(super) fn lines(candidates: &[Self]) -> impl Iterator<Item = CandidateLine> + '_ {
        candidates.iter().enumerate().map(|(place, candidate)| {
            // RFC 8445 §5.1.1.3: candidates of one type, transport and base address share a foundation.
            let same_base = |other: &Self| other.address.ip() == candidate.address.ip();
            let first = candidates.iter().position(same_base).unwrap_or(place);
            CandidateLine {
                foundation: first.saturating_add(1),
                priority: host_priority(place),
                address: candidate.address,
            }
        })
    }
}

/// What follows `a=candidate:`.
pub(super) struct CandidateLine {
    foundation: usize,
    priority: u32,
    address: SocketAddr,
}

impl fmt::Display for CandidateLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            foundation,
            priority,
            address,
        } = self;
        let (ip, port) = (address.ip(), address.port());
        write!(
            f,
            "{foundation} {COMPONENT} udp {priority} {ip} {port} typ host"
        )
    }
}

/// RFC 8445 §5.1.2.1: each candidate of an agent has a priority of its own, and the local preference
/// tells those of one type apart.
fn host_priority(place: usize) -> u32 {
    let local_preference = u16::MAX.saturating_sub(u16::try_from(place).unwrap_or(u16::MAX));
    (HOST_TYPE_PREFERENCE << 24) + (u32::from(local_preference) << 8) + (256 - COMPONENT)
}

/// RTP, and RTCP with it.
const COMPONENT: u32 = 1;

/// RFC 8445 §5.1.2.2
const HOST_TYPE_PREFERENCE: u32 = 126;
