//! From joining to leaving, and what workers and participants are told on the way.

use std::sync::Arc;

use super::fake::{FakeNode, config, read, room_name};
use super::offers::{Kind, OfferText, values};
use crate::control::{OfferRefusal, Session};
use crate::engine::command::Command;
use crate::engine::event::{CloseReason, Event};
use crate::id::PeerId;
use crate::parameters::PeerParameters;
use crate::room::{Grants, LeaveReason, Notification, Refusal};

fn offer(session: &Session, offer: &OfferText) -> String {
    session
        .offer(&offer.to_sdp(), &[])
        .expect("an offer that can be answered")
        .sdp
}

/// The parameters of an `AddPeer` or `UpdatePeer`.
fn parameters(command: &Command) -> (&'static str, PeerId, &PeerParameters) {
    match command {
        Command::AddPeer { peer, parameters } => ("add", *peer, parameters),
        Command::UpdatePeer { peer, parameters } => ("update", *peer, parameters),
        other => panic!("neither adds nor updates a peer: {other:?}"),
    }
}

#[test]
fn the_first_offer_makes_a_peer_on_the_worker_that_the_answer_names() {
    let node = FakeNode::new(2, config());
    // The first room is on worker 0, the second where nobody is.
    let first = node.join("one");
    let second = node.join("two");
    offer(&first.session, &OfferText::conference());
    let answer = offer(&second.session, &OfferText::conference());
    assert!(
        values(&answer, "candidate")[0].contains(" 192.0.2.1 7001 "),
        "{answer}"
    );
    let told = node.workers[1].take();
    let (what, _, parameters) = parameters(&told[0]);
    assert_eq!(what, "add");
    assert_eq!(values(&answer, "ice-ufrag")[0], parameters.ice.local.ufrag);
    assert_eq!(values(&answer, "ice-pwd")[0], parameters.ice.local.pwd);
    assert!(parameters.ice.local.ufrag.len() >= 4 && parameters.ice.local.pwd.len() >= 22);
    assert_eq!(parameters.ice.remote.ufrag, "cafe");
    let published = |command: &&Command| matches!(command, Command::Publish { .. });
    assert_eq!(told.iter().filter(published).count(), 2);
}

#[test]
fn a_later_offer_goes_on_restarts_ice_or_begins_anew() {
    let first = OfferText::conference();
    let restart = OfferText {
        ufrag: "beef",
        ..first.clone()
    };
    let replaced = OfferText {
        ufrag: "beef",
        certificate: 0x22,
        ..first.clone()
    };
    // (second offer, what the worker is told, same peer, same local credentials)
    let cases = [
        (&first, &["update"][..], true, true),
        (&restart, &["update"], true, false),
        (&replaced, &["close", "add"], false, false),
    ];
    for (number, (second, expected, same_peer, same_credentials)) in cases.into_iter().enumerate() {
        let node = FakeNode::new(1, config());
        let joined = node.join("room");
        let answer = offer(&joined.session, &first);
        let before = node.workers[0].take();
        let (_, peer, old) = parameters(&before[0]);
        let reanswer = offer(&joined.session, second);
        let after = node.workers[0].take();
        let about_peers: Vec<_> = after
            .iter()
            .filter_map(|command| match command {
                Command::ClosePeer { .. } => Some("close"),
                Command::AddPeer { .. } => Some("add"),
                Command::UpdatePeer { .. } => Some("update"),
                _ => None,
            })
            .collect();
        assert_eq!(about_peers, expected, "case {number}");
        let has_parameters =
            |c: &&Command| matches!(c, Command::AddPeer { .. } | Command::UpdatePeer { .. });
        let (_, now, new) = parameters(after.iter().find(has_parameters).expect("one of them"));
        assert_eq!(now == peer, same_peer, "case {number}");
        assert_eq!(
            new.ice.local == old.ice.local,
            same_credentials,
            "case {number}"
        );
        let same_slots = new
            .slots
            .iter()
            .zip(&old.slots)
            .all(|(new, old)| new.ssrc == old.ssrc);
        assert_eq!(
            same_slots, same_peer,
            "case {number}: slots keep their SSRCs"
        );
        let origin = |sdp: &str| {
            let line = sdp
                .lines()
                .find_map(|line| line.strip_prefix("o="))
                .expect("an origin");
            let mut words = line.split(' ').map(str::to_owned);
            (
                words.nth(1),
                words.next().and_then(|version| version.parse::<u64>().ok()),
            )
        };
        let ((id, version), (new_id, new_version)) = (origin(&answer), origin(&reanswer));
        assert_eq!(id == new_id, same_peer, "case {number}");
        if same_peer {
            assert_eq!(
                new_version,
                version.map(|version| version + 1),
                "case {number}"
            );
        }
    }
}

