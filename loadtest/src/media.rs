//! What publishers send: a synthetic stream in the shape of a camera's and a microphone's, each packet
//! with its number and the moment it was sent.

mod marker;
mod mix;
mod schedule;
mod writer;

pub(crate) use marker::{MARKER_BYTES, Marker};
pub use mix::{AudioShape, Mix, VideoShape};
pub(crate) use mix::{MAX_PACKET_BYTES, MIN_PACKET_BYTES};
pub(crate) use schedule::Cadence;
pub(crate) use writer::{PacketWriter, WriterIdentity, marker_of};

use serde::Serialize;

/// Sound or picture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Opus.
    Audio,
    /// VP8.
    Video,
}

impl Kind {
    /// The word in SDP.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// What our offers map the codec to. Servers answer with the numbers of the offer (RFC 3264 §6.1).
    pub(crate) const fn payload_type(self) -> u8 {
        match self {
            Self::Audio => 111,
            Self::Video => 96,
        }
    }

    /// RTP ticks a second (RFC 7587 §4.1, RFC 7741 §6.1).
    pub(crate) const fn clock_rate(self) -> u32 {
        match self {
            Self::Audio => 48_000,
            Self::Video => 90_000,
        }
    }
}

/// One track of one publisher of this run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct SourceId {
    /// Numbers the publishers of the run.
    pub(crate) publisher: u32,
    /// Which of its tracks.
    pub(crate) kind: Kind,
}
