//! People in a room: what each is told of the others.

use serde_json::json;
use signaling_protocol::{CloseCode, ErrorCode, Kind, ServerMessage, Source};

use crate::support::websocket::Client;
use crate::support::{offers, server};

#[tokio::test]
async fn people_in_a_room_hear_of_each_other_and_of_what_they_publish() {
    let server = server("").await;
    let (mut ada, joined) = Client::join(server.address(), "standup", "Ada").await;
    assert_eq!(
        (joined.name.as_str(), joined.room.as_str()),
        ("Ada", "standup")
    );
    assert!(
        joined.participants.is_empty() && !joined.resumed,
        "{joined:?}"
    );
    assert!(
        joined.permissions.publish && joined.permissions.subscribe && !joined.permissions.admin
    );

    let answer = ada
        .offer(
            offers::CHROMIUM,
            json!([{"mid": "1", "source": "screen", "muted": true}]),
        )
        .await;
    assert!(answer.sdp.starts_with("v=0"), "{}", answer.sdp);
    let mids: Vec<&str> = answer
        .tracks
        .iter()
        .map(|track| track.mid.as_str())
        .collect();
    assert_eq!(mids, ["0", "1"]);

    let (mut grace, joined) = Client::join(server.address(), "standup", "Grace").await;
    let [seen] = joined.participants.as_slice() else {
        panic!("Ada is there: {joined:?}")
    };
    assert_eq!(seen.name, "Ada");
    let shown: Vec<_> = seen
        .tracks
        .iter()
        .map(|track| (track.kind, track.source, track.muted))
        .collect();
    assert_eq!(
        shown,
        [
            (Kind::Audio, Source::Microphone, false),
            (Kind::Video, Source::Screen, true)
        ]
    );
    assert_eq!(
        seen.tracks[0].id, answer.tracks[0].track,
        "a track has one id for everybody"
    );

    let news = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantJoined(joined) => Some(joined),
            _ => None,
        })
        .await;
    assert_eq!(
        (news.participant.id.clone(), news.participant.name.as_str()),
        (joined.participant, "Grace")
    );

    let answer = grace.offer(offers::FIREFOX, json!([])).await;
    let published = ada
        .wait_for(|message| match message {
            ServerMessage::TrackPublished(published) => Some(published),
            _ => None,
        })
        .await;
    assert_eq!(published.track.id, answer.tracks[0].track);
    assert_eq!(published.participant, news.participant.id);

    let track = &answer.tracks[0].track;
    assert!(matches!(
        grace
            .request("mute", json!({"track": track, "muted": true}))
            .await,
        ServerMessage::Done(_)
    ));
    let muted = ada
        .wait_for(|message| match message {
            ServerMessage::TrackMuted(muted) => Some(muted),
            _ => None,
        })
        .await;
    assert_eq!((&muted.track, muted.muted), (track, true));

    grace.send_text(r#"{"type":"leave"}"#).await;
    let closed = grace.closed().await;
    assert_eq!((closed.code, closed.retry), (CloseCode::Left, false));
    let left = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(left) => Some(left),
            _ => None,
        })
        .await;
    assert_eq!(
        (left.participant, left.reason),
        (news.participant.id, CloseCode::Left)
    );
}

#[tokio::test]
async fn somebody_who_watches_is_told_what_each_slot_shows() {
    let server = server("").await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let (mut grace, joined) = Client::join(server.address(), "standup", "Grace").await;
    let answer = grace.offer(offers::FIREFOX_RECVONLY, json!([])).await;
    assert!(answer.tracks.is_empty(), "a slot is no track: {answer:?}");
    let empty = grace.assignments().await;
    assert_eq!(empty.slots.len(), 6, "{empty:?}");
    assert!(
        empty
            .slots
            .iter()
            .all(|slot| slot.track.is_none() && slot.participant.is_none()),
        "{empty:?}"
    );

    let published = ada.offer(offers::CHROMIUM, json!([])).await;
    let shown = loop {
        let assignments = grace.assignments().await;
        assert!(assignments.revision > empty.revision);
        if assignments
            .slots
            .iter()
            .filter(|slot| slot.track.is_some())
            .count()
            == 2
        {
            break assignments;
        }
    };
    for track in &published.tracks {
        let slot = shown
            .slots
            .iter()
            .find(|slot| slot.track.as_ref() == Some(&track.track));
        let slot = slot.unwrap_or_else(|| panic!("{track:?} is not shown: {shown:?}"));
        assert_eq!(slot.participant, Some(joined.participants[0].id.clone()));
    }

    let hidden = &published.tracks[1].track;
    grace
        .request(
            "subscribe",
            json!({"hidden": [hidden, "k999999", "nonsense"]}),
        )
        .await;
    let without = grace.assignments().await;
    assert!(
        without
            .slots
            .iter()
            .all(|slot| slot.track.as_ref() != Some(hidden)),
        "{without:?}"
    );
    assert!(!without.unassigned.contains(hidden), "{without:?}");
}

#[tokio::test]
async fn requests_that_the_room_refuses_get_its_code_and_change_nothing() {
    let server = server("participant-tracks = 1\nroom-participants = 2").await;
    let (mut ada, _) = Client::join(server.address(), "standup", "Ada").await;
    let (mut grace, _) = Client::join(server.address(), "standup", "Grace").await;
    let camera = offers::only(offers::CHROMIUM_SENDONLY, &["1"]);
    let answer = grace.offer(&camera, json!([])).await;
    let graces = answer.tracks[0].track.clone();

    let table = [
        ("offer", json!({"sdp": "nonsense"}), ErrorCode::InvalidSdp),
        (
            "offer",
            json!({"sdp": offers::CHROMIUM}),
            ErrorCode::TooManyTracks,
        ),
        (
            "offer",
            json!({"sdp": camera, "tracks": [{"mid": "1", "source": "microphone"}]}),
            ErrorCode::SourceOfOtherKind,
        ),
        (
            "offer",
            json!({"sdp": camera, "tracks": [{"mid": "seventeen letters", "source": "camera"}]}),
            ErrorCode::InvalidMessage,
        ),
        (
            "mute",
            json!({"track": "k999999", "muted": true}),
            ErrorCode::UnknownTrack,
        ),
        (
            "mute",
            json!({"track": "nonsense", "muted": true}),
            ErrorCode::UnknownTrack,
        ),
        (
            "mute",
            json!({"track": graces, "muted": true}),
            ErrorCode::NotYourTrack,
        ),
        (
            "subscribe",
            json!({"pinned": vec!["k1"; 257]}),
            ErrorCode::TooManyPreferences,
        ),
        (
            "join",
            json!({"room": "standup", "name": "Ada"}),
            ErrorCode::AlreadyJoined,
        ),
    ];
    for (kind, fields, expected) in table {
        match ada.request(kind, fields.clone()).await {
            ServerMessage::Error(error) => {
                assert_eq!(error.code, expected, "{kind} {fields}: {}", error.message)
            }
            other => panic!("{kind} {fields} was accepted: {other:?}"),
        }
    }
    let mut alan = Client::connect(server.address()).await;
    match alan
        .request("join", json!({"room": "standup", "name": "Alan"}))
        .await
    {
        ServerMessage::Error(error) => assert_eq!(error.code, ErrorCode::RoomFull),
        other => panic!("the room takes two: {other:?}"),
    }
    let joined = alan.enter(json!({"room": "lobby", "name": "Alan"})).await;
    assert!(
        joined.participants.is_empty(),
        "another room is another room: {joined:?}"
    );
    assert!(grace.is_undisturbed().await);
}
