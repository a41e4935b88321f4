//! What the room refuses, in the words of the two protocols.

use std::time::Duration;

use axum::http::StatusCode;
use sfu::control::OfferRefusal;
use sfu::room::{DataRefusal, Refusal};
use signaling_protocol::ErrorCode;

use crate::problem::Problem;
use crate::tokens::TokenError;

/// The code of the WebSocket protocol.
pub(crate) fn error_code(refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::BadRoomName => ErrorCode::BadRoomName,
        Refusal::BadDisplayName => ErrorCode::BadDisplayName,
        Refusal::RoomFull { .. } => ErrorCode::RoomFull,
        Refusal::TooManyRooms { .. } => ErrorCode::TooManyRooms,
        Refusal::TooManyParticipants { .. } => ErrorCode::TooManyParticipants,
        Refusal::Overloaded => ErrorCode::Overloaded,
        Refusal::SessionOver | Refusal::UnknownResumeToken => ErrorCode::SessionOver,
        Refusal::MayNotPublish => ErrorCode::MayNotPublish,
        Refusal::MayNotSubscribe => ErrorCode::MayNotSubscribe,
        Refusal::SourceNotAllowed(_) => ErrorCode::SourceNotAllowed,
        Refusal::SourceOfOtherKind(_) => ErrorCode::SourceOfOtherKind,
        Refusal::TooManyTracks { .. } => ErrorCode::TooManyTracks,
        Refusal::TooManySlots { .. } => ErrorCode::TooManySlots,
        Refusal::NotConnected => ErrorCode::NotConnected,
        Refusal::UnknownTrack => ErrorCode::UnknownTrack,
        Refusal::UnknownParticipant => ErrorCode::UnknownParticipant,
        Refusal::NotYourTrack => ErrorCode::NotYourTrack,
        Refusal::MayNotUnmute => ErrorCode::MayNotUnmute,
        Refusal::NotAdmin => ErrorCode::NotAdmin,
    }
}

/// The code of the WebSocket protocol.
pub(crate) fn offer_error_code(refusal: &OfferRefusal) -> ErrorCode {
    match refusal {
        OfferRefusal::InvalidSdp(_) => ErrorCode::InvalidSdp,
        OfferRefusal::UnsupportedSdp(_) => ErrorCode::UnsupportedSdp,
        OfferRefusal::Refused(refusal) => error_code(refusal),
    }
}

/// The code of the WebSocket protocol.
pub(crate) fn token_error_code(error: TokenError) -> ErrorCode {
    if error.is_forbidden() {
        ErrorCode::Forbidden
    } else {
        ErrorCode::Unauthorized
    }
}

/// The code of the WebSocket protocol.
pub(crate) fn data_error_code(refusal: DataRefusal) -> ErrorCode {
    match refusal {
        DataRefusal::NotGranted => ErrorCode::MayNotPublishData,
        DataRefusal::TooFast => ErrorCode::TooMuchData,
    }
}

/// When a full server may have room again: a guess.
const FULL_RETRY: Duration = Duration::from_secs(10);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::BadRoomName | Refusal::BadDisplayName => StatusCode::BAD_REQUEST,
            Refusal::RoomFull { .. }
            | Refusal::TooManyRooms { .. }
            | Refusal::TooManyParticipants { .. }
            | Refusal::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::SessionOver
            | Refusal::UnknownResumeToken
            | Refusal::NotConnected
            | Refusal::UnknownTrack
            | Refusal::UnknownParticipant => StatusCode::NOT_FOUND,
            Refusal::MayNotPublish
            | Refusal::MayNotSubscribe
            | Refusal::SourceNotAllowed(_)
            | Refusal::NotYourTrack
            | Refusal::MayNotUnmute
            | Refusal::NotAdmin => StatusCode::FORBIDDEN,
            Refusal::SourceOfOtherKind(_)
            | Refusal::TooManyTracks { .. }
            | Refusal::TooManySlots { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let problem = Self::new(status, refusal.code(), refusal.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            problem.retry_after(FULL_RETRY)
        } else {
            problem
        }
    }
}

impl From<OfferRefusal> for Problem {
    fn from(refusal: OfferRefusal) -> Self {
        let code = refusal.code();
        match refusal {
            OfferRefusal::InvalidSdp(sentence) => {
                Self::new(StatusCode::BAD_REQUEST, code, sentence)
            }
            OfferRefusal::UnsupportedSdp(sentence) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, sentence)
            }
            OfferRefusal::Refused(refusal) => refusal.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_room_with_hyphens() {
        let refusals = [
            Refusal::BadRoomName,
            Refusal::RoomFull { limit: 1 },
            Refusal::Overloaded,
            Refusal::MayNotPublish,
            Refusal::TooManyTracks { limit: 1 },
            Refusal::UnknownTrack,
            Refusal::NotAdmin,
        ];
        for refusal in refusals {
            assert_eq!(
                error_code(&refusal).as_str(),
                refusal.code().replace('_', "-")
            );
        }
        for refusal in [DataRefusal::NotGranted, DataRefusal::TooFast] {
            assert_eq!(
                data_error_code(refusal).as_str(),
                refusal.code().replace('_', "-")
            );
        }
    }
}
