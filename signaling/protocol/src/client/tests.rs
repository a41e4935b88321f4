use super::*;

fn refused(text: &str) -> (ErrorCode, Option<RequestId>) {
    match Request::parse(text) {
        Ok(request) => panic!("{text} was taken as {request:?}"),
        Err(malformed) => {
            assert!(
                malformed.message.len() <= MAX_EXPLANATION_BYTES + '…'.len_utf8(),
                "{}",
                malformed.message
            );
            (malformed.code, malformed.id)
        }
    }
}

#[test]
fn every_request_survives_the_journey_to_json_and_back() {
    let messages = [
        ClientMessage::Join(Join {
            room: "standup".into(),
            name: None,
            token: Some("t".into()),
            resume: None,
        }),
        ClientMessage::Offer(Offer {
            sdp: "v=0\r\n".into(),
            tracks: vec![OfferedTrack {
                mid: "0".into(),
                source: Source::ScreenAudio,
                muted: true,
            }],
        }),
        ClientMessage::Candidate(Candidate {
            candidate: String::new(),
            mid: None,
        }),
        ClientMessage::Mute(Mute {
            track: TrackId("k1".into()),
            muted: false,
        }),
        ClientMessage::Subscribe(Subscribe {
            pinned: vec![TrackId("k2".into())],
            hidden: Vec::new(),
        }),
        ClientMessage::View(View {
            tracks: vec![ViewedTrack {
                track: TrackId("k2".into()),
                height: 0,
            }],
        }),
        ClientMessage::Leave(Leave {}),
        ClientMessage::Ping(Ping {}),
    ];
    for message in messages {
        for id in [None, Some(0), Some(MAX_REQUEST_ID)] {
            let request = Request {
                id,
                message: message.clone(),
            };
            assert_eq!(Request::parse(&request.to_json()), Ok(request));
        }
    }
}

#[test]
fn what_is_no_request_is_refused_with_a_code() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_field = format!(r#"{{"type":"ping","x":{deep}}}"#);
    let table: [(&str, ErrorCode, Option<RequestId>); 18] = [
        ("", ErrorCode::InvalidJson, None),
        ("null", ErrorCode::InvalidJson, None),
        ("[]", ErrorCode::InvalidJson, None),
        ("{", ErrorCode::InvalidJson, None),
        (r#"{"type":"ping"} {}"#, ErrorCode::InvalidJson, None),
        (&deep, ErrorCode::InvalidJson, None),
        (&deep_field, ErrorCode::InvalidJson, None),
        ("{}", ErrorCode::InvalidMessage, None),
        (r#"{"type":7}"#, ErrorCode::InvalidMessage, None),
        (
            r#"{"type":"dance","id":4}"#,
            ErrorCode::UnknownType,
            Some(4),
        ),
        (
            r#"{"type":"ping","id":-1}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
        (
            r#"{"type":"ping","id":"4"}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
        (
            r#"{"type":"ping","id":9007199254740992}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
        (
            r#"{"type":"ping","id":5,"surprise":1}"#,
            ErrorCode::InvalidMessage,
            Some(5),
        ),
        (
            r#"{"type":"join","id":6}"#,
            ErrorCode::InvalidMessage,
            Some(6),
        ),
        (
            r#"{"type":"offer","sdp":7}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
        (
            r#"{"type":"offer","sdp":"","tracks":[{"mid":"0","source":"cat"}]}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
        (
            r#"{"type":"mute","track":"k1"}"#,
            ErrorCode::InvalidMessage,
            None,
        ),
    ];
    for (text, code, id) in table {
        let shown = &text[..text.len().min(80)];
        assert_eq!(refused(text), (code, id), "{shown}");
    }
}

/// Fuzzing for those without a fuzzer: requests with bytes changed, taken out and put in.
#[test]
fn whatever_arrives_is_a_request_or_is_refused() {
    let seed = 0x5eed_u64;
    let mut state = seed;
    // SplitMix64
    let mut random = |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    };
    let whole = r#"{"type":"offer","id":7,"sdp":"v=0","tracks":[{"mid":"0","source":"camera","muted":true}]}"#;
    let strange = [
        "\"", "{", "}", "[", "]", ":", ",", "\\u0000", "\\ud800", "1e999", "-", "null", "é",
        "\u{202e}",
    ];
    let mut refused = 0;
    for round in 0..20_000 {
        let mut text = whole.to_owned();
        for _ in 0..=random(4) {
            let at = text.floor_char_boundary(random(text.len().max(1)));
            match random(3) {
                0 => text.insert_str(at, strange[random(strange.len())]),
                1 => text.truncate(at),
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        match Request::parse(&text) {
            Ok(request) => assert_eq!(
                Request::parse(&request.to_json()),
                Ok(request),
                "seed {seed}, round {round}"
            ),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 10_000, "most of it is nonsense: {refused}");
}

#[test]
fn the_explanation_of_a_long_mistake_is_short() {
    let text = format!(r#"{{"type":"{}"}}"#, "é".repeat(10_000));
    assert_eq!(refused(&text).0, ErrorCode::UnknownType);
}

#[test]
fn the_explanation_names_the_field() {
    for (text, field) in [
        (r#"{"type":"offer","sdp":"","trcks":[]}"#, "trcks"),
        (r#"{"type":"mute","muted":true}"#, "track"),
    ] {
        let message = Request::parse(text).expect_err("malformed").message;
        assert!(message.contains(field), "{message}");
    }
}
