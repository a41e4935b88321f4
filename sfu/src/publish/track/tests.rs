use std::time::Duration;

use sfu_rtp::extension::AudioLevel;
use sfu_rtp::{ExtensionElement, ExtensionKind};

use super::*;
use crate::publish::samples::{Sample, VP8, audio, video, vp8};

/// Offers `track` a packet and says what became of it.
fn accept(
    track: &mut Track,
    now: Instant,
    encoding: usize,
    (ssrc, sequence): (u32, u16),
    payload: &[u8],
) -> Result<Arrival, Refusal> {
    let sample = Sample {
        ssrc,
        payload_type: track.codecs()[0].payload_type.get(),
        marker: false,
        sequence,
        timestamp: u32::from(sequence) * 3_000,
        extensions: &[],
        payload,
    };
    sample.offer_to(track, now, encoding, &ExtensionMap::new())
}

fn continuity(track: &Track, arrival: Arrival) -> u32 {
    track
        .packet(arrival.encoding, arrival.sequence)
        .expect("it was just cached")
        .meta
        .continuity
}

#[test]
fn what_is_accepted_is_cached_and_duplicates_are_refused() {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), video("0", &[]));
    let payload = vp8(5, Some(480));
    let arrival = accept(&mut track, now, 0, (1, 100), &payload).expect("accepted");
    assert!(!track.is_flowing(0));
    track.observe_layers(now);
    let cached = track.packet(0, arrival.sequence).expect("cached");
    assert_eq!(cached.payload(), payload);
    assert!(cached.meta.picture.switch_point);

    let again = accept(&mut track, now, 0, (1, 100), &payload);
    assert_eq!(again, Err(Refusal::Drop(DropReason::Duplicate)));
    accept(&mut track, now, 0, (1, 101), &vp8(6, None)).expect("accepted");
    assert!(track.is_flowing(0));
}

#[test]
fn refusals_have_their_reasons() {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), video("0", &[]));
    accept(&mut track, now, 0, (1, 40_000), &vp8(5, None)).expect("accepted");
    let cases: &[(usize, u16, &[u8], DropReason)] = &[
        (1, 40_001, &[0x10, 0x01], DropReason::UnknownSsrc),
        // A payload that ends inside its descriptor.
        (0, 40_002, &[0x80], DropReason::PayloadMalformed),
        // Far behind.
        (0, 30_000, &[0x10, 0x01], DropReason::TooOld),
    ];
    for &(encoding, sequence, payload, reason) in cases {
        let refused = accept(&mut track, now, encoding, (1, sequence), payload);
        assert_eq!(refused, Err(Refusal::Drop(reason)), "number {sequence}");
    }
    let padding = accept(&mut track, now, 0, (1, 40_003), &[]);
    assert!(matches!(padding, Err(Refusal::Padding { encoding: 0, .. })));
}

#[test]
fn a_restarted_stream_begins_a_new_continuity() {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), audio("0"));
    let first = accept(&mut track, now, 0, (1, 100), &[1]).expect("accepted");
    let before = continuity(&track, first);

    // Another SSRC is believed at once.
    let restarted = accept(&mut track, now, 0, (2, 101), &[1]).expect("accepted");
    let second = continuity(&track, restarted);
    assert_ne!(second, before);
    assert!(restarted.sequence.distance_from(first.sequence) > 10_000);

    // A jump only when a second packet follows it.
    let jump = accept(&mut track, now, 0, (2, 20_000), &[1]);
    assert_eq!(jump, Err(Refusal::Drop(DropReason::TooOld)));
    let stray = accept(&mut track, now, 0, (2, 102), &[1]).expect("in order");
    assert_eq!(continuity(&track, stray), second);
    let _ = accept(&mut track, now, 0, (2, 30_000), &[1]);
    let believed = accept(&mut track, now, 0, (2, 30_001), &[1]).expect("two in a row");
    assert_ne!(continuity(&track, believed), second);
}

#[test]
fn a_muted_track_forwards_nothing_and_begins_anew_after() {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), audio("0"));
    let first = accept(&mut track, now, 0, (1, 1), &[1]).expect("accepted");
    track.set_muted(true);
    let muted = accept(&mut track, now, 0, (1, 2), &[1]);
    assert_eq!(muted, Err(Refusal::Drop(DropReason::Muted)));
    track.set_muted(false);
    let after = accept(&mut track, now, 0, (1, 3), &[1]).expect("accepted");
    assert_ne!(continuity(&track, after), continuity(&track, first));
}

/// Sends a frame on each of `layers` (encoding, height) every 33 ms for `frames` frames, looking at the layers
/// when that is due.
fn run(
    track: &mut Track,
    now: &mut Instant,
    sequence: &mut u16,
    frames: u16,
    layers: &[(usize, u16)],
) {
    for _ in 0..frames {
        *now += Duration::from_millis(33);
        *sequence += 1;
        for &(encoding, height) in layers {
            let ssrc = 10 + encoding as u32;
            let arrival = accept(
                track,
                *now,
                encoding,
                (ssrc, *sequence),
                &vp8(1, Some(height)),
            );
            arrival.expect("accepted");
            if !track.is_flowing(encoding) {
                track.observe_layers(*now);
            }
        }
        if track.layers_due(*now) {
            track.observe_layers(*now);
        }
    }
}

