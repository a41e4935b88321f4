//! `/healthz`: the process answers. `/readyz`: it takes new clients.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::node::SharedNode;
use crate::problem::Problem;

/// `GET /healthz`
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`
pub(crate) async fn readyz(State(node): State<SharedNode>) -> Response {
    if *node.stopping.borrow() {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "the server is stopping",
        )
        .into_response();
    }
    "ready\n".into_response()
}
