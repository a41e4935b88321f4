use slotmap::SlotMap;

use super::*;
use crate::key::TrackKey;
use crate::subscribe::forwarder::Numbers;
use crate::subscribe::slot::Sent;
use sfu_rtp::{RtpTime, SeqNo};

/// A subscriber with three slots: one of sound, two of pictures.
struct Subscriber {
    pacer: Pacer,
    start: Instant,
    slots: [SlotKey; 3],
    next: u16,
    /// Repairs that were given up.
    gone: usize,
    /// How many packets left in the last turn.
    last_left: usize,
}

const SOUND: usize = 0;
const FACE: usize = 1;
const SCREEN: usize = 2;

impl Subscriber {
    fn new() -> Self {
        let mut slots: SlotMap<SlotKey, ()> = SlotMap::with_key();
        Self {
            pacer: Pacer::default(),
            start: Instant::now(),
            slots: [(); 3].map(|()| slots.insert(())),
            next: 0,
            gone: 0,
            last_left: 0,
        }
    }

    /// So many packets of a slot, 1,000 bytes each on the wire.
    fn packets(&mut self, slot: usize, count: usize, again: bool) -> Vec<Pending> {
        let packets = (0..count).map(|_| {
            self.next += 1;
            Pending {
                slot: self.slots[slot],
                sent: Sent {
                    track: TrackKey::default(),
                    encoding: 0,
                    source: SeqNo::new(u64::from(self.next)),
                    numbers: Numbers::plain(self.next, RtpTime::new(0)),
                    vacant: false,
                },
                again,
                repeated: crate::subscribe::redundancy::Repeated::NOTHING,
                payload_len: 960,
                pad_to: 0,
            }
        });
        packets.collect()
    }

    /// A turn at so many milliseconds; returns what leaves as (slot, again, number).
    fn turn(
        &mut self,
        millis: u64,
        kbps: Option<u64>,
        mut packets: Vec<Pending>,
    ) -> Vec<(usize, bool, u16)> {
        let sound = self.slots[SOUND];
        self.gone += self.pacer.pace(
            self.start + Duration::from_millis(millis),
            kbps.map(Bitrate::from_kbps),
            &mut packets,
            |slot| slot == sound,
        );
        self.last_left = packets.len();
        let names = packets.iter().map(|pending| {
            let slot = self.slots.iter().position(|slot| *slot == pending.slot);
            let slot = slot.expect("one of the three");
            (slot, pending.again, pending.sent.numbers.sequence)
        });
        names.collect()
    }
}

#[test]
fn a_path_with_room_delays_nothing() {
    let mut subscriber = Subscriber::new();
    for frame in 0..300 {
        // 6 packets every 33 ms are 1,450 kbit/s; a keyframe is 25 packets.
        let count = if frame % 60 == 0 { 25 } else { 6 };
        let packets = subscriber.packets(FACE, count, false);
        let left = subscriber.turn(frame * 33, Some(2_500), packets);
        assert_eq!(left.len(), count, "frame {frame}");
    }
    let burst = subscriber.packets(FACE, 500, false);
    assert_eq!(
        subscriber.turn(20_000, None, burst).len(),
        500,
        "no estimate, no pace"
    );
}

#[test]
fn a_burst_leaves_at_two_and_a_half_times_the_estimate_in_order() {
    let mut subscriber = Subscriber::new();
    let burst = subscriber.packets(FACE, 100, false);
    let mut left = subscriber.turn(0, Some(800), burst);
    // 800 kbit/s times 2.5 are 10 packets in 40 ms, and one that exceeds it.
    assert_eq!(left.len(), 11);
    let mut last = 0;
    for millis in (5..2_000).step_by(5) {
        let step = subscriber.turn(millis, Some(800), Vec::new());
        assert!(step.len() <= 2, "{} packets at {millis} ms", step.len());
        if !step.is_empty() {
            last = millis;
        }
        left.extend(step);
    }
    let numbers: Vec<_> = left.iter().map(|&(_, _, number)| number).collect();
    assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
    assert!((340..380).contains(&last), "done after {last} ms");
    assert_eq!(subscriber.pacer.next_at(), None);
    assert_eq!(subscriber.gone, 0);
}

