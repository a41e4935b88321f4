//! Every reason a datagram or packet is not forwarded (or not even looked at), and its counter.
//!
//! A packet that disappears without a count here is a bug. The names are the `reason` label of
//! `switchyard_dropped_packets_total`.

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $label:literal,)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* $variant,)*
        }

        impl DropReason {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The metric label.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// The first byte belongs to no protocol of RFC 7983, or the datagram is empty.
    UnknownProtocol => "unknown_protocol",
    /// Media, DTLS or RTCP from an address that has not authenticated by ICE.
    UnknownAddress => "unknown_address",
    /// STUN that does not parse, or is no binding request.
    StunMalformed => "stun_malformed",
    /// A binding request whose USERNAME names no peer.
    StunUnknownUsername => "stun_unknown_username",
    /// A binding request whose MESSAGE-INTEGRITY or FINGERPRINT is wrong or missing.
    StunUnauthenticated => "stun_unauthenticated",
    /// A peer has more addresses than it may.
    TooManyAddresses => "too_many_addresses",
    /// DTLS that the handshake did not take.
    DtlsRejected => "dtls_rejected",
    /// DTLS of a handshake while too much of the same waits, of this peer or of all.
    HandshakesFull => "handshakes_full",
    /// SCTP of the data channels that is malformed, or would cost too much.
    DataRejected => "data_rejected",
    /// SRTP or SRTCP before the handshake has given keys.
    NoKeys => "no_keys",
    /// The RTP header does not parse.
    RtpMalformed => "rtp_malformed",
    /// The RTCP packet does not parse.
    RtcpMalformed => "rtcp_malformed",
    /// SRTP authentication failed.
    SrtpUnauthenticated => "srtp_unauthenticated",
    /// The SRTP index was seen before, or is too old to tell (RFC 3711 §3.3.2).
    SrtpReplayed => "srtp_replayed",
    /// The peer uses more SSRCs than it may.
    TooManySsrcs => "too_many_ssrcs",
    /// No m-line, RID or known SSRC claims the packet (RFC 9143 §9.2).
    UnknownSsrc => "unknown_ssrc",
    /// A payload type that was not negotiated on that m-line.
    UnknownPayloadType => "unknown_payload_type",
    /// The payload does not parse as its codec.
    PayloadMalformed => "payload_malformed",
    /// The packet carries only padding: it probes the path and has served its purpose.
    PaddingOnly => "padding_only",
    /// The packet is in the cache already.
    Duplicate => "duplicate",
    /// The packet is older than the cache reaches.
    TooOld => "too_old",
    /// An m-line that no track was made of.
    NotPublished => "not_published",
    /// The publisher has muted the track.
    Muted => "muted",
    /// The slot shows another encoding of the track.
    OtherEncoding => "other_encoding",
    /// The slot needs a keyframe before it can go on.
    AwaitingKeyframe => "awaiting_keyframe",
    /// The packet is from before the slot's current source began, or a gap that is closed already.
    BeforeSwitch => "before_switch",
    /// A layer above the slot's target.
    LayerNotWanted => "layer_not_wanted",
    /// The slot's peer is not connected yet.
    NotConnected => "not_connected",
    /// The slot's peer cannot take this codec or format.
    CodecNotNegotiated => "codec_not_negotiated",
    /// The rewritten packet would not fit a datagram.
    TooLarge => "too_large",
    /// The packet has waited too long for the path to the subscriber to have room.
    Overdue => "overdue",
    /// The subscriber's queue of this turn is full.
    DownlinkFull => "downlink_full",
    /// The packet left the cache before its turn to be sent came.
    NoLongerCached => "no_longer_cached",
    /// Retransmissions to the subscriber have used up their share.
    RetransmitBudget => "retransmit_budget",
    /// The queue to another worker is full.
    PipeFull => "pipe_full",
    /// The socket's send buffer is full.
    SocketFull => "socket_full",
    /// The datagram is longer than the network interface takes.
    MtuExceeded => "mtu_exceeded",
    /// The kernel refused the datagram.
    SendFailed => "send_failed",
}

impl DropReason {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether nobody misses the packet: it is not forwarded because the server does what it is for.
    pub const fn is_by_design(self) -> bool {
        use DropReason::*;
        matches!(
            self,
            PaddingOnly
                // Mostly old packets that a browser sends again to learn what its path carries.
                | Duplicate
                | NotPublished
                | Muted
                | OtherEncoding
                | BeforeSwitch
                | LayerNotWanted
        )
    }
}
