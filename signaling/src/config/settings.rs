//! What one source of configuration says. The names of flags, variables and file keys come from here,
//! as does the text of `--help`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// Every setting, each of them optional.
#[derive(Args, Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Where to serve the page, WebSocket, WHIP, WHEP and the admin API: an IP address and a TCP port [default: 127.0.0.1:8080]
    #[arg(long, env = "SWITCHYARD_LISTEN", value_name = "ADDRESS:PORT", help_heading = HTTP)]
    pub listen: Option<SocketAddr>,
    /// Serve metrics here instead, on a private address and port of their own
    #[arg(long, env = "SWITCHYARD_METRICS_LISTEN", value_name = "ADDRESS:PORT", help_heading = HTTP)]
    pub metrics_listen: Option<SocketAddr>,
    /// Serve the page from this directory instead of from the binary
    #[arg(long, env = "SWITCHYARD_WEB_ROOT", value_name = "DIRECTORY", help_heading = HTTP)]
    pub web_root: Option<PathBuf>,
    /// A reverse proxy whose X-Forwarded-For says where a request comes from. May be repeated [default:
    /// 127.0.0.1,::1]
    #[arg(long, env = "SWITCHYARD_TRUSTED_PROXY", value_name = "ADDRESS", value_delimiter = ',', help_heading = HTTP)]
    pub trusted_proxy: Option<Vec<IpAddr>>,
    /// How many HTTP requests a second one address may make for long; five times as many at once [default: 50]
    #[arg(long, env = "SWITCHYARD_HTTP_RATE", value_name = "REQUESTS", help_heading = HTTP)]
    pub http_rate: Option<u32>,
    /// How many WebSocket messages a second a client may send for long; five times as many at once [default: 20]
    #[arg(long, env = "SWITCHYARD_MESSAGE_RATE", value_name = "MESSAGES", help_heading = HTTP)]
    pub message_rate: Option<u32>,
    /// How long a client whose WebSocket was lost may come back, in seconds [default: 30]
    #[arg(long, env = "SWITCHYARD_RESUME_SECONDS", value_name = "SECONDS", help_heading = HTTP)]
    pub resume_seconds: Option<u64>,

    /// A key that tokens are signed with; its secret has at least 32 bytes. May be repeated
    #[arg(long, env = "SWITCHYARD_KEY", value_name = "NAME:SECRET", value_delimiter = ',', hide_env_values = true, global = true, help_heading = ACCESS)]
    pub key: Option<Vec<String>>,
    /// A file with more keys, one NAME:SECRET a line; empty lines and lines with # are skipped
    #[arg(long, env = "SWITCHYARD_KEY_FILE", value_name = "FILE", global = true, help_heading = ACCESS)]
    pub key_file: Option<PathBuf>,
    /// Let everybody who can reach the server use it without a token
    #[arg(long, env = "SWITCHYARD_INSECURE_OPEN", num_args = 0..=1, default_missing_value = "true", value_name = "YES", help_heading = ACCESS)]
    pub insecure_open: Option<bool>,

    /// The UDP port of the first worker; each further worker takes the next one. 0: any free ports [default: 7882]
    #[arg(long, env = "SWITCHYARD_UDP_PORT", value_name = "PORT", help_heading = MEDIA)]
    pub udp_port: Option<u16>,
    /// An address to send and receive media on, instead of every usable one. May be repeated
    #[arg(long, env = "SWITCHYARD_MEDIA_BIND", value_name = "ADDRESS", value_delimiter = ',', help_heading = MEDIA)]
    pub media_bind: Option<Vec<IpAddr>>,
    /// An address that clients reach this machine under, if it is not one of its own (1:1 NAT). May be
    /// repeated
    #[arg(long, env = "SWITCHYARD_ANNOUNCE", value_name = "ADDRESS", value_delimiter = ',', help_heading = MEDIA)]
    pub announce: Option<Vec<IpAddr>>,
    /// How many threads forward media [default: one for each core]
    #[arg(long, env = "SWITCHYARD_WORKERS", value_name = "NUMBER", help_heading = MEDIA)]
    pub workers: Option<usize>,
    /// Keep a room on one worker up to this many connections, or some 800 streams, then spread it over all [default: 32]
    #[arg(long, env = "SWITCHYARD_SPREAD_ABOVE", value_name = "NUMBER", help_heading = MEDIA)]
    pub spread_above: Option<usize>,
    /// A STUN or TURN server that clients are told of: its URL, and for TURN a user name and a password
    /// after spaces. May be repeated
    #[arg(long, env = "SWITCHYARD_ICE_SERVER", value_name = "URL", value_delimiter = ',', hide_env_values = true, help_heading = MEDIA)]
    pub ice_server: Option<Vec<String>>,

    /// The most rooms at a time [default: 10000]
    #[arg(long, env = "SWITCHYARD_MAX_ROOMS", value_name = "NUMBER", help_heading = LIMITS)]
    pub max_rooms: Option<usize>,
    /// The most participants in all rooms together [default: 50000]
    #[arg(long, env = "SWITCHYARD_MAX_PARTICIPANTS", value_name = "NUMBER", help_heading = LIMITS)]
    pub max_participants: Option<usize>,
    /// The most participants in one room [default: 5000]
    #[arg(long, env = "SWITCHYARD_ROOM_PARTICIPANTS", value_name = "NUMBER", help_heading = LIMITS)]
    pub room_participants: Option<usize>,
    /// The most tracks that one participant may publish [default: 8]
    #[arg(long, env = "SWITCHYARD_PARTICIPANT_TRACKS", value_name = "NUMBER", help_heading = LIMITS)]
    pub participant_tracks: Option<usize>,
    /// The most slots that one participant may offer [default: 128]
    #[arg(long, env = "SWITCHYARD_PARTICIPANT_SLOTS", value_name = "NUMBER", help_heading = LIMITS)]
    pub participant_slots: Option<usize>,
    /// The most tracks of sound that one participant is sent at a time, those who talk first [default: 16]
    #[arg(long, env = "SWITCHYARD_PARTICIPANT_AUDIO", value_name = "NUMBER", help_heading = LIMITS)]
    pub participant_audio: Option<usize>,

    /// What to log: a level, or directives as `info,sfu=debug` [default: info]
    #[arg(long, env = "SWITCHYARD_LOG", value_name = "FILTER", help_heading = LOG)]
    pub log: Option<String>,
    /// How to log [default: text]
    #[arg(long, env = "SWITCHYARD_LOG_FORMAT", value_name = "FORMAT", help_heading = LOG)]
    pub log_format: Option<LogFormat>,
}

