//! Tracks that cross workers. `World` checks after each step that pipes and slots agree; here is the
//! order of commands, and when a pipe opens and closes.

use super::offer::Offer;
use super::world::{World, worker_id};
use crate::engine::command::Command;
use crate::id::WorkerId;
use crate::room::{LeaveReason, RoomOutput, TrackSource};

fn camera() -> Offer {
    Offer::default().publish("cam", TrackSource::Camera)
}

/// The commands that the room has for workers, as "worker: command".
fn commands(world: &mut World) -> Vec<String> {
    let mut commands = Vec::new();
    while let Some(output) = world.room.poll_output() {
        if let RoomOutput::Command(worker, command) = output
            && !matches!(command, Command::SetDemand { .. })
        {
            commands.push(format!("{worker}: {}", describe(&command)));
        }
    }
    commands
}

fn describe(command: &Command) -> String {
    let to = |worker: &WorkerId| worker.index();
    match command {
        Command::AddPeer { .. } => "add peer".into(),
        Command::UpdatePeer { .. } => "update peer".into(),
        Command::ClosePeer { .. } => "close peer".into(),
        Command::Publish { .. } => "publish".into(),
        Command::Unpublish { .. } => "unpublish".into(),
        Command::SetMuted { muted, .. } => format!("muted {muted}"),
        Command::ImportTrack { from, .. } => format!("import from {}", to(from)),
        Command::ExportTrack { to: other, .. } => format!("export to {}", to(other)),
        Command::StopExport { to: other, .. } => format!("stop export to {}", to(other)),
        Command::Assign {
            slot,
            track: Some(_),
            ..
        } => format!("show in {slot}"),
        Command::Assign {
            slot, track: None, ..
        } => format!("clear {slot}"),
        Command::SetDemand { .. } => unreachable!("left out: it concerns no pipe"),
        Command::SendData { .. } => "data".into(),
    }
}

#[test]
fn a_pipe_opens_before_the_assignment_that_needs_it() {
    let mut world = World::new(2);
    world.enter(0, &camera());
    let viewer = world.join(crate::room::Grants::CONFERENCE);
    let parameters = Offer::viewer(1).parameters();
    let peer = crate::id::PeerId::new(99);
    let none = || unreachable!("nothing is published");
    world
        .room
        .connect(viewer, peer, worker_id(1), parameters, &[], none)
        .expect("may watch");
    assert_eq!(
        commands(&mut world),
        [
            "1: add peer",
            "1: import from 0",
            "0: export to 1",
            "1: show in v0"
        ]
    );
}

#[test]
fn a_leaving_publisher_is_undone_from_the_viewer_back() {
    let mut world = World::new(2);
    let publisher = world.enter(0, &camera());
    world.enter(1, &Offer::viewer(1));
    world.room.leave(publisher, LeaveReason::Left);
    assert_eq!(
        commands(&mut world),
        [
            "1: clear v0",
            "0: stop export to 1",
            "1: unpublish",
            "0: unpublish",
            "0: close peer"
        ]
    );
}

#[test]
fn a_leaving_viewer_closes_its_pipe_after_itself() {
    let mut world = World::new(2);
    world.enter(0, &camera());
    let viewer = world.enter(1, &Offer::viewer(1));
    world.room.leave(viewer, LeaveReason::Left);
    assert_eq!(
        commands(&mut world),
        ["1: close peer", "0: stop export to 1", "1: unpublish"]
    );
}

#[test]
fn a_slot_changes_over_without_going_dark() {
    let mut world = World::new(2);
    let first = world.enter(0, &camera());
    world.enter(0, &camera());
    world.enter(1, &Offer::viewer(1));
    world.room.leave(first, LeaveReason::Left);
    assert_eq!(
        commands(&mut world),
        [
            "1: import from 0",
            "0: export to 1",
            "1: show in v0",
            "0: stop export to 1",
            "1: unpublish",
            "0: unpublish",
            "0: close peer"
        ]
    );
}

#[test]
fn viewers_on_one_worker_share_a_pipe_until_the_last_one_goes() {
    let mut world = World::new(3);
    world.enter(0, &camera());
    let viewers: Vec<_> = (0..4)
        .map(|n| world.enter(1 + n % 2, &Offer::viewer(1)))
        .collect();
    assert_eq!(world.room.snapshot().pipes, 2);
    for (left, pipes) in viewers.into_iter().zip([2, 2, 1, 0]) {
        world.leave(left);
        assert_eq!(world.room.snapshot().pipes, pipes);
    }
}

#[test]
fn nothing_crosses_to_a_worker_whose_slots_are_full() {
    let mut world = World::new(2);
    world.enter(0, &camera());
    world.enter(0, &camera());
    world.enter(1, &Offer::viewer(1));
    assert_eq!(world.room.snapshot().pipes, 1);
}

#[test]
fn a_track_that_only_moves_to_another_slot_keeps_its_pipe() {
    let mut world = World::new(2);
    world.enter(0, &camera());
    let viewer = world.enter(1, &Offer::viewer(1));
    // The slot it is in goes away while another one comes.
    let offer = Offer::default().slot(crate::parameters::MediaKind::Video, 7);
    world
        .room
        .renegotiate(viewer, offer.parameters(), &[], || unreachable!())
        .expect("allowed");
    assert_eq!(commands(&mut world), ["1: update peer", "1: show in v7"]);
}
