//! Workers that are behind, and workers that are lost.

use std::sync::atomic::Ordering;

use super::fake::{FakeNode, config, read, room_name};
use super::offers::OfferText;
use crate::control::Joined;
use crate::engine::command::{Command, DataMessage};
use crate::engine::event::{CloseReason, Event};
use crate::id::WorkerId;
use crate::room::{LeaveReason, Notification, Refusal};

fn try_offer(joined: &Joined) -> Result<(), Refusal> {
    match joined.session.offer(&OfferText::conference().to_sdp(), &[]) {
        Ok(_) => Ok(()),
        Err(crate::control::OfferRefusal::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("the offer itself is good: {other}"),
    }
}

#[test]
fn a_busy_worker_gets_no_more_work_but_what_ends_work() {
    let node = FakeNode::new(1, config());
    let here = node.join("room");
    let late = node.join("room");
    try_offer(&here).expect("not busy yet");
    node.workers[0].busy.store(true, Ordering::Relaxed);
    assert_eq!(try_offer(&late), Err(Refusal::Overloaded));
    assert_eq!(try_offer(&here), Err(Refusal::Overloaded));
    let own = node
        .sfu
        .room(&room_name("room"))
        .expect("the room")
        .participants[0]
        .tracks[0];
    assert_eq!(
        here.session.set_muted(own.track, true),
        Err(Refusal::Overloaded)
    );
    node.workers[0].take();
    drop(here);
    assert!(
        node.run()
            .iter()
            .any(|told| matches!(told, Command::ClosePeer { .. }))
    );
    node.workers[0].busy.store(false, Ordering::Relaxed);
    try_offer(&late).expect("not busy any more");
}

#[test]
fn a_busy_worker_is_spared_messages() {
    let node = FakeNode::new(1, config());
    let people = [node.join("room"), node.join("room")];
    let text = OfferText::viewer()
        .to_sdp()
        .replace("a=group:BUNDLE a0 v0", "a=group:BUNDLE a0 v0 d")
        + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\na=sctp-port:5000\r\n";
    for joined in &people {
        joined
            .session
            .offer(&text, &[])
            .expect("an offer that can be answered");
        node.connected(node.peer_of(&joined.session));
    }
    let talk = || {
        let peer = node.peer_of(&people[0].session);
        let message = DataMessage {
            binary: false,
            bytes: "hello".into(),
        };
        node.event(Event::Data {
            peer,
            label: "chat".into(),
            message,
        });
        node.run()
            .iter()
            .filter(|c| matches!(c, Command::SendData { .. }))
            .count()
    };
    assert_eq!(talk(), 1);
    node.workers[0].busy.store(true, Ordering::Relaxed);
    assert_eq!(talk(), 0);
}

#[test]
fn a_worker_that_misses_a_command_is_given_up_with_all_that_is_on_it() {
    let node = FakeNode::new(2, config());
    let mut lost = node.join("one");
    let mut spared = node.join("two");
    try_offer(&lost).expect("a worker for it");
    try_offer(&spared).expect("another worker for it");
    read(&mut spared.notifications);
    node.workers[0].full.store(true, Ordering::Relaxed);
    let straw = node.join("one");
    // The answer is on its way when it turns out that nobody is there.
    try_offer(&straw).expect("nothing is known yet");
    node.node().abandon_failed_workers();
    let reason = LeaveReason::MediaLost(CloseReason::Requested);
    assert_eq!(
        read(&mut lost.notifications).pop(),
        Some(Notification::Closed { reason })
    );
    assert_eq!(node.sfu.load().peers, [0, 1]);
    assert_eq!(node.sfu.load().failed_workers, WorkerId::new(0).as_slice());
    assert!(node.sfu.room(&room_name("one")).is_none());
    assert_eq!(read(&mut spared.notifications), []);

    let next = node.join("three");
    try_offer(&next).expect("the other worker is there");
    assert_eq!(node.sfu.load().peers, [0, 2]);
}

#[test]
fn without_any_worker_offers_are_refused() {
    let node = FakeNode::new(1, config());
    let first = node.join("room");
    node.workers[0].full.store(true, Ordering::Relaxed);
    try_offer(&first).expect("nothing is known yet");
    node.node().abandon_failed_workers();
    let second = node.join("room");
    assert_eq!(try_offer(&second), Err(Refusal::Overloaded));
}
