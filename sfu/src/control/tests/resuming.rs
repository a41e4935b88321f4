//! A lost signaling connection, and how it comes back.

use std::time::{Duration, Instant};

use super::fake::{FakeNode, config, read, room_name};
use super::offers::OfferText;
use crate::control::Joined;
use crate::engine::event::CloseReason;
use crate::room::{LeaveReason, Notification, Refusal};

fn offer(joined: &Joined, offer: OfferText) {
    joined
        .session
        .offer(&offer.to_sdp(), &[])
        .expect("an offer that can be answered");
}

const GRACE: Duration = Duration::from_secs(15);

#[test]
fn a_suspended_participant_keeps_its_media_and_is_resumed_with_what_it_missed() {
    let node = FakeNode::new(1, config());
    let lost = node.join("room");
    offer(&lost, OfferText::conference());
    let peer = node.peer_of(&lost.session);
    let (id, token) = (lost.session.participant(), lost.session.resume_token());
    let mut other = node.join("room");
    lost.session.suspend();
    assert!(
        node.run()
            .iter()
            .all(|c| !format!("{c:?}").contains("ClosePeer"))
    );
    offer(&other, OfferText::conference());
    let told = read(&mut other.notifications);
    let left = |n: &Notification| matches!(n, Notification::ParticipantLeft { .. });
    assert!(!told.iter().any(left), "{told:?}");

    let resumed = node
        .sfu
        .resume(&room_name("room"), &token)
        .expect("in time");
    assert_eq!(resumed.session.participant(), id);
    assert_eq!(resumed.view.others[0].tracks.len(), 2);
    assert!(
        resumed
            .view
            .slots
            .slots
            .iter()
            .all(|slot| slot.shows.is_some())
    );
    assert_eq!(node.peer_of(&resumed.session), peer);
    node.node().expire(Instant::now() + GRACE * 2);
    offer(&resumed, OfferText::conference());
    assert_eq!(
        node.peer_of(&resumed.session),
        peer,
        "the same connection goes on"
    );
}

#[test]
fn whoever_does_not_come_back_in_time_is_gone() {
    let node = FakeNode::new(1, config());
    let start = Instant::now();
    let lost = node.join("room");
    offer(&lost, OfferText::conference());
    let (id, token) = (lost.session.participant(), lost.session.resume_token());
    let mut other = node.join("room");
    lost.session.suspend();
    node.node().expire(start + GRACE - Duration::from_millis(1));
    assert_eq!(read(&mut other.notifications), []);
    node.node().expire(Instant::now() + GRACE);
    let told = read(&mut other.notifications);
    let reason = LeaveReason::SignalingLost;
    assert!(
        told.contains(&Notification::ParticipantLeft {
            participant: id,
            reason
        }),
        "{told:?}"
    );
    let late = node.sfu.resume(&room_name("room"), &token);
    assert_eq!(late.expect_err("too late"), Refusal::UnknownResumeToken);
    drop(other);
    node.run();
    assert!(node.node().is_idle());
}

#[test]
fn a_session_that_is_resumed_elsewhere_ends_and_can_do_no_more() {
    let node = FakeNode::new(1, config());
    let mut old = node.join("room");
    let token = old.session.resume_token();
    let new = node
        .sfu
        .resume(&room_name("room"), &token)
        .expect("a good token");
    let last = read(&mut old.notifications).pop();
    assert_eq!(
        last,
        Some(Notification::Closed {
            reason: LeaveReason::Superseded
        })
    );
    let refused = old.session.offer(&OfferText::conference().to_sdp(), &[]);
    assert_eq!(
        refused.expect_err("no longer its turn").code(),
        "session_over"
    );
    let in_room = || {
        node.sfu
            .room(&room_name("room"))
            .expect("the room")
            .participants
            .len()
    };
    // Neither its end nor its loss is the participant's.
    drop(old);
    assert_eq!(in_room(), 1);
    let newest = node
        .sfu
        .resume(&room_name("room"), &token)
        .expect("the token stays valid");
    new.session.suspend();
    node.node().expire(Instant::now() + GRACE * 2);
    assert_eq!(in_room(), 1);
    drop(newest);
    assert!(node.sfu.room(&room_name("room")).is_none());
}

#[test]
fn a_suspended_participant_whose_media_is_lost_too_is_gone_at_once() {
    let node = FakeNode::new(1, config());
    let lost = node.join("room");
    offer(&lost, OfferText::conference());
    let (peer, token) = (node.peer_of(&lost.session), lost.session.resume_token());
    lost.session.suspend();
    node.closed(peer, CloseReason::ConsentExpired);
    let late = node.sfu.resume(&room_name("room"), &token);
    assert_eq!(late.expect_err("gone"), Refusal::UnknownResumeToken);
    assert!(node.node().is_idle());
}

#[test]
fn only_the_right_token_in_the_right_room_resumes() {
    let node = FakeNode::new(1, config());
    let mine = node.join("room");
    let other = node.join("room");
    let elsewhere = node.join("elsewhere");
    let token = mine.session.resume_token();
    let secret = token.split_once('-').expect("an id and a secret").1;
    let cases = [
        ("room", String::new()),
        ("room", token.replace(secret, &"0".repeat(32))),
        ("room", format!("{}-{secret}", other.session.participant())),
        (
            "room",
            format!("{}-{secret}", elsewhere.session.participant()),
        ),
        ("elsewhere", token.clone()),
        ("nowhere", token.clone()),
    ];
    for (room, token) in cases {
        let refused = node.sfu.resume(&room_name(room), &token);
        assert_eq!(refused.expect_err(&token), Refusal::UnknownResumeToken);
    }
    assert!(node.sfu.resume(&room_name("room"), &token).is_ok());
}

#[test]
fn coming_and_going_does_not_pile_up() {
    let mut config = config();
    config.max_participants = 2;
    let node = FakeNode::new(1, config);
    let mut session = node.join("room").session;
    for _ in 0..8 {
        let token = session.resume_token();
        session.suspend();
        session = node
            .sfu
            .resume(&room_name("room"), &token)
            .expect("in time")
            .session;
    }
    // Entries for twice four are kept; whoever exceeds that has used up its patience.
    session.suspend();
    assert!(node.node().is_idle());
}
