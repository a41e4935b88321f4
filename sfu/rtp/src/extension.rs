//! Which header extensions we know, by the URIs of SDP (RFC 8285 §5), which id each was given, and
//! what their values mean. The elements themselves are read and written by
//! [`header`](crate::header).

mod value;

use core::fmt;

use thiserror::Error;

pub use value::{
    AbsCaptureTime, AbsSendTime, AudioLevel, PlayoutDelay, Rotation, TransportSequence,
    VideoOrientation,
};

/// A header extension we can name. The order is of no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExtensionKind {
    /// Which m-line the packet belongs to (RFC 9143 §15).
    Mid,
    /// Which simulcast encoding the packet belongs to (RFC 8852).
    Rid,
    /// Which simulcast encoding a retransmission repairs (RFC 8852).
    RepairedRid,
    /// How loud the packet's audio is (RFC 6464).
    AudioLevel,
    /// How loud each contributing source is (RFC 6465).
    CsrcAudioLevel,
    /// A counter over all packets of the transport
    /// (draft-holmer-rmcat-transport-wide-cc-extensions-01).
    TransportSequence,
    /// When the packet left, modulo 64 s (webrtc.org, abs-send-time).
    AbsSendTime,
    /// When the frame was captured (webrtc.org, abs-capture-time).
    AbsCaptureTime,
    /// Bounds on the receiver's jitter buffer (webrtc.org, playout-delay).
    PlayoutDelay,
    /// Layers of the frame and what it depends on (AV1 RTP specification, appendix A).
    DependencyDescriptor,
    /// How to turn the picture (3GPP TS 26.114 §7.4.5).
    VideoOrientation,
    /// When the packet left, relative to its timestamp (RFC 5450).
    TransmissionOffset,
    /// Camera or screen (webrtc.org, video-content-type).
    VideoContentType,
    /// How long each step of sending took (webrtc.org, video-timing).
    VideoTiming,
    /// Colours and HDR metadata (webrtc.org, color-space).
    ColorSpace,
    /// Which simulcast and spatial layers are being sent, and their bitrates (webrtc.org,
    /// video-layers-allocation00).
    VideoLayersAllocation,
}

impl ExtensionKind {
    /// All of them.
    pub const ALL: [Self; COUNT] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::CsrcAudioLevel,
        Self::TransportSequence,
        Self::AbsSendTime,
        Self::AbsCaptureTime,
        Self::PlayoutDelay,
        Self::DependencyDescriptor,
        Self::VideoOrientation,
        Self::TransmissionOffset,
        Self::VideoContentType,
        Self::VideoTiming,
        Self::ColorSpace,
        Self::VideoLayersAllocation,
    ];

    /// The URI that names it in `a=extmap`.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::CsrcAudioLevel => "urn:ietf:params:rtp-hdrext:csrc-audio-level",
            Self::TransportSequence => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::AbsCaptureTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
            Self::PlayoutDelay => "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::VideoOrientation => "urn:3gpp:video-orientation",
            Self::TransmissionOffset => "urn:ietf:params:rtp-hdrext:toffset",
            Self::VideoContentType => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"
            }
            Self::VideoTiming => "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
            Self::ColorSpace => "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
            Self::VideoLayersAllocation => {
                "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00"
            }
        }
    }

    /// The extension with this URI, compared byte by byte; `None` for one we do not know.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.uri() == uri)
    }
}

/// Why an id cannot be given to an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExtensionMapError {
    /// Id 0 is padding (RFC 8285 §4.2).
    #[error("the peer gave a header extension the reserved id 0")]
    ReservedId,
    /// The id names another extension already.
    #[error("the peer gave header extension id {id} to both {} and {}", .taken.uri(), .kind.uri())]
    IdTaken {
        /// The id.
        id: u8,
        /// What it names.
        taken: ExtensionKind,
        /// What it was to name.
        kind: ExtensionKind,
    },
    /// The extension has another id already.
    #[error("the peer gave header extension {} both id {present} and id {id}", .kind.uri())]
    SecondId {
        /// The extension.
        kind: ExtensionKind,
        /// Its id.
        present: u8,
        /// The id it was to have.
        id: u8,
    },
}

