//! Tables in a small language. Slots: `a0 v0 v1:h264` are an audio and a video slot of pair 0 and a
//! video slot of pair 1 that takes H.264 only. Wishes, best first: `A.mic A.cam ~B.mic *C.screen
//! D.cam:h264`; `~` is muted, `*` pinned. What is shown: `A.mic A.cam - -`, one word per slot.

use super::*;
use sfu_rtp::{PayloadType, Ssrc};

const NAMES: [&str; 4] = ["mic", "cam", "screen", "sound"];

fn codec(kind: MediaKind, text: &str) -> NegotiatedCodec {
    let codec = match (kind, text) {
        (MediaKind::Audio, _) => Codec::Opus,
        (MediaKind::Video, "h264") => Codec::H264,
        (MediaKind::Video, _) => Codec::Vp8,
    };
    NegotiatedCodec {
        codec,
        format: CodecFormat::Any,
        payload_type: PayloadType::new(96).expect("7 bits"),
        rtx: None,
        red: None,
        feedback: Default::default(),
    }
}

fn slots(text: &str) -> Vec<SlotMedia> {
    let parse = |(index, word): (usize, &str)| {
        let (name, format) = word.split_once(':').unwrap_or((word, ""));
        let (kind, pair) = match name.split_at(1) {
            ("a", pair) => (MediaKind::Audio, pair),
            ("v", pair) => (MediaKind::Video, pair),
            _ => panic!("no slot: {word}"),
        };
        SlotMedia {
            mid: Mid::parse(name.as_bytes()).expect("a mid"),
            kind,
            codecs: vec![codec(kind, format)],
            extensions: Default::default(),
            ssrc: Ssrc::new(index as u32),
            rtx_ssrc: None,
            pair: pair
                .chars()
                .take_while(char::is_ascii_digit)
                .collect::<String>()
                .parse()
                .expect("a pair"),
        }
    };
    text.split_whitespace().enumerate().map(parse).collect()
}

fn track_of(publisher: char, name: &str) -> TrackId {
    let name = NAMES
        .iter()
        .position(|known| *known == name)
        .expect("a known name");
    TrackId::new(u64::from(u32::from(publisher)) * 10 + name as u64)
}

fn name_of(track: TrackId) -> String {
    let publisher = char::from_u32((track.get() / 10) as u32).expect("a letter");
    format!("{publisher}.{}", NAMES[(track.get() % 10) as usize])
}

fn wishes(text: &str) -> Vec<Wish> {
    let parse = |word: &str| {
        let (name, format) = word.split_once(':').unwrap_or((word, ""));
        let plain = name.trim_start_matches(['~', '*']);
        let (publisher, name) = plain.split_once('.').expect("a publisher and a name");
        let publisher = publisher.chars().next().expect("a letter");
        let screen = matches!(name, "screen" | "sound");
        let kind = if matches!(name, "cam" | "screen") {
            MediaKind::Video
        } else {
            MediaKind::Audio
        };
        let level = match word.chars().next() {
            Some('~') => Level::Muted,
            Some('*') => Level::Pinned,
            _ if screen => Level::Screen,
            _ => Level::Person,
        };
        let publisher_id = ParticipantId::new(u64::from(u32::from(publisher)));
        Wish {
            track: track_of(publisher, name),
            kind,
            format: Format::of(&codec(kind, format)),
            group: SyncGroup {
                publisher: publisher_id,
                screen,
            },
            level,
        }
    };
    text.split_whitespace().map(parse).collect()
}

fn shown(pool: &SlotPool) -> String {
    let words = pool
        .shown()
        .map(|(_, track, _)| track.map_or("-".to_owned(), name_of));
    words.collect::<Vec<_>>().join(" ")
}

/// Runs (wishes, what is shown then) in a row over one pool.
fn check(offer: &str, steps: &[(&str, &str)]) {
    let mut pool = SlotPool::default();
    assert_eq!(pool.negotiate(&slots(offer)), []);
    for (number, (wanted, expected)) in steps.iter().enumerate() {
        let before = shown(&pool);
        let assigned = pool.assign(&wishes(wanted), usize::MAX);
        assert_eq!(
            shown(&pool),
            *expected,
            "step {number}: {wanted} over {before}"
        );
        for change in assigned.changes {
            assert_ne!(
                change.before, change.after,
                "step {number} reports no change as one"
            );
        }
    }
}

