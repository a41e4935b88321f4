//! Which encodings are received, by RID and by SSRC.

use sfu_rtp::{ExtensionKind, Ssrc};

use super::fixture::{answer_to, lines, offer, part, try_answer, video};
use crate::sdp::OfferError;

fn offered(direction: &str, simulcast: &str) -> String {
    let rid = ExtensionKind::Rid.uri();
    offer(&[video(
        "0",
        &format!("a={direction}\na=extmap:10 {rid}\n{simulcast}"),
    )])
}

fn rids(names: &str) -> String {
    names
        .split(' ')
        .map(|name| format!("a=rid:{name} send\n"))
        .collect()
}

#[test]
fn every_offered_layer_is_accepted_up_to_the_most() {
    // (rid lines, simulcast, answered rid lines, answered simulcast)
    let cases: &[(String, &str, &[&str], Option<&str>)] = &[
        (
            rids("q h f"),
            "send q;h;f",
            &["q recv", "h recv", "f recv"],
            Some("recv q;h;f"),
        ),
        (
            rids("0 1 2"),
            "send 0;1;2",
            &["0 recv", "1 recv", "2 recv"],
            Some("recv 0;1;2"),
        ),
        (
            rids("h l"),
            " send h;l",
            &["h recv", "l recv"],
            Some("recv h;l"),
        ),
        (
            rids("hi-res_2"),
            "send hi-res_2",
            &["hi-res_2 recv"],
            Some("recv hi-res_2"),
        ),
        (
            rids("a b c d e"),
            "send a;b;c;d;e",
            &["a recv", "b recv", "c recv", "d recv"],
            Some("recv a;b;c;d"),
        ),
        // Paused at first: taken without the pause.
        (
            rids("a b"),
            "send ~a;b",
            &["a recv", "b recv"],
            Some("recv a;b"),
        ),
        // Alternatives: the preferred one.
        (
            rids("a b c"),
            "send a,b;~c",
            &["a recv", "c recv"],
            Some("recv a;c"),
        ),
        // In the order of a=simulcast, not of a=rid.
        (
            rids("a b c"),
            "send c;b;a",
            &["c recv", "b recv", "a recv"],
            Some("recv c;b;a"),
        ),
        // A name without a=rid, and a name used twice.
        (rids("a"), "send a;b", &["a recv"], Some("recv a")),
        (
            rids("a b"),
            "send a;a;b",
            &["a recv", "b recv"],
            Some("recv a;b"),
        ),
        // What the peer would receive is not sent.
        (
            rids("a") + "a=rid:x recv\n",
            "recv x send a",
            &["a recv"],
            Some("recv a"),
        ),
        ("a=rid:x recv\n".into(), "recv x", &[], None),
        ("a=rid:x recv\n".into(), "send x", &[], None),
        // Restrictions.
        (
            "a=rid:a send pt=96,98;max-width=1280;max-height=720\na=rid:b send max-fps=15".into(),
            "send a;b",
            &[
                "a recv pt=96;max-width=1280;max-height=720",
                "b recv max-fps=15",
            ],
            Some("recv a;b"),
        ),
        (
            "a=rid:a send pt=98\na=rid:b send pt=96".into(),
            "send a;b",
            &["b recv pt=96"],
            Some("recv b"),
        ),
        (
            "a=rid:a send pt=98\na=rid:b send".into(),
            "send a,b",
            &["b recv"],
            Some("recv b"),
        ),
    ];
    for (rid_lines, simulcast, expected_rids, expected_simulcast) in cases {
        let text = offered("sendonly", &format!("{rid_lines}\na=simulcast:{simulcast}"));
        let answer = answer_to(&text);
        let answered = part(&answer.sdp, 1);
        let strip = |prefix: &str| -> Vec<String> {
            lines(&answered, prefix)
                .iter()
                .map(|line| line[prefix.len()..].to_owned())
                .collect()
        };
        assert_eq!(strip("a=rid:"), *expected_rids, "{rid_lines} {simulcast}");
        assert_eq!(
            strip("a=simulcast:").first().map(String::as_str),
            *expected_simulcast
        );
        let encodings = &answer.parameters.published.first().unwrap().encodings;
        let named: Vec<_> = encodings
            .iter()
            .filter_map(|encoding| encoding.rid)
            .collect();
        assert_eq!(named.len(), expected_rids.len());
        assert_eq!(encodings.len(), expected_rids.len().max(1));
        let order: Vec<_> = named.iter().map(|rid| rid.as_str()).collect();
        assert_eq!(order.join(";"), expected_simulcast.unwrap_or("recv ")[5..]);
    }
}

