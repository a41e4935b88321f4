//! What participants may do and what they are told.

use std::time::Duration;

use sfu_rtp::Rid;

use super::offer::{Offer, codec, mid};
use super::world::World;
use crate::id::{ParticipantId, TrackId};
use crate::parameters::{Codec, EncodingParameters, MediaKind, NegotiatedCodec};
use crate::room::{
    DataRefusal, Grants, LeaveReason, Refusal, RoomLimits, SourceSet, TrackSource, Viewing,
};

/// The tracks of a participant, in the order of its offer.
fn tracks(world: &World, id: ParticipantId) -> Vec<TrackId> {
    let view = world.room.view(id).expect("somebody in the room");
    view.own.tracks.iter().map(|track| track.track).collect()
}

#[test]
fn everybody_sees_and_hears_everybody_else_whoever_came_first() {
    let mut world = World::new(1);
    let people: Vec<_> = (0..3)
        .map(|_| world.enter(0, &Offer::conference(2)))
        .collect();
    for viewer in &people {
        let mut expected: Vec<_> = people
            .iter()
            .filter(|id| *id != viewer)
            .flat_map(|id| tracks(&world, *id))
            .collect();
        expected.sort();
        let mut shown: Vec<_> = world.shown(*viewer).into_iter().flatten().collect();
        shown.sort();
        assert_eq!(shown, expected, "seen by {viewer}");
    }
}

#[test]
fn somebody_without_a_connection_is_told_what_waits_for_it() {
    let mut world = World::new(1);
    let publisher = world.enter(0, &Offer::conference(0));
    let newcomer = world.join(Grants::CONFERENCE);
    let waiting = &world.client(newcomer).view.slots.unassigned;
    assert_eq!(*waiting, tracks(&world, publisher));
    world
        .offer(newcomer, 0, &Offer::viewer(1))
        .expect("may watch");
    assert_eq!(world.client(newcomer).view.slots.unassigned, []);
}

#[test]
fn a_room_takes_as_many_as_it_may_and_one_more_when_one_has_left() {
    let limits = RoomLimits {
        participants: 2,
        ..RoomLimits::default()
    };
    let mut world = World::with_limits(1, limits);
    let first = world.join(Grants::CONFERENCE);
    world.join(Grants::VIEW_ONLY);
    let refused = world.try_join(Grants::CONFERENCE, Viewing::Everyone);
    assert_eq!(refused, Err(Refusal::RoomFull { limit: 2 }));
    world.leave(first);
    assert!(
        world
            .try_join(Grants::CONFERENCE, Viewing::Everyone)
            .is_ok()
    );
}

#[test]
fn an_offer_beyond_grants_or_limits_is_refused_and_changes_nothing() {
    let limits = RoomLimits {
        tracks_per_participant: 2,
        slots_per_participant: 4,
        ..RoomLimits::default()
    };
    let camera_only = Grants {
        sources: SourceSet::from_iter([TrackSource::Camera]),
        ..Grants::CONFERENCE
    };
    let hidden = Grants {
        hidden: true,
        ..Grants::CONFERENCE
    };
    let mut screen_as_microphone = Offer::conference(0);
    screen_as_microphone.declarations[0].source = TrackSource::Screen;
    let cases = [
        (Grants::CONFERENCE, Offer::conference(2), Ok(2)),
        (Grants::VIEW_ONLY, Offer::viewer(2), Ok(0)),
        (
            Grants::VIEW_ONLY,
            Offer::conference(0),
            Err(Refusal::MayNotPublish),
        ),
        (hidden, Offer::conference(0), Err(Refusal::MayNotPublish)),
        (
            camera_only,
            Offer::conference(0),
            Err(Refusal::SourceNotAllowed(TrackSource::Microphone)),
        ),
        (camera_only, Offer::conference(0).without("mic"), Ok(1)),
        (
            Grants::CONFERENCE,
            screen_as_microphone,
            Err(Refusal::SourceOfOtherKind(TrackSource::Screen)),
        ),
        (
            Grants::CONFERENCE,
            Offer::conference(0).publish("more", TrackSource::Screen),
            Err(Refusal::TooManyTracks { limit: 2 }),
        ),
        (
            Grants::CONFERENCE,
            Offer::viewer(3),
            Err(Refusal::TooManySlots { limit: 4 }),
        ),
    ];
    for (number, (grants, offer, expected)) in cases.into_iter().enumerate() {
        let mut world = World::with_limits(1, limits);
        let id = world.join(grants);
        let answered = world.offer(id, 0, &offer).map(|tracks| tracks.len());
        assert_eq!(answered, expected, "case {number}");
        if answered.is_err() {
            assert!(world.workers[0].is_empty(), "case {number} left something");
            // The same of a connection that is up already.
            world.offer(id, 0, &Offer::viewer(1)).expect("may watch");
            assert_eq!(
                world.reoffer(id, &offer).map(|tracks| tracks.len()),
                expected
            );
            assert_eq!(world.shown(id).len(), 2, "case {number} changed the slots");
        }
    }
}

