use std::time::Duration;

use sfu_rtp::Ssrc;

use super::*;
use crate::drop_reason::DropReason;
use crate::id::TrackId;
use crate::publish::samples::{OPUS, RED, Sample, payload_type, redundant_audio};
use crate::publish::track::{Arrival, Refusal, Track};

/// A publisher's frames of 20 ms; the payload of each is its number and the number of its packet.
struct Scene {
    now: Instant,
    track: Track,
}

impl Scene {
    fn new() -> Self {
        Self {
            now: Instant::now(),
            track: Track::new(TrackId::new(1), redundant_audio("0")),
        }
    }

    fn packet(&mut self, sequence: u16, kind: u8, payload: &[u8]) -> Result<Arrival, Refusal> {
        self.now += Duration::from_millis(20);
        let sample = Sample {
            ssrc: 7,
            payload_type: kind,
            marker: false,
            sequence,
            timestamp: stamp(sequence),
            extensions: &[],
            payload,
        };
        sample.offer_to(&mut self.track, self.now, 0, &ExtensionMap::new())
    }

    /// A packet with this frame and those so many numbers before it; the numbers that are there after it.
    fn redundant(&mut self, sequence: u16, backs: &[u16]) -> Vec<u16> {
        let frames: Vec<_> = backs
            .iter()
            .map(|back| (frame(sequence - back), *back))
            .collect();
        let blocks: Vec<_> = frames
            .iter()
            .map(|(frame, back)| Block {
                payload_type: payload_type(OPUS),
                timestamp_offset: back * 960,
                data: frame,
            })
            .collect();
        let mut payload = [0; 256];
        let len = red::write(&blocks, payload_type(OPUS), &frame(sequence), &mut payload);
        let arrival = self.packet(sequence, RED, &payload[..len.expect("room")]);
        let recovered = self.track.take_recovered();
        let arrived = arrival.ok().map(|arrival| arrival.sequence);
        recovered
            .into_iter()
            .chain(arrived)
            .map(SeqNo::wire)
            .collect()
    }
}

fn stamp(sequence: u16) -> u32 {
    u32::from(sequence) * 960
}

fn frame(sequence: u16) -> [u8; 4] {
    let [high, low] = sequence.to_be_bytes();
    [0xf8, high, low, 0x55]
}

#[test]
fn what_was_lost_is_brought_back_once_and_in_order() {
    type Step = (u16, &'static [u16], &'static [u16]);
    // Packets that arrive, the frames they repeat, and the numbers that go on.
    let tables: [(&str, &[Step]); 7] = [
        (
            "nothing is lost",
            &[(1, &[], &[1]), (2, &[1], &[2]), (3, &[2, 1], &[3])],
        ),
        (
            "one is lost",
            &[(1, &[], &[1]), (3, &[2, 1], &[2, 3]), (4, &[2, 1], &[4])],
        ),
        ("two are lost", &[(1, &[], &[1]), (4, &[2, 1], &[2, 3, 4])]),
        (
            "three are lost",
            &[(1, &[], &[1]), (5, &[2, 1], &[3, 4, 5])],
        ),
        (
            "late, it is a duplicate",
            &[(1, &[], &[1]), (3, &[1], &[2, 3]), (2, &[1], &[])],
        ),
        (
            "nothing comes from before the beginning",
            &[(9, &[2, 1], &[9]), (11, &[2, 1], &[10, 11])],
        ),
        // Its last block is taken for the frame before, where another is already.
        (
            "frames further back",
            &[(1, &[], &[1]), (2, &[], &[2]), (4, &[2], &[4])],
        ),
    ];
    for (name, steps) in tables {
        let mut scene = Scene::new();
        for &(sequence, backs, expected) in steps {
            assert_eq!(
                scene.redundant(sequence, backs),
                expected,
                "{name}: packet {sequence}"
            );
        }
        for sequence in steps.iter().flat_map(|(_, _, there)| there.iter()) {
            let number = scene.track.encodings()[0].highest().expect("packets");
            let ahead = i64::from(sequence.wrapping_sub(number.wire()) as i16);
            let packet = scene
                .track
                .packet(0, number.wrapping_add(ahead))
                .expect(name);
            assert_eq!(packet.payload(), frame(*sequence), "{name}: {sequence}");
            let header = packet.meta.header;
            assert_eq!(
                header.timestamp().get(),
                stamp(*sequence),
                "{name}: {sequence}"
            );
            assert_eq!(
                (header.ssrc(), header.sequence()),
                (Ssrc::new(7), *sequence)
            );
        }
    }
}

