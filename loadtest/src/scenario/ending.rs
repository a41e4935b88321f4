//! When a run is over: its time is up, or somebody pressed Ctrl-C.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The end of a run.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    deadline: Instant,
    interrupted: watch::Receiver<bool>,
}

impl Ending {
    /// After so long, or at Ctrl-C. A second Ctrl-C ends the program at once.
    pub(super) fn after(duration: Duration) -> Self {
        let (interrupt, interrupted) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupt.send_replace(true);
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(INTERRUPTED);
                }
            }
            // Without signals there is only the deadline; the channel must stay open all the same.
            std::future::pending::<()>().await;
        });
        Self {
            deadline: Instant::now() + duration,
            interrupted,
        }
    }

    /// How long it is until the time is up.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn is_interrupted(&self) -> bool {
        *self.interrupted.borrow()
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.is_interrupted() || self.left().is_zero()
    }

    /// Waits so long, but not beyond the end. Whether it is not over.
    pub(super) async fn wait(&self, duration: Duration) -> bool {
        self.wait_until_interrupted(duration.min(self.left())).await;
        !self.is_over()
    }

    /// Waits for the end.
    pub(super) async fn come(&self) {
        self.wait_until_interrupted(self.left()).await;
    }

    /// Waits so long, also beyond the deadline, but not beyond Ctrl-C.
    pub(super) async fn wait_until_interrupted(&self, duration: Duration) {
        let mut interrupted = self.interrupted.clone();
        let _ = tokio::time::timeout(duration, interrupted.wait_for(|told| *told)).await;
    }
}

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;
