//! Offers of WHIP and WHEP: media goes one way, in one track of a kind at most (RFC 9725 §4.4). What
//! else may be wrong with an offer is for the room to say.

use axum::http::StatusCode;
use sfu::control::OfferRefusal;
use sfu::parameters::{IceCredentials, MediaKind};
use sfu::sdp::{Direction, Offer, OfferedMedia};

use super::Protocol;
use crate::problem::Problem;

/// An offer that fits the protocol.
pub(crate) struct CheckedOffer {
    text: String,
    ice: IceCredentials,
}

impl CheckedOffer {
    /// Reads an offer.
    pub(crate) fn read(text: String, protocol: Protocol) -> Result<Self, Problem> {
        let offer = Offer::parse(&text).map_err(OfferRefusal::from)?;
        let goes = |way: Direction| match protocol {
            Protocol::Whip => way.sends(),
            Protocol::Whep => way.receives(),
        };
        let used = |media: &&OfferedMedia| goes(media.direction());
        if offer
            .media()
            .any(|media| media.direction() != Direction::Inactive && !goes(media.direction()))
        {
            return Err(refused("wrong_direction", wrong_direction(protocol)));
        }
        if !offer.media().any(|media| used(&media)) {
            return Err(refused(
                "no_media",
                "no m-line of the offer has media that this endpoint takes",
            ));
        }
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if offer
                .media()
                .filter(used)
                .filter(|media| media.kind() == kind)
                .count()
                > 1
            {
                return Err(refused(
                    "too_many_tracks",
                    "a session has one audio and one video track at most; this offer has more",
                ));
            }
        }
        let ice = offer.ice().clone();
        Ok(Self { text, ice })
    }

    /// The offer.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The ICE credentials in it.
    pub(super) fn ice(&self) -> &IceCredentials {
        &self.ice
    }

    /// The same offer with other ICE credentials, as a client would offer to restart ICE.
    pub(super) fn with_ice(&self, ice: IceCredentials) -> Self {
        let mut text = String::with_capacity(self.text.len() + 64);
        for line in self.text.lines() {
            match line {
                line if line.starts_with(UFRAG) => text.extend([UFRAG, &ice.ufrag]),
                line if line.starts_with(PWD) => text.extend([PWD, &ice.pwd]),
                line => text.push_str(line),
            }
            text.push_str("\r\n");
        }
        Self { text, ice }
    }
}

/// RFC 8839 §5.4
pub(super) const UFRAG: &str = "a=ice-ufrag:";
/// RFC 8839 §5.4
pub(super) const PWD: &str = "a=ice-pwd:";

fn refused(code: &'static str, sentence: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, sentence)
}

const fn wrong_direction(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Whip => "this endpoint only receives: an m-line of the offer is recvonly",
        Protocol::Whep => "this endpoint only sends: an m-line of the offer is sendonly",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_credentials_replace_the_old_ones_in_every_m_line() {
        let text = "v=0\r\nm=audio 9 X 0\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpwd\r\na=mid:0\r\n\
                    m=video 9 X 1\r\na=ice-ufrag:old1\r\na=ice-pwd:oldpwd\r\n";
        let credentials = |ufrag: &str, pwd: &str| IceCredentials {
            ufrag: ufrag.into(),
            pwd: pwd.into(),
        };
        let offer = CheckedOffer {
            text: text.into(),
            ice: credentials("old1", "oldpwd"),
        };
        let changed = offer.with_ice(credentials("new1", "newpwd"));
        assert_eq!(
            changed.text(),
            text.replace("old1", "new1").replace("oldpwd", "newpwd")
        );
        assert_eq!(changed.ice(), &credentials("new1", "newpwd"));
    }
}
