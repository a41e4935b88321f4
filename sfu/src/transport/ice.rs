//! The ICE-lite agent of one peer (RFC 8445 §2.5, RFC 8839): it answers connectivity checks and knows where the peer
//! is. It never sends a check of its own, so it has consent to send (RFC 7675) for as long as checks come in.
//!
//! Nothing in a request is believed before its MESSAGE-INTEGRITY was checked, and nothing behind that attribute at all.
//! Requests that do not authenticate are dropped without an answer: the answer would go to whoever is named as sender.

mod credentials;
mod stun;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use thiserror::Error;

use crate::drop_reason::DropReason;
use crate::parameters::IceParameters;
use crate::send_batch::Path;
use stun::Request;

pub use credentials::generate_credentials;
pub use stun::request_username;

/// The agent.
///
/// The peer's addresses are those that it has authenticated from: [`IceReply`] says which to add to the table by
/// which datagrams find their peer, and which to take out of it.
#[derive(Debug)]
pub struct IceLite {
    parameters: IceParameters,
    /// From a restart of which no request has come yet.
    restarted: Option<IceParameters>,
    addresses: ArrayVec<KnownAddress, MAX_ADDRESSES>,
    selected: Option<Selected>,
    /// When it all began, or the last authenticated request came.
    last_heard: Instant,
}

impl IceLite {
    /// An agent that waits for its first request.
    pub fn new(parameters: IceParameters, now: Instant) -> Self {
        Self {
            parameters,
            restarted: None,
            addresses: ArrayVec::new(),
            selected: None,
            last_heard: now,
        }
    }

    /// Answers one datagram that claims to be STUN.
    ///
    /// The first authenticated request selects its path. Later ones move the selection if they have USE-CANDIDATE, if
    /// they are the first after a restart, or if the selected path has had no check for ten seconds.
    ///
    /// # Errors
    /// [`IceError`] says why the datagram was dropped; nothing has changed then.
    pub fn handle_request(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
    ) -> Result<IceReply, IceError> {
        let request = Request::parse(datagram)?;
        let restarts = match &self.restarted {
            Some(restarted) if request.is_addressed_to(restarted) => true,
            _ if request.is_addressed_to(&self.parameters) => false,
            _ => return Err(IceError::UnknownUsername),
        };
        let parameters = match &self.restarted {
            Some(restarted) if restarts => restarted,
            _ => &self.parameters,
        };
        request.authenticate(&parameters.local.pwd)?;

        let password = &parameters.local.pwd;
        if !request.unknown_attributes().is_empty() {
            return Ok(IceReply::answer(
                request.unknown_attributes_response(password),
            ));
        }
        if request.claims_controlled() {
            // A lite agent cannot take the controlling role (RFC 8445 §6.1.1), so it is the peer that must.
            return Ok(IceReply::answer(request.role_conflict_response(password)));
        }

        let mut reply = IceReply::answer(request.success_response(path.remote, password));
        reply.first_authenticated = self.selected.is_none();
        if restarts && let Some(restarted) = self.restarted.take() {
            let retired = std::mem::replace(&mut self.parameters, restarted);
            reply.retired_ufrag = Some(retired.local.ufrag);
        }
        self.last_heard = now;
        (reply.added, reply.forgotten) = self.note_address(now, path.remote);
        if self.select(now, path, request.uses_candidate() || restarts) {
            reply.selected = Some(path);
        }
        Ok(reply)
    }

    /// Where media goes; `None` until the first authenticated request.
    #[inline]
    pub fn selected(&self) -> Option<Path> {
        self.selected.map(|selected| selected.path)
    }

