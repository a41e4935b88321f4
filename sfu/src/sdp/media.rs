//! One audio or video m-line of an offer, read into what can be answered.

use sfu_rtp::{ExtensionKind, ExtensionMap, Mid};

use super::codecs::{self, OfferedCodec};
use super::direction::Direction;
use super::error::OfferError;
use super::extensions::{self, OfferedExtension};
use super::lines::{Attributes, MediaSection, is_token};
use super::simulcast::Simulcast;
use super::sources::Sources;
use crate::parameters::MediaKind;

/// An audio or video m-line that can be used.
#[derive(Clone, Debug)]
pub struct OfferedMedia {
    mid: Mid,
    kind: MediaKind,
    direction: Direction,
    msid: Option<Msid>,
    pub(super) codecs: Vec<OfferedCodec>,
    pub(super) extensions: Vec<OfferedExtension>,
    pub(super) simulcast: Simulcast,
    pub(super) sources: Sources,
    /// `a=rtcp-rsize` (RFC 5506)
    pub(super) reduced_size_rtcp: bool,
    /// `a=extmap-allow-mixed` at this m-line (RFC 8285 §6)
    pub(super) mixed_extension_forms: bool,
}

impl OfferedMedia {
    /// Its MID, unique in the offer.
    pub const fn mid(&self) -> Mid {
        self.mid
    }

    /// Audio or video.
    pub const fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Whether the peer sends, receives, both or neither.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The MediaStream and the track that the peer sends here, if it said.
    pub const fn msid(&self) -> Option<&Msid> {
        self.msid.as_ref()
    }

    pub(super) fn narrow(&mut self, may_send: bool, may_receive: bool) {
        self.direction = self.direction.narrowed(may_send, may_receive);
    }

    /// Those that packets to the peer may carry here.
    pub(super) fn sent_extensions(&self) -> ExtensionMap {
        let mut map = ExtensionMap::new();
        for extension in self
            .extensions
            .iter()
            .filter(|known| known.is_sent(self.direction))
        {
            map.insert(extension.id, extension.kind)
                .expect("an offer's extensions have ids of their own");
        }
        map
    }

    pub(super) fn read(
        mid: Mid,
        kind: MediaKind,
        section: &MediaSection<'_>,
        session: &Attributes<'_>,
        ids: &mut ExtensionMap,
    ) -> Result<Self, OfferError> {
        let attributes = &section.attributes;
        let direction = direction(attributes)
            .or_else(|| direction(session))
            .unwrap_or(Direction::SendRecv);
        let mixed_forms = session.has(MIXED_FORMS) || attributes.has(MIXED_FORMS);
        let extensions = extensions::read(direction, mixed_forms, attributes, ids)?;
        let receives = |kind| {
            let mut received = extensions
                .iter()
                .filter(|known| known.is_received(direction));
            received.any(|known| known.kind == kind)
        };
        let mut codecs = codecs::read(kind, &section.line, attributes)?;
        if !extensions
            .iter()
            .any(|known| known.kind == ExtensionKind::TransportSequence)
        {
            // Without numbers in the packets there is nothing to report.
            for codec in &mut codecs {
                codec.negotiated.feedback.transport_cc = false;
            }
        }
        // Without RIDs in the packets the encodings cannot be told apart.
        let simulcast = if receives(ExtensionKind::Rid) {
            Simulcast::read(attributes)?
        } else {
            Simulcast::default()
        };
        Ok(Self {
            mid,
            kind,
            direction,
            msid: attributes
                .first("msid")
                .and_then(|msid| Msid::read(msid.value)),
            simulcast,
            codecs,
            extensions,
            sources: Sources::read(attributes)?,
            reduced_size_rtcp: attributes.has("rtcp-rsize"),
            mixed_extension_forms: attributes.has(MIXED_FORMS),
        })
    }
}

/// `a=msid:<stream> [<track>]` (RFC 8830 §2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Msid {
    /// The MediaStream's id; `None` if the track is in none (`-`).
    pub stream: Option<String>,
    /// The track's id, which browsers leave out or ignore nowadays.
    pub track: Option<String>,
}

impl Msid {
    /// `None` for one that does not follow the grammar: nothing depends on it.
    fn read(value: &str) -> Option<Self> {
        let mut ids = value.split_ascii_whitespace();
        let mut id = || match ids.next() {
            Some(id) if id.len() <= Self::MAX_BYTES && is_token(id) => Some(Some(id.to_owned())),
            Some(_) => None,
            None => Some(None),
        };
        let (stream, track) = (id()?, id()?);
        Some(Self {
            stream: Some(stream?).filter(|id| id != "-"),
            track,
        })
    }

    /// RFC 8830 §2
    const MAX_BYTES: usize = 64;
}

/// The last one counts, should there be several.
fn direction(attributes: &Attributes<'_>) -> Option<Direction> {
    let mut attributes = attributes.iter().rev();
    attributes.find_map(|attribute| Direction::from_name(attribute.name))
}

/// RFC 8285 §6
pub(super) const MIXED_FORMS: &str = "extmap-allow-mixed";
