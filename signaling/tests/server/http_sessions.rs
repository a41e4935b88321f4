//! WHIP and WHEP: sessions, and offers that do not fit.

use hyper::{Method, StatusCode};
use serde_json::json;
use signaling_protocol::{CloseCode, ServerMessage};

use crate::support::http::{FRAGMENT, SDP, encoder, player, post, request};
use crate::support::websocket::Client;
use crate::support::{offers, server};

#[tokio::test]
async fn what_is_published_by_whip_is_in_the_room_and_gone_with_its_session() {
    let server =
        server("ice-server = [\"stun:stun.example.org\", \"turn:turn.example.org u p\"]").await;
    let address = server.address();
    let (mut ada, joined) = Client::join(address, "standup", "Ada").await;
    assert_eq!(joined.ice_servers.len(), 2);

    let created = post(address, "/whip/standup", &encoder()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert_eq!(created.header("content-type"), "application/sdp");
    assert_eq!(
        created.header("accept-patch"),
        "application/trickle-ice-sdpfrag"
    );
    assert!(created.header("etag").starts_with('"'), "{created:?}");
    assert!(
        created.body.starts_with("v=0") && created.body.contains("a=candidate:"),
        "{}",
        created.body
    );
    let links: Vec<_> = created
        .headers
        .get_all("link")
        .iter()
        .map(|link| link.to_str().expect("text"))
        .collect();
    assert_eq!(
        links,
        [
            "<stun:stun.example.org>; rel=\"ice-server\"",
            "<turn:turn.example.org>; rel=\"ice-server\"; username=\"u\"; credential=\"p\"; credential-type=\"password\"",
        ]
    );
    let location = created.header("location").to_owned();
    let secret = location
        .strip_prefix("/whip/standup/")
        .expect("a session of this room");
    assert!(secret.len() >= 32, "{secret} could be guessed");

    let published = ada
        .wait_for(|message| match message {
            ServerMessage::TrackPublished(published) => Some(published),
            _ => None,
        })
        .await;
    assert_eq!(
        request(address, Method::GET, &location, &[], "")
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    let deleted = request(
        address,
        Method::DELETE,
        &location,
        &[("if-match", "\"whatever\"")],
        "",
    )
    .await;
    assert_eq!(deleted.status, StatusCode::OK, "{deleted:?}");
    let left = ada
        .wait_for(|message| match message {
            ServerMessage::ParticipantLeft(left) => Some(left),
            _ => None,
        })
        .await;
    assert_eq!(
        (left.participant, left.reason),
        (published.participant, CloseCode::Left)
    );
    for method in [Method::GET, Method::DELETE, Method::PATCH] {
        let gone = request(
            address,
            method.clone(),
            &location,
            &[FRAGMENT, ("if-match", "*")],
            "",
        )
        .await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{method}");
        assert_eq!(gone.problem(), "unknown_session");
    }
}

#[tokio::test]
async fn whep_plays_when_somebody_is_live_and_nobody_sees_the_viewer() {
    let server = server("").await;
    let address = server.address();
    let early = post(address, "/whep/standup", &player()).await;
    assert_eq!(
        (early.status, early.problem().as_str()),
        (StatusCode::CONFLICT, "not_live")
    );
    assert_eq!(early.header("retry-after"), "2");

    let (mut ada, _) = Client::join(address, "standup", "Ada").await;
    assert_eq!(
        post(address, "/whep/standup", &player()).await.status,
        StatusCode::CONFLICT,
        "silence is not live"
    );
    ada.offer(offers::CHROMIUM, json!([])).await;
    let created = post(address, "/whep/standup", &player()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    assert!(created.header("location").starts_with("/whep/standup/"));
    let (_, joined) = Client::join(address, "standup", "Grace").await;
    assert_eq!(joined.participants.len(), 1, "only Ada is seen: {joined:?}");
    let deleted = request(address, Method::DELETE, created.header("location"), &[], "").await;
    assert_eq!(deleted.status, StatusCode::OK);
}

#[tokio::test]
async fn offers_that_do_not_fit_are_refused_with_a_reason() {
    let server = server("").await;
    let address = server.address();
    let (mut ada, _) = Client::join(address, "live", "Ada").await;
    ada.offer(offers::CHROMIUM, json!([])).await;
    let large = "a".repeat(262_144 + 1);
    let both_ways = offers::only(offers::CHROMIUM, &["0", "1"]);
    let two_players = offers::only(offers::FIREFOX_RECVONLY, &["0", "3", "4"]);
    let two_cameras = two_players.replace("a=recvonly", "a=sendonly");
    let table: Vec<(&str, &str, Option<&str>, StatusCode)> = vec![
        (
            "/whip/live",
            "v=0",
            Some("text/plain"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "/whip/live",
            "v=0",
            None,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "/whip/live",
            &large,
            Some("application/sdp"),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            "/whip/live",
            "nonsense",
            Some("application/sdp"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/whip/live",
            "m=video 9 X 1\r\na=sendonly\r\n",
            Some("application/sdp"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/whip/live",
            offers::FIREFOX_RECVONLY,
            Some("application/sdp"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "/whip/live",
            &two_cameras,
            Some("application/sdp"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "/whip/ a",
            offers::CHROMIUM_SENDONLY,
            Some("application/sdp"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/whip/live",
            offers::CHROMIUM_SENDONLY,
            Some("Application/SDP; charset=utf-8"),
            StatusCode::CREATED,
        ),
        (
            "/whip/live",
            &both_ways,
            Some("application/sdp"),
            StatusCode::CREATED,
        ),
        (
            "/whep/live",
            "v=0",
            Some("text/plain"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "/whep/live",
            &large,
            Some("application/sdp"),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (
            "/whep/live",
            "nonsense",
            Some("application/sdp"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/whep/live",
            "m=video 9 X 1\r\na=recvonly\r\n",
            Some("application/sdp"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "/whep/live",
            offers::CHROMIUM_SENDONLY,
            Some("application/sdp"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "/whep/live",
            &both_ways,
            Some("application/sdp"),
            StatusCode::CREATED,
        ),
        (
            "/whep/live",
            offers::FIREFOX_RECVONLY,
            Some("application/sdp"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ];
    for (path, body, content_type, expected) in table {
        let headers: Vec<_> = content_type
            .map(|value| ("content-type", value))
            .into_iter()
            .collect();
        let path = path.replace(' ', "%20");
        let answer = request(address, Method::POST, &path, &headers, body.to_owned()).await;
        let shown = &body[..body.len().min(40)];
        assert_eq!(
            answer.status, expected,
            "{path} {content_type:?} {shown}: {}",
            answer.body
        );
        if expected != StatusCode::CREATED {
            answer.problem();
        }
    }
    let not_text = request(
        address,
        Method::POST,
        "/whip/live",
        &[SDP],
        vec![b'v', b'=', 0xff],
    )
    .await;
    assert_eq!(
        (not_text.status, not_text.problem().as_str()),
        (StatusCode::BAD_REQUEST, "invalid_body")
    );
    assert!(ada.is_undisturbed().await);
}

#[tokio::test]
async fn an_offer_of_both_ways_is_answered_one_way() {
    let server = server("").await;
    let both_ways = offers::only(offers::CHROMIUM, &["0", "1"]);
    for (path, expected) in [("/whip/live", "a=recvonly"), ("/whep/live", "a=sendonly")] {
        let created = post(server.address(), path, &both_ways).await;
        assert_eq!(
            created.status,
            StatusCode::CREATED,
            "{path}: {}",
            created.body
        );
        let ways: Vec<&str> = created
            .body
            .lines()
            .filter(|line| ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"].contains(line))
            .collect();
        assert_eq!(ways, [expected; 2], "{path}");
    }
}

#[tokio::test]
async fn sessions_count_as_participants_and_answer_503_when_there_are_too_many() {
    let server = server("room-participants = 1").await;
    let address = server.address();
    let first = post(address, "/whip/standup", &encoder()).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let second = post(address, "/whip/standup", &encoder()).await;
    assert_eq!(
        (second.status, second.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "room_full")
    );
    assert_ne!(second.header("retry-after"), "");
    request(address, Method::DELETE, first.header("location"), &[], "").await;
    assert_eq!(
        post(address, "/whip/standup", &encoder()).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn the_name_of_a_room_may_need_escaping() {
    let server = server("").await;
    let address = server.address();
    let created = post(address, "/whip/Caf%C3%A9%20%2f%25", &encoder()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let location = created.header("location");
    assert!(
        location.starts_with("/whip/Caf%C3%A9%20%2F%25/"),
        "{location}"
    );
    let (_, joined) = Client::join(address, "Café /%", "Ada").await;
    assert_eq!(joined.participants.len(), 1);
    assert_eq!(
        request(address, Method::DELETE, location, &[], "")
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_offer_that_is_refused_leaves_nobody_in_the_room() {
    let server = server("").await;
    let address = server.address();
    let refused = post(address, "/whip/standup", "m=video 9 X 1\r\na=sendonly\r\n").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let (_, joined) = Client::join(address, "standup", "Ada").await;
    assert!(joined.participants.is_empty(), "{joined:?}");
}