#[test]
fn a_pause_is_no_loss() {
    let mut scene = Scene::new();
    assert_eq!(scene.redundant(1, &[]), [1]);
    // Numbers go on although time has passed: the sender was silent (DTX). Its block is 300 ms old.
    let payload = [
        0x80 | OPUS,
        0xe1,
        0x00,
        4,
        OPUS,
        0xf8,
        0,
        1,
        0x55,
        0xf8,
        0,
        2,
        0x55,
    ];
    scene.packet(2, RED, &payload).expect("it is well-formed");
    assert!(scene.track.take_recovered().is_empty());
}

#[test]
fn nothing_said_while_muted_is_brought_back() {
    let mut scene = Scene::new();
    assert_eq!(scene.redundant(1, &[]), [1]);
    scene.track.set_muted(true);
    assert!(scene.redundant(3, &[1]).is_empty());
    scene.track.set_muted(false);
    assert_eq!(scene.redundant(5, &[2, 1]), [5]);
    assert_eq!(scene.redundant(7, &[2, 1]), [6, 7]);
}

#[test]
fn other_payloads_than_agreed_are_malformed() {
    let opus = payload_type(OPUS);
    let too_many = [0x80 | OPUS, 0, 4, 0].repeat(red::MAX_BLOCKS);
    let cases: [(&str, &[u8]); 5] = [
        ("cut short", &[0x80 | OPUS, 0x0f, 0x00, 9, OPUS, 1]),
        ("another payload type", &[13, 1, 2]),
        ("no newest frame", &[0x80 | OPUS, 0x0f, 0x00, 1, OPUS, 1]),
        ("nothing", &[]),
        ("too many blocks", &too_many),
    ];
    let mut scene = Scene::new();
    scene.redundant(1, &[]);
    for (index, (name, payload)) in cases.into_iter().enumerate() {
        assert!(read(payload, opus).is_none(), "{name}");
        let sequence = 10 + index as u16;
        let refused = scene.packet(sequence, RED, payload);
        let expected = match payload.is_empty() {
            false => Err(Refusal::Drop(DropReason::PayloadMalformed)),
            true => refused,
        };
        assert_eq!(refused, expected, "{name}");
        assert!(
            refused.is_err() && scene.track.take_recovered().is_empty(),
            "{name}"
        );
    }
    // Earlier frames of another kind, or empty ones, are left out.
    let payload = [
        0x80 | 13,
        0x0f,
        0x00,
        1,
        0x80 | OPUS,
        0x07,
        0x80,
        0,
        OPUS,
        9,
        8,
    ];
    scene
        .packet(20, RED, &payload)
        .expect("the newest frame is there");
    assert!(scene.track.take_recovered().is_empty());
}

/// Every payload of up to six bytes of a small alphabet, and cut and bent ones: nothing panics, and what is
/// brought back lies before the packet.
#[test]
fn whatever_a_publisher_writes_nothing_lands_in_a_wrong_place() {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};
    for seed in 0..300 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut scene = Scene::new();
        let mut sequence = 0_u16;
        for _ in 0..60 {
            sequence = sequence.wrapping_add(rng.random_range(0..4));
            let len = rng.random_range(0..40);
            let heads = [0x80 | OPUS, OPUS, 0x0f, 0x07, 0x00, 0x80, 0x01, 0xff];
            let payload: Vec<u8> = (0..len)
                .map(|_| heads[rng.random_range(0..heads.len())])
                .collect();
            let kind = if rng.random_bool(0.7) { RED } else { OPUS };
            let arrived = scene.packet(sequence, kind, &payload);
            for recovered in scene.track.take_recovered() {
                let arrival = arrived.expect("only with a packet that was taken");
                let back = arrival.sequence.distance_from(recovered);
                assert!(
                    (1..=MAX_EARLIER as i64).contains(&back),
                    "seed {seed}: {back} back"
                );
                let packet = scene.track.packet(0, recovered).expect("cached");
                let newest = scene.track.packet(0, arrival.sequence).expect("cached");
                let newer = newest.meta.header.timestamp();
                assert!(
                    newer.is_newer_than(packet.meta.header.timestamp()),
                    "seed {seed}"
                );
            }
        }
    }
}