/// The ids of one direction of a transport: within a bundle, an id names the same extension on
/// every m-line (RFC 9143 §7.2). Finds an id without searching. Every slot has one, so it is small.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionMap {
    ids: [u8; COUNT],
}

impl ExtensionMap {
    /// No extension has an id.
    pub const fn new() -> Self {
        Self {
            ids: [NO_ID; COUNT],
        }
    }

    /// Gives `id` to `kind`. Doing so twice is no error: SDP repeats the ids on every m-line.
    ///
    /// # Errors
    /// If `id` is 0, names another extension, or `kind` has another id; the map is then unchanged.
    pub fn insert(&mut self, id: u8, kind: ExtensionKind) -> Result<(), ExtensionMapError> {
        if id == NO_ID {
            return Err(ExtensionMapError::ReservedId);
        }
        if let Some(taken) = self.kind_of(id).filter(|&taken| taken != kind) {
            return Err(ExtensionMapError::IdTaken { id, taken, kind });
        }
        if let Some(present) = self.id_of(kind).filter(|&present| present != id) {
            return Err(ExtensionMapError::SecondId { kind, present, id });
        }
        self.ids[kind as usize] = id;
        Ok(())
    }

    /// What this id names.
    pub fn kind_of(&self, id: u8) -> Option<ExtensionKind> {
        self.iter()
            .find_map(|(taken, kind)| (taken == id).then_some(kind))
    }

    /// The id of this extension, 1 to 255, if it was negotiated.
    #[inline]
    pub const fn id_of(&self, kind: ExtensionKind) -> Option<u8> {
        match self.ids[kind as usize] {
            NO_ID => None,
            id => Some(id),
        }
    }

    /// Every negotiated extension with its id.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtensionKind)> + '_ {
        ExtensionKind::ALL
            .into_iter()
            .filter_map(|kind| Some((self.id_of(kind)?, kind)))
    }
}

impl Default for ExtensionMap {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ExtensionMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

const COUNT: usize = 16;
const NO_ID: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_is_found_by_its_uri_and_place() {
        for (place, kind) in ExtensionKind::ALL.into_iter().enumerate() {
            assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
            assert_eq!(kind as usize, place, "ids are indexed by the discriminant");
        }
        for unknown in [
            "",
            "urn:ietf:params:rtp-hdrext:sdes:MID",
            "urn:ietf:params:rtp-hdrext:sdes:mid ",
        ] {
            assert_eq!(ExtensionKind::from_uri(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn ids_are_looked_up_both_ways() {
        let mut map = ExtensionMap::new();
        for (id, kind) in [
            (4, ExtensionKind::Mid),
            (255, ExtensionKind::Rid),
            (4, ExtensionKind::Mid),
        ] {
            assert_eq!(map.insert(id, kind), Ok(()));
        }
        assert_eq!(
            (map.id_of(ExtensionKind::Mid), map.kind_of(4)),
            (Some(4), Some(ExtensionKind::Mid))
        );
        assert_eq!(
            (map.id_of(ExtensionKind::Rid), map.kind_of(255)),
            (Some(255), Some(ExtensionKind::Rid))
        );
        assert_eq!(
            (
                map.id_of(ExtensionKind::AudioLevel),
                map.kind_of(0),
                map.kind_of(5)
            ),
            (None, None, None)
        );
        assert_eq!(
            map.iter().collect::<Vec<_>>(),
            [(4, ExtensionKind::Mid), (255, ExtensionKind::Rid)]
        );
        assert_eq!(format!("{map:?}"), "{4: Mid, 255: Rid}");
    }

    #[test]
    fn conflicting_ids_change_nothing() {
        use ExtensionKind::{AudioLevel, Mid};
        let mut map = ExtensionMap::new();
        map.insert(1, Mid).unwrap();
        let before = map.clone();
        let cases = [
            (0, AudioLevel, ExtensionMapError::ReservedId),
            (
                1,
                AudioLevel,
                ExtensionMapError::IdTaken {
                    id: 1,
                    taken: Mid,
                    kind: AudioLevel,
                },
            ),
            (
                2,
                Mid,
                ExtensionMapError::SecondId {
                    kind: Mid,
                    present: 1,
                    id: 2,
                },
            ),
        ];
        for (id, kind, expected) in cases {
            assert_eq!(map.insert(id, kind), Err(expected));
            assert_eq!(map, before);
        }
    }
}
