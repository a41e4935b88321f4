//! What an offer and its answer settled, in the form that engine and rooms use.
//!
//! `sdp` produces these values and everybody else only reads them: after `Offer::parse` and
//! `Negotiation::answer` nobody looks at SDP again. Payload types and extension ids are in here
//! because they come from negotiation (RFC 8829), never from literals.

use std::fmt;

use sfu_rtp::{ExtensionMap, Mid, PayloadType, Rid, Ssrc};

/// Everything a worker must know to serve one peer.
#[derive(Clone, Debug)]
pub struct PeerParameters {
    /// The ICE credentials of both sides (RFC 8445 §5.3).
    pub ice: IceParameters,
    /// The fingerprints the peer's certificate may have (RFC 8122 §5); at least one.
    pub fingerprints: Vec<Fingerprint>,
    /// Header-extension ids in packets that the peer sends to us.
    pub receive_extensions: ExtensionMap,
    /// The m-lines on which the peer may send, in the order of the offer.
    pub published: Vec<PublishedMedia>,
    /// The m-lines on which we may send: the slots, in the order of the offer.
    pub slots: Vec<SlotMedia>,
    /// Present if a data-channel m-line was accepted.
    pub data: Option<DataParameters>,
}

/// The ICE credentials of both sides.
#[derive(Clone, PartialEq, Eq)]
pub struct IceParameters {
    /// Ours: what the peer's requests are addressed to and keyed with.
    pub local: IceCredentials,
    /// The peer's.
    pub remote: IceCredentials,
}

impl fmt::Debug for IceParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IceParameters({} / {})",
            self.local.ufrag, self.remote.ufrag
        )
    }
}

/// A username fragment and its password (RFC 8839 §5.4): 4 to 256 and 22 to 256 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The username fragment.
    pub ufrag: String,
    /// The password; never logged.
    pub pwd: String,
}

impl fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IceCredentials({})", self.ufrag)
    }
}

/// The SHA-256 fingerprint of a DER certificate. Other hashes are not accepted: every browser offers
/// SHA-256, and RFC 8122 §5 requires it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// Upper-case hexadecimal octets with colons, as SDP has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            let colon = if position == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02X}")?;
        }
        Ok(())
    }
}

/// Audio or video.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MediaKind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
}

/// A codec as far as forwarding is concerned. Profiles matter for negotiation only and stay in
/// [`NegotiatedCodec::format`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// RFC 7587
    Opus,
    /// RFC 7741
    Vp8,
    /// RFC 9628
    Vp9,
    /// RFC 6184
    H264,
    /// AOM "RTP Payload Format For AV1"
    Av1,
}

impl Codec {
    /// Whether it codes sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => MediaKind::Video,
        }
    }

    /// RTP ticks per second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::H264 | Self::Av1 => 90_000,
        }
    }

    /// The encoding name as SDP writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::Av1 => "AV1",
        }
    }
}

/// The parts of a codec's `fmtp` that two sides must agree on for a packet of one to be of use to the
/// other. Two formats are interchangeable when they are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CodecFormat {
    /// Nothing to agree on (Opus, VP8).
    Any,
    /// VP9 `profile-id` (RFC 9628 §6), 0 when absent.
    Vp9Profile(u8),
    /// H.264 `profile_idc`, the constraint bits that matter, and `packetization-mode` (RFC 6184 §8.1).
    /// The level is left out: it is a capability, not a format.
    H264 {
        /// `profile_idc`, normalised: constrained baseline is one profile however it is spelt.
        profile: H264Profile,
        /// 0 or 1.
        packetization_mode: u8,
    },
    /// AV1 `profile`, 0 when absent.
    Av1Profile(u8),
}

/// The H.264 profiles met in WebRTC (RFC 7742 §6.2, RFC 6184 table 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum H264Profile {
    /// 42e0xx and its other spellings.
    ConstrainedBaseline,
    /// 4200xx
    Baseline,
    /// 4d00xx
    Main,
    /// 640cxx
    ConstrainedHigh,
    /// 6400xx
    High,
    /// f4001f: offered by Chromium for receiving only.
    HighPredictive444,
}

