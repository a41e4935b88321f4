//! What the server is told: flags, then `SWITCHYARD_*` variables, then the file, then the defaults.
//!
//! [`Settings`] is what a source says, every value optional; [`Config`] is what comes of all of them,
//! checked. After [`Config::resolve`] nobody looks at a setting again.

mod defaults;
mod environment;
mod error;
mod file;
mod ice_server;
mod keys;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sfu::control::SfuConfig;
use sfu::room::RoomLimits;

pub use environment::refuse_unknown_variables;
pub use error::ConfigError;
pub use file::read_file;
pub use ice_server::IceServer;
pub use keys::{Key, Keys};
pub use settings::{LogFormat, Settings};

pub use crate::node::Patience;

/// What the server does, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP and WebSocket are served.
    pub listen: SocketAddr,
    /// Where metrics are served, if not together with the rest.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether to serve everybody who can reach the server.
    pub access: Access,
    /// Serve the page from here instead of from the binary.
    pub web_root: Option<PathBuf>,
    /// What clients are told to use for ICE.
    pub ice_servers: Vec<IceServer>,
    /// The reverse proxies whose word on where a request comes from is taken.
    pub trusted_proxies: Vec<IpAddr>,
    /// How many HTTP requests an address may make.
    pub http_rate: Rate,
    /// How many messages a WebSocket may send.
    pub message_rate: Rate,
    /// How long clients are waited for; not a setting, but tests are less patient.
    pub patience: Patience,
    /// How many TCP connections may be open whose clients have not joined a room; not a setting.
    pub max_strangers: usize,
    /// What is logged.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// The media side.
    pub media: SfuConfig,
}

/// Who may use the server.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever has a token made with one of these keys.
    Keys(Keys),
    /// Everybody on this machine, and no web page but those of this machine.
    OpenToThisMachine,
    /// Everybody: the operator said so.
    OpenToEverybody,
}

/// A rate and how far it may be exceeded for a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// For long, per second.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

impl Config {
    /// Fills what is not set with the defaults and checks what the values mean together.
    ///
    /// # Errors
    /// If a value is out of its range, a key is bad, or the server would be open to everybody without
    /// having been told to.
    pub fn resolve(settings: Settings) -> Result<Self, ConfigError> {
        let settings = settings.complete();
        let keys = Self::keys(&settings)?;
        let listen = require(settings.listen, "listen");
        let access = Access::decide(keys, listen, settings.insecure_open.unwrap_or(false))?;
        let workers = within("workers", settings.workers, 1..=sfu::id::WorkerId::MAX)?;
        let udp_port = require(settings.udp_port, "udp-port");
        if udp_port != 0 && usize::from(u16::MAX - udp_port) + 1 < workers {
            return Err(ConfigError::TooFewPorts {
                first: udp_port,
                workers,
            });
        }
        let message_rate = within("message-rate", settings.message_rate, 10..=100_000)?;
        let http_rate = within("http-rate", settings.http_rate, 1..=1_000_000)?;
        Ok(Self {
            listen,
            metrics_listen: settings.metrics_listen,
            access,
            web_root: settings.web_root,
            ice_servers: settings
                .ice_server
                .unwrap_or_default()
                .iter()
                .map(|text| IceServer::parse(text))
                .collect::<Result<_, _>>()?,
            trusted_proxies: settings.trusted_proxy.unwrap_or_default(),
            http_rate: Rate::with_burst_of_seconds(http_rate, 5),
            message_rate: Rate::with_burst_of_seconds(message_rate, 5),
            patience: Patience::default(),
            max_strangers: defaults::MAX_STRANGERS,
            log: require(settings.log, "log"),
            log_format: require(settings.log_format, "log-format"),
            media: SfuConfig {
                workers,
                udp_port,
                listen: usable("media-bind", settings.media_bind, |address| {
                    !address.is_multicast()
                })?,
                announce: usable("announce", settings.announce, |address| {
                    !address.is_unspecified() && !address.is_multicast()
                })?,
                max_rooms: within("max-rooms", settings.max_rooms, 1..=1_000_000)?,
                max_participants: within(
                    "max-participants",
                    settings.max_participants,
                    1..=1_000_000,
                )?,
                room_limits: RoomLimits {
                    participants: within(
                        "room-participants",
                        settings.room_participants,
                        1..=1_000_000,
                    )?,
                    tracks_per_participant: within(
                        "participant-tracks",
                        settings.participant_tracks,
                        1..=64,
                    )?,
                    slots_per_participant: within(
                        "participant-slots",
                        settings.participant_slots,
                        1..=512,
                    )?,
                    audio_per_participant: within(
                        "participant-audio",
                        settings.participant_audio,
                        1..=512,
                    )?,
                    ..RoomLimits::default()
                },
                spread_above: within("spread-above", settings.spread_above, 1..=1_000_000)?,
                resume_grace: Duration::from_secs(within(
                    "resume-seconds",
                    settings.resume_seconds,
                    1..=3600,
                )?),
            },
        })
    }

    /// The keys alone.
    ///
    /// # Errors
    /// If the file of keys cannot be read, or a key is bad.
    pub fn keys(settings: &Settings) -> Result<Keys, ConfigError> {
        Keys::collect(
            settings.key.as_deref().unwrap_or_default(),
            settings.key_file.as_deref(),
        )
    }
}

impl Access {
    fn decide(keys: Keys, listen: SocketAddr, insecure_open: bool) -> Result<Self, ConfigError> {
        match (keys.is_empty(), insecure_open) {
            (false, false) => Ok(Self::Keys(keys)),
            (false, true) => Err(ConfigError::OpenWithKeys),
            (true, true) => Ok(Self::OpenToEverybody),
            (true, false) if listen.ip().is_loopback() => Ok(Self::OpenToThisMachine),
            (true, false) => Err(ConfigError::OpenBeyondLoopback { listen }),
        }
    }
}

impl Rate {
    fn with_burst_of_seconds(per_second: u32, seconds: u32) -> Self {
        Self {
            per_second,
            burst: per_second.saturating_mul(seconds),
        }
    }
}

fn require<T>(value: Option<T>, key: &'static str) -> T {
    value.unwrap_or_else(|| panic!("`{key}` has a default"))
}

fn within<T>(
    key: &'static str,
    value: Option<T>,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, ConfigError>
where
    T: PartialOrd + std::fmt::Display + Copy,
{
    let value = require(value, key);
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(ConfigError::OutOfRange {
            key,
            value: value.to_string(),
            least: range.start().to_string(),
            most: range.end().to_string(),
        })
    }
}

fn usable(
    key: &'static str,
    addresses: Option<Vec<IpAddr>>,
    is_usable: impl Fn(&IpAddr) -> bool,
) -> Result<Vec<IpAddr>, ConfigError> {
    let addresses = addresses.unwrap_or_default();
    match addresses.iter().find(|address| !is_usable(address)) {
        Some(address) => Err(ConfigError::UnusableAddress {
            key,
            address: *address,
        }),
        None => Ok(addresses),
    }
}

#[cfg(test)]
mod tests;