#[test]
fn tracks_are_taken_for_what_they_are_declared_or_else_for_camera_and_microphone() {
    let mut world = World::new(1);
    let id = world.join(Grants::CONFERENCE);
    let mut offer = Offer::conference(0)
        .publish("share", TrackSource::Screen)
        .muted("share");
    offer
        .declarations
        .retain(|declared| declared.mid == mid("share"));
    world.offer(id, 0, &offer).expect("all of it is allowed");
    let own = world.room.view(id).expect("in the room").own;
    let sources: Vec<_> = own
        .tracks
        .iter()
        .map(|track| (track.source, track.muted))
        .collect();
    assert_eq!(
        sources,
        [
            (TrackSource::Microphone, false),
            (TrackSource::Camera, false),
            (TrackSource::Screen, true)
        ]
    );
}

#[test]
fn renegotiating_keeps_tracks_and_pictures_and_adds_what_is_new() {
    let mut world = World::new(2);
    let publisher = world.enter(0, &Offer::conference(0));
    let viewer = world.enter(1, &Offer::viewer(1));
    let before = (tracks(&world, publisher), world.shown(viewer));

    let share = Offer::conference(0).publish("share", TrackSource::Screen);
    let answered = world.reoffer(publisher, &share).expect("allowed");
    assert_eq!(tracks(&world, publisher)[..2], before.0[..]);
    let screen = answered[2].track;
    // The only picture slot shows the screen now; the sound has not moved.
    assert_eq!(world.shown(viewer), [before.1[0], Some(screen)]);

    world.reoffer(viewer, &Offer::viewer(2)).expect("allowed");
    assert_eq!(
        world.shown(viewer),
        [before.1[0], Some(screen), None, before.1[1]]
    );

    world
        .reoffer(publisher, &Offer::conference(0))
        .expect("allowed");
    assert_eq!(tracks(&world, publisher), before.0);
    assert_eq!(world.shown(viewer), [before.1[0], None, None, before.1[1]]);
}

#[test]
fn a_track_goes_on_with_fewer_codecs_in_another_order_but_not_with_new_ones_or_other_layers() {
    let vp8 = codec(MediaKind::Video);
    let h264 = NegotiatedCodec {
        codec: Codec::H264,
        ..vp8
    };
    let vp9 = NegotiatedCodec {
        codec: Codec::Vp9,
        ..vp8
    };
    let rid = |name: &str| EncodingParameters {
        rid: Rid::parse(name.as_bytes()),
        ssrc: None,
        rtx_ssrc: None,
    };
    let offer = |codecs: &[NegotiatedCodec], rids: &[&str]| {
        let mut offer = Offer::default().publish("cam", TrackSource::Camera);
        offer.published[0].codecs = codecs.to_vec();
        offer.published[0].encodings = rids.iter().map(|name| rid(name)).collect();
        offer
    };
    let cases: &[(&[NegotiatedCodec], &[&str], bool)] = &[
        (&[vp8, h264], &["h", "l"], true),
        (&[h264, vp8], &["h", "l"], true),
        (&[h264], &["h", "l"], true),
        (&[vp8, h264, vp9], &["h", "l"], false),
        (&[vp9], &["h", "l"], false),
        (&[vp8, h264], &["h"], false),
        (&[vp8, h264], &["l", "h"], false),
    ];
    for (number, (codecs, rids, goes_on)) in cases.iter().enumerate() {
        let mut world = World::new(2);
        let publisher = world.enter(0, &offer(&[vp8, h264], &["h", "l"]));
        world.enter(1, &Offer::viewer(1));
        let before = tracks(&world, publisher);
        world
            .reoffer(publisher, &offer(codecs, rids))
            .expect("allowed");
        assert_eq!(
            tracks(&world, publisher) == before,
            *goes_on,
            "case {number}"
        );
    }
}