#[test]
fn sound_never_waits_and_repairs_go_before_pictures() {
    let mut subscriber = Subscriber::new();
    let mut turn = subscriber.packets(FACE, 30, false);
    turn.extend(subscriber.packets(FACE, 2, true));
    turn.extend(subscriber.packets(SOUND, 3, false));
    let left = subscriber.turn(0, Some(400), turn);
    assert_eq!(
        left,
        [
            (SOUND, false, 33),
            (SOUND, false, 34),
            (SOUND, false, 35),
            (FACE, true, 31),
            (FACE, true, 32),
            (FACE, false, 1),
        ]
    );
    let sound = subscriber.packets(SOUND, 1, false);
    assert_eq!(subscriber.turn(1, Some(400), sound), [(SOUND, false, 36)]);
}

#[test]
fn a_slot_whose_picture_waits_too_long_takes_no_more_and_the_others_do() {
    let mut subscriber = Subscriber::new();
    let (face, screen) = (subscriber.slots[FACE], subscriber.slots[SCREEN]);
    let at = |millis| subscriber_time(&subscriber, millis);
    let (early, late, later) = (at(400), at(405), at(6_000));
    let burst = subscriber.packets(FACE, 200, false);
    let mut left = subscriber.turn(0, Some(200), burst).len();
    assert!(!subscriber.pacer.is_overdue(early, face), "not yet");
    assert!(subscriber.pacer.is_overdue(late, face));
    assert!(!subscriber.pacer.is_overdue(late, screen));
    for millis in (5..4_000).step_by(5) {
        left += subscriber.turn(millis, Some(200), Vec::new()).len();
    }
    assert_eq!(left, 200, "what has its numbers is not lost");
    assert!(
        !subscriber.pacer.is_overdue(later, face),
        "and then it goes on"
    );
}

fn subscriber_time(subscriber: &Subscriber, millis: u64) -> Instant {
    subscriber.start + Duration::from_millis(millis)
}

#[test]
fn what_waits_is_bounded() {
    let mut subscriber = Subscriber::new();
    let burst = subscriber.packets(FACE, MAX_WAITING + 10, false);
    subscriber.turn(0, Some(100), burst);
    let screen = subscriber.slots[SCREEN];
    assert!(
        subscriber.pacer.is_overdue(subscriber.start, screen),
        "for all slots"
    );
    for _ in 0..10 {
        let burst = subscriber.packets(FACE, 400, true);
        subscriber.turn(0, Some(100), burst);
        assert!(subscriber.pacer.repairs.len() <= MAX_WAITING);
    }
}

#[test]
fn a_repair_that_waits_too_long_is_given_up() {
    let mut subscriber = Subscriber::new();
    let burst = subscriber.packets(FACE, 200, true);
    let left = subscriber.turn(0, Some(100), burst).len();
    subscriber.turn(401, Some(100), Vec::new());
    assert_eq!(subscriber.gone, 200 - left - subscriber.last_left);
    assert_eq!(subscriber.pacer.next_at(), None);
}

#[test]
fn when_the_pace_is_lifted_all_that_waits_goes_on_first() {
    let mut subscriber = Subscriber::new();
    let burst = subscriber.packets(FACE, 50, false);
    let before = subscriber.turn(0, Some(400), burst).len();
    let more = subscriber.packets(FACE, 1, false);
    let left = subscriber.turn(1, None, more);
    let numbers: Vec<_> = left
        .iter()
        .map(|&(_, _, number)| usize::from(number))
        .collect();
    assert_eq!(numbers, (before + 1..=51).collect::<Vec<_>>());
}
