//! ICE credentials, fingerprints, DTLS roles and the server's candidates.

use super::fixture::{
    FINGERPRINT, answer_to, audio, data, lines, local, offer, offer_with, part, try_answer, video,
};
use crate::parameters::Fingerprint;
use crate::sdp::{Candidate, Fault, Offer, OfferError, answer};

const CREDENTIALS: &str = "a=ice-ufrag:own1\na=ice-pwd:abcdefghijklmnopqrstuv";

fn ascending() -> Fingerprint {
    Fingerprint(std::array::from_fn(|index| index as u8))
}

#[test]
fn the_transport_is_found_at_the_m_line_or_in_the_session_part() {
    let fingerprint = format!("a=fingerprint:{FINGERPRINT}");
    let bundle = "a=group:BUNDLE 0 1";
    // (session part, first m-line, second m-line)
    let cases = [
        (
            format!("{bundle}\n{CREDENTIALS}\n{fingerprint}"),
            String::new(),
            String::new(),
        ),
        (
            bundle.into(),
            format!("{CREDENTIALS}\n{fingerprint}"),
            String::new(),
        ),
        (
            format!("{bundle}\n{fingerprint}"),
            CREDENTIALS.into(),
            String::new(),
        ),
        // The second m-line is named first in the group.
        (
            "a=group:BUNDLE 1 0".into(),
            format!("a=ice-ufrag:other\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbbb\n{fingerprint}"),
            format!("{CREDENTIALS}\n{fingerprint}"),
        ),
        // What stands at the m-line goes before what stands in the session part.
        (
            format!(
                "{bundle}\na=ice-ufrag:other\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbbb\n{fingerprint}"
            ),
            CREDENTIALS.into(),
            String::new(),
        ),
    ];
    for (session, first, second) in cases {
        let text = offer_with(&session, &[audio("0", &first), video("1", &second)]);
        let offer = Offer::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(offer.ice().ufrag, "own1", "{text}");
        assert_eq!(offer.ice().pwd, "abcdefghijklmnopqrstuv", "{text}");
        assert_eq!(offer.fingerprints(), [ascending()], "{text}");
    }
}

#[test]
fn the_transport_of_a_refused_first_m_line_is_not_taken_if_another_has_one() {
    let fingerprint = format!("a=fingerprint:{FINGERPRINT}");
    let other = "a=ice-ufrag:other\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbbbbb";
    let g722 = audio("0", &format!("{other}\n{fingerprint}")).replace("opus/48000/2", "G722/8000");
    let with = video("1", &format!("{CREDENTIALS}\n{fingerprint}"));
    let bundle = "a=group:BUNDLE 0 1";
    for (second, expected) in [(with, "own1"), (video("1", ""), "other")] {
        let offer = Offer::parse(&offer_with(bundle, &[g722.clone(), second])).unwrap();
        assert_eq!(offer.ice().ufrag, expected);
    }
}

#[test]
fn a_transport_that_is_missing_or_of_the_wrong_kind_is_an_error() {
    let whole = offer(&[audio("0", "")]);
    let malformed = |line, expected| OfferError::Malformed { line, expected };
    let ufrag = "a=ice-ufrag with 4 to 256 characters";
    let pwd = "a=ice-pwd with 22 to 256 characters";
    let fingerprint = "a=fingerprint:<hash> <octets>";
    let cases = [
        (
            whole.replace("a=ice-ufrag:peer\r\n", ""),
            OfferError::NoIceCredentials,
        ),
        (
            whole.replace("a=ice-ufrag:peer", "a=ice-ufrag:abc"),
            malformed(6, ufrag),
        ),
        (
            whole.replace("a=ice-ufrag:peer", "a=ice-ufrag:a b c"),
            malformed(6, ufrag),
        ),
        (
            whole.replace(":peer", &format!(":{}", "a".repeat(257))),
            malformed(6, ufrag),
        ),
        (
            whole.replace("0123456789abcdefghijkl", "0123456789abcdefghijk"),
            malformed(7, pwd),
        ),
        (
            whole.replace(&format!("a=fingerprint:{FINGERPRINT}\r\n"), ""),
            OfferError::NoFingerprint,
        ),
        (whole.replace("sha-256", "sha-1"), OfferError::NoFingerprint),
        (whole.replace(":1F\r", "\r"), malformed(8, fingerprint)),
        (
            whole.replace(":1F\r", ":1F:20\r"),
            malformed(8, fingerprint),
        ),
        (whole.replace(":1F\r", ":+F\r"), malformed(8, fingerprint)),
        (whole.replace(":1F\r", ":é\r"), malformed(8, fingerprint)),
        (
            whole.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
            OfferError::PeerIsIceLite,
        ),
        (
            whole.replace("actpass", "passive"),
            OfferError::PeerIsNotDtlsClient,
        ),
        (
            whole.replace("actpass", "holdconn"),
            OfferError::PeerIsNotDtlsClient,
        ),
        (
            whole.replace("actpass", "x"),
            malformed(9, "a=setup with active, passive, actpass or holdconn"),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            try_answer(&text).map(|answer| answer.sdp),
            Err(expected),
            "{text}"
        );
    }
}

