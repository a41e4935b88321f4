//! Clients that come one after the other at a given rate, and all leave in the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::cast::Newcomer;
use super::ending::Ending;
use super::monitor::Monitor;
use crate::client::{ClientFailure, ClientSummary, ReadyWhen};
use crate::lobby::{Client, Lobby};

/// The clients that are there, and what became of the others.
#[derive(Default)]
pub(super) struct Crowd {
    clients: Vec<Client>,
    summaries: Vec<ClientSummary>,
    wanted: usize,
    arrived: usize,
    failed: usize,
    failures: Vec<String>,
}

/// At what rate clients come.
pub(super) struct Door {
    pub(super) lobby: Arc<Lobby>,
    pub(super) per_second: f64,
    pub(super) ending: Ending,
}

impl Door {
    /// A timer that ticks when the next client may come.
    pub(super) fn pace(&self) -> tokio::time::Interval {
        let interval = Duration::from_secs_f64((1.0 / self.per_second).clamp(1e-6, 3_600.0));
        let mut pace = tokio::time::interval(interval);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pace
    }
}

impl Crowd {
    /// Lets everybody in. Whether all that arrive have arrived before the end of the run.
    pub(super) async fn admit(
        &mut self,
        door: &Door,
        newcomers: Vec<Newcomer>,
        monitor: &Monitor,
    ) -> bool {
        self.wanted += newcomers.len();
        let mut coming = JoinSet::new();
        let places = Arc::new(Semaphore::new(MOST_AT_THE_DOOR));
        let mut pace = door.pace();
        let mut newcomers = newcomers.into_iter();
        while newcomers.len() > 0 || !coming.is_empty() {
            tokio::select! {
                biased;
                () = door.ending.come() => {
                    let on_their_way = coming.len() + newcomers.len();
                    self.failed += on_their_way;
                    return on_their_way == 0;
                }
                Some(outcome) = coming.join_next() => {
                    self.note(outcome.unwrap_or_else(|error| Err(ClientFailure::new(error))));
                    monitor.set_clients(self.clients.len());
                }
                permit = next_place(&places, &mut pace), if newcomers.len() > 0 => {
                    if let Some(newcomer) = newcomers.next() {
                        let lobby = Arc::clone(&door.lobby);
                        coming.spawn(async move {
                            let _permit = permit;
                            let Newcomer { visitor, role, build } = newcomer;
                            lobby.join(&visitor, role, build, ReadyWhen::Connected).await
                        });
                    }
                }
            }
        }
        true
    }

    /// Everybody leaves.
    pub(super) async fn disperse(&mut self) {
        let mut leaving: JoinSet<_> = self.clients.drain(..).map(Client::leave).collect();
        while let Some(left) = leaving.join_next().await {
            self.summaries.extend(left);
        }
    }

    /// Counts one client that came, or did not.
    pub(super) fn note(&mut self, outcome: Result<Client, ClientFailure>) {
        match outcome {
            Ok(client) => {
                self.arrived += 1;
                self.clients.push(client);
            }
            Err(failure) => self.note_failure(&failure),
        }
    }

    /// Counts one that was wanted and did not come.
    pub(super) fn note_failure(&mut self, failure: &ClientFailure) {
        self.failed += 1;
        let failure = failure.to_string();
        if self.failures.len() < MAX_REASONS && !self.failures.contains(&failure) {
            tracing::info!(failure, "a client failed");
            self.failures.push(failure);
        }
    }

    /// How many were to come.
    pub(super) const fn wanted(&self) -> usize {
        self.wanted
    }

    /// How many came.
    pub(super) const fn arrived(&self) -> usize {
        self.arrived
    }

    /// How many did not.
    pub(super) const fn failed(&self) -> usize {
        self.failed
    }

    /// Why, for the first few.
    pub(super) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What those had to say who have left.
    pub(super) fn summaries(&self) -> &[ClientSummary] {
        &self.summaries
    }
}

async fn next_place(
    places: &Arc<Semaphore>,
    pace: &mut tokio::time::Interval,
) -> Option<tokio::sync::OwnedSemaphorePermit> {
    let place = Arc::clone(places).acquire_owned().await.ok();
    pace.tick().await;
    place
}

/// More would only wait for each other.
const MOST_AT_THE_DOOR: usize = 64;

/// More than a person reads.
const MAX_REASONS: usize = 5;
