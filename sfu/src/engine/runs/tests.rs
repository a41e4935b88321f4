//! Packets are named by their stream and length: `("v", 1100)`.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sfu_rtp::{RtpTime, SeqNo};
use slotmap::SlotMap;

use super::*;
use crate::key::{SlotKey, TrackKey};
use crate::subscribe::forwarder::Numbers;
use crate::subscribe::slot::Sent;

/// Streams by name, and their packets numbered in the order in which they came.
fn pending(packets: &[(&str, u16)]) -> Vec<Pending> {
    let mut keys: SlotMap<SlotKey, &str> = SlotMap::with_key();
    let mut number = 0;
    let numbered = packets.iter().map(|&(stream, payload_len)| {
        let known = keys.iter().find(|(_, name)| **name == stream);
        let slot = known
            .map(|(key, _)| key)
            .unwrap_or_else(|| keys.insert(stream));
        number += 1;
        Pending {
            slot,
            sent: Sent {
                track: TrackKey::default(),
                encoding: 0,
                source: SeqNo::new(number),
                numbers: Numbers::plain(0, RtpTime::new(0)),
                vacant: false,
            },
            again: stream.ends_with("rtx"),
            repeated: crate::subscribe::redundancy::Repeated::NOTHING,
            payload_len,
            pad_to: 0,
        }
    });
    numbered.collect()
}

/// The sizes of the packets of each run, padding included.
fn runs(pending: &[Pending]) -> Vec<Vec<u16>> {
    let mut runs: Vec<Vec<u16>> = Vec::new();
    let mut open = false;
    for packet in pending {
        let size = packet.payload_len.max(packet.pad_to);
        let fits = |run: &&mut Vec<u16>| open && run[0] >= size;
        match runs.last_mut().filter(fits) {
            Some(run) => {
                open = run[0] == size;
                run.push(size);
            }
            None => {
                runs.push(vec![size]);
                open = true;
            }
        }
    }
    runs
}

#[test]
fn packets_leave_in_as_few_runs_as_their_sizes_allow() {
    /// What is pending, and the runs that become of it.
    type Case<'a> = (&'a [(&'a str, u16)], &'a [&'a [u16]]);
    let cases: &[Case] = &[
        (&[("v", 1100)], &[&[1100]]),
        // A frame as browsers cut it: the longer packets come last.
        (
            &[("v", 1100), ("v", 1100), ("v", 1101), ("v", 1101)],
            &[&[1101, 1101, 1101, 1101]],
        ),
        // The last needs no padding.
        (&[("v", 1101), ("v", 1100)], &[&[1101, 1100]]),
        // A frame with a tail, as others cut it.
        (
            &[("v", 1100), ("v", 1100), ("v", 400)],
            &[&[1100, 1100, 400]],
        ),
        // Sound rides behind video, though it came first.
        (
            &[("a", 90), ("v", 1100), ("v", 1101), ("v", 1101)],
            &[&[1101, 1101, 1101, 90]],
        ),
        // Two cameras and their tails.
        (
            &[
                ("v", 1100),
                ("v", 300),
                ("w", 1080),
                ("w", 1090),
                ("w", 500),
            ],
            &[&[1100, 1100, 1100, 500], &[300]],
        ),
        // As many runs as they are: nothing is moved or padded.
        (
            &[
                ("v", 1100),
                ("v", 300),
                ("w", 1080),
                ("w", 1080),
                ("w", 500),
            ],
            &[&[1100, 300], &[1080, 1080, 500]],
        ),
        // The next frame waits until the tail of its own stream has left.
        (
            &[("v", 1100), ("v", 300), ("v", 1100), ("v", 310)],
            &[&[1100, 300], &[1100, 310]],
        ),
        // Four voices, almost equal.
        (
            &[("a", 101), ("b", 100), ("c", 103), ("d", 80)],
            &[&[103, 103, 103, 80]],
        ),
        // Too unlike for padding: pairs.
        (
            &[("a", 100), ("b", 90), ("c", 70), ("d", 60)],
            &[&[100, 90], &[70, 60]],
        ),
        // A retransmission is a stream of its own.
        (
            &[("v", 1100), ("v", 1000), ("rtx", 1102)],
            &[&[1102, 1102, 1000]],
        ),
        (&[("v", 0), ("a", 0)], &[&[0, 0]]),
    ];
    for (packets, expected) in cases {
        let mut pending = pending(packets);
        Runs::default().arrange(&mut pending);
        assert_eq!(runs(&pending), *expected, "of {packets:?}");
    }
}

#[test]
fn no_packet_is_lost_no_stream_is_reordered_and_little_is_padded() {
    let seed = rand::random();
    let mut rng = SmallRng::seed_from_u64(seed);
    let names = ["a", "b", "c", "d", "e", "v", "w", "rtx"];
    let mut arranger = Runs::default();
    for round in 0..300 {
        let count = rng.random_range(0..300);
        let packets: Vec<_> = (0..count)
            .map(|_| {
                let len = if rng.random() {
                    rng.random_range(1_000..1_200)
                } else {
                    rng.random_range(0..200)
                };
                (names[rng.random_range(0..names.len())], len)
            })
            .collect();
        let before = pending(&packets);
        let mut after = before.clone();
        arranger.arrange(&mut after);

        let told = format!("seed {seed}, round {round}");
        let numbers = |pending: &[Pending]| {
            let mut numbers: Vec<_> = pending.iter().map(|one| one.sent.source).collect();
            numbers.sort_unstable();
            numbers
        };
        assert_eq!(numbers(&after), numbers(&before), "{told}");
        for (position, packet) in after.iter().enumerate() {
            let earlier = &after[..position];
            let overtaken = |other: &&Pending| {
                other.same_stream(packet) && other.sent.source > packet.sent.source
            };
            assert_eq!(earlier.iter().find(overtaken), None, "{told}");
            let padding = packet.pad_to.saturating_sub(packet.payload_len);
            assert!(
                padding <= slack(packet.payload_len + padding) && padding <= 255,
                "{told}: {packet:?}"
            );
        }
        assert!(runs(&after).len() <= runs(&before).len(), "{told}");
    }
}
