//! What a run does: who comes when, what is measured, and what becomes of it.

mod bare;
mod cast;
mod churn;
mod crowd;
mod ending;
mod machine;
mod monitor;
mod ramp;
mod stage;
mod steady;

use anyhow::bail;

use crate::cli::{Cli, Scenario};
use crate::report::Report;

/// Runs what the command line says.
///
/// # Errors
/// If it cannot be begun: the server is not on this machine or not there, its process is not, or this
/// machine has no sockets left. What goes wrong later is in the report.
pub async fn run(cli: &Cli) -> anyhow::Result<Report> {
    let by_http = cli.common.whip.is_some() || cli.common.whep.is_some();
    if by_http && matches!(cli.scenario, Scenario::Room { .. } | Scenario::Audio { .. }) {
        bail!("WHIP only publishes and WHEP only views: rooms are joined over WebSocket");
    }
    let mut report = match cli.scenario {
        Scenario::Bare { receivers } => bare::run(cli, receivers as usize).await?,
        Scenario::Ramp { .. } => ramp::run(cli).await?,
        Scenario::Churn { .. } => churn::run(cli).await?,
        Scenario::Room { .. } | Scenario::Broadcast { .. } | Scenario::Audio { .. } => {
            steady::run(cli).await?
        }
    };
    report.verdicts = cli.limits.judge(&report);
    Ok(report)
}
