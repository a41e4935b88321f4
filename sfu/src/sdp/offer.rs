//! An offer, read: after [`Offer::parse`] nobody checks anything again (RFC 8829 §5.8, RFC 9143 §7).

use std::collections::HashSet;

use sfu_rtp::{ExtensionMap, Mid, Ssrc};

use super::error::{OfferError, Refusal};
use super::lines::{Description, MAX_MEDIA, MediaSection};
use super::media::{MIXED_FORMS, OfferedMedia};
use super::transport::{Setup, TransportAttributes};
use crate::parameters::{DataParameters, Fingerprint, IceCredentials, MediaKind};

/// An offer that can be answered.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Every m-line, in order.
    pub(super) sections: Vec<Section>,
    /// The places of the bundled m-lines, in the order of the group.
    pub(super) bundle: Vec<usize>,
    pub(super) ice: IceCredentials,
    /// At least one.
    pub(super) fingerprints: Vec<Fingerprint>,
    /// `a=extmap-allow-mixed` in the session part
    pub(super) mixed_extension_forms: bool,
}

/// One m-line.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) mid: Option<Mid>,
    /// The media type, protocol and first format, to be repeated in the answer.
    pub(super) media: String,
    pub(super) protocol: String,
    pub(super) format: String,
    pub(super) content: Content,
}

/// What an m-line is about.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Media(Box<OfferedMedia>),
    Data(DataParameters),
    Refused(Refusal),
}

impl Offer {
    /// The largest offer that is read, in bytes. Chromium takes 6 kB for a video and an audio slot
    /// together; this allows the 128 m-lines that an offer may have.
    pub const MAX_BYTES: usize = 512 * 1024;

    /// Reads an offer.
    ///
    /// # Errors
    /// If it is no SDP, breaks a rule that makes its meaning doubtful, asks for a transport that the
    /// server does not have, or has no m-line that could be used. Single m-lines that cannot be used
    /// are no error: the answer refuses them.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > Self::MAX_BYTES {
            return Err(OfferError::TooLarge {
                limit: Self::MAX_BYTES,
            });
        }
        let description = Description::parse(text)?;
        if description.session.has("ice-lite") {
            return Err(OfferError::PeerIsIceLite);
        }
        let mids = mids(&description)?;
        let bundle = bundle(&description, &mids);
        if bundle.is_empty() {
            return Err(OfferError::NoBundle);
        }
        let sections = Reader::new(&description, &bundle).read_sections(&mids)?;
        let usable = |&&place: &&usize| sections.get(place).is_some_and(Section::is_usable);
        if !bundle.iter().any(|place| usable(&place)) {
            return Err(nothing_usable(sections.iter().find_map(Section::refusal)));
        }
        check_sources(&description, &sections)?;
        // The first m-line in use tells the transport of all; the others may repeat or omit it.
        let in_use = bundle.iter().filter(usable);
        let order = in_use.chain(&bundle).copied();
        let (ice, fingerprints) = transport(&description, order)?;
        Ok(Self {
            mixed_extension_forms: description.session.has(MIXED_FORMS),
            sections,
            bundle,
            ice,
            fingerprints,
        })
    }

    /// The audio and video m-lines that can be used, in order. What the answer will refuse for its
    /// form is not among them.
    pub fn media(&self) -> impl Iterator<Item = &OfferedMedia> {
        self.sections
            .iter()
            .filter_map(|section| match &section.content {
                Content::Media(media) => Some(&**media),
                Content::Data(_) | Content::Refused(_) => None,
            })
    }

    /// Takes from m-lines that go both ways the way that the peer may not use, so that the answer
    /// refuses that half alone (RFC 3264 §6.1).
    pub fn narrow(&mut self, may_send: bool, may_receive: bool) {
        for section in &mut self.sections {
            if let Content::Media(media) = &mut section.content {
                media.narrow(may_send, may_receive);
            }
        }
    }

    /// Whether it offers data channels.
    pub fn has_data(&self) -> bool {
        let mut sections = self.sections.iter();
        sections.any(|section| matches!(section.content, Content::Data(_)))
    }

    /// The peer's ICE credentials. If they differ from those before, ICE restarts and the answer
    /// needs new local credentials (RFC 8839 §4.4.1.1.1).
    pub const fn ice(&self) -> &IceCredentials {
        &self.ice
    }

    /// The fingerprints that the peer's certificate may have; at least one.
    pub fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    /// Every SSRC that the offer names.
    pub(super) fn ssrcs(&self) -> impl Iterator<Item = Ssrc> {
        self.media().flat_map(|media| media.sources.iter())
    }
}

