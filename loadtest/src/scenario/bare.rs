//! The bare loop, by itself or beside a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

use super::ending::Ending;
use super::stage::{Stage, percent};
use super::{machine, stage};
use crate::bare::{BareCost, Plan, Sealing};
use crate::cli::Cli;
use crate::report::{Clients, GeneratorCost, Media, Quantiles, Report};

/// The loop alone.
pub(super) async fn run(cli: &Cli, receivers: usize) -> anyhow::Result<Report> {
    machine::allow_many_descriptors();
    let mix = cli.mix.mix();
    let duration = cli.common.bare.unwrap_or(cli.common.duration / 2);
    let ending = Ending::after(cli.common.duration.max(duration * 2));
    let plan = Plan {
        duration,
        coalesce: cli.common.gro,
        ..Plan::broadcast(mix, receivers)
    };
    let began_at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let costs = both(&plan, &ending).await?;
    let (packets, received) = costs.iter().fold((0, 0), |sum, cost| {
        (sum.0 + cost.packets, sum.1 + cost.received)
    });
    let seconds = plan.duration.as_secs_f64();
    Ok(Report {
        scenario: "bare",
        title: format!("the bare loop, one publisher, {receivers} receivers"),
        began_at: began_at.unwrap_or_default().as_secs(),
        machine: machine::describe(),
        mix,
        cut_short: ending.is_interrupted(),
        measured_seconds: seconds,
        clients: Clients {
            wanted: receivers,
            arrived: receivers,
            ..Clients::default()
        },
        media: Media {
            expected_packets: packets,
            delivered_packets: received,
            loss_percent: percent(packets.saturating_sub(received) as f64, packets as f64),
            packets_per_second: stage::per(received as f64, seconds * costs.len() as f64)
                .unwrap_or(0.0),
            ..Media::default()
        },
        join: Quantiles::default(),
        first_media: Quantiles::default(),
        first_frame: Quantiles::default(),
        latency: Quantiles::default(),
        latency_while_joining: Quantiles::default(),
        server: None,
        generator: GeneratorCost::default(),
        bare: costs,
        cpu_ratio_to_bare: None,
        ramp: None,
        churn: None,
        samples: Vec::new(),
        latency_shares: Vec::new(),
        verdicts: Vec::new(),
    })
}

/// Runs the loop with the same fan-out as the server had, if that was asked for, and compares.
pub(super) async fn compare(
    cli: &Cli,
    report: &mut Report,
    plan: Plan,
    stage: &Stage,
) -> anyhow::Result<()> {
    let Some(duration) = cli.common.bare.filter(|_| !stage.ending.is_interrupted()) else {
        return Ok(());
    };
    stage.monitor.say("bare loop");
    let plan = Plan {
        duration,
        coalesce: cli.common.gro,
        ..plan
    };
    report.bare = both(&plan, &stage.ending).await?;
    let sealed = report.bare.iter().find(|cost| cost.sealing == Sealing::Gcm);
    let server = report.server.and_then(|server| server.cpu_us_per_packet);
    report.cpu_ratio_to_bare = sealed
        .zip(server)
        .and_then(|(sealed, server)| stage::per(server, sealed.cpu_us_per_packet));
    Ok(())
}

/// Sealed, then plain, on a thread of its own.
async fn both(plan: &Plan, ending: &Ending) -> anyhow::Result<Vec<BareCost>> {
    let mut costs = Vec::new();
    for sealing in [Sealing::Gcm, Sealing::Plain] {
        let stop = Arc::new(AtomicBool::new(false));
        let (plan, told) = (plan.clone(), Arc::clone(&stop));
        let duration = plan.duration;
        let mut running = tokio::task::spawn_blocking(move || plan.run(sealing, &told));
        let cost = tokio::select! {
            cost = &mut running => cost,
            () = ending.wait_until_interrupted(duration * 2) => {
                stop.store(true, Ordering::Relaxed);
                running.await
            }
        };
        costs.push(cost.context("the bare loop")?.context("the bare loop")?);
    }
    Ok(costs)
}