/// One codec of an m-line with the payload types that it was given there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NegotiatedCodec {
    /// The codec.
    pub codec: Codec,
    /// What its packets must conform to.
    pub format: CodecFormat,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions (RFC 4588), if they were negotiated.
    pub rtx: Option<PayloadType>,
    /// The payload type of its frames with earlier ones repeated (RFC 2198), if that was negotiated: of Opus
    /// only.
    pub red: Option<PayloadType>,
    /// The feedback that was negotiated for it.
    pub feedback: Feedback,
}

impl NegotiatedCodec {
    /// Whether a packet with this payload type holds it, in whatever form.
    pub fn has(&self, payload_type: PayloadType) -> bool {
        let ours = [Some(self.payload_type), self.rtx, self.red];
        ours.contains(&Some(payload_type))
    }
}

/// The `a=rtcp-fb` values (RFC 4585 §4.2) that both sides agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Feedback {
    /// Generic NACK.
    pub nack: bool,
    /// Picture loss indication.
    pub pli: bool,
    /// Full intra request (RFC 5104).
    pub fir: bool,
    /// Transport-wide congestion control feedback.
    pub transport_cc: bool,
    /// Receiver estimated maximum bitrate.
    pub remb: bool,
}

/// An m-line on which the peer sends: it becomes a track.
#[derive(Clone, Debug)]
pub struct PublishedMedia {
    /// Its MID (RFC 9143).
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// The codecs that the peer may use, in its order of preference; at least one.
    pub codecs: Vec<NegotiatedCodec>,
    /// The encodings: one without a RID, or one per simulcast RID in the order of `a=simulcast`.
    /// 1 to [`MAX_ENCODINGS`].
    pub encodings: Vec<EncodingParameters>,
    /// The MediaStream it belongs to in the publisher's page (`a=msid`), if it said.
    pub stream_id: Option<String>,
}

/// The most encodings of a track. Browsers send at most three; four is what issue trackers of other
/// servers show in the wild.
pub const MAX_ENCODINGS: usize = 4;

/// One RTP stream of a published m-line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodingParameters {
    /// Its RID (RFC 8852), if simulcast was negotiated.
    pub rid: Option<Rid>,
    /// Its SSRC if the offer has `a=ssrc`; else it is learnt from the MID and RID extensions.
    pub ssrc: Option<Ssrc>,
    /// Its RTX SSRC if the offer has an FID group.
    pub rtx_ssrc: Option<Ssrc>,
}

/// An m-line on which we send: a slot, a fixed outgoing stream for the life of the connection.
#[derive(Clone, Debug)]
pub struct SlotMedia {
    /// Its MID (RFC 9143).
    pub mid: Mid,
    /// Audio or video.
    pub kind: MediaKind,
    /// The codecs that the peer can receive here; at least one.
    pub codecs: Vec<NegotiatedCodec>,
    /// Header-extension ids in packets that we send here. Within a bundle an id means one thing
    /// everywhere (RFC 9143 §7.2), but not every m-line takes every extension.
    pub extensions: ExtensionMap,
    /// Our SSRC in it; ours to choose, announced in the answer.
    pub ssrc: Ssrc,
    /// Our SSRC for retransmissions; present if any of `codecs` has RTX.
    pub rtx_ssrc: Option<Ssrc>,
    /// The MediaStream that the answer puts it into. Slots with the same pair number are played in
    /// sync by the receiver, so a participant's camera and microphone belong in one pair.
    pub pair: u16,
}

impl SlotMedia {
    /// The id of that MediaStream.
    pub fn stream_id(&self) -> String {
        format!("s{}", self.pair)
    }
}

/// The CNAME of all our streams, in answers and in RTCP: they share the node's clock (RFC 8834 §4.9).
pub const CNAME: &str = "switchyard";

/// The largest data-channel message taken or sent, in bytes. Chromium announces the same.
pub const MAX_DATA_MESSAGE_BYTES: usize = 262_144;

/// What was agreed for data channels (RFC 8841).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataParameters {
    /// The peer's SCTP port.
    pub remote_port: u16,
    /// The largest message that the peer takes, in bytes.
    pub max_message_size: u32,
}

impl DataParameters {
    /// Our SCTP port, the same as every browser's. It is a name within the DTLS association only.
    pub const LOCAL_PORT: u16 = 5000;
}