    /// The addresses that are the peer's, for taking them out of the table when it is gone.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(|known| known.address)
    }

    /// Our username fragments that the peer may use; two between a restart and the first request after it.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        [Some(&self.parameters), self.restarted.as_ref()]
            .into_iter()
            .flatten()
            .map(|parameters| parameters.local.ufrag.as_str())
    }

    /// Takes new credentials (RFC 8445 §9). Requests with the old ones, and media, go on until the first request with
    /// the new ones authenticates. Returns a username fragment of ours that is not valid any more, if an earlier restart
    /// was never used.
    pub fn restart(&mut self, parameters: IceParameters) -> Option<String> {
        self.restarted
            .replace(parameters)
            .map(|unused| unused.local.ufrag)
    }

    /// When to call [`check_deadline`](Self::check_deadline).
    pub fn next_deadline(&self) -> Instant {
        let allowed = match self.selected {
            None => CONNECTING_TIMEOUT,
            Some(_) => CONSENT_TIMEOUT,
        };
        self.last_heard + allowed
    }

    /// Whether the peer has been silent for too long.
    pub fn check_deadline(&self, now: Instant) -> Option<IceTimeout> {
        if now < self.next_deadline() {
            return None;
        }
        Some(match self.selected {
            None => IceTimeout::NeverConnected,
            Some(_) => IceTimeout::ConsentExpired,
        })
    }

    /// Remembers that a request came from this address. Returns it if it is new, and the one that had to make room.
    fn note_address(
        &mut self,
        now: Instant,
        address: SocketAddr,
    ) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let known = KnownAddress {
            address,
            last_heard: now,
        };
        if let Some(same) = self
            .addresses
            .iter_mut()
            .find(|same| same.address == address)
        {
            *same = known;
            return (None, None);
        }
        // At most one of them is selected, so when they are many there is one to evict.
        let forgotten = if self.addresses.is_full() {
            let selected = self.selected().map(|path| path.remote);
            let oldest = self
                .addresses
                .iter()
                .enumerate()
                .filter(|(_, known)| Some(known.address) != selected)
                .min_by_key(|(_, known)| known.last_heard)
                .map(|(position, _)| position);
            oldest.map(|position| self.addresses.swap_remove(position).address)
        } else {
            None
        };
        self.addresses.push(known);
        (Some(address), forgotten)
    }

    /// Selects the path of an authenticated request if it is nominated or there is reason to. Whether the path changed.
    fn select(&mut self, now: Instant, path: Path, nominated: bool) -> bool {
        if let Some(selected) = &mut self.selected {
            if selected.path == path {
                selected.last_checked = now;
                return false;
            }
            let silent = now.saturating_duration_since(selected.last_checked) >= SILENT_PATH;
            if !nominated && !silent {
                return false;
            }
        }
        self.selected = Some(Selected {
            path,
            last_checked: now,
        });
        true
    }
}

/// What to do about an authenticated request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IceReply {
    /// The response, to be sent back on the path of the request.
    pub response: Vec<u8>,
    /// Media goes here from now on.
    pub selected: Option<Path>,
    /// Datagrams from this address are the peer's from now on, whoever's they were.
    pub added: Option<SocketAddr>,
    /// Datagrams from this address are not the peer's any more.
    pub forgotten: Option<SocketAddr>,
    /// This username fragment of ours is not valid any more.
    pub retired_ufrag: Option<String>,
    /// Whether this was the peer's first authenticated request: it can be reached now.
    pub first_authenticated: bool,
}

impl IceReply {
    /// One that answers and changes nothing.
    fn answer(response: Vec<u8>) -> Self {
        Self {
            response,
            selected: None,
            added: None,
            forgotten: None,
            retired_ufrag: None,
            first_authenticated: false,
        }
    }
}

/// Why a datagram was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum IceError {
    /// It is no well-formed binding request.
    #[error("the datagram is no STUN binding request")]
    Malformed,
    /// Its USERNAME does not have both sides' fragments.
    #[error("the request's USERNAME is not the peer's")]
    UnknownUsername,
    /// Its FINGERPRINT or MESSAGE-INTEGRITY is wrong or missing.
    #[error("the request does not authenticate")]
    Unauthenticated,
}

impl From<IceError> for DropReason {
    fn from(error: IceError) -> Self {
        match error {
            IceError::Malformed => Self::StunMalformed,
            IceError::UnknownUsername => Self::StunUnknownUsername,
            IceError::Unauthenticated => Self::StunUnauthenticated,
        }
    }
}

/// How the peer was lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IceTimeout {
    /// No request has ever authenticated.
    NeverConnected,
    /// Requests have stopped.
    ConsentExpired,
}

#[derive(Clone, Copy, Debug)]
struct KnownAddress {
    address: SocketAddr,
    last_heard: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Selected {
    path: Path,
    last_checked: Instant,
}

/// Checks come from every address that the peer has, through every NAT in between. Two networks with two address
/// families and some change of NAT bindings are eight; the oldest beyond 16 is of no use any more.
const MAX_ADDRESSES: usize = 16;

/// From the answer to the first check. A browser sends it within a round trip of getting the answer, but the answer may
/// travel through a slow application.
const CONNECTING_TIMEOUT: Duration = Duration::from_secs(30);

/// RFC 7675 §5.1. Browsers check the path every 2.5 to 6 seconds.
const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);

/// After this long without a check, the selected path is not the one that the peer checks for consent: longer than any
/// browser's interval. It happens when a peer nominates several paths at once (RFC 5245 §8.1.1.2) and then keeps
/// another than the one it nominated last.
const SILENT_PATH: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
