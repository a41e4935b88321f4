//! How browsers number what is up to them: payload types and header-extension ids. Two of them in one
//! room show whether a server rewrites both.

use sfu::parameters::{Codec, MediaKind};
use sfu_rtp::ExtensionKind;

/// A browser's habits, as its default offers show them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// VP8 96, Opus 111.
    Chromium,
    /// VP8 120, Opus 109; other extension ids, and no dependency descriptor; all SSRCs in the offer.
    Firefox,
}

impl Dialect {
    /// The payload type of a codec.
    pub const fn payload_type(self, codec: Codec) -> u8 {
        match (self, codec) {
            (Self::Chromium, Codec::Opus) => 111,
            (Self::Chromium, Codec::Vp8) => 96,
            (Self::Chromium, Codec::Vp9) => 98,
            (Self::Chromium, Codec::H264) => 106,
            (Self::Chromium, Codec::Av1) => 45,
            (Self::Firefox, Codec::Opus) => 109,
            (Self::Firefox, Codec::Vp8) => 120,
            (Self::Firefox, Codec::Vp9) => 121,
            (Self::Firefox, Codec::H264) => 126,
            (Self::Firefox, Codec::Av1) => 99,
        }
    }

    /// The payload type of Opus with redundancy.
    pub const fn red_payload_type(self) -> u8 {
        match self {
            Self::Chromium => 63,
            Self::Firefox => 110,
        }
    }

    /// The payload type of a video codec's retransmissions.
    pub const fn rtx_payload_type(self, codec: Codec) -> u8 {
        match (self, codec) {
            (Self::Firefox, Codec::Vp8 | Codec::Opus) => 124,
            (Self::Firefox, Codec::Vp9) => 125,
            _ => self.payload_type(codec) + 1,
        }
    }

    /// The header extensions of an m-line and their ids.
    pub const fn extensions(self, kind: MediaKind) -> &'static [(u8, ExtensionKind)] {
        use ExtensionKind::{
            AbsSendTime, AudioLevel, DependencyDescriptor, Mid, PlayoutDelay, RepairedRid, Rid,
            TransportSequence,
        };
        match (self, kind) {
            (Self::Chromium, MediaKind::Audio) => &[
                (1, AudioLevel),
                (2, AbsSendTime),
                (3, TransportSequence),
                (4, Mid),
            ],
            (Self::Chromium, MediaKind::Video) => &[
                (2, AbsSendTime),
                (3, TransportSequence),
                (5, PlayoutDelay),
                (4, Mid),
                (10, Rid),
                (11, RepairedRid),
                (12, DependencyDescriptor),
            ],
            (Self::Firefox, MediaKind::Audio) => {
                &[(1, AudioLevel), (7, TransportSequence), (3, Mid)]
            }
            (Self::Firefox, MediaKind::Video) => &[
                (4, AbsSendTime),
                (7, TransportSequence),
                (6, PlayoutDelay),
                (3, Mid),
                (9, Rid),
                (10, RepairedRid),
            ],
        }
    }

    /// Whether the offer names the SSRCs of simulcast too; Chromium leaves them to the extensions.
    pub const fn declares_simulcast_ssrcs(self) -> bool {
        matches!(self, Self::Firefox)
    }
}
