//! What a slot is told apart by: SSRCs, streams, pairs.

use super::fixture::{answer_to, audio, lines, local, offer, part, video};
use crate::parameters::MediaKind;
use crate::sdp::{Offer, answer};

#[test]
fn a_slot_announces_its_stream_and_its_ssrcs() {
    let answer = answer_to(&offer(&[
        audio("0", "a=sendonly"),
        video("slot", "a=recvonly"),
    ]));
    let expected = [
        "a=msid:s0 slot",
        "a=ssrc-group:FID 1000 1001",
        "a=ssrc:1000 cname:switchyard",
        "a=ssrc:1001 cname:switchyard",
    ];
    assert!(part(&answer.sdp, 2).ends_with(&expected), "{}", answer.sdp);
    let slot = answer.parameters.slots.first().unwrap();
    assert_eq!(
        (slot.ssrc.get(), slot.rtx_ssrc.map(|rtx| rtx.get())),
        (1000, Some(1001))
    );
    assert_eq!(
        (slot.mid.as_str(), slot.kind, slot.pair),
        ("slot", MediaKind::Video, 0)
    );
    assert_eq!(lines(&part(&answer.sdp, 1), "a=ssrc"), [] as [&str; 0]);
    assert_eq!(lines(&part(&answer.sdp, 1), "a=msid"), [] as [&str; 0]);
}

#[test]
fn a_slot_without_rtx_has_one_ssrc() {
    let answer = answer_to(&offer(&[audio("0", "a=recvonly")]));
    assert_eq!(answer.parameters.slots.first().unwrap().rtx_ssrc, None);
    assert_eq!(
        lines(&part(&answer.sdp, 1), "a=ssrc"),
        ["a=ssrc:1000 cname:switchyard"]
    );
}

#[test]
fn the_nth_audio_and_the_nth_video_slot_are_a_pair() {
    let slot = "a=recvonly";
    let text = offer(&[
        audio("0", "a=sendonly"),
        video("1", "a=sendrecv"),
        audio("2", slot),
        audio("3", slot),
        video("4", "a=inactive"),
        video("5", slot),
        video("6", slot),
    ]);
    let parameters = answer_to(&text).parameters;
    let seen: Vec<_> = parameters
        .slots
        .iter()
        .map(|slot| (slot.mid.to_string(), slot.pair))
        .collect();
    let expected = [("1", 0), ("2", 0), ("3", 1), ("5", 1), ("6", 2)];
    assert_eq!(seen, expected.map(|(mid, pair)| (mid.to_owned(), pair)));
    assert_eq!(parameters.slots.last().unwrap().stream_id(), "s2");
}

#[test]
fn ssrcs_are_never_those_of_the_peer_nor_given_twice() {
    let text = offer(&[
        audio("0", "a=ssrc:1 cname:x"),
        video("1", "a=recvonly\na=ssrc:3 cname:x"),
        video("2", "a=recvonly"),
    ]);
    let offer = Offer::parse(&text).unwrap();
    for value in [0, 1, u32::MAX] {
        let parameters = answer(&offer, &local(), None, &mut || value)
            .unwrap()
            .parameters;
        let mut ssrcs: Vec<_> = parameters
            .slots
            .iter()
            .flat_map(|slot| [Some(slot.ssrc.get()), slot.rtx_ssrc.map(|rtx| rtx.get())])
            .flatten()
            .collect();
        assert_eq!(ssrcs.len(), 5);
        ssrcs.sort_unstable();
        ssrcs.dedup();
        assert_eq!(ssrcs.len(), 5, "a source that repeats itself: {ssrcs:?}");
        assert!(
            !ssrcs.iter().any(|ssrc| [0, 1, 3].contains(ssrc)),
            "{ssrcs:?}"
        );
    }
}
