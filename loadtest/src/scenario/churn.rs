//! Viewers that come, see, and leave, many times, beside a publisher who stays. What the server holds is
//! compared before and after: its metrics' gauges, its descriptors, threads and memory.

mod leftovers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::cast::{Cast, Newcomer};
use super::crowd::{Crowd, Door};
use super::stage::{Stage, add_crowd, add_passers_by, add_summaries, add_window, per};
use crate::cli::{Cli, Scenario};
use crate::client::{ClientFailure, ClientSummary, ReadyWhen};
use crate::lobby::Lobby;
use crate::media::Mix;
use crate::report::{Churn, Report};
use leftovers::{Holdings, compare};

/// Runs it.
pub(super) async fn run(cli: &Cli) -> anyhow::Result<Report> {
    let Scenario::Churn {
        cycles,
        concurrency,
    } = cli.scenario
    else {
        unreachable!("only churns are run here")
    };
    let stage = Stage::set(cli).await?;
    let cast = Cast::new(cli, &stage.target);
    let mix = cli.mix.mix();
    let door = Door {
        lobby: stage.lobby.clone(),
        per_second: cli.common.join_rate,
        ending: stage.ending.clone(),
    };
    let mut crowd = Crowd::default();
    crowd
        .admit(&door, vec![cast.publisher(mix)], &stage.monitor)
        .await;
    stage.ending.wait(SETTLING).await;
    let token = cli.common.token.as_deref();
    let rest = Holdings::of(&stage, token).await;

    // Allocators, pools and hash maps grow at first; what grows afterwards is of interest.
    let warm_up = (cycles as usize / 5).max(concurrency as usize * 4);
    stage.monitor.say("warming up");
    let mut churning = Churning {
        door: &door,
        cast: &cast,
        mix,
        concurrency: concurrency as usize,
        began: 0,
        crowd: &mut crowd,
        summaries: Vec::new(),
    };
    churning.run(warm_up).await;
    let before = Holdings::settled(&stage, token, &rest).await;

    stage.monitor.say("churning");
    stage.monitor.open_window();
    let start = Instant::now();
    let done = churning.run(cycles as usize).await;
    let elapsed = start.elapsed();
    let window = stage.monitor.window();
    let summaries = std::mem::take(&mut churning.summaries);
    let began = churning.began;
    let after = Holdings::settled(&stage, token, &before).await;

    stage.lobby.stop_publishing().await;
    let title = format!("{cycles} viewers come and go, {concurrency} at a time");
    let mut report = stage.report("churn", title, cli);
    crowd.disperse().await;
    add_crowd(&mut report, &crowd, 0);
    report.clients.wanted += began;
    report.clients.arrived = report.clients.wanted - report.clients.failed;
    add_summaries(&mut report.media, crowd.summaries());
    add_passers_by(&mut report.media, &summaries);
    add_window(&mut report, &window, before.usage, 0);
    report.cut_short |= done < cycles as usize;
    let growth = before
        .usage
        .zip(after.usage)
        .map(|(before, after)| after.resident as f64 - before.resident as f64);
    report.churn = Some(Churn {
        warm_up_cycles: warm_up,
        cycles: done,
        cycles_per_second: per(done as f64, elapsed.as_secs_f64()).unwrap_or(0.0),
        leftovers: compare(&before, &after),
        memory_growth_per_cycle_bytes: growth.and_then(|growth| per(growth, done as f64)),
    });
    Ok(report)
}

/// Clients that come and go.
struct Churning<'a> {
    door: &'a Door,
    cast: &'a Cast<'a>,
    mix: Mix,
    concurrency: usize,
    /// How many have begun so far.
    began: usize,
    crowd: &'a mut Crowd,
    summaries: Vec<ClientSummary>,
}

impl Churning<'_> {
    /// So many come and go. How many did, before the end of the run.
    async fn run(&mut self, cycles: usize) -> usize {
        let next = Arc::new(AtomicUsize::new(0));
        let pace = Arc::new(Mutex::new(self.door.pace()));
        let mut workers = JoinSet::new();
        let newcomers: Vec<Newcomer> = (0..self.concurrency)
            .map(|number| self.cast.viewer(self.mix, number))
            .collect();
        for newcomer in newcomers {
            let (next, pace) = (Arc::clone(&next), Arc::clone(&pace));
            let (lobby, ending) = (Arc::clone(&self.door.lobby), self.door.ending.clone());
            workers.spawn(async move {
                let mut outcomes = Vec::new();
                while !ending.is_over() && next.fetch_add(1, Ordering::Relaxed) < cycles {
                    pace.lock().await.tick().await;
                    outcomes.push(come_and_go(&lobby, &newcomer).await);
                }
                outcomes
            });
        }
        let mut done = 0;
        while let Some(outcomes) = workers.join_next().await {
            for outcome in outcomes.unwrap_or_default() {
                self.began += 1;
                match outcome {
                    Ok(summary) => {
                        done += 1;
                        self.summaries.push(summary);
                    }
                    Err(failure) => self.crowd.note_failure(&failure),
                }
            }
        }
        done
    }
}

/// Comes, waits until there is something to see, and leaves.
async fn come_and_go(lobby: &Lobby, newcomer: &Newcomer) -> Result<ClientSummary, ClientFailure> {
    let Newcomer {
        visitor,
        role,
        build,
    } = newcomer;
    let client = lobby
        .join(visitor, *role, *build, ReadyWhen::FirstMedia)
        .await?;
    Ok(client.leave().await)
}

const SETTLING: Duration = Duration::from_millis(1_500);