const HTTP: &str = "HTTP and signaling";
const ACCESS: &str = "Access";
const MEDIA: &str = "Media";
const LIMITS: &str = "Limits";
const LOG: &str = "Log";

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// These settings, and the defaults of those that are not set.
    #[must_use]
    pub fn complete(self) -> Self {
        self.or(super::defaults::settings())
    }

    /// What this source says, and where it is silent, what the other says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            metrics_listen: self.metrics_listen.or(other.metrics_listen),
            web_root: self.web_root.or(other.web_root),
            trusted_proxy: self.trusted_proxy.or(other.trusted_proxy),
            http_rate: self.http_rate.or(other.http_rate),
            message_rate: self.message_rate.or(other.message_rate),
            resume_seconds: self.resume_seconds.or(other.resume_seconds),
            key: self.key.or(other.key),
            key_file: self.key_file.or(other.key_file),
            insecure_open: self.insecure_open.or(other.insecure_open),
            udp_port: self.udp_port.or(other.udp_port),
            media_bind: self.media_bind.or(other.media_bind),
            announce: self.announce.or(other.announce),
            workers: self.workers.or(other.workers),
            spread_above: self.spread_above.or(other.spread_above),
            ice_server: self.ice_server.or(other.ice_server),
            max_rooms: self.max_rooms.or(other.max_rooms),
            max_participants: self.max_participants.or(other.max_participants),
            room_participants: self.room_participants.or(other.room_participants),
            participant_tracks: self.participant_tracks.or(other.participant_tracks),
            participant_slots: self.participant_slots.or(other.participant_slots),
            participant_audio: self.participant_audio.or(other.participant_audio),
            log: self.log.or(other.log),
            log_format: self.log_format.or(other.log_format),
        }
    }
}