impl Section {
    pub(super) fn is_usable(&self) -> bool {
        self.refusal().is_none()
    }

    fn refusal(&self) -> Option<Refusal> {
        match self.content {
            Content::Refused(refusal) => Some(refusal),
            Content::Media(_) | Content::Data(_) => None,
        }
    }
}

/// `first`: why the first m-line was refused.
pub(super) fn nothing_usable(first: Option<Refusal>) -> OfferError {
    OfferError::NothingUsable {
        first: first.unwrap_or(Refusal::NotBundled),
    }
}

/// The MID of each m-line, if it has one. All of them are different.
fn mids(description: &Description<'_>) -> Result<Vec<Option<Mid>>, OfferError> {
    let mut seen = HashSet::new();
    let mids = description.media.iter().map(|section| {
        let Some(attribute) = section.attributes.first("mid") else {
            return Ok(None);
        };
        let mid = Mid::parse(attribute.value.as_bytes())
            .ok_or_else(|| attribute.malformed("a=mid with 1 to 16 characters of a token"))?;
        match seen.insert(mid) {
            true => Ok(Some(mid)),
            false => Err(OfferError::Repeated {
                line: attribute.line,
                what: "MID",
            }),
        }
    });
    mids.collect()
}

/// The places of the m-lines of the first BUNDLE group, in its order, each once. The m-lines of
/// further groups would need a transport of their own and are refused.
fn bundle(description: &Description<'_>, mids: &[Option<Mid>]) -> Vec<usize> {
    let mut groups = description.session.all("group");
    let Some(group) = groups.find_map(|group| group.value.strip_prefix("BUNDLE")) else {
        return Vec::new();
    };
    let mut bundle = Vec::with_capacity(mids.len());
    for name in group.split_ascii_whitespace().take(MAX_MEDIA) {
        let named = |mid: &Option<Mid>| mid.is_some_and(|mid| mid.as_str() == name);
        if let Some(place) = mids.iter().position(named)
            && !bundle.contains(&place)
        {
            bundle.push(place);
        }
    }
    bundle
}

/// What is remembered from one m-line to the next.
struct Reader<'a> {
    description: &'a Description<'a>,
    bundle: &'a [usize],
    /// `a=rtcp-mux` applies to the whole bundle, and may stand at its first m-line only
    /// (RFC 9143 §9.3).
    bundle_is_muxed: bool,
    extension_ids: ExtensionMap,
    has_data: bool,
}

impl<'a> Reader<'a> {
    fn new(description: &'a Description<'a>, bundle: &'a [usize]) -> Self {
        let tagged = bundle
            .first()
            .and_then(|&place| description.media.get(place));
        Self {
            description,
            bundle,
            bundle_is_muxed: tagged.is_some_and(|tagged| tagged.attributes.has("rtcp-mux")),
            extension_ids: ExtensionMap::new(),
            has_data: false,
        }
    }

    fn read_sections(mut self, mids: &[Option<Mid>]) -> Result<Vec<Section>, OfferError> {
        let sections = self.description.media.iter().zip(mids).enumerate();
        let sections = sections.map(|(place, (section, &mid))| {
            let bundled = mid.filter(|_| self.bundle.contains(&place));
            Ok(Section {
                mid,
                media: section.line.media.to_owned(),
                protocol: section.line.protocol.to_owned(),
                format: section
                    .line
                    .formats
                    .first()
                    .copied()
                    .unwrap_or_default()
                    .to_owned(),
                content: self.read(section, bundled)?,
            })
        });
        sections.collect()
    }

    /// `bundled`: the MID of an m-line that is in the BUNDLE group.
    fn read(
        &mut self,
        section: &MediaSection<'_>,
        bundled: Option<Mid>,
    ) -> Result<Content, OfferError> {
        // Firefox gives port 0 to every bundled m-line after the first.
        let bundle_only = bundled.is_some() && section.attributes.has("bundle-only");
        if section.line.port == 0 && !bundle_only {
            return Ok(Content::Refused(Refusal::Stopped));
        }
        let Some(mid) = bundled else {
            return Ok(Content::Refused(Refusal::NotBundled));
        };
        match section.line.media {
            "audio" => self.read_media(mid, MediaKind::Audio, section),
            "video" => self.read_media(mid, MediaKind::Video, section),
            "application" => self.read_data(section),
            _ => Ok(Content::Refused(Refusal::UnknownMedia)),
        }
    }

