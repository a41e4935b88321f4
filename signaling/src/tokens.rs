//! Tokens: JWT (RFC 7519) signed with HS256, with the grant names of LiveKit, so that code which makes
//! tokens for one makes them for the other.
//!
//! What is wrong with a token is said in a fixed sentence: nothing of the token goes back or into logs.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};
use sfu::room::{Grants, SourceSet, TrackSource};
use thiserror::Error;

use crate::config::{Key, Keys};

/// Checks tokens.
pub struct Authority {
    keys: Vec<(String, DecodingKey)>,
    validation: Validation,
}

/// What a token says, as far as it concerns us; other claims are ignored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The name of the key.
    pub iss: String,
    /// The identity that the token is for.
    pub sub: String,
    /// The name that others see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it ends, in seconds since 1970.
    #[serde(deserialize_with = "numeric_date")]
    pub exp: u64,
    /// When it begins, in seconds since 1970.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_numeric_date"
    )]
    pub nbf: Option<u64>,
    /// What it allows.
    #[serde(default)]
    pub video: VideoGrants,
}

/// What a token allows. What is absent is as LiveKit has it: publishing and subscribing are allowed
/// unless they are forbidden, all else is forbidden unless it is allowed.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VideoGrants {
    /// The only room that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// May join.
    pub room_join: bool,
    /// May mute others, and use the admin API.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub room_admin: bool,
    /// May publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// May subscribe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May send data messages; absent: if it may publish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// The only sources that it may publish; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub can_publish_sources: Vec<String>,
    /// Is not shown to others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Why a token does not help.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TokenError {
    /// There is none.
    #[error("a token is required")]
    Missing,
    /// No JWT of one of our keys.
    #[error("the token is not valid")]
    Invalid,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// `video.room` is another.
    #[error("the token is for another room")]
    OtherRoom,
    /// No `video.roomJoin`.
    #[error("the token does not allow to join a room")]
    MayNotJoin,
    /// `video.canPublish` is false.
    #[error("the token does not allow to publish")]
    MayNotPublish,
    /// `video.canSubscribe` is false.
    #[error("the token does not allow to subscribe")]
    MayNotSubscribe,
    /// No `video.roomAdmin`.
    #[error("the token does not allow to administer")]
    NotAdmin,
}

impl TokenError {
    /// Whether somebody else's token, or a later one of the same person, would not help either: HTTP
    /// 403 rather than 401.
    pub const fn is_forbidden(self) -> bool {
        match self {
            Self::Missing | Self::Invalid | Self::Expired | Self::NotYet => false,
            Self::OtherRoom
            | Self::MayNotJoin
            | Self::MayNotPublish
            | Self::MayNotSubscribe
            | Self::NotAdmin => true,
        }
    }
}

impl Authority {
    /// Takes tokens made with any of these keys.
    pub fn new(keys: &Keys) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Times are checked below, against a clock that tests can set.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let keys = keys
            .iter()
            .map(|key| {
                (
                    key.name.clone(),
                    DecodingKey::from_secret(key.secret.as_bytes()),
                )
            })
            .collect();
        Self { keys, validation }
    }

    /// Reads a token.
    ///
    /// # Errors
    /// If it is not signed by the key it names, or not now.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let claims = self
            .keys
            .iter()
            .find_map(|(name, key)| {
                let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation)
                    .ok()?
                    .claims;
                (claims.iss == *name).then_some(claims)
            })
            .ok_or(TokenError::Invalid)?;
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        if Duration::from_secs(claims.exp).saturating_add(CLOCK_SKEW) <= now {
            return Err(TokenError::Expired);
        }
        if claims
            .nbf
            .is_some_and(|begin| Duration::from_secs(begin) > now.saturating_add(CLOCK_SKEW))
        {
            return Err(TokenError::NotYet);
        }
        Ok(claims)
    }
}

/// A token with every grant has some 500 bytes.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// How far the clocks of the machine that makes tokens and ours may be apart; LiveKit has the same.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

impl Claims {
    /// Makes a token.
    ///
    /// # Errors
    /// Never, with the keys that a configuration holds.
    pub fn sign(&self, key: &Key) -> Result<String, jsonwebtoken::errors::Error> {
        let header = Header::new(Algorithm::HS256);
        jsonwebtoken::encode(
            &header,
            self,
            &EncodingKey::from_secret(key.secret.as_bytes()),
        )
    }

    /// What the bearer may do in the room.
    ///
    /// # Errors
    /// If it may not join it.
    pub fn grants_in(&self, room: &str) -> Result<Grants, TokenError> {
        if !self.video.room_join {
            return Err(TokenError::MayNotJoin);
        }
        if self
            .video
            .room
            .as_deref()
            .is_some_and(|only| !only.is_empty() && only != room)
        {
            return Err(TokenError::OtherRoom);
        }
        Ok(self.video.grants())
    }
}

impl VideoGrants {
    fn grants(&self) -> Grants {
        let can_publish = self.can_publish.unwrap_or(true) && !self.hidden;
        Grants {
            can_publish,
            can_subscribe: self.can_subscribe.unwrap_or(true),
            can_publish_data: self.can_publish_data.unwrap_or(can_publish),
            room_admin: self.room_admin,
            hidden: self.hidden,
            sources: if self.can_publish_sources.is_empty() {
                SourceSet::ALL
            } else {
                self.can_publish_sources
                    .iter()
                    .filter_map(|name| source(name))
                    .collect()
            },
        }
    }
}

/// LiveKit's names of sources, which its libraries write in lower or upper case.
fn source(name: &str) -> Option<TrackSource> {
    match name.to_ascii_lowercase().as_str() {
        "camera" => Some(TrackSource::Camera),
        "microphone" => Some(TrackSource::Microphone),
        "screen_share" => Some(TrackSource::Screen),
        "screen_share_audio" => Some(TrackSource::ScreenAudio),
        _ => None,
    }
}

/// RFC 7519 §2 allows fractions of a second, and some libraries write them.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    // A cast from a float saturates: before 1970 is 1970, and never is very late.
    f64::deserialize(deserializer).map(|seconds| seconds as u64)
}

fn optional_numeric_date<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    numeric_date(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