#[test]
fn a_refused_offer_leaves_no_trace() {
    let node = FakeNode::new(1, config());
    let viewer = node
        .try_join("room", Grants::VIEW_ONLY)
        .expect("room for one");
    let conference = OfferText::conference().to_sdp();
    let no_bundle = conference.replace("a=group:BUNDLE", "x=");
    let cases = [
        ("nonsense", "invalid_sdp"),
        (&conference.replace("a=ice-pwd", "a=x"), "invalid_sdp"),
        (
            &no_bundle.replace("x= mic cam a0 v0\r\n", ""),
            "unsupported_sdp",
        ),
        (&conference, "may_not_publish"),
    ];
    for (sdp, expected) in cases {
        let refusal = viewer
            .session
            .offer(sdp, &[])
            .expect_err("not to be answered");
        assert_eq!(refusal.code(), expected);
        assert!(!refusal.to_string().is_empty());
    }
    assert!(node.workers[0].take().is_empty());
    assert_eq!(node.sfu.load().peers, [0]);
    offer(&viewer.session, &OfferText::viewer());
    assert_eq!(node.sfu.load().peers, [1]);
}

#[test]
fn a_node_and_its_rooms_take_as_many_as_they_may() {
    let mut config = config();
    (config.max_rooms, config.max_participants) = (2, 3);
    config.room_limits.participants = 2;
    let node = FakeNode::new(1, config);
    let join = |room| node.try_join(room, Grants::CONFERENCE);
    let first = join("one").expect("the first");
    let second = join("one").expect("the second");
    assert_eq!(
        join("one").expect_err("full"),
        Refusal::RoomFull { limit: 2 }
    );
    let third = join("two").expect("the third");
    assert_eq!(
        join("two").expect_err("full"),
        Refusal::TooManyParticipants { limit: 3 }
    );
    drop(second);
    assert_eq!(
        join("three").expect_err("full"),
        Refusal::TooManyRooms { limit: 2 }
    );
    drop(first);
    let fourth = join("three").expect("room one is gone");
    drop((third, fourth));
    assert!(node.node().is_idle());
}

#[test]
fn whoever_drops_its_session_leaves_and_takes_everything_along() {
    let node = FakeNode::new(2, config());
    let mut stays = node.join("room");
    let goes = node.join("room");
    offer(&stays.session, &OfferText::viewer());
    offer(&goes.session, &OfferText::conference());
    let id = goes.session.participant();
    drop(goes);
    let told = read(&mut stays.notifications);
    let left = Notification::ParticipantLeft {
        participant: id,
        reason: LeaveReason::Left,
    };
    assert!(told.contains(&left), "{told:?}");
    node.run();
    assert_eq!(node.sfu.load().peers, [1, 0]);
    stays.session.leave(LeaveReason::ShuttingDown);
    let last = read(&mut stays.notifications).pop();
    assert_eq!(
        last,
        Some(Notification::Closed {
            reason: LeaveReason::ShuttingDown
        })
    );
    assert!(
        stays.notifications.blocking_recv().is_none(),
        "nothing follows"
    );
    node.run();
    assert!(node.node().is_idle());
}