#[test]
fn a_source_that_changes_on_its_m_line_is_a_new_track() {
    let mut world = World::new(1);
    let publisher = world.enter(0, &Offer::default().publish("v", TrackSource::Camera));
    let viewer = world.enter(0, &Offer::viewer(1));
    let before = tracks(&world, publisher);
    world
        .reoffer(
            publisher,
            &Offer::default().publish("v", TrackSource::Screen),
        )
        .expect("allowed");
    let after = tracks(&world, publisher);
    assert_ne!(before, after);
    assert_eq!(world.shown(viewer), [None, Some(after[0])]);
}

#[test]
fn a_new_connection_takes_the_place_of_the_old_one() {
    let mut world = World::new(2);
    let publisher = world.enter(0, &Offer::conference(1));
    let viewer = world.enter(0, &Offer::conference(1));
    let (old_peer, _) = world.peer(publisher);
    world
        .offer(publisher, 1, &Offer::conference(1))
        .expect("allowed");
    assert_ne!(world.peer(publisher).0, old_peer);
    assert!(!world.workers[0].peers.contains_key(&old_peer));
    let seen: Vec<_> = world.shown(viewer).into_iter().flatten().collect();
    assert_eq!(seen, tracks(&world, publisher));
    // The old one's end, which the worker reports late, means nothing any more.
    world.event(crate::engine::event::Event::PeerClosed {
        peer: old_peer,
        reason: crate::engine::event::CloseReason::Requested,
    });
    assert_eq!(world.room.participants().count(), 2);
}

#[test]
fn a_lost_transport_ends_the_participant_and_everybody_is_told() {
    let mut world = World::new(2);
    let lost = world.enter(0, &Offer::conference(1));
    let other = world.enter(1, &Offer::conference(1));
    world.lose(lost);
    assert_eq!(world.client(other).view.others, []);
    assert_eq!(world.shown(other), [None, None]);
    let closed = world.gone[&lost].closed.expect("it was told");
    assert_eq!(closed.code(), "consent_expired");
}

#[test]
fn only_the_publisher_and_for_muting_an_admin_touches_a_track() {
    let mut world = World::new(1);
    let owner = world.enter(0, &Offer::conference(1));
    let other = world.enter(0, &Offer::conference(1));
    let admin = world.join(Grants {
        room_admin: true,
        ..Grants::CONFERENCE
    });
    let microphone = tracks(&world, owner)[0];
    let cases = [
        (other, true, Err(Refusal::NotYourTrack)),
        (owner, true, Ok(())),
        (owner, false, Ok(())),
        (admin, true, Ok(())),
        (admin, false, Err(Refusal::MayNotUnmute)),
        (owner, false, Ok(())),
        (owner, false, Ok(())),
    ];
    for (number, (by, muted, expected)) in cases.into_iter().enumerate() {
        assert_eq!(
            world.set_muted(by, microphone, muted),
            expected,
            "case {number}"
        );
    }
    let unknown = TrackId::new(77_777);
    assert_eq!(
        world.set_muted(admin, unknown, true),
        Err(Refusal::UnknownTrack)
    );
}

#[test]
fn whoever_is_muted_yields_a_scarce_slot_to_who_can_be_heard() {
    let mut world = World::new(2);
    let first = world.enter(0, &Offer::conference(0));
    let second = world.enter(1, &Offer::conference(0));
    let viewer = world.enter(0, &Offer::viewer(1));
    let microphone = |world: &World, id| Some(tracks(world, id)[0]);
    assert_eq!(world.shown(viewer)[0], microphone(&world, first));
    let muted = tracks(&world, first)[0];
    world.set_muted(first, muted, true).expect("its own");
    assert_eq!(world.shown(viewer)[0], microphone(&world, second));
    world.set_muted(first, muted, false).expect("its own");
    assert_eq!(
        world.shown(viewer)[0],
        microphone(&world, second),
        "nobody is interrupted"
    );
}

