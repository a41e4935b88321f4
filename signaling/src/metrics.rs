//! `/metrics`: what Prometheus scrapes, in its text format; `docs/operations.md` has the list.
//!
//! [`Counts`] are counted here as things happen; what the media side and the kernel know is asked of
//! them at each scrape ([`media`], [`process`]), so that workers share nothing with anybody.

mod histogram;
mod media;
mod process;
mod text;

pub(crate) use process::Process;

use std::fmt;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sfu::control::Sfu;
use signaling_protocol::{CloseCode, ErrorCode};

use crate::http_session::Protocol;
use crate::node::SharedNode;
use crate::problem::Problem;
use process::ProcessCollector;

/// Every metric of this server.
pub(crate) struct Metrics {
    registry: Registry,
    counts: Counts,
}

/// What signaling counts.
#[derive(Clone, Default)]
struct Counts {
    websockets: Gauge,
    messages: Counter,
    refusals: Family<CodeLabel, Counter>,
    closings: Family<CodeLabel, Counter>,
    http_sessions: Family<ProtocolLabel, Gauge>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct ProtocolLabel {
    protocol: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct VersionLabel {
    version: &'static str,
}

impl Metrics {
    /// Everything at zero, with all its labels: what begins with its first event has no rate at that event.
    pub(crate) fn new(sfu: Sfu) -> Self {
        // So that the start is noted now, and not at the first scrape.
        Process::started();
        let counts = Counts::default();
        for code in ErrorCode::ALL.iter().map(|code| code.as_str()) {
            drop(counts.refusals.get_or_create(&CodeLabel { code }));
        }
        for code in CloseCode::ALL.iter().map(|code| code.as_str()) {
            drop(counts.closings.get_or_create(&CodeLabel { code }));
        }
        for protocol in [Protocol::Whip, Protocol::Whep].map(Protocol::path) {
            drop(
                counts
                    .http_sessions
                    .get_or_create(&ProtocolLabel { protocol }),
            );
        }
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessCollector));
        let ours = registry.sub_registry_with_prefix("switchyard");
        ours.register(
            "websockets",
            "Open WebSocket connections",
            counts.websockets.clone(),
        );
        ours.register(
            "websocket_messages_received",
            "WebSocket messages received that count as requests",
            counts.messages.clone(),
        );
        ours.register(
            "requests_refused",
            "WebSocket requests refused, by error code",
            counts.refusals.clone(),
        );
        ours.register(
            "websockets_closed",
            "WebSockets that the server closed, by close code",
            counts.closings.clone(),
        );
        ours.register(
            "http_sessions",
            "WHIP and WHEP sessions",
            counts.http_sessions.clone(),
        );
        let build = Family::<VersionLabel, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&VersionLabel { version }).set(1);
        ours.register("build_info", "1, with the version of this server", build);
        ours.register_collector(Box::new(media::MediaCollector::new(sfu)));
        Self { registry, counts }
    }

    /// A WebSocket opened.
    pub(crate) fn websocket_opened(&self) {
        self.counts.websockets.inc();
    }

    /// A WebSocket is gone.
    pub(crate) fn websocket_gone(&self) {
        self.counts.websockets.dec();
    }

    /// The server closes a WebSocket.
    pub(crate) fn websocket_closed(&self, code: CloseCode) {
        self.counts
            .closings
            .get_or_create(&CodeLabel {
                code: code.as_str(),
            })
            .inc();
    }

    /// A message arrived.
    pub(crate) fn message_received(&self) {
        self.counts.messages.inc();
    }

    /// A request was refused.
    pub(crate) fn request_refused(&self, code: ErrorCode) {
        self.counts
            .refusals
            .get_or_create(&CodeLabel {
                code: code.as_str(),
            })
            .inc();
    }

    /// A session of WHIP or WHEP began.
    pub(crate) fn http_session_began(&self, protocol: Protocol) {
        self.counts
            .http_sessions
            .get_or_create(&ProtocolLabel {
                protocol: protocol.path(),
            })
            .inc();
    }

    /// A session of WHIP or WHEP is over.
    pub(crate) fn http_session_ended(&self, protocol: Protocol) {
        self.counts
            .http_sessions
            .get_or_create(&ProtocolLabel {
                protocol: protocol.path(),
            })
            .dec();
    }

    fn encode(&self) -> Result<String, fmt::Error> {
        text::encode(&self.registry)
    }
}

/// `GET /metrics`
pub(crate) async fn serve(State(node): State<SharedNode>) -> Response {
    match node.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, text::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics");
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the metrics could not be written",
            )
            .into_response()
        }
    }
}
