//! WHIP and WHEP as HTTP has it: other origins, tokens, and the conditions of PATCH.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::support::http::{FRAGMENT, SDP, encoder, player, post, request};
use crate::support::{WITH_KEY, server, token};

#[tokio::test]
async fn pages_of_other_sites_may_use_both_protocols() {
    let server = server("insecure-open = true").await;
    let address = server.address();
    let created = post(address, "/whip/standup", &encoder()).await;
    for path in ["/whip/standup", "/whep/standup", created.header("location")] {
        let origin = ("origin", "https://player.example.org");
        let preflight = request(address, Method::OPTIONS, path, &[origin], "").await;
        assert_eq!(preflight.status, StatusCode::OK, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), "*");
        assert_eq!(preflight.header("accept-post"), "application/sdp");
        for (header, parts) in [
            ("access-control-allow-methods", ["POST", "PATCH", "DELETE"]),
            (
                "access-control-allow-headers",
                ["Authorization", "Content-Type", "If-Match"],
            ),
            (
                "access-control-expose-headers",
                ["Location", "ETag", "Link"],
            ),
        ] {
            let value = preflight.header(header);
            assert!(
                parts.iter().all(|part| value.contains(part)),
                "{path} {header}: {value}"
            );
        }
        let got = request(address, Method::GET, path, &[origin], "").await;
        assert!(
            got.status.is_success() && got.body.is_empty(),
            "{path}: {got:?}"
        );
        assert_eq!(got.header("access-control-allow-origin"), "*");
    }
    let refused = request(address, Method::POST, "/whip/standup", &[], "").await;
    assert_eq!(
        refused.header("access-control-allow-origin"),
        "*",
        "a page may read why it was refused"
    );
    let head = request(address, Method::HEAD, "/whep/standup", &[], "").await;
    assert_eq!(
        (head.status, head.header("content-type")),
        (StatusCode::OK, "application/sdp")
    );
    let strange = request(address, Method::PUT, "/whip/standup", &[], "").await;
    assert_eq!(strange.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn where_there_are_keys_everything_but_preflight_wants_a_token() {
    let server = server(WITH_KEY).await;
    let address = server.address();
    let bearer = |video| format!("Bearer {}", token(video));
    let publisher = bearer(json!({"roomJoin": true, "room": "standup"}));
    let viewer = bearer(json!({"roomJoin": true, "canPublish": false}));
    let deaf = bearer(json!({"roomJoin": true, "canSubscribe": false}));
    let elsewhere = bearer(json!({"roomJoin": true, "room": "lobby"}));
    let with = |authorization: &str| {
        vec![SDP, ("authorization", authorization)]
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect::<Vec<_>>()
    };
    let send = async |method: Method, path: &str, headers: Vec<(String, String)>, body: String| {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        request(address, method, path, &headers, body).await
    };

    let none = post(address, "/whip/standup", &encoder()).await;
    assert_eq!(
        (none.status, none.header("www-authenticate")),
        (StatusCode::UNAUTHORIZED, "Bearer")
    );
    let table = [
        ("/whip/standup", "Bearer nonsense", StatusCode::UNAUTHORIZED),
        ("/whip/standup", "Basic YTpi", StatusCode::UNAUTHORIZED),
        ("/whip/standup", &elsewhere, StatusCode::FORBIDDEN),
        ("/whip/standup", &viewer, StatusCode::FORBIDDEN),
        ("/whip/standup", &publisher, StatusCode::CREATED),
    ];
    let mut location = String::new();
    for (path, authorization, expected) in table {
        let answer = send(Method::POST, path, with(authorization), encoder()).await;
        assert_eq!(answer.status, expected, "{authorization}: {}", answer.body);
        location = answer.header("location").to_owned();
    }
    for (authorization, expected) in [
        (deaf.as_str(), StatusCode::FORBIDDEN),
        (&elsewhere, StatusCode::FORBIDDEN),
        (&viewer, StatusCode::CREATED),
    ] {
        let answer = send(Method::POST, "/whep/standup", with(authorization), player()).await;
        assert_eq!(answer.status, expected, "{authorization}: {}", answer.body);
    }
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let answer = request(address, method.clone(), &location, &[], "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method}");
        let answer = send(method.clone(), &location, with(&elsewhere), String::new()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method}");
    }
    let preflight = request(address, Method::OPTIONS, &location, &[], "").await;
    assert_eq!(preflight.status, StatusCode::OK);
    assert_eq!(
        send(Method::DELETE, &location, with(&publisher), String::new())
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn patch_takes_candidates_and_restarts_ice_under_the_right_conditions() {
    let server = server("").await;
    let address = server.address();
    let created = post(address, "/whip/standup", &encoder()).await;
    let (location, tag) = (
        created.header("location").to_owned(),
        created.header("etag").to_owned(),
    );
    let ufrag = encoder()
        .lines()
        .find(|line| line.starts_with("a=ice-ufrag:"))
        .expect("a ufrag")
        .to_owned();
    let pwd = encoder()
        .lines()
        .find(|line| line.starts_with("a=ice-pwd:"))
        .expect("a password")
        .to_owned();
    let trickle = format!(
        "{ufrag}\r\n{pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
         a=candidate:1 1 udp 2130706431 nonsense.local 61000 typ host\r\na=end-of-candidates\r\n"
    );
    let endless = "a=x\r\n".repeat(10_000);
    let restart = "a=ice-ufrag:newu\r\na=ice-pwd:newpassword0123456789ABC\r\n";
    type Row<'a> = (&'a str, Option<&'a str>, (&'a str, &'a str), StatusCode);
    let table: &[Row<'_>] = &[
        (&trickle, None, FRAGMENT, StatusCode::PRECONDITION_REQUIRED),
        (
            &trickle,
            Some("\"other\""),
            FRAGMENT,
            StatusCode::PRECONDITION_FAILED,
        ),
        (
            &trickle,
            Some(&tag),
            SDP,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (&trickle, Some(&tag), FRAGMENT, StatusCode::NO_CONTENT),
        ("", Some(&tag), FRAGMENT, StatusCode::NO_CONTENT),
        (
            "a=end-of-candidates",
            Some("*"),
            FRAGMENT,
            StatusCode::NO_CONTENT,
        ),
        (
            "a=candidate:nonsense",
            Some("*"),
            FRAGMENT,
            StatusCode::BAD_REQUEST,
        ),
        (&endless, Some("*"), FRAGMENT, StatusCode::PAYLOAD_TOO_LARGE),
        (restart, Some(&tag), FRAGMENT, StatusCode::BAD_REQUEST),
        (
            "a=ice-ufrag:x\r\na=ice-pwd:short\r\n",
            Some("*"),
            FRAGMENT,
            StatusCode::BAD_REQUEST,
        ),
        (&trickle, Some(&tag), FRAGMENT, StatusCode::NO_CONTENT),
    ];
    for &(body, if_match, content_type, expected) in table {
        let mut headers = vec![content_type];
        headers.extend(if_match.map(|tag| ("if-match", tag)));
        let answer = request(address, Method::PATCH, &location, &headers, body.to_owned()).await;
        assert_eq!(
            answer.status, expected,
            "{if_match:?} {body:?}: {}",
            answer.body
        );
        assert_eq!(answer.header("etag"), "", "only a restart has a new tag");
    }

    let headers = [FRAGMENT, ("if-match", "*")];
    let restarted = request(address, Method::PATCH, &location, &headers, restart).await;
    assert_eq!(restarted.status, StatusCode::OK, "{restarted:?}");
    assert_eq!(restarted.header("content-type"), FRAGMENT.1);
    assert!(
        restarted.header("etag").starts_with('"') && restarted.header("etag") != tag,
        "{restarted:?}"
    );
    for line in [
        "a=ice-lite",
        "m=",
        "a=mid:",
        "a=ice-ufrag:",
        "a=ice-pwd:",
        "a=candidate:",
    ] {
        assert!(
            restarted.body.lines().any(|found| found.starts_with(line)),
            "{line}: {}",
            restarted.body
        );
    }
    let old_ufrag = created
        .body
        .lines()
        .find(|line| line.starts_with("a=ice-ufrag:"))
        .expect("a ufrag");
    assert!(
        !restarted.body.contains(old_ufrag),
        "new credentials on both sides: {}",
        restarted.body
    );

    let stale = request(
        address,
        Method::PATCH,
        &location,
        &[FRAGMENT, ("if-match", &tag)],
        trickle.clone(),
    )
    .await;
    assert_eq!(
        stale.status,
        StatusCode::PRECONDITION_FAILED,
        "the old tag is of the past"
    );
    assert_eq!(
        request(address, Method::DELETE, &location, &[], "")
            .await
            .status,
        StatusCode::OK
    );
}
