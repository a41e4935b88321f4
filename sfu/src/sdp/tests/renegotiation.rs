//! What later offers on a connection keep and what they change.

use super::fixture::{answer_again, answer_to, audio, offer, part, video};
use crate::parameters::PeerParameters;
use crate::sdp::Offer;

/// (MID, SSRC, RTX SSRC, pair) of each slot.
fn slots(parameters: &PeerParameters) -> Vec<(String, u32, Option<u32>, u16)> {
    let slot = |slot: &crate::parameters::SlotMedia| {
        let rtx = slot.rtx_ssrc.map(|rtx| rtx.get());
        (slot.mid.to_string(), slot.ssrc.get(), rtx, slot.pair)
    };
    parameters.slots.iter().map(slot).collect()
}

fn named(slots: &[(&str, u32, Option<u32>, u16)]) -> Vec<(String, u32, Option<u32>, u16)> {
    slots
        .iter()
        .map(|&(mid, ssrc, rtx, pair)| (mid.to_owned(), ssrc, rtx, pair))
        .collect()
}

const SLOT: &str = "a=recvonly";

#[test]
fn slots_that_stay_keep_their_ssrcs_and_new_ones_get_fresh_ones() {
    let first = answer_to(&offer(&[
        audio("0", "a=sendonly"),
        audio("1", SLOT),
        video("2", SLOT),
    ]));
    let expected = named(&[("1", 1000, None, 0), ("2", 1001, Some(1002), 0)]);
    assert_eq!(slots(&first.parameters), expected);

    let more = offer(&[
        audio("0", "a=sendonly"),
        audio("1", SLOT),
        video("2", SLOT),
        audio("3", SLOT),
        video("4", SLOT),
    ]);
    let second = answer_again(&more, &first.parameters);
    let expected = named(&[
        ("1", 1000, None, 0),
        ("2", 1001, Some(1002), 0),
        ("3", 5000, None, 1),
        ("4", 5001, Some(5002), 1),
    ]);
    assert_eq!(slots(&second.parameters), expected);
    let third = answer_again(&more, &second.parameters);
    assert_eq!(
        slots(&third.parameters),
        expected,
        "the same offer again changes nothing"
    );
    assert_eq!(third.sdp, second.sdp);
}

#[test]
fn stopped_m_lines_keep_their_place_and_free_their_pair() {
    let sections = [video("0", SLOT), video("1", SLOT), video("2", SLOT)];
    let first = answer_to(&offer(&sections));
    for stop in [
        |section: &str| section.replace("m=video 9", "m=video 0"),
        |section: &str| section.replace("a=recvonly", "a=inactive"),
    ] {
        let [zero, one, two] = &sections;
        let second = answer_again(
            &offer(&[zero.clone(), stop(one), two.clone(), video("3", SLOT)]),
            &first.parameters,
        );
        let expected = named(&[
            ("0", 1000, Some(1001), 0),
            ("2", 1004, Some(1005), 2),
            ("3", 5000, Some(5001), 1),
        ]);
        assert_eq!(slots(&second.parameters), expected);
        assert_eq!(second.sdp.matches("m=video").count(), 4);
        let place = part(&second.sdp, 2);
        assert!(
            place.contains(&"a=mid:1") && place.contains(&"a=inactive"),
            "{place:?}"
        );
    }
}

#[test]
fn a_recycled_m_line_is_a_new_slot() {
    let first = answer_to(&offer(&[video("0", SLOT), video("1", SLOT)]));
    let cases = [
        // Another MID at the same place.
        (
            video("5", SLOT),
            named(&[("0", 1000, Some(1001), 0), ("5", 5000, Some(5001), 1)]),
        ),
        // The same MID for another kind of media.
        (
            audio("1", SLOT),
            named(&[("0", 1000, Some(1001), 0), ("1", 5000, None, 0)]),
        ),
    ];
    for (recycled, expected) in cases {
        let second = answer_again(&offer(&[video("0", SLOT), recycled]), &first.parameters);
        assert_eq!(slots(&second.parameters), expected);
    }
}

#[test]
fn retransmissions_may_come_and_go() {
    let with = offer(&[video("0", SLOT)]);
    let without = with.replace("a=fmtp:97 apt=96\r\n", "");
    let first = answer_to(&without);
    assert_eq!(slots(&first.parameters), named(&[("0", 1000, None, 0)]));
    let second = answer_again(&with, &first.parameters);
    assert_eq!(
        slots(&second.parameters),
        named(&[("0", 1000, Some(5000), 0)])
    );
    let third = answer_again(&without, &second.parameters);
    assert_eq!(slots(&third.parameters), named(&[("0", 1000, None, 0)]));
}

#[test]
fn fresh_ssrcs_avoid_those_of_slots_that_went() {
    let first = answer_to(&offer(&[audio("0", ""), video("1", SLOT)]));
    let text = offer(&[audio("0", ""), video("2", SLOT)]);
    let offer = Offer::parse(&text).unwrap();
    let second = crate::sdp::answer(
        &offer,
        &super::fixture::local(),
        Some(&first.parameters),
        &mut || 1001,
    );
    let parameters = second.unwrap().parameters;
    assert_eq!(
        slots(&parameters),
        named(&[("0", 1000, None, 0), ("2", 1003, Some(1004), 0)])
    );
}

#[test]
fn an_ice_restart_shows_in_the_credentials() {
    let before = answer_to(&offer(&[audio("0", "")])).parameters;
    let same = Offer::parse(&offer(&[audio("0", "")])).unwrap();
    assert_eq!(*same.ice(), before.ice.remote);
    let text = offer(&[audio("0", "")]).replace("ice-ufrag:peer", "ice-ufrag:peer2");
    let restart = Offer::parse(&text).unwrap();
    assert_ne!(*restart.ice(), before.ice.remote);
    assert_eq!(restart.fingerprints(), before.fingerprints);
}
