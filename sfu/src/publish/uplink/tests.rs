use sfu_rtp::ExtensionElement;

use super::*;
use crate::publish::samples::{OPUS, Sample, VP8, VP8_RTX, audio, publisher, video};

const MID: u8 = 4;
const RID: u8 = 10;
const REPAIRED_RID: u8 = 11;

fn ids() -> ExtensionMap {
    let mut ids = ExtensionMap::new();
    for (id, kind) in [
        (MID, ExtensionKind::Mid),
        (RID, ExtensionKind::Rid),
        (REPAIRED_RID, ExtensionKind::RepairedRid),
    ] {
        ids.insert(id, kind).expect("ids are free");
    }
    ids
}

/// What an uplink makes of a packet: (line, encoding, rtx).
fn identify(
    uplink: &mut Uplink,
    ssrc: u32,
    payload_type: u8,
    extensions: &[(u8, &str)],
) -> Result<(u8, u8, bool), DropReason> {
    let elements: Vec<_> = extensions
        .iter()
        .map(|&(id, value)| ExtensionElement {
            id,
            value: value.as_bytes(),
        })
        .collect();
    let (header, packet) = Sample {
        ssrc,
        payload_type,
        marker: false,
        sequence: 1,
        timestamp: 1,
        extensions: &elements,
        payload: &[1, 2, 3],
    }
    .build();
    let stream = uplink.stream_of(&header, &packet)?;
    Ok((stream.line, stream.encoding, stream.rtx))
}

#[test]
fn streams_are_told_apart_by_mid_rid_and_payload_type() {
    let lines = vec![audio("0"), video("1", &["q", "h"]), video("2", &[])];
    type Case = (
        u8,
        &'static [(u8, &'static str)],
        Result<(u8, u8, bool), DropReason>,
    );
    let unknown = Err(DropReason::UnknownSsrc);
    let cases: &[Case] = &[
        (OPUS, &[(MID, "0")], Ok((0, 0, false))),
        (VP8, &[(MID, "1"), (RID, "q")], Ok((1, 0, false))),
        (VP8, &[(MID, "1"), (RID, "h")], Ok((1, 1, false))),
        (
            VP8_RTX,
            &[(MID, "1"), (REPAIRED_RID, "h")],
            Ok((1, 1, true)),
        ),
        (VP8, &[(MID, "2")], Ok((2, 0, false))),
        (VP8_RTX, &[(MID, "2")], Ok((2, 0, true))),
        // Only one line has the payload type.
        (OPUS, &[], Ok((0, 0, false))),
        // Two have.
        (VP8, &[], unknown),
        // Simulcast without a RID, with a strange one, and with the RID where a repair has its own.
        (VP8, &[(MID, "1")], unknown),
        (VP8, &[(MID, "1"), (RID, "f")], unknown),
        (VP8_RTX, &[(MID, "1"), (RID, "q")], unknown),
        (VP8, &[(MID, "9")], unknown),
    ];
    for (index, (payload_type, extensions, expected)) in cases.iter().enumerate() {
        let mut uplink = Uplink::new(&publisher(lines.clone(), ids()));
        let found = identify(&mut uplink, 1_000 + index as u32, *payload_type, extensions);
        assert_eq!(
            found, *expected,
            "payload type {payload_type}, {extensions:?}"
        );
    }
}

#[test]
fn an_ssrc_is_learnt_once_and_then_needs_no_extensions() {
    let mut uplink = Uplink::new(&publisher(vec![video("1", &["q", "h"])], ids()));
    let first = identify(&mut uplink, 7, VP8, &[(MID, "1"), (RID, "h")]);
    assert_eq!(first, Ok((0, 1, false)));
    assert_eq!(identify(&mut uplink, 7, VP8, &[]), first);
    assert_eq!(
        uplink.known(Ssrc::new(7)).map(|stream| stream.encoding),
        Some(1)
    );
}

#[test]
fn ssrcs_of_the_offer_are_known_from_the_start() {
    let mut line = video("1", &[]);
    line.encodings[0].ssrc = Some(Ssrc::new(5));
    line.encodings[0].rtx_ssrc = Some(Ssrc::new(6));
    let mut uplink = Uplink::new(&publisher(vec![video("0", &[]), line], ids()));
    assert_eq!(identify(&mut uplink, 5, VP8, &[]), Ok((1, 0, false)));
    assert_eq!(identify(&mut uplink, 6, VP8_RTX, &[]), Ok((1, 0, true)));
}

#[test]
fn a_peer_that_keeps_changing_its_ssrc_takes_no_more_room() {
    let mut uplink = Uplink::new(&publisher(vec![video("1", &[])], ids()));
    for ssrc in 0..10_000 {
        assert_eq!(
            identify(&mut uplink, ssrc, VP8, &[(MID, "1")]),
            Ok((0, 0, false))
        );
    }
    assert_eq!(uplink.streams.len(), 1);
}

#[test]
fn a_line_keeps_its_track_when_others_come_and_go() {
    let mut uplink = Uplink::new(&publisher(vec![audio("0"), video("1", &[])], ids()));
    let mut keys = slotmap::SlotMap::<TrackKey, ()>::with_key();
    let (sound, picture) = (keys.insert(()), keys.insert(()));
    uplink.bind(crate::publish::samples::mid("0"), Some(sound));
    uplink.bind(crate::publish::samples::mid("1"), Some(picture));
    identify(&mut uplink, 7, VP8, &[(MID, "1")]).expect("the line is known");

    let after = publisher(vec![video("1", &[]), video("2", &[])], ids());
    let (ended, _) = uplink.update(&after);
    assert_eq!(ended, [sound], "the line of the sound is gone");
    assert_eq!(uplink.tracks().collect::<Vec<_>>(), [picture]);
    let stream = uplink.known(Ssrc::new(7)).expect("the stream was learnt");
    assert_eq!(uplink.track_of(stream), Some(picture));
}