    fn read_media(
        &mut self,
        mid: Mid,
        kind: MediaKind,
        section: &MediaSection<'_>,
    ) -> Result<Content, OfferError> {
        if !RTP_PROTOCOLS.contains(&section.line.protocol) {
            return Ok(Content::Refused(Refusal::UnknownProtocol));
        }
        if !self.bundle_is_muxed && !section.attributes.has("rtcp-mux") {
            return Ok(Content::Refused(Refusal::NoRtcpMux));
        }
        let session = &self.description.session;
        let media = OfferedMedia::read(mid, kind, section, session, &mut self.extension_ids)?;
        Ok(match media.codecs.is_empty() {
            true => Content::Refused(Refusal::NoCommonCodec),
            false => Content::Media(Box::new(media)),
        })
    }

    fn read_data(&mut self, section: &MediaSection<'_>) -> Result<Content, OfferError> {
        if !DATA_PROTOCOLS.contains(&section.line.protocol)
            || !section.line.formats.contains(&"webrtc-datachannel")
        {
            return Ok(Content::Refused(Refusal::UnknownMedia));
        }
        if std::mem::replace(&mut self.has_data, true) {
            return Ok(Content::Refused(Refusal::SecondDataChannel));
        }
        let remote_port = match section.attributes.first("sctp-port") {
            Some(port) => port
                .value
                .parse()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(|| port.malformed("a=sctp-port with 1 to 65535"))?,
            None => DataParameters::LOCAL_PORT,
        };
        let max_message_size = match section.attributes.first("max-message-size") {
            Some(size) => size
                .value
                .parse::<u64>()
                .map_err(|_| size.malformed("a=max-message-size with a number of bytes"))?,
            None => DEFAULT_MAX_MESSAGE_SIZE,
        };
        Ok(Content::Data(DataParameters {
            remote_port,
            max_message_size: match max_message_size {
                // RFC 8841 §6.1: no limit.
                0 => u32::MAX,
                size => u32::try_from(size).unwrap_or(u32::MAX),
            },
        }))
    }
}

/// Each SSRC is sent on one m-line only. Receivers may name what they like.
fn check_sources(description: &Description<'_>, sections: &[Section]) -> Result<(), OfferError> {
    let mut seen = HashSet::new();
    for (section, offered) in description.media.iter().zip(sections) {
        let Content::Media(media) = &offered.content else {
            continue;
        };
        if media.direction().sends() && !media.sources.iter().all(|ssrc| seen.insert(ssrc)) {
            return Err(OfferError::Repeated {
                line: section.line.number,
                what: "SSRC",
            });
        }
    }
    Ok(())
}

/// The transport of the first of these m-lines that has one.
fn transport(
    description: &Description<'_>,
    order: impl Iterator<Item = usize>,
) -> Result<(IceCredentials, Vec<Fingerprint>), OfferError> {
    let session = TransportAttributes::read(&description.session)?;
    let mut transports = Vec::new();
    for section in order.filter_map(|place| description.media.get(place)) {
        transports.push(TransportAttributes::read(&section.attributes)?.or(&session));
    }
    let (credentials, transport) = transports
        .iter()
        .find_map(|transport| Some((transport.credentials()?, transport)))
        .ok_or(OfferError::NoIceCredentials)?;
    if transport.fingerprints.is_empty() {
        return Err(OfferError::NoFingerprint);
    }
    if transport.setup == Some(Setup::NotClient) {
        return Err(OfferError::PeerIsNotDtlsClient);
    }
    Ok((credentials, transport.fingerprints.clone()))
}

/// All of them mean the same when a fingerprint is there (RFC 8829 §5.1.2).
const RTP_PROTOCOLS: [&str; 6] = [
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVP",
    "RTP/SAVPF",
    "RTP/SAVP",
];

/// RFC 8841 §4.1
const DATA_PROTOCOLS: [&str; 2] = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP"];

/// RFC 8841 §6.1
const DEFAULT_MAX_MESSAGE_SIZE: u64 = 65_536;
