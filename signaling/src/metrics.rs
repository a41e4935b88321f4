//! `/metrics`: what Prometheus scrapes, in the OpenMetrics text format.
//!
//! [`Counts`] are counted here as things happen; what the media side knows is asked of it at each
//! scrape ([`media`]), so that its workers share nothing with anybody.

mod histogram;
mod media;

use std::fmt;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sfu::control::Sfu;
use signaling_protocol::{CloseCode, ErrorCode};

use crate::http_session::Protocol;
use crate::node::SharedNode;
use crate::problem::Problem;

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

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new(sfu: Sfu) -> Self {
        let counts = Counts::default();
        let mut registry = Registry::with_prefix("switchyard");
        registry.register(
            "websockets",
            "Open WebSocket connections",
            counts.websockets.clone(),
        );
        registry.register(
            "websocket_messages_received",
            "WebSocket messages received that count as requests",
            counts.messages.clone(),
        );
        registry.register(
            "requests_refused",
            "WebSocket requests refused, by error code",
            counts.refusals.clone(),
        );
        registry.register(
            "websockets_closed",
            "WebSockets that the server closed, by close code",
            counts.closings.clone(),
        );
        registry.register(
            "http_sessions",
            "WHIP and WHEP sessions",
            counts.http_sessions.clone(),
        );
        registry.register_collector(Box::new(media::MediaCollector::new(sfu)));
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
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// `GET /metrics`
pub(crate) async fn serve(State(node): State<SharedNode>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match node.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
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
