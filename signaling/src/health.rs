//! `/healthz`: the process answers. `/readyz`: it takes new clients, with all that it has.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sfu::control::Load;

use crate::node::SharedNode;
use crate::problem::Problem;

/// `GET /healthz`
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`
pub(crate) async fn readyz(State(node): State<SharedNode>) -> Response {
    match reason_not_to(*node.stopping.borrow(), &node.sfu.load()) {
        Some(problem) => problem.into_response(),
        None => "ready\n".into_response(),
    }
}

/// Why no new clients should be sent here.
fn reason_not_to(stopping: bool, load: &Load) -> Option<Problem> {
    let unavailable =
        |code, detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
    if stopping {
        return Some(unavailable(
            "shutting_down",
            "the server is stopping".into(),
        ));
    }
    if load.failed_workers.is_empty() {
        return None;
    }
    let failed: Vec<_> = load
        .failed_workers
        .iter()
        .map(ToString::to_string)
        .collect();
    let detail = format!(
        "of {} workers these have failed: {}; those that are left serve on, but only a restart brings it back",
        load.peers.len(),
        failed.join(", "),
    );
    Some(unavailable("worker_failed", detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use sfu::id::WorkerId;

    #[tokio::test]
    async fn a_server_is_ready_unless_it_stops_or_has_lost_a_worker() {
        let load = |failed: &[usize]| Load {
            rooms: 0,
            participants: 0,
            peers: vec![0; 4],
            failed_workers: failed.iter().copied().filter_map(WorkerId::new).collect(),
        };
        assert_eq!(reason_not_to(false, &load(&[])), None);
        let table: [(bool, &[usize], &[&str]); 3] = [
            (true, &[], &["shutting_down"]),
            (true, &[1], &["shutting_down"]),
            (
                false,
                &[1, 3],
                &["worker_failed", "of 4 workers", ": 1, 3;"],
            ),
        ];
        for (stopping, failed, said) in table {
            let problem = reason_not_to(stopping, &load(failed)).expect("a reason");
            let response = problem.into_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = to_bytes(response.into_body(), 10_000)
                .await
                .expect("a body");
            let body = String::from_utf8_lossy(&body);
            for part in said {
                assert!(body.contains(part), "{failed:?}: {part} is not in {body}");
            }
        }
    }
}
