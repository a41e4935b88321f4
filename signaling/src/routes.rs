//! Which path leads where, and what every request passes on its way.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get};
use axum::{Extension, Router, http};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::client_address::ClientAddress;
use crate::node::SharedNode;
use crate::problem::Problem;
use crate::{
    access, admin, client_address, health, http_session, metrics, page, stats, whep, whip, ws,
};

/// Everything that is served publicly; the metrics only if they have no address of their own.
pub(crate) fn public(node: SharedNode, with_metrics: bool) -> Router {
    let limited = Router::new()
        .route("/ws", any(ws::upgrade))
        .merge(whip::routes())
        .merge(whep::routes())
        .route("/api/v1/stats", get(stats::for_operators))
        .route("/api/v1/rooms", get(admin::rooms))
        .route("/api/v1/rooms/{room}", get(admin::room))
        .route(
            "/api/v1/rooms/{room}/participants/{participant}",
            delete(admin::remove),
        )
        .route("/ops/", get(page::without_slash))
        .fallback(get(page::serve))
        .layer(middleware::from_fn_with_state(node.clone(), limit))
        .layer(middleware::from_fn_with_state(
            node.clone(),
            access::local_pages_only,
        ))
        .layer(middleware::from_fn_with_state(
            node.clone(),
            client_address::find,
        ))
        // Outermost, so that a page of another site may read why it was refused.
        .layer(middleware::from_fn(http_session::cors));
    let mut router = limited
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    if with_metrics {
        router = router.route("/metrics", get(metrics::serve));
    }
    router.layer(no_sniffing()).with_state(node)
}

/// What is served at the private address: what operators look at.
pub(crate) fn private(node: SharedNode) -> Router {
    Router::new()
        .route("/ops", get(page::serve))
        .route("/ops/", get(page::without_slash))
        .route("/ops/{file}", get(page::serve))
        .route("/js/dom.js", get(page::serve))
        .route("/favicon.svg", get(page::serve))
        .route("/api/v1/stats", get(stats::for_neighbours))
        .route("/metrics", get(metrics::serve))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .layer(no_sniffing())
        .with_state(node)
}

fn no_sniffing() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    )
}

/// Middleware: each address has so many requests.
async fn limit(
    State(node): State<SharedNode>,
    Extension(client): Extension<ClientAddress>,
    request: Request,
    next: Next,
) -> Response {
    // A preflight costs next to nothing and belongs to the request that follows it.
    if request.method() != http::Method::OPTIONS && !node.requests.take(client.0, Instant::now()) {
        return Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "too many requests; slow down",
        )
        .retry_after(Duration::from_secs(1))
        .into_response();
    }
    next.run(request).await
}
