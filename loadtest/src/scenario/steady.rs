//! Rooms, broadcasts and audio rooms: all come, all stay, all is measured.

use std::time::Duration;

use super::cast::{Cast, RoomSlots};
use super::crowd::{Crowd, Door};
use super::stage::{Stage, add_crowd, add_summaries, add_window};
use super::{bare, cast};
use crate::bare::Plan;
use crate::cli::{Cli, Scenario};
use crate::media::Mix;
use crate::report::{Quantiles, Report};

/// Who comes, and what is to be expected of it.
struct Script {
    name: &'static str,
    title: String,
    /// They come first, and do not count as viewers.
    publishers: Vec<cast::Newcomer>,
    viewers: Vec<cast::Newcomer>,
    /// Streams that viewers receive, all together.
    streams: usize,
    /// The same fan-out for the bare loop.
    plan: Plan,
}

/// Runs one.
pub(super) async fn run(cli: &Cli) -> anyhow::Result<Report> {
    let stage = Stage::set(cli).await?;
    let cast = Cast::new(cli, &stage.target);
    let script = Script::of(cli, &cast);
    let door = Door {
        lobby: stage.lobby.clone(),
        per_second: cli.common.join_rate,
        ending: stage.ending.clone(),
    };
    let mut crowd = Crowd::default();
    stage.monitor.say("joining");
    let mut complete = crowd.admit(&door, script.publishers, &stage.monitor).await;
    // It has begun to receive by then, and its memory is warm.
    complete &= stage.ending.wait(SETTLING).await;
    let before = stage.server_usage();
    let viewers = script.viewers.len();
    stage.monitor.open_window();
    complete &= crowd.admit(&door, script.viewers, &stage.monitor).await;
    let joining = stage.monitor.window();
    complete &= stage.ending.wait(SETTLING).await;

    stage.monitor.say("measuring");
    stage.monitor.open_window();
    let measuring = stage.ending.left().saturating_sub(DRAINING);
    stage.ending.wait_until_interrupted(measuring).await;
    let window = stage.monitor.window();

    stage.monitor.say("leaving");
    stage.lobby.stop_publishing().await;
    // What was sent last is on its way.
    tokio::time::sleep(DRAINING).await;
    let mut report = stage.report(script.name, script.title, cli);
    crowd.disperse().await;
    add_crowd(&mut report, &crowd, script.streams);
    add_summaries(&mut report.media, crowd.summaries());
    add_window(&mut report, &window, before, viewers);
    report.latency_while_joining = Quantiles::of(&joining.tally.latency);
    report.cut_short |= !complete;
    bare::compare(cli, &mut report, script.plan, &stage).await?;
    Ok(report)
}

impl Script {
    fn of(cli: &Cli, cast: &Cast<'_>) -> Self {
        let mix = cli.mix.mix();
        match cli.scenario {
            Scenario::Room {
                participants,
                rooms,
                slots,
                heard,
            } => {
                let title = format!("{rooms} room(s) of {participants}");
                let people = participants as usize;
                let shown = slots.unwrap_or(usize::MAX);
                let slots = RoomSlots::of(&mix, people, shown, heard);
                Self::rooms("room", title, cast, mix, (rooms as usize, people), slots)
            }
            Scenario::Audio {
                participants,
                slots,
            } => {
                let title = format!("{participants} people talk in one room");
                let mix = Mix { video: None, ..mix };
                let people = participants as usize;
                let slots = RoomSlots::of(&mix, people, usize::MAX, slots);
                Self::rooms("audio", title, cast, mix, (1, people), slots)
            }
            Scenario::Broadcast { viewers } => Self::broadcast(cast, mix, viewers as usize),
            Scenario::Ramp { .. } | Scenario::Churn { .. } | Scenario::Bare { .. } => {
                unreachable!("they have modules of their own")
            }
        }
    }

    fn rooms(
        name: &'static str,
        title: String,
        cast: &Cast<'_>,
        mix: Mix,
        (rooms, people): (usize, usize),
        slots: RoomSlots,
    ) -> Self {
        Self {
            name,
            title,
            publishers: Vec::new(),
            viewers: (0..rooms)
                .flat_map(|room| cast.room(mix, room, people, slots))
                .collect(),
            streams: rooms * people * (slots.audio + slots.video),
            // With more pictures than sounds it sends more sound than the server: a little too hard.
            plan: Plan::rooms(mix, rooms, people, slots.audio.max(slots.video)),
        }
    }

    fn broadcast(cast: &Cast<'_>, mix: Mix, viewers: usize) -> Self {
        Self {
            name: "broadcast",
            title: format!("one publisher, {viewers} viewers"),
            publishers: vec![cast.publisher(mix)],
            viewers: (0..viewers)
                .map(|number| cast.viewer(mix, number))
                .collect(),
            streams: viewers * mix.kinds().count(),
            plan: Plan::broadcast(mix, viewers),
        }
    }
}

/// Long enough for first keyframes and for the kernel's buffers to find their size.
const SETTLING: Duration = Duration::from_millis(1_500);

/// Longer than anything is on its way on one machine that is not overloaded.
const DRAINING: Duration = Duration::from_millis(400);
