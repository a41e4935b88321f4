//! What an engine tells the control plane.

use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayVec;
use sfu_rtp::Mid;

use super::command::DataMessage;
use crate::id::{PeerId, TrackId};
use crate::parameters::MAX_ENCODINGS;

pub use crate::transport::srtp::SrtpProtection;

/// Something that happened to a peer or a track of this engine.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// The peer's transport is up: DTLS is complete and the fingerprint matches.
    PeerConnected {
        /// The peer.
        peer: PeerId,
        /// The SRTP protection in use.
        protection: SrtpProtection,
    },
    /// The peer is gone and everything of it is forgotten. Sent once per `AddPeer`, also after
    /// `ClosePeer`.
    PeerClosed {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
    /// The first media packet of the track arrived.
    TrackStarted {
        /// Its publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
    },
    /// Somebody talks on the track, or has ended. Told when it begins, then every 200 ms, and when it ends.
    Speech {
        /// Its publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// How loud, in dB above −60 dBov: 0 to 60, the mean since the last report. `None`: it has ended.
        loudness: Option<u8>,
    },
    /// What is sent of a video track of this peer and watched by nobody has changed.
    EncodingsWanted {
        /// The publisher.
        peer: PeerId,
        /// The track.
        track: TrackId,
        /// For each encoding, in the order of the offer, whether anybody is to see it.
        encodings: ArrayVec<bool, MAX_ENCODINGS>,
    },
    /// Other slots of the peer than before are paused, because its path does not carry them.
    SlotsPaused {
        /// The subscriber.
        peer: PeerId,
        /// All that are paused now.
        slots: Vec<Mid>,
    },
    /// A message arrived on one of the peer's data channels.
    Data {
        /// The sender.
        peer: PeerId,
        /// The channel's label, at most 64 bytes.
        label: Arc<str>,
        /// The message.
        message: DataMessage,
    },
}

/// Why a peer was closed. `Display` is the sentence that the peer and the operator read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// The control plane asked for it.
    Requested,
    /// No authenticated ICE request within the time for connecting.
    IceTimeout,
    /// ICE came up, DTLS did not in time.
    DtlsTimeout,
    /// The peer broke the handshake.
    DtlsFailed,
    /// The certificate is not the one that the offer announced.
    FingerprintMismatch,
    /// The peer ended DTLS.
    ClosedByPeer,
    /// No authenticated ICE request for too long: consent has expired (RFC 7675).
    ConsentExpired,
}

impl CloseReason {
    /// A stable code for protocol and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::IceTimeout => "ice_timeout",
            Self::DtlsTimeout => "dtls_timeout",
            Self::DtlsFailed => "dtls_failed",
            Self::FingerprintMismatch => "fingerprint_mismatch",
            Self::ClosedByPeer => "closed_by_peer",
            Self::ConsentExpired => "consent_expired",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "the connection was closed by the server",
            Self::IceTimeout => "no connectivity check of the peer reached the server in time",
            Self::DtlsTimeout => "the DTLS handshake did not complete in time",
            Self::DtlsFailed => "the peer failed the DTLS handshake",
            Self::FingerprintMismatch => {
                "the peer's certificate does not match the fingerprint of its offer"
            }
            Self::ClosedByPeer => "the peer closed the connection",
            Self::ConsentExpired => "the peer fell silent",
        })
    }
}
