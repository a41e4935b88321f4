//! Which encodings of an m-line the server receives: `a=rid` (RFC 8851) and `a=simulcast` (RFC 8853).

use sfu_rtp::{PayloadType, Rid};

use super::error::OfferError;
use super::lines::{Attribute, Attributes, Malformed};
use crate::parameters::{MAX_ENCODINGS, NegotiatedCodec};

/// The simulcast streams that a peer offers to send; none if it offers no simulcast.
#[derive(Clone, Default, Debug)]
pub(super) struct Simulcast {
    /// Each with its alternatives, the preferred first.
    streams: Vec<Vec<OfferedRid>>,
}

/// An `a=rid:<rid> send` that a simulcast stream names.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OfferedRid {
    rid: Rid,
    /// `pt=`; empty: any.
    formats: Vec<PayloadType>,
    /// The other restrictions, as they were written.
    restrictions: Vec<String>,
}

/// A RID that the answer accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AcceptedRid<'a> {
    pub(super) rid: Rid,
    /// Those of its `pt=` that were accepted; empty: any.
    pub(super) formats: Vec<PayloadType>,
    /// What the peer restricts itself to. The server never needs more, so it says the same back
    /// (RFC 8851 §6.3).
    pub(super) restrictions: &'a [String],
}

impl Simulcast {
    pub(super) fn read(attributes: &Attributes<'_>) -> Result<Self, OfferError> {
        let Some(simulcast) = attributes.first("simulcast") else {
            return Ok(Self::default());
        };
        let offered = offered_rids(attributes)?;
        let mut named: Vec<Rid> = Vec::new();
        let mut streams = Vec::new();
        for stream in send_list(simulcast)?.unwrap_or_default().split(';') {
            let mut alternatives = Vec::new();
            for name in stream.split(',').filter(|name| !name.is_empty()) {
                // `~`: initially paused. A stream is accepted unpaused, because a viewer may want it at
                // any time and the server has no way to ask for a resumption (RFC 7728).
                let name = name.strip_prefix('~').unwrap_or(name);
                let rid = Rid::parse(name.as_bytes())
                    .ok_or_else(|| simulcast.malformed(SIMULCAST_GRAMMAR))?;
                // A RID without `a=rid` is to be ignored, one that is named twice counts once.
                if let Some(offered) = offered.iter().find(|offered| offered.rid == rid)
                    && !named.contains(&rid)
                {
                    named.push(rid);
                    alternatives.push(offered.clone());
                }
            }
            if !alternatives.is_empty() {
                streams.push(alternatives);
            }
        }
        Ok(Self { streams })
    }

    /// The first [`MAX_ENCODINGS`] streams that can be had with these codecs, each by its first
    /// alternative that can.
    pub(super) fn accept(&self, codecs: &[NegotiatedCodec]) -> Vec<AcceptedRid<'_>> {
        let is_accepted =
            |format: &PayloadType| codecs.iter().any(|codec| codec.payload_type == *format);
        let accept = |offered: &'_ OfferedRid| -> Option<Vec<PayloadType>> {
            let formats: Vec<_> = offered
                .formats
                .iter()
                .copied()
                .filter(is_accepted)
                .collect();
            (offered.formats.is_empty() || !formats.is_empty()).then_some(formats)
        };
        let streams = self.streams.iter().filter_map(|alternatives| {
            alternatives.iter().find_map(|offered| {
                Some(AcceptedRid {
                    rid: offered.rid,
                    formats: accept(offered)?,
                    restrictions: &offered.restrictions,
                })
            })
        });
        streams.take(MAX_ENCODINGS).collect()
    }
}

/// The `send` RIDs of a section, each once.
fn offered_rids(attributes: &Attributes<'_>) -> Result<Vec<OfferedRid>, OfferError> {
    let mut rids: Vec<OfferedRid> = Vec::new();
    for attribute in attributes.all("rid") {
        let rid = offered_rid(attribute)?;
        let Some(rid) = rid.filter(|rid| rids.iter().all(|known| known.rid != rid.rid)) else {
            continue;
        };
        if rids.len() == MAX_RIDS {
            return Err(OfferError::TooMany {
                line: attribute.line,
                what: "RIDs of an m-line",
                limit: MAX_RIDS,
            });
        }
        rids.push(rid);
    }
    Ok(rids)
}

/// `a=rid:<rid> send|recv [pt=<format>,...][;<restriction>]...`; `None` for `recv`.
fn offered_rid(attribute: &Attribute<'_>) -> Result<Option<OfferedRid>, Malformed> {
    let malformed = || attribute.malformed("a=rid:<rid> send|recv [<restrictions>]");
    let mut fields = attribute.value.splitn(3, ' ');
    let rid = fields.next().and_then(|name| Rid::parse(name.as_bytes()));
    let rid = rid.ok_or_else(malformed)?;
    match fields.next() {
        Some("send") => {}
        Some("recv") => return Ok(None),
        _ => return Err(malformed()),
    }
    let mut offered = OfferedRid {
        rid,
        formats: Vec::new(),
        restrictions: Vec::new(),
    };
    let restrictions = fields.next().unwrap_or_default().split(';').map(str::trim);
    for restriction in restrictions.filter(|restriction| !restriction.is_empty()) {
        match restriction.strip_prefix("pt=") {
            Some(formats) => {
                for format in formats.split(',') {
                    let format = format.parse().ok().and_then(PayloadType::new);
                    offered.formats.push(format.ok_or_else(malformed)?);
                }
            }
            None => offered.restrictions.push(restriction.to_owned()),
        }
    }
    Ok(Some(offered))
}

/// The stream list after `send` in `a=simulcast:send <list>[ recv <list>]`, in either order.
fn send_list<'a>(attribute: &Attribute<'a>) -> Result<Option<&'a str>, Malformed> {
    let mut fields = attribute.value.split_ascii_whitespace();
    let (mut send, mut recv) = (None, None);
    while let Some(direction) = fields.next() {
        let list = match direction {
            "send" => &mut send,
            "recv" => &mut recv,
            _ => return Err(attribute.malformed(SIMULCAST_GRAMMAR)),
        };
        if list.is_some() {
            return Err(attribute.malformed(SIMULCAST_GRAMMAR));
        }
        *list = Some(
            fields
                .next()
                .ok_or_else(|| attribute.malformed(SIMULCAST_GRAMMAR))?,
        );
    }
    Ok(send)
}

const SIMULCAST_GRAMMAR: &str = "a=simulcast:send|recv <rid>[,<alternative>]...[;<rid>]...";

/// A guess: [`MAX_ENCODINGS`] streams with some alternatives each.
const MAX_RIDS: usize = 16;
