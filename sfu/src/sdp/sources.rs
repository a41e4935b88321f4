//! Which SSRCs an m-line announces: `a=ssrc` and `a=ssrc-group` (RFC 5576).

use sfu_rtp::{Rid, Ssrc};

use super::error::OfferError;
use super::lines::Attributes;
use crate::parameters::EncodingParameters;

/// The SSRCs of an m-line.
#[derive(Clone, Default, Debug)]
pub(super) struct Sources {
    /// In the order in which they are named first.
    all: Vec<Ssrc>,
    /// (source, its retransmissions), from `FID` groups.
    retransmissions: Vec<(Ssrc, Ssrc)>,
    /// (source, its repair packets), from `FEC-FR` groups: not received, but no encodings either.
    repairs: Vec<(Ssrc, Ssrc)>,
}

impl Sources {
    pub(super) fn read(attributes: &Attributes<'_>) -> Result<Self, OfferError> {
        let mut sources = Self::default();
        for attribute in attributes.all("ssrc") {
            let ssrc = attribute.value.split(' ').next().and_then(ssrc);
            let ssrc = ssrc.ok_or_else(|| attribute.malformed("a=ssrc:<SSRC> <attribute>"))?;
            if sources.all.contains(&ssrc) {
                continue;
            }
            if sources.all.len() == MAX_SSRCS {
                return Err(OfferError::TooMany {
                    line: attribute.line,
                    what: "SSRCs of an m-line",
                    limit: MAX_SSRCS,
                });
            }
            sources.all.push(ssrc);
        }
        for attribute in attributes.all("ssrc-group").take(MAX_SSRCS) {
            let mut fields = attribute.value.split_ascii_whitespace();
            let semantics = fields.next();
            let mut member = || fields.next().and_then(ssrc);
            let (Some(source), Some(secondary)) = (member(), member()) else {
                continue;
            };
            match semantics {
                Some("FID") => sources.retransmissions.push((source, secondary)),
                Some("FEC-FR") => sources.repairs.push((source, secondary)),
                _ => {}
            }
        }
        Ok(sources)
    }

    /// All of them, each once.
    pub(super) fn iter(&self) -> impl Iterator<Item = Ssrc> {
        self.all.iter().copied()
    }

    /// The encodings with what is known of their SSRCs: one per RID, or a single one.
    ///
    /// Firefox lists the SSRCs of simulcast in the order of the RIDs. Where the numbers do not match,
    /// nothing is assumed, and the header extensions tell.
    pub(super) fn encodings(&self, rids: &[Rid]) -> Vec<EncodingParameters> {
        let primary: Vec<Ssrc> = self
            .all
            .iter()
            .copied()
            .filter(|&ssrc| self.is_primary(ssrc))
            .collect();
        let encoding = |rid, ssrc: Option<Ssrc>| EncodingParameters {
            rid,
            ssrc,
            rtx_ssrc: ssrc.and_then(|ssrc| self.retransmissions_of(ssrc)),
        };
        match rids {
            [] => vec![encoding(None, primary.first().copied())],
            _ => {
                let known = if primary.len() == rids.len() {
                    primary
                } else {
                    Vec::new()
                };
                let of = |place: usize| known.get(place).copied();
                rids.iter()
                    .enumerate()
                    .map(|(place, &rid)| encoding(Some(rid), of(place)))
                    .collect()
            }
        }
    }

    fn is_primary(&self, ssrc: Ssrc) -> bool {
        let mut secondary = self.retransmissions.iter().chain(&self.repairs);
        secondary.all(|&(_, secondary)| secondary != ssrc)
    }

    /// Only if it is announced itself: then it is known to be no other m-line's.
    fn retransmissions_of(&self, ssrc: Ssrc) -> Option<Ssrc> {
        let group = self
            .retransmissions
            .iter()
            .find(|&&(source, _)| source == ssrc);
        group
            .map(|&(_, rtx)| rtx)
            .filter(|rtx| self.all.contains(rtx))
    }
}

fn ssrc(text: &str) -> Option<Ssrc> {
    text.parse().ok().map(Ssrc::new)
}

/// Three simulcast encodings with their retransmissions and repairs make nine; the rest is a guess.
const MAX_SSRCS: usize = 32;
