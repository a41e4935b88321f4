use super::*;
use crate::config::{Config, Settings};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;

fn keys() -> Keys {
    let key = |name: &str, byte: &str| format!("{name}:{}", byte.repeat(32));
    let settings = Settings {
        key: Some(vec![key("first", "a"), key("second", "b")]),
        ..Settings::default()
    };
    Config::keys(&settings).expect("good keys")
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    Authority::new(&keys()).verify(token, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
}

/// A token of these claims, signed with the secret of 32 times this letter.
fn token(claims: &Value, letter: &str) -> String {
    let secret = EncodingKey::from_secret(letter.repeat(32).as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &secret).expect("a token")
}

#[test]
fn a_token_holds_if_the_key_it_names_signed_it_and_its_time_is_now() {
    let claims = |iss: &str, exp: Value, nbf: Value| json!({"iss": iss, "sub": "ada", "exp": exp, "nbf": nbf});
    let later = || json!(NOW + 10);
    let table = [
        (
            "of the first key",
            token(&claims("first", later(), json!(NOW)), "a"),
            None,
        ),
        (
            "of the second key",
            token(&claims("second", later(), json!(NOW)), "b"),
            None,
        ),
        (
            "with fractions of a second",
            token(&claims("first", json!(NOW as f64 + 0.5), json!(0.5)), "a"),
            None,
        ),
        (
            "of the other key's secret",
            token(&claims("first", later(), json!(0)), "b"),
            Some(TokenError::Invalid),
        ),
        (
            "of a strange secret",
            token(&claims("first", later(), json!(0)), "c"),
            Some(TokenError::Invalid),
        ),
        (
            "of a strange key",
            token(&claims("third", later(), json!(0)), "a"),
            Some(TokenError::Invalid),
        ),
        (
            "just expired, by a slow clock",
            token(&claims("first", json!(NOW - 59), json!(0)), "a"),
            None,
        ),
        (
            "expired",
            token(&claims("first", json!(NOW - 60), json!(0)), "a"),
            Some(TokenError::Expired),
        ),
        (
            "from before 1970",
            token(&claims("first", json!(-5), json!(0)), "a"),
            Some(TokenError::Expired),
        ),
        (
            "early, by a fast clock",
            token(&claims("first", later(), json!(NOW + 60)), "a"),
            None,
        ),
        (
            "too early",
            token(&claims("first", later(), json!(NOW + 61)), "a"),
            Some(TokenError::NotYet),
        ),
        (
            "without exp",
            token(&json!({"iss": "first", "sub": "ada"}), "a"),
            Some(TokenError::Invalid),
        ),
        (
            "without sub",
            token(&json!({"iss": "first", "exp": NOW + 10}), "a"),
            Some(TokenError::Invalid),
        ),
        ("no token", "nonsense".to_owned(), Some(TokenError::Invalid)),
        ("empty", String::new(), Some(TokenError::Invalid)),
        (
            "long",
            "a".repeat(MAX_TOKEN_BYTES + 1),
            Some(TokenError::Invalid),
        ),
    ];
    for (what, token, expected) in table {
        assert_eq!(verify(&token).err(), expected, "a token {what}");
    }
}

#[test]
fn only_hs256_is_taken_whatever_the_header_says() {
    let claims = json!({"iss": "first", "sub": "ada", "exp": NOW + 10});
    let signed = token(&claims, "a");
    let (_, rest) = signed.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    // {"alg":"none"}, {"alg":"HS384"}, {"alg":"RS256"}
    for header in [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzM4NCJ9",
        "eyJhbGciOiJSUzI1NiJ9",
    ] {
        for signature in [signature, ""] {
            let forged = format!("{header}.{payload}.{signature}");
            assert_eq!(verify(&forged).err(), Some(TokenError::Invalid), "{forged}");
        }
    }
}

#[test]
fn grants_are_read_as_livekit_means_them() {
    let everything = Grants::CONFERENCE;
    let table: Vec<(Value, Result<Grants, TokenError>)> = vec![
        (json!({}), Err(TokenError::MayNotJoin)),
        (json!({"roomJoin": false}), Err(TokenError::MayNotJoin)),
        (json!({"roomJoin": true}), Ok(everything)),
        (json!({"roomJoin": true, "room": ""}), Ok(everything)),
        (json!({"roomJoin": true, "room": "standup"}), Ok(everything)),
        (
            json!({"roomJoin": true, "room": "Standup"}),
            Err(TokenError::OtherRoom),
        ),
        (
            json!({"roomJoin": true, "roomCreate": true, "agent": false}),
            Ok(everything),
        ),
        (
            json!({"roomJoin": true, "roomAdmin": true}),
            Ok(Grants {
                room_admin: true,
                ..everything
            }),
        ),
        (
            json!({"roomJoin": true, "canPublish": false}),
            Ok(Grants {
                can_publish: false,
                can_publish_data: false,
                ..everything
            }),
        ),
        (
            json!({"roomJoin": true, "canPublish": false, "canPublishData": true}),
            Ok(Grants {
                can_publish: false,
                ..everything
            }),
        ),
        (
            json!({"roomJoin": true, "canSubscribe": false}),
            Ok(Grants {
                can_subscribe: false,
                ..everything
            }),
        ),
        (
            json!({"roomJoin": true, "canPublishSources": ["camera", "SCREEN_SHARE", "hologram"]}),
            Ok(Grants {
                sources: SourceSet::from_iter([TrackSource::Camera, TrackSource::Screen]),
                ..everything
            }),
        ),
        (
            json!({"roomJoin": true, "hidden": true}),
            Ok(Grants {
                hidden: true,
                can_publish: false,
                can_publish_data: false,
                ..everything
            }),
        ),
    ];
    for (video, expected) in table {
        let token = token(
            &json!({"iss": "first", "sub": "ada", "exp": NOW + 10, "video": video.clone()}),
            "a",
        );
        let claims = verify(&token).unwrap_or_else(|error| panic!("{video}: {error}"));
        assert_eq!(claims.grants_in("standup"), expected, "{video}");
    }
}

#[test]
fn a_token_reads_back_as_it_was_made() {
    let claims = Claims {
        iss: "second".into(),
        sub: "ada".into(),
        name: Some("Ada".into()),
        exp: NOW + 10,
        nbf: Some(NOW),
        video: VideoGrants {
            room: Some("standup".into()),
            room_join: true,
            ..VideoGrants::default()
        },
    };
    let keys = keys();
    let key = keys
        .iter()
        .find(|key| key.name == "second")
        .expect("the second key");
    assert_eq!(verify(&claims.sign(key).expect("a token")), Ok(claims));
}
