//! Which m-lines are taken, which are refused, and which way media flows.

use super::fixture::{
    answer_to, audio, data, lines, offer, offer_with, part, section, try_answer, video,
};
use crate::sdp::{Direction, Offer, OfferError, Refusal};

#[test]
fn directions_are_answered_by_their_reverse() {
    // (session part, m-line, answer, published, slots)
    let cases = [
        ("", "", "sendrecv", 1, 1),
        ("", "a=sendrecv", "sendrecv", 1, 1),
        ("", "a=sendonly", "recvonly", 1, 0),
        ("", "a=recvonly", "sendonly", 0, 1),
        ("", "a=inactive", "inactive", 0, 0),
        ("\na=recvonly", "", "sendonly", 0, 1),
        ("\na=recvonly", "a=sendonly", "recvonly", 1, 0),
    ];
    for (session, media, expected, published, slots) in cases {
        let text =
            offer(&[audio("0", media)]).replace("\r\na=setup", &format!("{session}\r\na=setup"));
        let answer = answer_to(&text);
        let answered = part(&answer.sdp, 1);
        assert!(
            answered.contains(&&*format!("a={expected}")),
            "{session} {media}: {answered:?}"
        );
        let parameters = &answer.parameters;
        assert_eq!(
            (parameters.published.len(), parameters.slots.len()),
            (published, slots),
            "{session} {media}"
        );
    }
}