#[test]
fn peers_that_can_be_the_dtls_client_are_answered_passively() {
    for setup in ["a=setup:actpass\r\n", "a=setup:active\r\n", ""] {
        let text = offer(&[audio("0", "")]).replace("a=setup:actpass\r\n", setup);
        assert_eq!(
            lines(&part(&answer_to(&text).sdp, 1), "a=setup"),
            ["a=setup:passive"]
        );
    }
}

#[test]
fn every_sha_256_fingerprint_counts() {
    let lower = FINGERPRINT.to_lowercase().replace("sha-256", "SHA-256");
    let zeros = ["00"; 32].join(":");
    let text = offer(&[audio("0", "")]).replace(
        &format!("a=fingerprint:{FINGERPRINT}"),
        &format!(
            "a=fingerprint:{lower}\r\na=fingerprint:sha-1 00\r\na=fingerprint:sha-256 {zeros}"
        ),
    );
    let offer = Offer::parse(&text).unwrap();
    assert_eq!(offer.fingerprints(), [ascending(), Fingerprint([0; 32])]);
}

#[test]
fn candidates_stand_at_the_first_m_line_in_use_and_credentials_at_all() {
    let refused = audio("0", "").replace("opus/48000/2", "G722/8000");
    let answer = answer_to(&offer(&[refused, data("1"), video("2", "")]));
    assert_eq!(
        lines(&part(&answer.sdp, 2), "a=candidate"),
        [
            "a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host",
            "a=candidate:2 1 udp 2130706175 2001:db8::1 7882 typ host",
        ]
    );
    assert!(part(&answer.sdp, 2).contains(&"a=end-of-candidates"));
    assert_eq!(lines(&part(&answer.sdp, 3), "a=candidate"), [] as [&str; 0]);
    for m_line in [2, 3] {
        let part = part(&answer.sdp, m_line);
        assert_eq!(
            lines(&part, "a=ice-"),
            ["a=ice-ufrag:server", "a=ice-pwd:abcdefghijklmnopqrstuvwxyz"]
        );
        assert_eq!(lines(&part, "a=fingerprint").len(), 1);
        assert_eq!(lines(&part, "c="), ["c=IN IP4 192.0.2.1"]);
    }
}

#[test]
fn candidates_with_one_address_share_a_foundation_and_no_priority() {
    let offer = Offer::parse(&offer(&[audio("0", "")])).unwrap();
    let mut local = local();
    local.candidates = ["[::1]:1", "127.0.0.1:1", "[::1]:2"]
        .map(|address| Candidate::host(address.parse().unwrap()))
        .to_vec();
    let sdp = answer(&offer, &local, None, &mut || 1).unwrap().sdp;
    assert_eq!(
        lines(&part(&sdp, 1), "a=candidate"),
        [
            "a=candidate:1 1 udp 2130706431 ::1 1 typ host",
            "a=candidate:2 1 udp 2130706175 127.0.0.1 1 typ host",
            "a=candidate:1 1 udp 2130705919 ::1 2 typ host",
        ]
    );
    assert_eq!(
        lines(&part(&sdp, 1), "m="),
        ["m=audio 1 UDP/TLS/RTP/SAVPF 111"]
    );
    assert_eq!(lines(&part(&sdp, 1), "c="), ["c=IN IP6 ::1"]);

    local.candidates.clear();
    let sdp = answer(&offer, &local, None, &mut || 1).unwrap().sdp;
    assert_eq!(
        lines(&part(&sdp, 1), "m="),
        ["m=audio 9 UDP/TLS/RTP/SAVPF 111"]
    );
    assert_eq!(lines(&part(&sdp, 1), "c="), ["c=IN IP4 0.0.0.0"]);
}

#[test]
fn the_parameters_hold_the_credentials_of_both_sides() {
    let parameters = answer_to(&offer(&[audio("0", "")])).parameters;
    assert_eq!(parameters.ice.local, local().ice);
    assert_eq!(parameters.ice.remote.ufrag, "peer");
    assert_eq!(parameters.fingerprints, [ascending()]);
}

#[test]
fn errors_tell_who_has_to_change_something() {
    let cases = [
        (
            OfferError::NoFingerprint,
            "no_fingerprint",
            Fault::PeerBrokeRule,
        ),
        (
            OfferError::PeerIsIceLite,
            "peer_is_ice_lite",
            Fault::PeerIsIncompatible,
        ),
    ];
    for (error, code, fault) in cases {
        assert_eq!((error.code(), error.fault()), (code, fault));
    }
}