#[test]
fn pinned_tracks_come_first_and_hidden_ones_not_at_all() {
    let mut world = World::new(1);
    let people: Vec<_> = (0..3)
        .map(|_| world.enter(0, &Offer::default().publish("cam", TrackSource::Camera)))
        .collect();
    let cameras: Vec<_> = people.iter().map(|id| tracks(&world, *id)[0]).collect();
    let viewer = world.enter(0, &Offer::viewer(1));
    let gone = TrackId::new(66_666);
    let cases: &[(&[TrackId], &[TrackId], Option<TrackId>)] = &[
        (&[], &[], Some(cameras[0])),
        (&[cameras[2]], &[], Some(cameras[2])),
        (&[gone, cameras[1], cameras[2]], &[], Some(cameras[2])),
        (&[cameras[2]], &[cameras[2], gone], Some(cameras[0])),
        (&[], &[cameras[0], cameras[1]], Some(cameras[2])),
        (&[], &cameras, None),
        (&[], &[], Some(cameras[0])),
    ];
    for (number, (pinned, hidden, expected)) in cases.iter().enumerate() {
        world
            .subscribe(viewer, pinned, hidden)
            .expect("a viewer may");
        assert_eq!(world.shown(viewer)[1], *expected, "case {number}");
    }
    let publisher_only = world.join(Grants::PUBLISH_ONLY);
    assert_eq!(
        world.subscribe(publisher_only, &[], &[]),
        Err(Refusal::MayNotSubscribe)
    );
}

#[test]
fn a_muted_track_displaces_nobody_even_when_it_is_pinned() {
    let mut world = World::new(1);
    let seen = world.enter(0, &Offer::default().publish("cam", TrackSource::Camera));
    let dark = world.enter(
        0,
        &Offer::default()
            .publish("cam", TrackSource::Camera)
            .muted("cam"),
    );
    let viewer = world.enter(0, &Offer::viewer(1));
    let (seen, pinned) = (tracks(&world, seen)[0], tracks(&world, dark)[0]);
    world
        .subscribe(viewer, &[pinned], &[])
        .expect("a viewer may");
    assert_eq!(world.shown(viewer)[1], Some(seen));
    world.set_muted(dark, pinned, false).expect("its own");
    assert_eq!(world.shown(viewer)[1], Some(pinned));
}

#[test]
fn a_broadcast_viewer_follows_the_newest_camera_with_its_sound() {
    let mut world = World::new(2);
    let viewer = world
        .try_join(Grants::VIEW_ONLY, Viewing::Newest)
        .expect("room for one");
    world
        .offer(viewer, 1, &Offer::viewer(1))
        .expect("may watch");
    assert_eq!(world.shown(viewer), [None, None]);

    let speaker = world.enter(0, &Offer::default().publish("mic", TrackSource::Microphone));
    assert_eq!(
        world.shown(viewer),
        [Some(tracks(&world, speaker)[0]), None]
    );

    let both = |id, world: &World| tracks(world, id).into_iter().map(Some).collect::<Vec<_>>();
    let first = world.enter(0, &Offer::conference(0));
    assert_eq!(world.shown(viewer), both(first, &world));
    let second = world.enter(0, &Offer::conference(0));
    assert_eq!(world.shown(viewer), both(second, &world));
    // A screen is not what it came for, and neither is a latecomer without a camera.
    let share = Offer::conference(0).publish("share", TrackSource::Screen);
    world.reoffer(first, &share).expect("allowed");
    world.enter(0, &Offer::default().publish("mic", TrackSource::Microphone));
    assert_eq!(world.shown(viewer), both(second, &world));

    world.leave(second);
    assert_eq!(world.shown(viewer), both(first, &world)[..2]);
    let unassigned = &world.client(viewer).view.slots.unassigned;
    assert_eq!(*unassigned, [], "more slots would show it nothing more");
}

