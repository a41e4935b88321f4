//! What all connections of this server share.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sfu::control::Sfu;
use signaling_protocol::{IceServer, Limits, MAX_MESSAGE_BYTES};
use tokio::sync::watch;

use crate::access::Guard;
use crate::config::{self, Config, Rate};
use crate::http_session::HttpSessions;
use crate::metrics::Metrics;
use crate::page::Page;
use crate::rate::AddressBuckets;

/// Shared by every connection.
pub(crate) type SharedNode = Arc<Node>;

/// What all connections of this server share.
pub(crate) struct Node {
    /// The media side.
    pub(crate) sfu: Sfu,
    /// Who may do what.
    pub(crate) guard: Guard,
    /// The page.
    pub(crate) page: Page,
    /// The sessions of WHIP and WHEP.
    pub(crate) http_sessions: HttpSessions,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// When the server started.
    pub(crate) started: Instant,
    /// Whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// How many requests each address may make.
    pub(crate) requests: AddressBuckets,
    /// How many messages each WebSocket may send.
    pub(crate) message_rate: Rate,
    /// How long to wait for clients.
    pub(crate) patience: Patience,
    /// What clients of WHIP and WHEP are told of, as `Link` headers.
    pub(crate) ice_server_links: Vec<String>,
    /// What WebSocket clients are told of.
    pub(crate) ice_servers: Vec<IceServer>,
    /// What clients are told that they may do.
    pub(crate) limits: Limits,
    /// Turns true when the server stops. Tasks hold a receiver for as long as they run.
    pub(crate) stopping: watch::Sender<bool>,
}

/// How long the server waits for a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For a successful `join` after the WebSocket opened.
    pub join: Duration,
    /// Between WebSocket pings.
    pub ping: Duration,
    /// For anything at all on a WebSocket.
    pub silence: Duration,
    /// For a client to take a message.
    pub write: Duration,
    /// For a client to take our closing of a WebSocket, and to answer it.
    pub farewell: Duration,
    /// For the head, or the body, of an HTTP request.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // A page joins at once; a person is not waited for.
            join: Duration::from_secs(10),
            // Below the 30 s after which some mobile networks forget a TCP connection.
            ping: Duration::from_secs(15),
            // Two pings without an answer and some.
            silence: Duration::from_secs(40),
            // What a phone in a lift may need; the room's queue holds what happens meanwhile.
            write: Duration::from_secs(10),
            // Nothing is lost if it does not.
            farewell: Duration::from_secs(2),
            request: Duration::from_secs(10),
        }
    }
}

impl Node {
    /// A server's state around a running media side.
    pub(crate) fn new(sfu: Sfu, config: &Config, now: Instant) -> Self {
        let rooms = &config.media.room_limits;
        Self {
            metrics: Metrics::new(sfu.clone()),
            started: now,
            sfu,
            guard: Guard::new(&config.access),
            page: Page::new(config.web_root.clone()),
            http_sessions: HttpSessions::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            requests: AddressBuckets::new(config.http_rate, now),
            message_rate: config.message_rate,
            patience: config.patience,
            ice_server_links: config
                .ice_servers
                .iter()
                .map(config::IceServer::link)
                .collect(),
            ice_servers: config.ice_servers.iter().map(ice_server_message).collect(),
            limits: Limits {
                message_bytes: MAX_MESSAGE_BYTES,
                messages_per_second: config.message_rate.per_second,
                message_burst: config.message_rate.burst,
                tracks: rooms.tracks_per_participant,
                slots: rooms.slots_per_participant,
                resume_seconds: config.media.resume_grace.as_secs(),
            },
            stopping: watch::Sender::new(false),
        }
    }
}

fn ice_server_message(server: &config::IceServer) -> IceServer {
    let credential = server.credential.as_ref();
    IceServer {
        urls: vec![server.url.clone()],
        username: credential.map(|credential| credential.username.clone()),
        credential: credential.map(|credential| credential.password.clone()),
    }
}
