//! Which header extensions of an m-line the server takes: `a=extmap` (RFC 8285 §5 to §8).
//!
//! Only those are answered that the server reads or writes itself: anything else would arrive at
//! subscribers under an id of their publisher's.

use sfu_rtp::{ExtensionKind, ExtensionMap};

use super::direction::Direction;
use super::lines::{Attributes, Malformed};

/// An extension that was offered, that the server knows, and whose id is free.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfferedExtension {
    pub(super) id: u8,
    pub(super) kind: ExtensionKind,
    /// As it was offered, if it was.
    pub(super) direction: Option<Direction>,
}

impl OfferedExtension {
    /// Whether packets from the peer may carry it, on an m-line with this offered direction.
    pub(super) fn is_received(&self, media: Direction) -> bool {
        media.sends() && self.direction.unwrap_or(Direction::SendRecv).sends()
    }

    /// Whether packets to the peer may carry it. Encodings are named by those who send several.
    pub(super) fn is_sent(&self, media: Direction) -> bool {
        let names_encoding = matches!(self.kind, ExtensionKind::Rid | ExtensionKind::RepairedRid);
        let receives = self.direction.unwrap_or(Direction::SendRecv).receives();
        media.receives() && receives && !names_encoding
    }
}

/// Those of an m-line with this direction that can be of use, each kind once.
///
/// `ids` are the ids of the whole bundle, in which one id names one extension (RFC 9143 §9.2). Whoever
/// comes later with another meaning for an id, or another id for an extension, does not get it: some
/// peers (aiortc) number each m-line from 1.
pub(super) fn read(
    media: Direction,
    mixed_forms: bool,
    attributes: &Attributes<'_>,
    ids: &mut ExtensionMap,
) -> Result<Vec<OfferedExtension>, Malformed> {
    let mut extensions: Vec<OfferedExtension> = Vec::new();
    for attribute in attributes.all("extmap") {
        let mut fields = attribute.value.split_ascii_whitespace();
        let (id, direction) = fields
            .next()
            .and_then(id_and_direction)
            .ok_or_else(|| attribute.malformed("a=extmap:<id>[/<direction>] <URI>"))?;
        let known = fields.next().and_then(ExtensionKind::from_uri);
        let Some((id, kind)) = usable_id(id, mixed_forms).zip(known.filter(is_answered)) else {
            continue;
        };
        let extension = OfferedExtension {
            id,
            kind,
            direction,
        };
        let useful = extension.is_received(media) || extension.is_sent(media);
        let fresh = extensions.iter().all(|known| known.kind != kind);
        if useful && fresh && ids.insert(id, kind).is_ok() {
            extensions.push(extension);
        }
    }
    Ok(extensions)
}

fn id_and_direction(text: &str) -> Option<(u16, Option<Direction>)> {
    let (id, direction) = match text.split_once('/') {
        Some((id, name)) => (id, Some(Direction::from_name(name)?)),
        None => (text, None),
    };
    Some((id.parse().ok().filter(|&id| id != 0)?, direction))
}

/// Ids over 14 need the two-byte form. A sender may use it beside the one-byte form only with
/// `extmap-allow-mixed` (RFC 8285 §4.1.2), and the server uses both. Ids over 255 are proposals that
/// the answerer may ignore (§7).
fn usable_id(id: u16, mixed_forms: bool) -> Option<u8> {
    let largest = if mixed_forms {
        u8::MAX
    } else {
        LARGEST_ONE_BYTE_ID
    };
    u8::try_from(id).ok().filter(|&id| id <= largest)
}

fn is_answered(kind: &ExtensionKind) -> bool {
    match kind {
        ExtensionKind::Mid
        | ExtensionKind::Rid
        | ExtensionKind::RepairedRid
        | ExtensionKind::AudioLevel
        | ExtensionKind::TransportSequence
        | ExtensionKind::AbsSendTime
        | ExtensionKind::AbsCaptureTime
        | ExtensionKind::PlayoutDelay
        | ExtensionKind::DependencyDescriptor => true,
        // A publisher that may send it leaves its pictures lying on their side and says so, and a viewer
        // that has not negotiated it (Firefox does not know it) shows them like that. Without it the
        // publisher turns them before it encodes.
        ExtensionKind::VideoOrientation
        | ExtensionKind::CsrcAudioLevel
        | ExtensionKind::TransmissionOffset
        | ExtensionKind::VideoContentType
        | ExtensionKind::VideoTiming
        | ExtensionKind::ColorSpace
        | ExtensionKind::VideoLayersAllocation => false,
    }
}

/// RFC 8285 §4.2: 15 is reserved in the one-byte form.
const LARGEST_ONE_BYTE_ID: u8 = 14;
