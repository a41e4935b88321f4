//! One publisher and more and more viewers, until something crosses a threshold.

use std::time::Duration;

use super::bare;
use super::cast::Cast;
use super::crowd::{Crowd, Door};
use super::monitor::Window;
use super::stage::{Stage, add_crowd, add_summaries, add_window, per, percent};
use crate::bare::Plan;
use crate::cli::{Cli, Scenario};
use crate::report::{Limits, Quantiles, Ramp, RampStep, Report};

/// Runs it.
pub(super) async fn run(cli: &Cli) -> anyhow::Result<Report> {
    let Scenario::Ramp {
        step,
        hold,
        max_viewers,
    } = cli.scenario
    else {
        unreachable!("only ramps are run here")
    };
    let (step, max_viewers) = (step as usize, max_viewers as usize);
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
    let before = stage.server_usage();

    let mut ramp = Ramp {
        held_viewers: 0,
        ended_because: "the time was up".to_owned(),
        steps: Vec::new(),
    };
    let mut viewers = 0;
    let mut last = None;
    while !stage.ending.is_over() {
        if viewers == max_viewers {
            ramp.ended_because = "there were to be no more".to_owned();
            break;
        }
        let more = step.min(max_viewers - viewers);
        stage.monitor.say(&format!("{} viewers", viewers + more));
        let newcomers = (viewers..viewers + more)
            .map(|number| cast.viewer(mix, number))
            .collect();
        let failed_before = crowd.failed();
        crowd.admit(&door, newcomers, &stage.monitor).await;
        // The handshakes of those who have just come are not what is being measured.
        if !stage.ending.wait(SETTLING).await {
            break;
        }
        viewers += more;
        stage.monitor.open_window();
        if !stage.ending.wait(hold).await {
            break;
        }
        let window = stage.monitor.window();
        let crossed = match crowd.failed() - failed_before {
            0 => crossed(&cli.limits, &window),
            failed => Some(format!("{failed} viewer(s) could not join")),
        };
        ramp.steps
            .push(ramp_step(viewers, &window, crossed.is_none()));
        last = Some(window);
        if let Some(crossed) = crossed {
            ramp.ended_because = crossed;
            break;
        }
        ramp.held_viewers = viewers;
    }

    stage.monitor.say("leaving");
    stage.lobby.stop_publishing().await;
    tokio::time::sleep(DRAINING).await;
    let title = format!("one publisher, {step} more viewers each step");
    let mut report = stage.report("ramp", title, cli);
    crowd.disperse().await;
    // The last step went too far on purpose: who failed then, failed as it should.
    add_crowd(&mut report, &crowd, 0);
    report.clients.failed = 0;
    report.clients.disconnected = 0;
    add_summaries(&mut report.media, crowd.summaries());
    if let Some(window) = last {
        add_window(&mut report, &window, before, viewers);
    }
    bare::compare(
        cli,
        &mut report,
        Plan::broadcast(mix, ramp.held_viewers.max(1)),
        &stage,
    )
    .await?;
    report.ramp = Some(ramp);
    Ok(report)
}

fn ramp_step(viewers: usize, window: &Window, held: bool) -> RampStep {
    let seconds = window.elapsed.as_secs_f64();
    let packets = window.tally.packets as f64;
    let cpu = window.server.map(|server| server.cpu.as_secs_f64());
    RampStep {
        viewers,
        packets_per_second: per(packets, seconds).unwrap_or(0.0),
        loss_percent: loss_percent(window),
        latency: Quantiles::of(&window.tally.latency),
        server_cores: cpu.and_then(|cpu| per(cpu, seconds)),
        cpu_us_per_packet: cpu.and_then(|cpu| per(cpu * 1e6, packets)),
        held,
    }
}

/// Which threshold was crossed.
fn crossed(limits: &Limits, window: &Window) -> Option<String> {
    let (loss, p99) = (
        loss_percent(window),
        Quantiles::of(&window.tally.latency).p99_ms,
    );
    let (max_loss, max_p99) = (
        limits.max_loss.unwrap_or(MAX_LOSS_PERCENT),
        limits.max_p99_ms.unwrap_or(MAX_P99_MS),
    );
    let cpu = window
        .server
        .and_then(|server| per(server.cpu.as_secs_f64() * 1e6, window.tally.packets as f64));
    if window.tally.packets == 0 {
        return Some("no media came".to_owned());
    }
    if loss > max_loss {
        return Some(format!("{loss:.2} % of the packets were lost"));
    }
    if let Some(p99) = p99.filter(|p99| *p99 > max_p99) {
        return Some(format!("1 % of the packets took longer than {p99:.1} ms"));
    }
    let (cpu, max_cpu) = cpu.zip(limits.max_cpu_us)?;
    (cpu > max_cpu).then(|| format!("each packet cost {cpu:.2} µs"))
}

fn loss_percent(window: &Window) -> f64 {
    let lost = window.tally.lost.max(0) as f64;
    percent(lost, window.tally.packets as f64 + lost)
}

/// More than this and a picture suffers in spite of retransmission.
const MAX_LOSS_PERCENT: f64 = 1.0;

/// A guess: a third of what a jitter buffer easily hides.
const MAX_P99_MS: f64 = 50.0;

const SETTLING: Duration = Duration::from_millis(1_000);
const DRAINING: Duration = Duration::from_millis(400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Tally;

    fn window(packets: u64, lost: i64, latency_ms: u64) -> Window {
        let mut tally = Tally {
            packets,
            lost,
            ..Tally::default()
        };
        tally.latency.record(Duration::from_millis(latency_ms));
        Window {
            elapsed: Duration::from_secs(1),
            tally,
            own_cpu: Duration::ZERO,
            server: None,
        }
    }

    #[test]
    fn a_step_holds_until_loss_or_latency_is_too_much() {
        let strict = Limits {
            max_loss: Some(0.0),
            max_p99_ms: Some(5.0),
            ..Limits::default()
        };
        let cases = [
            (Limits::default(), window(1_000, 0, 1), None),
            (Limits::default(), window(1_000, -3, 49), None),
            (Limits::default(), window(1_000, 20, 1), Some("1.96 %")),
            (Limits::default(), window(1_000, 0, 60), Some("60.0 ms")),
            (Limits::default(), window(0, 0, 1), Some("no media")),
            (strict, window(1_000, 0, 4), None),
            (strict, window(1_000, 1, 4), Some("0.10 %")),
            (strict, window(1_000, 0, 6), Some("6.0 ms")),
        ];
        for (limits, window, expected) in cases {
            let crossed = crossed(&limits, &window);
            match (&crossed, expected) {
                (None, None) => {}
                (Some(crossed), Some(expected)) => assert!(crossed.contains(expected), "{crossed}"),
                _ => panic!("{crossed:?} instead of {expected:?}"),
            }
        }
    }
}