#[test]
fn of_two_ways_the_one_that_a_peer_may_not_use_is_taken_away() {
    // (offered, may send, may receive, what is left)
    let cases = [
        ("sendrecv", true, true, Direction::SendRecv),
        ("sendrecv", true, false, Direction::SendOnly),
        ("sendrecv", false, true, Direction::RecvOnly),
        ("sendrecv", false, false, Direction::Inactive),
        ("sendonly", false, true, Direction::SendOnly),
        ("recvonly", true, false, Direction::RecvOnly),
        ("inactive", true, true, Direction::Inactive),
    ];
    for (offered, may_send, may_receive, expected) in cases {
        let mut offer = Offer::parse(&offer(&[audio("0", &format!("a={offered}"))])).unwrap();
        offer.narrow(may_send, may_receive);
        let left: Vec<_> = offer.media().map(|media| media.direction()).collect();
        assert_eq!(left, [expected], "{offered} {may_send} {may_receive}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_port_zero() {
    let no_mux = section(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "1",
        "a=rtpmap:111 opus/48000/2",
    );
    let stopped = video("1", "").replace("m=video 9", "m=video 0");
    let cases = [
        (stopped, Refusal::Stopped, "m=video 0 UDP/TLS/RTP/SAVPF 96"),
        (
            section("m=text 9 UDP/TLS/RTP/SAVPF 98 99", "1", "a=rtcp-mux"),
            Refusal::UnknownMedia,
            "m=text 0 UDP/TLS/RTP/SAVPF 98",
        ),
        (
            section("m=haptics 9 UDP/TLS/RTP/SAVPF 98", "1", "a=rtcp-mux"),
            Refusal::UnknownMedia,
            "m=haptics 0 UDP/TLS/RTP/SAVPF 98",
        ),
        (
            section(
                "m=application 9 DTLS/SCTP 5000",
                "1",
                "a=sctpmap:5000 webrtc-datachannel 1024",
            ),
            Refusal::UnknownMedia,
            "m=application 0 DTLS/SCTP 5000",
        ),
        (
            section("m=audio 9 RTP/AVP 0", "1", "a=rtcp-mux"),
            Refusal::UnknownProtocol,
            "m=audio 0 RTP/AVP 0",
        ),
        (
            section("m=audio 9 UDP/TLS/RTP/SAVPF 0 8", "1", "a=rtcp-mux"),
            Refusal::NoCommonCodec,
            "m=audio 0 UDP/TLS/RTP/SAVPF 0",
        ),
        (
            no_mux,
            Refusal::NoRtcpMux,
            "m=audio 0 UDP/TLS/RTP/SAVPF 111",
        ),
    ];
    for (refused, reason, expected) in cases {
        // A data channel comes first, so that nothing is inherited from it.
        let answer = answer_to(&offer(&[data("0"), refused, audio("2", "")]));
        let seen: Vec<_> = answer
            .refused
            .iter()
            .map(|refused| (refused.index, refused.reason))
            .collect();
        assert_eq!(seen, [(1, reason)], "{expected}");
        let mid = answer.refused.first().unwrap().mid.unwrap();
        assert_eq!(mid.as_str(), "1");
        assert_eq!(
            part(&answer.sdp, 2),
            [expected, "c=IN IP4 0.0.0.0", "a=mid:1", "a=inactive"]
        );
        assert_eq!(
            lines(&part(&answer.sdp, 0), "a=group"),
            ["a=group:BUNDLE 0 2"]
        );
    }
}

#[test]
fn an_m_line_outside_the_first_bundle_group_is_refused() {
    let sections = [
        audio("a", ""),
        video("b", ""),
        video("c", "").replace("a=mid:c\n", ""),
    ];
    for groups in [
        "a=group:BUNDLE a",
        "a=group:LS a b\na=group:BUNDLE a\na=group:BUNDLE b",
    ] {
        let text = offer(&sections).replace("a=group:BUNDLE a b", &groups.replace('\n', "\r\n"));
        let answer = answer_to(&text);
        let seen: Vec<_> = answer
            .refused
            .iter()
            .map(|refused| (refused.index, refused.reason))
            .collect();
        assert_eq!(
            seen,
            [(1, Refusal::NotBundled), (2, Refusal::NotBundled)],
            "{groups}"
        );
    }
}

#[test]
fn port_zero_is_no_refusal_for_a_bundle_only_m_line() {
    let bundle_only = video("1", "a=bundle-only").replace("m=video 9", "m=video 0");
    let answer = answer_to(&offer(&[audio("0", ""), bundle_only.clone()]));
    assert_eq!(
        (answer.refused, answer.parameters.published.len()),
        (vec![], 2)
    );
    assert!(
        !answer.sdp.contains("bundle-only"),
        "it is for offers only (RFC 9143 §7.3)"
    );

    let unbundled = offer(&[audio("0", ""), bundle_only]).replace("BUNDLE 0 1", "BUNDLE 0");
    assert_eq!(
        answer_to(&unbundled).refused.first().unwrap().reason,
        Refusal::Stopped
    );
}

#[test]
fn rtcp_mux_of_the_first_bundled_m_line_holds_for_all() {
    let sections = [audio("0", ""), video("1", "").replace("a=rtcp-mux\n", "")];
    let answer = answer_to(&offer(&sections));
    assert_eq!(answer.refused, []);
    assert!(part(&answer.sdp, 2).contains(&"a=rtcp-mux"));
}

#[test]
fn an_offer_without_anything_usable_is_an_error() {
    let g722 = section(
        "m=audio 9 UDP/TLS/RTP/SAVPF 9",
        "0",
        "a=rtcp-mux\na=rtpmap:9 G722/8000",
    );
    let unusable = |first| OfferError::NothingUsable { first };
    let cases = [
        (offer(&[]), OfferError::NoBundle),
        (
            offer(&[audio("0", "")]).replace("BUNDLE 0", "BUNDLE"),
            OfferError::NoBundle,
        ),
        (
            offer(&[audio("0", "")]).replace("BUNDLE 0", "LS 0"),
            OfferError::NoBundle,
        ),
        (
            offer(&[audio("0", "")]).replace("BUNDLE 0", "BUNDLE 1"),
            OfferError::NoBundle,
        ),
        (offer(&[g722]), unusable(Refusal::NoCommonCodec)),
        (
            offer(&[
                audio("0", "").replace("audio 9", "audio 0"),
                data("1").replace("SCTP ", "SCTP x"),
            ]),
            unusable(Refusal::Stopped),
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
fn protocols_of_dtls_srtp_are_taken_and_repeated() {
    for protocol in [
        "UDP/TLS/RTP/SAVPF",
        "TCP/DTLS/RTP/SAVPF",
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
    ] {
        let text = offer(&[audio("0", "").replace("UDP/TLS/RTP/SAVPF", protocol)]);
        let answer = answer_to(&text);
        assert_eq!(
            part(&answer.sdp, 1).first(),
            Some(&&*format!("m=audio 7882 {protocol} 111"))
        );
    }
}

#[test]
fn one_data_channel_m_line_is_taken() {
    // (lines of the offer, remote port, largest message)
    let cases = [
        ("a=sctp-port:5001\na=max-message-size:262144", 5001, 262_144),
        ("a=sctp-port:5000", 5000, 65_536),
        ("a=max-message-size:0", 5000, u32::MAX),
        (
            "a=sctp-port:5000\na=max-message-size:1073741823",
            5000,
            1_073_741_823,
        ),
        (
            "a=sctp-port:5000\na=max-message-size:99999999999",
            5000,
            u32::MAX,
        ),
    ];
    for (lines, port, size) in cases {
        let channel = section(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
            "1",
            lines,
        );
        let answer = answer_to(&offer(&[audio("0", ""), channel, data("2")]));
        let data = answer.parameters.data.unwrap();
        assert_eq!(
            (data.remote_port, data.max_message_size),
            (port, size),
            "{lines}"
        );
        let answered = part(&answer.sdp, 2);
        assert_eq!(
            answered.first(),
            Some(&"m=application 7882 UDP/DTLS/SCTP webrtc-datachannel")
        );
        assert!(answered.ends_with(&["a=sctp-port:5000", "a=max-message-size:262144"]));
        assert_eq!(
            answer.refused.first().unwrap().reason,
            Refusal::SecondDataChannel
        );
    }
}

#[test]
fn the_media_of_an_offer_are_told() {
    let text = offer(&[
        audio("mic", "a=sendonly\na=msid:stream track"),
        video("cam", "a=sendonly\na=msid:stream"),
        video("slot", "a=recvonly"),
        video("odd", "a=msid:- track"),
        video("bad", "a=msid:str(eam"),
        data("d"),
    ]);
    let offer = Offer::parse(&text).unwrap();
    let seen: Vec<_> = offer
        .media()
        .map(|media| {
            let msid = media
                .msid()
                .map(|msid| (msid.stream.as_deref(), msid.track.as_deref()));
            (media.mid().to_string(), media.direction(), msid)
        })
        .collect();
    let expected = [
        (
            "mic",
            Direction::SendOnly,
            Some((Some("stream"), Some("track"))),
        ),
        ("cam", Direction::SendOnly, Some((Some("stream"), None))),
        ("slot", Direction::RecvOnly, None),
        ("odd", Direction::SendRecv, Some((None, Some("track")))),
        ("bad", Direction::SendRecv, None),
    ]
    .map(|(mid, direction, msid)| (mid.to_owned(), direction, msid));
    assert_eq!(seen, expected);
    assert!(offer.has_data());
}

#[test]
fn the_session_part_of_the_answer_says_who_answers() {
    let answer = answer_to(&offer_with(
        &part(&offer(&[audio("0", "")]), 0)[4..].join("\n"),
        &[audio("0", "")],
    ));
    assert_eq!(
        part(&answer.sdp, 0),
        [
            "v=0",
            "o=- 42 1 IN IP4 0.0.0.0",
            "s=-",
            "t=0 0",
            "a=ice-lite",
            "a=ice-options:trickle ice2",
            "a=group:BUNDLE 0",
        ]
    );
}
