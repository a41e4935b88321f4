//! Why an offer, or one of its m-lines, was not taken.
//!
//! Sentences name the side that has to change something; they carry line numbers, never text of the
//! peer's, so that they can be logged and sent back as they are.

use thiserror::Error;

/// Why an offer was not answered at all. `Display` is the sentence that the peer reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum OfferError {
    /// More text than [`Offer::MAX_BYTES`](super::Offer::MAX_BYTES).
    #[error("the offer is larger than the {limit} bytes that the server reads")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A line does not follow its grammar.
    #[error("line {line} of the offer is not {expected}")]
    Malformed {
        /// Its number, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// A line that RFC 8866 §5 requires is not there.
    #[error("the offer has no {line} line in its session part")]
    MissingLine {
        /// Its type, with the equals sign.
        line: &'static str,
    },
    /// More of something than the server keeps.
    #[error("line {line} of the offer exceeds the {limit} {what} that the server takes")]
    TooMany {
        /// The number of the first line that is too much.
        line: usize,
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A name that must be unique is used by two m-lines.
    #[error("line {line} of the offer repeats the {what} of another m-line")]
    Repeated {
        /// The number of the second.
        line: usize,
        /// What is repeated.
        what: &'static str,
    },
    /// No BUNDLE group, or one that names no m-line of the offer.
    #[error(
        "the offer does not bundle its m-lines (RFC 9143), and the server has one transport for all of them"
    )]
    NoBundle,
    /// There is a BUNDLE group, but every m-line was refused.
    #[error("none of the m-lines can be used: {first}")]
    NothingUsable {
        /// Why the first was refused.
        first: Refusal,
    },
    /// No username fragment or no password that applies to the bundle.
    #[error("the offer has no ICE username fragment and password for its bundle")]
    NoIceCredentials,
    /// No certificate fingerprint that applies to the bundle, or none by SHA-256.
    #[error("the offer has no SHA-256 certificate fingerprint for its bundle")]
    NoFingerprint,
    /// `a=ice-lite`: two lite agents never check connectivity.
    #[error("the peer is an ICE-lite agent, as the server is, so that neither would connect")]
    PeerIsIceLite,
    /// `a=setup:passive` or `holdconn`.
    #[error("the peer will not be the DTLS client, and the server is always the DTLS server")]
    PeerIsNotDtlsClient,
}

impl OfferError {
    /// A stable code for protocol and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "offer_too_large",
            Self::Malformed { .. } => "malformed_line",
            Self::MissingLine { .. } => "missing_line",
            Self::TooMany { .. } => "too_many",
            Self::Repeated { .. } => "repeated_name",
            Self::NoBundle => "no_bundle",
            Self::NothingUsable { .. } => "nothing_usable",
            Self::NoIceCredentials => "no_ice_credentials",
            Self::NoFingerprint => "no_fingerprint",
            Self::PeerIsIceLite => "peer_is_ice_lite",
            Self::PeerIsNotDtlsClient => "peer_is_not_dtls_client",
        }
    }

    /// Who has to change something.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Malformed { .. }
            | Self::MissingLine { .. }
            | Self::Repeated { .. }
            | Self::NoIceCredentials
            | Self::NoFingerprint => Fault::PeerBrokeRule,
            Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::NoBundle
            | Self::NothingUsable { .. }
            | Self::PeerIsIceLite
            | Self::PeerIsNotDtlsClient => Fault::PeerIsIncompatible,
        }
    }
}

/// Whose fault an [`OfferError`] is. It is never ours: what we cannot answer, we do not support.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The offer breaks a rule of SDP or WebRTC.
    PeerBrokeRule,
    /// The offer is right, but asks for what the server does not do.
    PeerIsIncompatible,
}

/// Why an m-line was refused with port 0 while the rest of the offer was answered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
pub enum Refusal {
    /// Offered with port 0 and not `bundle-only`: the peer itself has stopped it.
    #[error("the peer has stopped the m-line")]
    Stopped,
    /// Not in the BUNDLE group.
    #[error("the m-line is not in the BUNDLE group")]
    NotBundled,
    /// Neither the m-line nor the bundle has `a=rtcp-mux`.
    #[error("the m-line does not multiplex RTP and RTCP")]
    NoRtcpMux,
    /// Neither audio, video nor an SCTP data channel.
    #[error("the m-line is neither audio, video nor a data channel")]
    UnknownMedia,
    /// Audio or video, but not over a profile of RTP that WebRTC uses.
    #[error("the m-line's protocol is not RTP over DTLS-SRTP")]
    UnknownProtocol,
    /// Nothing among its formats that the server forwards.
    #[error("the m-line has no codec in common with the server")]
    NoCommonCodec,
    /// There is an SCTP association already.
    #[error("the offer has a data-channel m-line already")]
    SecondDataChannel,
}

impl Refusal {
    /// A stable code for protocol and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::NotBundled => "not_bundled",
            Self::NoRtcpMux => "no_rtcp_mux",
            Self::UnknownMedia => "unknown_media",
            Self::UnknownProtocol => "unknown_protocol",
            Self::NoCommonCodec => "no_common_codec",
            Self::SecondDataChannel => "second_data_channel",
        }
    }
}
