//! Which header extensions are taken, under which ids, and for which way.

use sfu_rtp::ExtensionKind::{self, AudioLevel, Mid, PlayoutDelay, Rid, TransportSequence};

use super::fixture::{answer_to, audio, lines, offer, part, video};

fn extmap(id: &str, kind: ExtensionKind) -> String {
    format!("a=extmap:{id} {}", kind.uri())
}

#[test]
fn only_extensions_that_the_server_reads_or_writes_are_answered() {
    let known: String = (1..)
        .zip(ExtensionKind::ALL)
        .map(|(id, kind)| extmap(&format!("{id}"), kind) + "\n")
        .collect();
    let text = offer(&[video(
        "0",
        &format!("{known}a=extmap:99 urn:x:unknown\na=extmap-allow-mixed"),
    )]);
    let answer = answer_to(&text);
    use ExtensionKind::{AbsCaptureTime, AbsSendTime, DependencyDescriptor, RepairedRid};
    let taken = [
        Mid,
        Rid,
        RepairedRid,
        AudioLevel,
        TransportSequence,
        AbsSendTime,
        AbsCaptureTime,
        PlayoutDelay,
        DependencyDescriptor,
    ];
    let received: Vec<_> = answer
        .parameters
        .receive_extensions
        .iter()
        .map(|(_, kind)| kind)
        .collect();
    assert_eq!(received, taken);
    let sent: Vec<_> = answer.parameters.slots[0]
        .extensions
        .iter()
        .map(|(_, kind)| kind)
        .collect();
    let sendable: Vec<_> = taken
        .into_iter()
        .filter(|kind| !matches!(kind, Rid | RepairedRid))
        .collect();
    assert_eq!(sent, sendable);
    assert_eq!(lines(&part(&answer.sdp, 1), "a=extmap:").len(), taken.len());
}

#[test]
fn whoever_publishes_turns_its_pictures_itself() {
    for direction in ["sendonly", "sendrecv", "recvonly"] {
        let orientation = extmap("13", ExtensionKind::VideoOrientation);
        let offer = offer(&[video("0", &format!("{orientation}\na={direction}"))]);
        let answer = answer_to(&offer);
        assert_eq!(
            lines(&part(&answer.sdp, 1), "a=extmap:"),
            [""; 0],
            "not every viewer could turn them: {direction}"
        );
    }
}

#[test]
fn directions_of_extensions_are_reversed_and_obeyed() {
    // (m-line, suffix, answered suffix, received, sent)
    let cases = [
        ("sendrecv", "", Some(""), true, true),
        ("sendrecv", "/sendrecv", Some("/sendrecv"), true, true),
        ("sendrecv", "/sendonly", Some("/recvonly"), true, false),
        ("sendrecv", "/recvonly", Some("/sendonly"), false, true),
        ("sendrecv", "/inactive", None, false, false),
        ("sendonly", "", Some(""), true, false),
        ("sendonly", "/recvonly", None, false, false),
        ("recvonly", "", Some(""), false, true),
        ("recvonly", "/sendonly", None, false, false),
        ("inactive", "", None, false, false),
    ];
    for (media, suffix, answered, received, sent) in cases {
        let lines_of_offer = format!("a={media}\n{}", extmap(&format!("5{suffix}"), Mid));
        let answer = answer_to(&offer(&[video("0", &lines_of_offer)]));
        let expected = answered.map(|suffix| extmap(&format!("5{suffix}"), Mid));
        let seen = part(&answer.sdp, 1);
        let case = format!("{media} {suffix}");
        assert_eq!(
            lines(&seen, "a=extmap:").first().copied(),
            expected.as_deref(),
            "{case}"
        );
        let ids = |taken: bool| taken.then_some(5);
        assert_eq!(
            answer.parameters.receive_extensions.id_of(Mid),
            ids(received),
            "{case}"
        );
        let slot = answer.parameters.slots.first();
        let sent_as = slot.and_then(|slot| slot.extensions.id_of(Mid));
        assert_eq!(sent_as, ids(sent), "{case}");
    }
}

#[test]
fn an_id_means_one_thing_in_the_whole_bundle() {
    // As aiortc numbers them.
    let text = offer(&[
        audio("0", &[extmap("1", Mid), extmap("2", AudioLevel)].join("\n")),
        video(
            "1",
            &[extmap("1", Mid), extmap("2", TransportSequence)].join("\n"),
        ),
        video(
            "2",
            &[extmap("9", Mid), extmap("3", TransportSequence)].join("\n"),
        ),
        // Twice on one m-line, with the same id and with another.
        video(
            "3",
            &[extmap("1", Mid), extmap("1", Mid), extmap("4", Mid)].join("\n"),
        ),
    ]);
    let answer = answer_to(&text);
    let seen = |n| lines(&part(&answer.sdp, n), "a=extmap:").join("|");
    assert_eq!(
        seen(1),
        [extmap("1", Mid), extmap("2", AudioLevel)].join("|")
    );
    assert_eq!(seen(2), extmap("1", Mid));
    assert_eq!(seen(3), extmap("3", TransportSequence));
    assert_eq!(seen(4), extmap("1", Mid));
    let ids: Vec<_> = answer.parameters.receive_extensions.iter().collect();
    assert_eq!(ids, [(1, Mid), (2, AudioLevel), (3, TransportSequence)]);
}

#[test]
fn large_ids_need_the_permission_to_mix_forms() {
    // (id, permission in the session part, at the m-line, taken)
    let cases = [
        ("14", false, false, true),
        ("15", false, false, false),
        ("15", false, true, true),
        ("255", true, false, true),
        ("256", true, true, false),
        ("4096", true, true, false),
    ];
    for (id, session, media, taken) in cases {
        let allow = "a=extmap-allow-mixed";
        let lines_of_offer = format!("{}\n{}", extmap(id, Mid), if media { allow } else { "a=x" });
        let mut text = offer(&[video("0", &lines_of_offer)]);
        if session {
            text = text.replace("a=setup", &format!("{allow}\r\na=setup"));
        }
        let answer = answer_to(&text);
        assert_eq!(
            lines(&part(&answer.sdp, 1), "a=extmap:").len(),
            usize::from(taken),
            "{id}"
        );
        // The permission is given back where it was asked for (RFC 8285 §6).
        assert_eq!(part(&answer.sdp, 0).contains(&allow), session, "{id}");
        assert_eq!(part(&answer.sdp, 1).contains(&allow), media, "{id}");
    }
}

#[test]
fn rids_name_only_what_the_peer_sends() {
    let rid = extmap("10", Rid);
    for (direction, taken) in [("sendonly", true), ("sendrecv", true), ("recvonly", false)] {
        let answer = answer_to(&offer(&[video("0", &format!("{rid}\na={direction}"))]));
        assert_eq!(
            lines(&part(&answer.sdp, 1), "a=extmap:").len(),
            usize::from(taken),
            "{direction}"
        );
        let mut slots = answer.parameters.slots.iter();
        assert!(slots.all(|slot| slot.extensions.id_of(Rid).is_none()));
    }
}
