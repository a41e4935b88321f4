//! What is no offer at all: broken lines, ambiguous names, too much of something.

use super::fixture::{answer_to, audio, offer, try_answer, video};
use crate::sdp::{Offer, OfferError};

#[test]
fn lines_that_break_their_grammar_are_named() {
    let malformed = |line, expected| OfferError::Malformed { line, expected };
    let whole = offer(&[audio("0", "")]);
    let with = |attribute: &str| offer(&[audio("0", attribute)]);
    // The attribute stands in line 14.
    let cases = [
        (String::new(), malformed(1, "v=0")),
        ("v=1\r\n".into(), malformed(1, "v=0")),
        ("v=0\r\n".into(), OfferError::MissingLine { line: "o=" }),
        (
            whole.replace("s=-\r\n", ""),
            OfferError::MissingLine { line: "s=" },
        ),
        (
            whole.replace("t=0 0\r\n", ""),
            OfferError::MissingLine { line: "t=" },
        ),
        (
            whole.replace("s=-", "x=-"),
            malformed(3, "a line of SDP (RFC 8866)"),
        ),
        (
            whole.replace("s=-", "s"),
            malformed(3, "a line of SDP (RFC 8866)"),
        ),
        (
            whole.replace("s=-", "s=\u{0}"),
            malformed(3, "a line of SDP (RFC 8866)"),
        ),
        (
            whole.replace("111\r\nc=", "111\ra=x\r\nc="),
            malformed(10, "a line of SDP (RFC 8866)"),
        ),
        (
            whole.replace("audio 9 UDP/TLS/RTP/SAVPF 111", "audio 9 UDP/TLS/RTP/SAVPF"),
            malformed(10, "m=<media> <port> <protocol> <format> ..."),
        ),
        (
            whole.replace("audio 9 ", "audio 70000 "),
            malformed(10, "m=<media> <port> <protocol> <format> ..."),
        ),
        (
            whole.replace("a=mid:0", "a=mid:0123456789abcdefg"),
            malformed(12, "a=mid with 1 to 16 characters of a token"),
        ),
        (
            with("a=rtpmap:111 opus"),
            malformed(15, "a=rtpmap:<payload type> <name>/<clock rate>"),
        ),
        (
            with("a=rtpmap:200 opus/48000/2"),
            malformed(15, "a=rtpmap:<payload type> <name>/<clock rate>"),
        ),
        (
            with("a=extmap:0 urn:x"),
            malformed(15, "a=extmap:<id>[/<direction>] <URI>"),
        ),
        (
            with("a=extmap:1/both urn:x"),
            malformed(15, "a=extmap:<id>[/<direction>] <URI>"),
        ),
        (
            with("a=ssrc:4294967296 cname:x"),
            malformed(15, "a=ssrc:<SSRC> <attribute>"),
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
fn names_are_unique() {
    let cases = [
        (
            offer(&[audio("0", ""), video("0", "")]),
            OfferError::Repeated {
                line: 17,
                what: "MID",
            },
        ),
        (
            offer(&[
                audio("0", "a=ssrc:7 cname:a"),
                video("1", "a=ssrc:7 cname:a"),
            ]),
            OfferError::Repeated {
                line: 16,
                what: "SSRC",
            },
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(
            try_answer(&text).map(|answer| answer.sdp),
            Err(expected),
            "{text}"
        );
    }
    // A receiver's SSRC is of no consequence.
    answer_to(&offer(&[
        audio("0", "a=ssrc:7 cname:a"),
        video("1", "a=recvonly\na=ssrc:7 cname:a"),
    ]));
}

#[test]
fn everything_that_an_offer_can_multiply_is_capped() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (0..count).map(|n| line(n) + "\n").collect()
    };
    let sections: Vec<_> = (0..129).map(|mid| audio(&mid.to_string(), "")).collect();
    let rid_extension = "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n";
    let formats = many(129, &|n| n.to_string()).replace('\n', " ");
    let cases = [
        (offer(&sections), "m-lines", 128),
        (
            offer(&[audio("0", "").replace("SAVPF 111", &format!("SAVPF {formats}"))]),
            "formats of an m-line",
            128,
        ),
        (
            offer(&[video("0", &many(33, &|n| format!("a=ssrc:{n} cname:x")))]),
            "SSRCs of an m-line",
            32,
        ),
        (
            offer(&[video(
                "0",
                &format!(
                    "{rid_extension}a=simulcast:send 1\n{}",
                    many(17, &|n| format!("a=rid:{n} send"))
                ),
            )]),
            "RIDs of an m-line",
            16,
        ),
    ];
    for (text, expected, expected_limit) in cases {
        match try_answer(&text).map(|answer| answer.sdp) {
            Err(OfferError::TooMany { what, limit, .. }) => {
                assert_eq!((what, limit), (expected, expected_limit));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    answer_to(&offer(&sections[..128]));
    let large = format!(
        "{}{}",
        offer(&[audio("0", "")]),
        "a=x\r\n".repeat(Offer::MAX_BYTES / 5)
    );
    let limit = Offer::MAX_BYTES;
    assert_eq!(
        Offer::parse(&large).err(),
        Some(OfferError::TooLarge { limit })
    );
}