#[test]
fn a_camera_and_its_microphone_share_a_pair() {
    check(
        "a0 v0 a1 v1",
        &[("A.mic A.cam B.cam B.mic", "A.mic A.cam B.mic B.cam")],
    );
    // Also when the slots of a kind come in a row, and when one half comes later.
    check(
        "a0 a1 v0 v1",
        &[("B.mic", "B.mic - - -"), ("A.cam B.mic", "B.mic - - A.cam")],
    );
    check(
        "a0 a1 v0 v1",
        &[
            ("A.cam", "- - A.cam -"),
            ("A.cam B.mic", "- B.mic A.cam -"),
            ("A.cam A.mic B.mic", "A.mic B.mic A.cam -"),
            ("A.cam A.mic B.mic B.cam", "A.mic B.mic A.cam B.cam"),
        ],
    );
}

#[test]
fn a_screen_and_its_sound_share_a_pair_apart_from_their_publishers_face() {
    check(
        "a0 v0 a1 v1",
        &[(
            "A.screen A.sound A.cam A.mic",
            "A.sound A.screen A.mic A.cam",
        )],
    );
}

#[test]
fn a_lone_track_leaves_whole_pairs_to_those_who_have_both() {
    check(
        "a0 v0 a1",
        &[
            ("A.mic", "- - A.mic"),
            ("A.mic B.mic B.cam", "B.mic B.cam A.mic"),
        ],
    );
}

#[test]
fn strangers_share_a_pair_only_when_nothing_else_is_free() {
    check("a0 v0", &[("A.mic B.cam", "A.mic B.cam")]);
    check("a0 v0 a1 v1", &[("A.mic B.cam", "A.mic - - B.cam")]);
    check(
        "a0 v0 a1 v1",
        &[("A.mic B.cam C.mic C.cam", "A.mic C.cam C.mic B.cam")],
    );
}

#[test]
fn nobody_moves_because_somebody_else_left() {
    check(
        "a0 v0 a1 v1 a2 v2",
        &[
            (
                "A.mic A.cam B.mic B.cam C.mic C.cam",
                "A.mic A.cam B.mic B.cam C.mic C.cam",
            ),
            ("A.mic A.cam C.mic C.cam", "A.mic A.cam - - C.mic C.cam"),
            ("C.mic C.cam D.mic D.cam", "D.mic D.cam - - C.mic C.cam"),
        ],
    );
}

#[test]
fn who_came_first_is_seen_first_and_a_freed_slot_goes_to_who_waits() {
    check(
        "v0 v1",
        &[
            ("A.cam B.cam C.cam D.cam", "A.cam B.cam"),
            ("A.cam C.cam D.cam", "A.cam C.cam"),
            ("C.cam D.cam", "D.cam C.cam"),
            ("D.cam", "D.cam -"),
        ],
    );
}

#[test]
fn a_screen_takes_the_slot_of_the_latest_camera() {
    check(
        "v0 v1",
        &[
            ("A.cam B.cam", "A.cam B.cam"),
            ("C.screen A.cam B.cam", "A.cam C.screen"),
            ("C.screen D.screen A.cam B.cam", "D.screen C.screen"),
            // A third screen finds only screens: within a level, whoever is there stays.
            (
                "C.screen D.screen E.screen A.cam B.cam",
                "D.screen C.screen",
            ),
            ("E.screen A.cam B.cam", "E.screen A.cam"),
        ],
    );
}

#[test]
fn a_muted_track_keeps_its_slot_until_somebody_needs_it() {
    check(
        "a0 a1",
        &[
            ("A.mic B.mic", "A.mic B.mic"),
            ("B.mic ~A.mic", "A.mic B.mic"),
            ("B.mic C.mic ~A.mic", "C.mic B.mic"),
            // Back again, it waits like anybody else, and is served when another falls silent.
            ("A.mic B.mic C.mic", "C.mic B.mic"),
            ("A.mic C.mic ~B.mic", "C.mic A.mic"),
            // With nobody to be heard, the silent may have the slots.
            ("~A.mic ~B.mic ~C.mic", "C.mic A.mic"),
        ],
    );
}

#[test]
fn a_pinned_track_displaces_what_is_not_pinned() {
    check(
        "v0 v1",
        &[
            ("A.cam B.cam C.cam", "A.cam B.cam"),
            ("*C.cam A.cam B.cam", "A.cam C.cam"),
            ("*C.cam D.screen A.cam B.cam", "D.screen C.cam"),
            ("*B.cam *C.cam D.screen A.cam", "B.cam C.cam"),
        ],
    );
}

