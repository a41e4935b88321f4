//! From an offer and what the server has to say to an answer and its parameters (RFC 8829 §5.3,
//! RFC 9143 §7.3).
//!
//! Here it is decided what is taken; [`write`](mod@write) puts the decisions into words.

mod slots;
mod write;

use sfu_rtp::{ExtensionMap, Mid};

use super::candidate::Candidate;
use super::codecs::{CodecPolicy, OfferedCodec};
use super::error::{OfferError, Refusal};
use super::media::OfferedMedia;
use super::offer::{Content, Offer, nothing_usable};
use super::simulcast::AcceptedRid;
use crate::parameters::{
    DataParameters, Fingerprint, IceCredentials, IceParameters, NegotiatedCodec, PeerParameters,
    PublishedMedia, SlotMedia,
};
use slots::SlotSource;

/// The server's side of a negotiation.
#[derive(Clone, Debug)]
pub struct LocalDescription {
    /// The credentials of this connection; new ones if ICE restarts.
    pub ice: IceCredentials,
    /// That of the node's certificate.
    pub fingerprint: Fingerprint,
    /// Where the peer's worker can be reached, the preferred first. The first is also named in the
    /// `c=` and `m=` lines, so it should be the one that most peers can use.
    pub candidates: Vec<Candidate>,
    /// The number of the session in `o=`, below 2^63 (RFC 8829 §5.2.1); the same in all answers of a
    /// connection.
    pub session_id: u64,
    /// The number of this answer in `o=`, one more each time.
    pub session_version: u64,
    /// What the operator allows.
    pub codecs: CodecPolicy,
}

/// What came of an offer.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The answer.
    pub sdp: String,
    /// What it means.
    pub parameters: PeerParameters,
    /// The m-lines that it refuses.
    pub refused: Vec<RefusedMedia>,
}

/// An m-line that was refused with port 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RefusedMedia {
    /// Its place in the offer, from 0.
    pub index: usize,
    /// Its MID, if it has one.
    pub mid: Option<Mid>,
    /// Why.
    pub reason: Refusal,
}

/// Answers an offer.
///
/// `previous` is what the last answer on the same connection meant: slots that are still there keep
/// their SSRCs and their pair. `ssrc_source` gives random numbers, and any number will do: those
/// that are in use are not taken.
///
/// # Errors
/// If the policy leaves no m-line that could be used.
pub fn answer(
    offer: &Offer,
    local: &LocalDescription,
    previous: Option<&PeerParameters>,
    ssrc_source: &mut dyn FnMut() -> u32,
) -> Result<Negotiated, OfferError> {
    let mut slots = SlotSource::new(offer, previous, ssrc_source);
    let sections: Vec<_> = offer
        .sections
        .iter()
        .map(|section| match &section.content {
            Content::Media(media) => accept_media(media, &local.codecs, &mut slots),
            Content::Data(data) => Answered::Data(*data),
            Content::Refused(reason) => Answered::Refused(*reason),
        })
        .collect();
    let refused = refused(offer, &sections);
    if refused.len() == sections.len() {
        return Err(nothing_usable(
            refused.first().map(|refused| refused.reason),
        ));
    }
    Ok(Negotiated {
        sdp: write::answer(offer, local, &sections),
        parameters: parameters(offer, local, &sections),
        refused,
    })
}

/// What becomes of an m-line.
enum Answered<'a> {
    Media(Box<AnsweredMedia<'a>>),
    Data(DataParameters),
    Refused(Refusal),
}

struct AnsweredMedia<'a> {
    offered: &'a OfferedMedia,
    /// In the order of the answer; at least one.
    codecs: Vec<&'a OfferedCodec>,
    /// Empty without simulcast.
    rids: Vec<AcceptedRid<'a>>,
    /// Present if the peer receives.
    slot: Option<SlotMedia>,
}

fn accept_media<'a>(
    offered: &'a OfferedMedia,
    policy: &CodecPolicy,
    slots: &mut SlotSource<'_>,
) -> Answered<'a> {
    let ranked = offered
        .codecs
        .iter()
        .filter_map(|codec| Some((policy.rank(codec.negotiated.codec)?, codec)));
    let mut ranked: Vec<_> = ranked.collect();
    if ranked.is_empty() {
        return Answered::Refused(Refusal::NoCommonCodec);
    }
    ranked.sort_by_key(|&(rank, _)| rank);
    let codecs: Vec<_> = ranked.into_iter().map(|(_, codec)| codec).collect();
    let negotiated = negotiated(&codecs);
    let direction = offered.direction();
    Answered::Media(Box::new(AnsweredMedia {
        offered,
        rids: if direction.sends() {
            offered.simulcast.accept(&negotiated)
        } else {
            Vec::new()
        },
        slot: direction
            .receives()
            .then(|| slots.slot(offered, negotiated)),
        codecs,
    }))
}

fn negotiated(codecs: &[&OfferedCodec]) -> Vec<NegotiatedCodec> {
    codecs.iter().map(|codec| codec.negotiated).collect()
}

fn refused(offer: &Offer, sections: &[Answered<'_>]) -> Vec<RefusedMedia> {
    let places = offer.sections.iter().zip(sections).enumerate();
    let refused = places.filter_map(|(index, (section, answered))| match answered {
        Answered::Refused(reason) => Some(RefusedMedia {
            index,
            mid: section.mid,
            reason: *reason,
        }),
        Answered::Media(_) | Answered::Data(_) => None,
    });
    refused.collect()
}

fn parameters(
    offer: &Offer,
    local: &LocalDescription,
    sections: &[Answered<'_>],
) -> PeerParameters {
    let mut parameters = PeerParameters {
        ice: IceParameters {
            local: local.ice.clone(),
            remote: offer.ice.clone(),
        },
        fingerprints: offer.fingerprints.clone(),
        receive_extensions: ExtensionMap::new(),
        published: Vec::new(),
        slots: Vec::new(),
        data: None,
    };
    for section in sections {
        match section {
            Answered::Media(media) => media.add_to(&mut parameters),
            Answered::Data(data) => parameters.data = Some(*data),
            Answered::Refused(_) => {}
        }
    }
    parameters
}

impl AnsweredMedia<'_> {
    fn add_to(&self, parameters: &mut PeerParameters) {
        let direction = self.offered.direction();
        for extension in &self.offered.extensions {
            if extension.is_received(direction) {
                let map = &mut parameters.receive_extensions;
                map.insert(extension.id, extension.kind)
                    .expect("an offer's extensions have ids of their own");
            }
        }
        if direction.sends() {
            parameters.published.push(self.published());
        }
        parameters.slots.extend(self.slot.clone());
    }

    fn published(&self) -> PublishedMedia {
        let rids: Vec<_> = self.rids.iter().map(|accepted| accepted.rid).collect();
        PublishedMedia {
            mid: self.offered.mid(),
            kind: self.offered.kind(),
            codecs: negotiated(&self.codecs),
            encodings: self.offered.sources.encodings(&rids),
            stream_id: self.offered.msid().and_then(|msid| msid.stream.clone()),
        }
    }
}
