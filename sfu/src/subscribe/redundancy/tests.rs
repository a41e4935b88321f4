use std::time::{Duration, Instant};

use sfu_rtp::{ClockRate, ExtensionMap, RtpTime};

use super::*;
use crate::id::TrackId;
use crate::publish::samples::{OPUS, Sample, audio, payload_type};

#[test]
fn redundancy_follows_what_reports_tell_of_loss() {
    // Reports of this loss in percent, so many of them, and how deep it is then.
    let mut redundancy = Redundancy::default();
    for (percent, reports, expected) in [
        (0.0, 5, 0),
        // One packet of fifty, once.
        (2.0, 1, 0),
        (0.0, 5, 0),
        (2.0, 6, 1),
        (0.7, 20, 1),
        (10.0, 4, 2),
        (3.0, 20, 2),
        (1.0, 20, 1),
        (0.0, 20, 0),
        (100.0, 1, 2),
    ] {
        for _ in 0..reports {
            redundancy.on_report((percent * 2.56_f32).round() as u8);
        }
        assert_eq!(
            redundancy.depth(0),
            expected,
            "{reports} reports of {percent} %"
        );
        assert_eq!(
            redundancy.depth(2),
            expected,
            "what the publisher sent does not count"
        );
    }
}

#[test]
fn what_comes_redundantly_goes_on_so_while_the_path_is_not_known() {
    let redundancy = Redundancy::default();
    for (as_sent, expected) in [(0, 0), (1, 1), (2, 2), (9, MAX_DEPTH)] {
        assert_eq!(redundancy.depth(as_sent), expected, "{as_sent}");
    }
}

/// A track with packets of (number, timestamp in units of 20 ms, bytes), and a slot that shows it from `begin` on.
fn choose(packets: &[(u16, u32, usize)], begin: u64) -> Vec<(u16, usize)> {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), audio("0"));
    let mut forwarder = Forwarder::new(7, RtpTime::new(5), ClockRate::OPUS);
    forwarder.detach(Some(0));
    let mut newest = None;
    for (index, &(sequence, time, bytes)) in packets.iter().enumerate() {
        let now = now + Duration::from_millis(20) * index as u32;
        let payload = vec![0xf8; bytes];
        let sample = Sample {
            ssrc: 1,
            payload_type: OPUS,
            marker: false,
            sequence,
            timestamp: time.wrapping_mul(960).wrapping_sub(1_000),
            extensions: &[],
            payload: &payload,
        };
        let arrival = sample
            .offer_to(&mut track, now, 0, &ExtensionMap::new())
            .expect("a good packet");
        let meta = *track.packet(0, arrival.sequence).expect("cached").meta;
        if u64::from(sequence) >= begin {
            forwarder
                .decide(now, &track, 0, &meta)
                .expect("sound flows");
            forwarder
                .number(now, &track, &meta)
                .expect("it has its place");
        }
        newest = Some((meta, bytes));
    }
    let (meta, bytes) = newest.expect("packets");
    let mut redundancy = Redundancy::default();
    redundancy.on_report(255);
    let (repeated, extra) = Repeated::choose(&redundancy, &forwarder, (&track, 0), &meta, bytes);
    let blocks = repeated.blocks((&track, 0), &meta, payload_type(OPUS));
    let len = match blocks.is_empty() {
        true => bytes,
        false => red::len_with(&blocks, &vec![0; bytes]),
    };
    assert_eq!(
        len,
        bytes + usize::from(extra),
        "the length is known before it is written"
    );
    blocks
        .iter()
        .map(|block| (block.timestamp_offset, block.data.len()))
        .collect()
}

#[test]
fn the_frames_before_a_packet_travel_with_it_if_the_slot_carried_them() {
    const FAR: u32 = red::MAX_OFFSET as u32 / 960;
    // (packets, the number with which the slot began, blocks)
    type Case = (
        &'static str,
        &'static [(u16, u32, usize)],
        u64,
        &'static [(u16, usize)],
    );
    let cases: &[Case] = &[
        (
            "in order",
            &[(1, 1, 60), (2, 2, 61), (3, 3, 62)],
            1,
            &[(1_920, 60), (960, 61)],
        ),
        ("one was lost", &[(1, 1, 60), (3, 3, 62)], 1, &[(1_920, 60)]),
        ("it is the first", &[(3, 3, 62)], 1, &[]),
        (
            "the slot began with it",
            &[(1, 1, 60), (2, 2, 61), (3, 3, 62)],
            3,
            &[],
        ),
        (
            "the slot began before it",
            &[(1, 1, 60), (2, 2, 61), (3, 3, 62)],
            2,
            &[(960, 61)],
        ),
        (
            "after a pause",
            &[(1, 1, 60), (2, 2, 61), (3, 3 + FAR, 62)],
            1,
            &[],
        ),
        (
            "after a short one",
            &[(1, 1, 60), (2, 2, 3), (3, 2 + FAR, 62)],
            1,
            &[(16_320, 3)],
        ),
        (
            "large frames",
            &[(1, 1, 400), (2, 2, 400), (3, 3, 400)],
            1,
            &[(960, 400)],
        ),
        (
            "too large a frame",
            &[(1, 1, 10), (2, 2, 600), (3, 3, 400)],
            1,
            &[],
        ),
        (
            "over a wrap",
            &[(1, 0, 60), (2, 1, 61), (3, 2, 62)],
            1,
            &[(1_920, 60), (960, 61)],
        ),
    ];
    for (name, packets, begin, expected) in cases {
        assert_eq!(choose(packets, *begin), *expected, "{name}");
    }
}