#[test]
fn the_largest_flowing_layer_is_the_best_whatever_the_order_of_rids() {
    let mut now = Instant::now();
    let mut sequence = 0;
    let mut track = Track::new(TrackId::new(1), video("0", &["a", "b", "c"]));
    run(&mut track, &mut now, &mut sequence, 1, &[(1, 360)]);
    assert_eq!(
        track.best_encoding(),
        Some(1),
        "the first to arrive needs no waiting"
    );
    run(
        &mut track,
        &mut now,
        &mut sequence,
        20,
        &[(0, 720), (1, 360), (2, 180)],
    );
    assert_eq!(track.best_encoding(), Some(0));
    // The largest stops.
    run(
        &mut track,
        &mut now,
        &mut sequence,
        40,
        &[(1, 360), (2, 180)],
    );
    assert_eq!(track.best_encoding(), Some(1));
    // And returns.
    run(
        &mut track,
        &mut now,
        &mut sequence,
        20,
        &[(0, 720), (1, 360), (2, 180)],
    );
    assert_eq!(track.best_encoding(), Some(0));
}

#[test]
fn layers_of_a_slow_screen_share_are_not_taken_for_stopped() {
    let mut now = Instant::now();
    let mut track = Track::new(TrackId::new(1), video("0", &["a", "b"]));
    for sequence in 0..20 {
        // One frame a second, the layers 5 ms apart, with a look in between.
        now += Duration::from_secs(1);
        for (encoding, height) in [(0, 360), (1, 720)] {
            let ssrc = 10 + encoding as u32;
            let arrival = accept(
                &mut track,
                now,
                encoding,
                (ssrc, sequence),
                &vp8(1, Some(height)),
            );
            arrival.expect("accepted");
            now += Duration::from_millis(5);
            track.observe_layers(now);
        }
        assert_eq!(track.best_encoding(), Some(1), "frame {sequence}");
        for _ in 0..4 {
            now += Duration::from_millis(200);
            track.observe_layers(now);
        }
    }
}

#[test]
fn the_last_layer_that_is_watched_may_stop_as_the_others_are_paused() {
    let mut now = Instant::now();
    let mut sequence = 0;
    let mut track = Track::new(TrackId::new(1), video("0", &["a", "b"]));
    let only_the_larger = |encoding| encoding == 1;
    loop {
        run(
            &mut track,
            &mut now,
            &mut sequence,
            1,
            &[(0, 360), (1, 720)],
        );
        track.observe_layers(now);
        if track.review(now, only_the_larger) {
            break;
        }
    }
    assert_eq!(track.wanted()[..], [false, true]);

    let stopped = now;
    while track.best_encoding() == Some(1) && track.layers.is_flowing(1) {
        now = track.next_deadline().expect("there is something to notice");
        assert!(now < stopped + Duration::from_secs(3), "not noticed");
        track.observe_layers(now);
        track.review(now, only_the_larger);
    }
}

#[test]
fn a_payload_type_of_no_codec_is_refused() {
    let mut track = Track::new(TrackId::new(1), video("0", &[]));
    let sample = Sample {
        ssrc: 1,
        payload_type: VP8 + 10,
        marker: false,
        sequence: 1,
        timestamp: 0,
        extensions: &[],
        payload: &vp8(1, None),
    };
    assert_eq!(
        sample.offer_to(&mut track, Instant::now(), 0, &ExtensionMap::new()),
        Err(Refusal::Drop(DropReason::UnknownPayloadType))
    );
}

#[test]
fn a_track_that_begins_muted_is_shown_once_it_is_not() {
    let now = Instant::now();
    let mut track = Track::new(TrackId::new(1), video("0", &[]));
    track.set_muted(true);
    let muted = accept(&mut track, now, 0, (1, 1), &vp8(1, Some(360)));
    assert_eq!(muted, Err(Refusal::Drop(DropReason::Muted)));
    track.set_muted(false);
    accept(&mut track, now, 0, (1, 2), &vp8(2, Some(360))).expect("accepted");
    assert!(!track.is_flowing(0));
    assert!(track.observe_layers(now));
    assert_eq!(track.best_encoding(), Some(0));
}

#[test]
fn a_voice_is_reported_with_its_second_loud_packet_and_never_of_a_muted_track() {
    const ID: u8 = 3;
    let mut ids = ExtensionMap::new();
    ids.insert(ID, ExtensionKind::AudioLevel)
        .expect("a free id");
    let start = Instant::now();
    // What is published, the level of its packets, whether it is muted, and the packet that is reported.
    let cases = [
        (audio("0"), -20, false, Some(1)),
        (audio("0"), -20, true, None),
        (audio("0"), -127, false, None),
        (video("0", &[]), -20, false, None),
    ];
    for (number, (media, level_dbov, muted, expected)) in cases.into_iter().enumerate() {
        let mut track = Track::new(TrackId::new(1), media);
        track.set_muted(muted);
        let level = AudioLevel {
            voice: true,
            level_dbov,
        };
        let reported = (0..10).find(|&sequence| {
            let now = start + Duration::from_millis(20) * u32::from(sequence);
            let sample = Sample {
                ssrc: 1,
                payload_type: track.codecs()[0].payload_type.get(),
                marker: false,
                sequence,
                timestamp: u32::from(sequence) * 960,
                extensions: &[ExtensionElement {
                    id: ID,
                    value: &level.to_bytes(),
                }],
                payload: &vp8(sequence, None),
            };
            let taken = sample.offer_to(&mut track, now, 0, &ids);
            assert_eq!(taken.is_err(), muted, "case {number}");
            track.voice_report(now).is_some()
        });
        assert_eq!(reported, expected, "case {number}");
        let deadline = track.voice.next_at();
        let due = expected.map(|packet| start + Duration::from_millis(20) * u32::from(packet));
        assert_eq!(
            deadline,
            due.map(|due| due + Duration::from_millis(200)),
            "only who talks has a deadline: case {number}"
        );
    }
}