#[test]
fn reports_of_workers_reach_those_they_concern() {
    let node = FakeNode::new(1, config());
    let mut joined = node.join("room");
    let mut other = node.join("room");
    offer(&joined.session, &OfferText::conference());
    offer(&other.session, &OfferText::viewer());
    read(&mut other.notifications);
    let peer = node.peer_of(&joined.session);
    node.connected(peer);
    let connected = read(&mut joined.notifications).pop();
    assert!(
        matches!(connected, Some(Notification::Connected { .. })),
        "{connected:?}"
    );
    let track = node
        .sfu
        .room(&room_name("room"))
        .expect("the room")
        .participants[0]
        .tracks[0]
        .track;
    node.event(Event::TrackStarted { peer, track });
    assert_eq!(
        read(&mut other.notifications),
        [Notification::TrackStarted { track }]
    );
    node.connected(PeerId::new(4_711));
    node.closed(PeerId::new(4_711), CloseReason::ConsentExpired);

    node.closed(peer, CloseReason::ConsentExpired);
    let reason = LeaveReason::MediaLost(CloseReason::ConsentExpired);
    assert_eq!(
        read(&mut joined.notifications).pop(),
        Some(Notification::Closed { reason })
    );
    let refused = joined.session.offer(&OfferText::conference().to_sdp(), &[]);
    assert_eq!(refused, Err(OfferRefusal::Refused(Refusal::SessionOver)));
    let told = read(&mut other.notifications);
    let participant = joined.session.participant();
    assert!(
        told.contains(&Notification::ParticipantLeft {
            participant,
            reason
        }),
        "{told:?}"
    );
}

#[test]
fn a_late_report_about_a_replaced_connection_changes_nothing() {
    let node = FakeNode::new(1, config());
    let joined = node.join("room");
    offer(&joined.session, &OfferText::conference());
    let old = node.peer_of(&joined.session);
    offer(
        &joined.session,
        &OfferText {
            certificate: 0x22,
            ..OfferText::conference()
        },
    );
    assert_eq!(
        node.sfu.load().peers,
        [2],
        "until the worker says that the old one is gone"
    );
    node.closed(old, CloseReason::Requested);
    assert_eq!(node.sfu.load().peers, [1]);
    assert_ne!(node.peer_of(&joined.session), old);
}

#[test]
fn whoever_does_not_read_is_closed_and_told_why() {
    let mut config = config();
    config.outbox_capacity = 4;
    let node = FakeNode::new(1, config);
    let mut sleeper = node.join("room");
    let mut reader = node.join("room");
    let publisher = node.join("room");
    let mut offer_text = OfferText::conference();
    for round in 0..6 {
        offer_text.media[0].2 = if round % 2 == 0 {
            "inactive"
        } else {
            "sendonly"
        };
        offer(&publisher.session, &offer_text);
        let told = read(&mut reader.notifications);
        let closed = told
            .iter()
            .any(|told| matches!(told, Notification::Closed { .. }));
        assert!(!closed, "whoever reads is not closed");
    }
    let reason = LeaveReason::SlowConsumer;
    let told = read(&mut sleeper.notifications);
    assert_eq!(told.len(), 5);
    assert_eq!(told.last(), Some(&Notification::Closed { reason }));
    let others = node
        .sfu
        .room(&room_name("room"))
        .expect("the room")
        .participants;
    assert_eq!(others.len(), 2);
    assert_eq!(node.sfu.load().participants, 2);
}

#[test]
fn small_rooms_gather_and_viewers_spread() {
    let node = FakeNode::new(3, config());
    let room: Vec<_> = (0..4).map(|_| node.join("room")).collect();
    for joined in &room {
        offer(&joined.session, &OfferText::conference());
    }
    assert_eq!(node.sfu.load().peers, [4, 0, 0]);
    let viewers: Vec<_> = (0..4)
        .map(|_| {
            node.try_join("room", Grants::VIEW_ONLY)
                .expect("room for one")
        })
        .collect();
    for joined in &viewers {
        offer(&joined.session, &OfferText::viewer());
    }
    assert_eq!(node.sfu.load().peers, [4, 2, 2]);
}

#[test]
fn one_session_answers_one_offer_at_a_time() {
    let node = FakeNode::new(1, config());
    let session = Arc::new(node.join("room").session);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let session = session.clone();
            std::thread::spawn(move || {
                let mut text = OfferText::conference();
                text.media.push(("a1", Kind::Audio, "recvonly"));
                session
                    .offer(&text.to_sdp(), &[])
                    .map(|answer| answer.tracks)
            })
        })
        .collect();
    let tracks: Vec<_> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic").expect("answered"))
        .collect();
    assert!(
        tracks.iter().all(|other| *other == tracks[0]),
        "one connection, one set of tracks"
    );
    let added = node
        .run()
        .iter()
        .filter(|c| matches!(c, Command::AddPeer { .. }))
        .count();
    assert_eq!(added, 1);
}