#[test]
fn hidden_participants_are_not_announced_but_hear_of_everybody() {
    let mut world = World::new(1);
    let seen = world.join(Grants::CONFERENCE);
    let hidden = world.join(Grants::VIEW_ONLY);
    assert_eq!(world.client(seen).view.others, []);
    let third = world.join(Grants::CONFERENCE);
    let others: Vec<_> = world
        .client(hidden)
        .view
        .others
        .iter()
        .map(|other| other.participant)
        .collect();
    assert_eq!(others, [seen, third]);
    world.leave(hidden);
    assert_eq!(world.client(seen).view.others.len(), 1);
}

#[test]
fn whoever_may_not_subscribe_gets_nothing_into_its_slots() {
    let mut world = World::new(1);
    world.enter(0, &Offer::conference(1));
    let id = world.join(Grants::PUBLISH_ONLY);
    world
        .offer(id, 0, &Offer::conference(1))
        .expect("slots may be offered");
    assert_eq!(world.shown(id), [None, None]);
    assert_eq!(world.client(id).view.slots.unassigned, []);
}

#[test]
fn admins_remove_others_and_nobody_else_does() {
    let mut world = World::new(1);
    let guest = world.enter(0, &Offer::conference(1));
    let admin = world.join(Grants {
        room_admin: true,
        ..Grants::CONFERENCE
    });
    assert_eq!(world.room.remove(guest, admin), Err(Refusal::NotAdmin));
    let nobody = ParticipantId::new(55_555);
    assert_eq!(
        world.room.remove(admin, nobody),
        Err(Refusal::UnknownParticipant)
    );
    world.room.remove(admin, guest).expect("an admin may");
    world.leave(nobody);
    assert_eq!(world.gone[&guest].closed, Some(LeaveReason::Removed));
}

#[test]
fn data_goes_to_all_others_that_are_connected() {
    let mut world = World::new(2);
    let people: Vec<_> = (0..4)
        .map(|n| world.enter(n % 2, &Offer::viewer(0)))
        .collect();
    for id in &people[..3] {
        world.up(*id);
    }
    let deaf = world.enter(
        0,
        &Offer {
            without_data: true,
            ..Offer::viewer(0)
        },
    );
    world.up(deaf);
    world.send_data(people[0], "hello");
    let mut receivers: Vec<_> = world
        .workers
        .iter()
        .flat_map(|worker| worker.data.iter().map(|sent| sent.0))
        .collect();
    receivers.sort();
    assert_eq!(
        receivers,
        [world.peer(people[1]).0, world.peer(people[2]).0]
    );
    let (_, label, message) = &world.workers[1].data[0];
    assert_eq!(
        (label.as_str(), &message.bytes[..]),
        ("chat", &b"hello"[..])
    );
}

#[test]
fn data_that_is_not_granted_or_too_much_is_dropped_and_its_sender_told_once() {
    let limits = RoomLimits {
        data_messages_per_second: 2,
        ..RoomLimits::default()
    };
    let mut world = World::with_limits(1, limits);
    let talker = world.enter(0, &Offer::viewer(0));
    let listener = world.join(Grants::VIEW_ONLY);
    world
        .offer(listener, 0, &Offer::viewer(1))
        .expect("may watch");
    world.up(talker);
    world.up(listener);
    world.send_data(listener, "psst");
    world.send_data(listener, "psst");
    assert_eq!(world.client(listener).refused, [DataRefusal::NotGranted]);
    assert_eq!(world.workers[0].data.len(), 0);
    for _ in 0..10 {
        world.send_data(talker, "spam");
    }
    assert_eq!(world.workers[0].data.len(), 4);
    assert_eq!(world.client(talker).refused, [DataRefusal::TooFast]);
    world.now += Duration::from_millis(500);
    world.send_data(talker, "patience");
    assert_eq!(world.workers[0].data.len(), 5);
    // A new connection is told anew.
    world
        .offer(listener, 0, &Offer::viewer(1))
        .expect("may watch");
    world.send_data(listener, "psst");
    assert_eq!(world.client(listener).refused, [DataRefusal::NotGranted; 2]);
}
