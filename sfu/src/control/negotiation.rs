//! What an offer means for a participant that may have a connection already.

use std::sync::Arc;

use rand::Rng;

use super::OfferRefusal;
use crate::id::{PeerId, WorkerId};
use crate::parameters::{Fingerprint, IceCredentials, PeerParameters};
use crate::sdp::{self, Candidate, CodecPolicy, LocalDescription, Offer, OfferError};

/// What the last offer of a connection led to.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) peer: PeerId,
    pub(super) worker: WorkerId,
    pub(super) parameters: PeerParameters,
    session_id: u64,
    session_version: u64,
}

/// An offer answered, but not carried out yet.
pub(super) struct Negotiated {
    pub(super) answer: String,
    pub(super) negotiation: Arc<Negotiation>,
}

/// What the node says of itself in every answer.
#[derive(Debug)]
pub(super) struct LocalNode {
    pub(super) fingerprint: Fingerprint,
    /// Where each worker is reached; the index is the worker's.
    pub(super) candidates: Vec<Vec<Candidate>>,
    pub(super) codecs: CodecPolicy,
}

impl Negotiation {
    /// Whether an offer continues this connection. A browser keeps its certificate for the life of a
    /// peer connection and makes another for the next, so another certificate is another connection.
    pub(super) fn is_continued_by(&self, offer: &Offer) -> bool {
        let mut known = self.parameters.fingerprints.iter();
        known.any(|fingerprint| offer.fingerprints().contains(fingerprint))
    }

    /// Answers the first offer of a connection.
    pub(super) fn begin(
        node: &LocalNode,
        offer: &Offer,
        peer: PeerId,
        worker: WorkerId,
        random: &mut impl rand::CryptoRng,
    ) -> Result<Negotiated, OfferRefusal> {
        // Below 2^63 (RFC 8829 §5.2.1).
        let session_id = random.random::<u64>() >> 1;
        let local = node.describe(worker, fresh_credentials(random), session_id, 1);
        Self::answer(offer, local, None, peer, worker, random)
    }

    /// Answers a later offer. New credentials of the peer restart ICE, which asks for new ones of
    /// ours (RFC 8839 §4.4.1.1.1).
    pub(super) fn go_on(
        &self,
        node: &LocalNode,
        offer: &Offer,
        random: &mut impl rand::CryptoRng,
    ) -> Result<Negotiated, OfferRefusal> {
        let restarts = *offer.ice() != self.parameters.ice.remote;
        let ice = match restarts {
            true => fresh_credentials(random),
            false => self.parameters.ice.local.clone(),
        };
        let version = self.session_version.saturating_add(1);
        let local = node.describe(self.worker, ice, self.session_id, version);
        Self::answer(
            offer,
            local,
            Some(&self.parameters),
            self.peer,
            self.worker,
            random,
        )
    }

    fn answer(
        offer: &Offer,
        local: LocalDescription,
        previous: Option<&PeerParameters>,
        peer: PeerId,
        worker: WorkerId,
        random: &mut impl rand::CryptoRng,
    ) -> Result<Negotiated, OfferRefusal> {
        let negotiated = sdp::answer(offer, &local, previous, &mut || random.random())?;
        for refused in &negotiated.refused {
            tracing::debug!(%peer, index = refused.index, reason = refused.reason.code(), "m-line refused");
        }
        let negotiation = Self {
            peer,
            worker,
            parameters: negotiated.parameters,
            session_id: local.session_id,
            session_version: local.session_version,
        };
        Ok(Negotiated {
            answer: negotiated.sdp,
            negotiation: Arc::new(negotiation),
        })
    }
}

impl LocalNode {
    fn describe(
        &self,
        worker: WorkerId,
        ice: IceCredentials,
        session_id: u64,
        session_version: u64,
    ) -> LocalDescription {
        LocalDescription {
            ice,
            fingerprint: self.fingerprint,
            candidates: self
                .candidates
                .get(worker.index())
                .cloned()
                .unwrap_or_default(),
            session_id,
            session_version,
            codecs: self.codecs.clone(),
        }
    }
}

impl From<OfferError> for OfferRefusal {
    fn from(error: OfferError) -> Self {
        match error.fault() {
            sdp::Fault::PeerBrokeRule => Self::InvalidSdp(error.to_string()),
            sdp::Fault::PeerIsIncompatible => Self::UnsupportedSdp(error.to_string()),
        }
    }
}

/// 48 random bits of ufrag, which must be unique on its worker, and 144 of password: RFC 8445 §5.3
/// asks for 24 and 128.
fn fresh_credentials(random: &mut impl rand::CryptoRng) -> IceCredentials {
    IceCredentials {
        ufrag: random_text(8, random),
        pwd: random_text(24, random),
    }
}

fn random_text(len: usize, random: &mut impl rand::CryptoRng) -> String {
    (0..len)
        .map(|_| char::from(ICE_CHARS[random.random_range(0..ICE_CHARS.len())]))
        .collect()
}

/// `ice-char` of RFC 8839 §5.4: six bits each.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
