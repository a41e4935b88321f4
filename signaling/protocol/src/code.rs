//! The stable codes of errors and of closings. Sentences may change; these do not.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
            /// A code that this version of the crate does not know; read, never sent.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl $name {
            /// Every code that is sent.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it stands in messages.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown => "unknown",
                }
            }
        }
    };
}

codes! {
    /// Why a request was refused. The session goes on as if the request had not been made.
    ErrorCode {
        /// The text is not a JSON object.
        InvalidJson => "invalid-json",
        /// A field is missing, unknown, or has a value that it may not have.
        InvalidMessage => "invalid-message",
        /// The server knows no such `type`.
        UnknownType => "unknown-type",
        /// Only `join` and `ping` are possible before a successful `join`.
        NotJoined => "not-joined",
        /// This connection has joined already.
        AlreadyJoined => "already-joined",
        /// The server wants a token, and there is none or it does not hold.
        Unauthorized => "unauthorized",
        /// The token does not allow this.
        Forbidden => "forbidden",
        /// A room's name is not allowed.
        BadRoomName => "bad-room-name",
        /// A display name is not allowed.
        BadDisplayName => "bad-display-name",
        /// The room has as many participants as it may.
        RoomFull => "room-full",
        /// The server has as many rooms as it may.
        TooManyRooms => "too-many-rooms",
        /// The server has as many participants as it may.
        TooManyParticipants => "too-many-participants",
        /// The server has more to do than it can; try again in a moment.
        Overloaded => "overloaded",
        /// The session ended while the request was on its way.
        SessionOver => "session-over",
        /// The SDP does not parse or breaks a rule of WebRTC.
        InvalidSdp => "invalid-sdp",
        /// The SDP is right, but the server cannot do what it asks for.
        UnsupportedSdp => "unsupported-sdp",
        /// The token does not allow to publish.
        MayNotPublish => "may-not-publish",
        /// The token does not allow to subscribe.
        MayNotSubscribe => "may-not-subscribe",
        /// The token does not allow to publish this source.
        SourceNotAllowed => "source-not-allowed",
        /// A picture was declared as a sound or the reverse.
        SourceOfOtherKind => "source-of-other-kind",
        /// The offer would publish more tracks than a participant may.
        TooManyTracks => "too-many-tracks",
        /// The offer has more slots than a participant may.
        TooManySlots => "too-many-slots",
        /// `subscribe` names more tracks than it may.
        TooManyPreferences => "too-many-preferences",
        /// An `offer` must come first.
        NotConnected => "not-connected",
        /// There is no such track in the room.
        UnknownTrack => "unknown-track",
        /// There is no such participant in the room.
        UnknownParticipant => "unknown-participant",
        /// Only its publisher or an admin may mute a track.
        NotYourTrack => "not-your-track",
        /// Only its publisher may unmute a track.
        MayNotUnmute => "may-not-unmute",
        /// Only an admin of the room may do this.
        NotAdmin => "not-admin",
        /// The token does not allow to send data messages.
        MayNotPublishData => "may-not-publish-data",
        /// Data messages came faster than the room passes them on.
        TooMuchData => "too-much-data",
        /// The server has a fault.
        Internal => "internal",
    }
}

codes! {
    /// Why a session, or somebody else's stay, ended.
    CloseCode {
        /// The client asked for it.
        Left => "left",
        /// An operator, or somebody who may, removed the participant.
        Removed => "removed",
        /// The WebSocket was lost, and the session not resumed in time.
        SignalingLost => "signaling-lost",
        /// Another connection has resumed this session.
        Superseded => "superseded",
        /// The server is stopping.
        ShuttingDown => "shutting-down",
        /// No successful `join` in time.
        JoinTimeout => "join-timeout",
        /// More requests than allowed.
        Flood => "flood",
        /// The client does not read what the server sends.
        SlowConsumer => "slow-consumer",
        /// A binary frame, or one that is too large or not UTF-8.
        BadFrame => "bad-frame",
        /// No connectivity check of the client reached the server in time.
        IceTimeout => "ice-timeout",
        /// The DTLS handshake did not complete in time.
        DtlsTimeout => "dtls-timeout",
        /// The DTLS handshake failed.
        DtlsFailed => "dtls-failed",
        /// The certificate is not the one that the offer announced.
        FingerprintMismatch => "fingerprint-mismatch",
        /// The client ended the media connection.
        ClosedByPeer => "closed-by-peer",
        /// The client's media connection fell silent.
        ConsentExpired => "consent-expired",
        /// The server has a fault.
        Internal => "internal",
    }
}

impl CloseCode {
    /// Whether a new `join` is likely to succeed without a person doing something about it.
    pub const fn retry(self) -> bool {
        match self {
            Self::ShuttingDown
            | Self::SlowConsumer
            | Self::SignalingLost
            | Self::IceTimeout
            | Self::DtlsTimeout
            | Self::ConsentExpired
            | Self::Internal => true,
            Self::Left
            | Self::Removed
            | Self::Superseded
            | Self::JoinTimeout
            | Self::Flood
            | Self::BadFrame
            | Self::DtlsFailed
            | Self::FingerprintMismatch
            | Self::ClosedByPeer
            | Self::Unknown => false,
        }
    }

    /// The status of the WebSocket close frame that follows (RFC 6455 §7.4; 4000 up are ours).
    pub const fn websocket_status(self) -> u16 {
        match self {
            Self::Left => 1000,
            Self::ShuttingDown => 1001,
            Self::BadFrame => 1003,
            Self::Internal => 1011,
            Self::Removed => 4403,
            Self::JoinTimeout => 4408,
            Self::Superseded => 4409,
            Self::SlowConsumer => 4413,
            Self::Flood => 4429,
            Self::SignalingLost
            | Self::IceTimeout
            | Self::DtlsTimeout
            | Self::DtlsFailed
            | Self::FingerprintMismatch
            | Self::ClosedByPeer
            | Self::ConsentExpired
            | Self::Unknown => 4500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_as_they_were_written_and_strange_ones_are_tolerated() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).expect("a code");
            assert_eq!(json, format!("\"{}\"", code.as_str()));
            assert_eq!(
                serde_json::from_str::<ErrorCode>(&json).expect("a code"),
                *code
            );
        }
        assert_eq!(
            serde_json::from_str::<CloseCode>("\"of-next-year\"").expect("any code"),
            CloseCode::Unknown
        );
    }
}