#[test]
fn without_rids_in_the_packets_there_is_no_simulcast() {
    let simulcast = "a=rid:a send\na=rid:b send\na=simulcast:send a;b";
    for text in [
        offer(&[video("0", simulcast)]),
        offered("recvonly", simulcast),
        offered("sendonly", "a=rid:a send\na=rid:b send"),
    ] {
        let answer = answer_to(&text);
        assert!(
            !answer.sdp.contains("a=rid") && !answer.sdp.contains("a=simulcast"),
            "{text}"
        );
        for published in &answer.parameters.published {
            assert_eq!(
                (published.encodings.len(), published.encodings[0].rid),
                (1, None)
            );
        }
    }
}

#[test]
fn broken_simulcast_is_an_error() {
    let simulcast = "a=simulcast:send|recv <rid>[,<alternative>]...[;<rid>]...";
    let rid = "a=rid:<rid> send|recv [<restrictions>]";
    let cases = [
        ("a=simulcast:send", simulcast),
        ("a=simulcast:both a", simulcast),
        ("a=simulcast:send a send b", simulcast),
        ("a=simulcast:send a;b/c", simulcast),
        ("a=rid:a", rid),
        ("a=rid:a.b send", rid),
        ("a=rid:0123456789abcdefg send", rid),
        ("a=rid:a both", rid),
        ("a=rid:a send pt=200", rid),
        ("a=rid:a send pt=", rid),
    ];
    for (line, expected) in cases {
        let tail = if line.contains("rid:") {
            "\na=simulcast:send a"
        } else {
            ""
        };
        let error =
            try_answer(&offered("sendonly", &format!("{line}{tail}"))).map(|answer| answer.sdp);
        assert_eq!(
            error,
            Err(OfferError::Malformed { line: 19, expected }),
            "{line}"
        );
    }
}

#[test]
fn announced_ssrcs_are_given_to_their_encodings() {
    let ssrcs = |names: &[u32]| -> String {
        names
            .iter()
            .map(|ssrc| format!("a=ssrc:{ssrc} cname:x\na=ssrc:{ssrc} msid:s t\n"))
            .collect()
    };
    let simulcast = rids("q h f") + "a=simulcast:send q;h;f\n";
    // (lines, (ssrc, rtx_ssrc) of each encoding)
    type Sources = &'static [(Option<u32>, Option<u32>)];
    let cases: [(String, Sources); 9] = [
        (String::new(), &[(None, None)]),
        (ssrcs(&[7]), &[(Some(7), None)]),
        (
            ssrcs(&[7, 8]) + "a=ssrc-group:FID 7 8",
            &[(Some(7), Some(8))],
        ),
        (
            ssrcs(&[8, 7]) + "a=ssrc-group:FID 7 8",
            &[(Some(7), Some(8))],
        ),
        (
            ssrcs(&[9, 7]) + "a=ssrc-group:FEC-FR 7 9",
            &[(Some(7), None)],
        ),
        // A group member that is not announced might be another m-line's.
        (ssrcs(&[7]) + "a=ssrc-group:FID 7 8", &[(Some(7), None)]),
        (simulcast.clone(), &[(None, None); 3]),
        (
            simulcast.clone()
                + &ssrcs(&[1, 2, 3, 4, 5, 6])
                + "a=ssrc-group:FID 1 2\na=ssrc-group:FID 3 4\na=ssrc-group:FID 5 6",
            &[(Some(1), Some(2)), (Some(3), Some(4)), (Some(5), Some(6))],
        ),
        // Not one for each RID: nothing is assumed.
        (simulcast + &ssrcs(&[1, 2]), &[(None, None); 3]),
    ];
    for (attributes, expected) in cases {
        let answer = answer_to(&offered("sendonly", &attributes));
        let encodings = &answer.parameters.published.first().unwrap().encodings;
        let seen: Vec<_> = encodings
            .iter()
            .map(|encoding| {
                (
                    encoding.ssrc.map(Ssrc::get),
                    encoding.rtx_ssrc.map(Ssrc::get),
                )
            })
            .collect();
        assert_eq!(seen, expected, "{attributes}");
    }
}

#[test]
fn layers_that_lose_their_codec_to_the_policy_are_not_accepted() {
    use crate::parameters::Codec;
    use crate::sdp::{CodecPolicy, Offer, answer};
    let text = offered(
        "sendonly",
        "a=rtpmap:98 AV1/90000\na=rid:a send pt=96\na=rid:b send pt=98\na=simulcast:send a;b",
    )
    .replace("SAVPF 96 97", "SAVPF 96 97 98");
    let mut local = super::fixture::local();
    local.codecs = CodecPolicy::only(vec![Codec::Av1]);
    let answer = answer(&Offer::parse(&text).unwrap(), &local, None, &mut || 1).unwrap();
    assert_eq!(
        lines(&part(&answer.sdp, 1), "a=simulcast"),
        ["a=simulcast:recv b"]
    );
}