#[test]
fn taking_over_prefers_the_slot_beside_the_companion() {
    // A is the last in rank of the two that are muted, so its slot is the one to take, but B's is
    // beside C's microphone.
    let steps = |taker| [("A.cam B.cam C.mic", "A.cam B.cam C.mic"), taker];
    check(
        "v0 v1 a1",
        &steps(("C.mic D.cam ~B.cam ~A.cam", "D.cam B.cam C.mic")),
    );
    check(
        "v0 v1 a1",
        &steps(("C.mic C.cam ~B.cam ~A.cam", "A.cam C.cam C.mic")),
    );
}

#[test]
fn a_track_goes_only_where_its_codec_can_be_received() {
    check(
        "v0 v1:h264",
        &[("A.cam:h264 B.cam:h264 C.cam", "C.cam A.cam")],
    );
    // That one track cannot be received does not keep another of the kind from its slot.
    check(
        "v0:h264",
        &[
            ("A.cam:h264", "A.cam"),
            ("B.cam C.cam:h264 ~A.cam:h264", "C.cam"),
        ],
    );
    let mut pool = SlotPool::default();
    pool.negotiate(&slots("v0"));
    let assigned = pool.assign(&wishes("A.cam:h264 B.cam B.mic C.cam"), usize::MAX);
    assert_eq!(assigned.unplayable, [track_of('A', "cam")]);
    // There is no slot for sound at all: more slots would help.
    assert_eq!(
        assigned.unassigned,
        [track_of('B', "mic"), track_of('C', "cam")]
    );
}

#[test]
fn of_sound_no_more_slots_are_taken_than_allowed_and_the_rest_is_not_waited_for() {
    let mut pool = SlotPool::default();
    pool.negotiate(&slots("a0 v0 a1 v1 a2 v2"));
    for (wanted, expected, unassigned) in [
        (
            "A.mic B.mic C.mic A.cam B.cam C.cam D.cam",
            "A.mic A.cam B.mic B.cam - C.cam",
            "D.cam",
        ),
        // Whoever is wanted more takes over, and pictures are not concerned.
        (
            "*C.mic B.mic A.mic C.cam B.cam A.cam",
            "C.mic A.cam B.mic B.cam - C.cam",
            "",
        ),
        ("*C.mic D.mic ~A.mic ~B.mic", "C.mic - D.mic - - -", ""),
        ("*C.mic", "C.mic - - - - -", ""),
        ("*C.mic E.mic A.mic", "C.mic - E.mic - - -", ""),
    ] {
        let assigned = pool.assign(&wishes(wanted), 2);
        assert_eq!(shown(&pool), expected, "{wanted}");
        let waiting: Vec<_> = assigned.unassigned.iter().map(|id| name_of(*id)).collect();
        assert_eq!(waiting.join(" "), unassigned, "{wanted}");
    }
}

#[test]
fn of_very_many_tracks_without_a_slot_the_first_are_listed() {
    let wanted: Vec<_> = (0..100)
        .map(|n| Wish {
            track: TrackId::new(n),
            ..wishes("A.cam")[0]
        })
        .collect();
    let mut pool = SlotPool::default();
    pool.negotiate(&slots("v0"));
    let expected: Vec<_> = wanted[1..=MAX_LISTED]
        .iter()
        .map(|wish| wish.track)
        .collect();
    assert_eq!(pool.assign(&wanted, usize::MAX).unassigned, expected);
}

#[test]
fn a_renegotiated_pool_keeps_what_stays_and_returns_what_went() {
    let mut pool = SlotPool::default();
    pool.negotiate(&slots("a0 v0 v1"));
    pool.assign(&wishes("A.mic A.cam B.cam C.cam"), usize::MAX);
    assert_eq!(pool.negotiate(&slots("a0 v1 v2")), [track_of('A', "cam")]);
    assert_eq!(shown(&pool), "A.mic B.cam -");
    let assigned = pool.assign(&wishes("A.mic A.cam B.cam C.cam"), usize::MAX);
    assert_eq!(shown(&pool), "A.mic B.cam A.cam");
    assert_eq!(assigned.changes.len(), 1);
    assert_eq!(pool.clear().len(), 3);
}

#[test]
fn a_slot_that_can_no_longer_receive_its_track_lets_it_go() {
    let mut pool = SlotPool::default();
    pool.negotiate(&slots("v0"));
    pool.assign(&wishes("A.cam"), usize::MAX);
    pool.negotiate(&slots("v0:h264"));
    pool.assign(&wishes("A.cam B.cam:h264"), usize::MAX);
    assert_eq!(shown(&pool), "B.cam");
}
