//! Hostile input at a running room: every datagram is counted, and nobody else notices.

use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use sfu_sim::prelude::*;

/// A room in which two people are watched while somebody attacks.
struct Attack {
    world: World,
    alice: PersonId,
    bob: PersonId,
    mallory: PersonId,
    began: std::time::Duration,
    dropped_before: u64,
}

impl Attack {
    fn begin(seed: u64) -> Self {
        let mut world = World::new(seed);
        let (alice, bob) = (world.join(Person::talker()), world.join(Person::talker()));
        let mallory = world.join(Person::talker());
        world.run_for(2 * SECOND);
        let mut attack = Self {
            began: world.now(),
            dropped_before: 0,
            world,
            alice,
            bob,
            mallory,
        };
        attack.dropped_before = attack.dropped();
        attack
    }

    fn dropped(&self) -> u64 {
        let counters = self.world.counters(0);
        DropReason::ALL
            .iter()
            .map(|reason| counters.dropped(*reason))
            .sum()
    }

    /// Ends it: Alice and Bob have noticed nothing, and the engine holds what it held.
    fn end(mut self, at_least_dropped: u64) {
        let during = self.began..self.world.now();
        for (viewer, publisher) in [(self.alice, self.bob), (self.bob, self.alice)] {
            let freeze = self
                .world
                .camera(viewer, publisher)
                .longest_freeze(during.clone());
            assert!(freeze < 40 * MS, "frozen for {freeze:?}");
            let gap = self
                .world
                .microphone(viewer, publisher)
                .longest_freeze(during.clone());
            assert!(gap < 25 * MS, "silent for {gap:?}");
        }
        let dropped = self.dropped() - self.dropped_before;
        assert!(dropped >= at_least_dropped, "{dropped} drops were counted");
        assert_eq!(
            self.world
                .let_go(self.alice)
                .or(self.world.let_go(self.bob)),
            None
        );
        self.world.run_for(SECOND);
        self.world.finish();
    }
}

/// Random bytes of every length, one in four for each protocol by its first byte.
fn noise(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let datagrams = (0..count).map(|number| {
        let mut bytes = vec![0; rng.random_range(0..1_500)];
        rng.fill_bytes(&mut bytes);
        let kinds: [std::ops::RangeInclusive<u8>; 4] = [0..=3, 20..=63, 128..=191, 0..=255];
        if let Some(first) = bytes.first_mut() {
            *first = rng.random_range(kinds[number % 4].clone());
        }
        bytes
    });
    datagrams.collect()
}

/// What Mallory sends in a second and a half.
fn overheard(attack: &mut Attack) -> Vec<Vec<u8>> {
    attack.world.listen_to(attack.mallory);
    attack.world.run_for(3 * SECOND);
    attack.world.stop_listening()
}

fn is_stun(datagram: &&Vec<u8>) -> bool {
    matches!(datagram.as_slice(), [0..=3, ..])
}

fn is_media(datagram: &&Vec<u8>) -> bool {
    matches!(datagram.as_slice(), [128..=191, second, ..] if !(192..=223).contains(second))
}

#[test]
fn random_bytes_from_a_stranger_are_counted_and_nothing_else() {
    let mut attack = Attack::begin(1);
    let before = attack.world.debug_states();
    attack
        .world
        .inject(World::STRANGER, attack.bob, noise(1, 4_000));
    assert_eq!(
        attack.world.debug_states()[0].addresses,
        before[0].addresses
    );
    attack.end(3_900);
}

#[test]
fn random_bytes_in_the_name_of_a_participant_are_counted_and_nothing_else() {
    let mut attack = Attack::begin(2);
    let bob = attack.world.client(attack.bob).address();
    attack.world.inject(bob, attack.bob, noise(2, 4_000));
    attack.end(3_900);
}

#[test]
fn requests_cut_anywhere_or_forged_do_not_move_anybody() {
    let mut attack = Attack::begin(3);
    let heard = overheard(&mut attack);
    let check = heard.iter().find(is_stun).expect("a consent check").clone();
    let cut: Vec<_> = (0..check.len()).map(|len| check[..len].to_vec()).collect();
    let forged = (0..check.len()).map(|at| {
        let mut forged = check.clone();
        forged[at] ^= 0x01;
        forged
    });
    let forged: Vec<_> = forged.collect();
    let count = (cut.len() + forged.len()) as u64;
    let addresses = |attack: &Attack| attack.world.debug_states()[0].addresses;
    let before = addresses(&attack);
    let datagrams = cut.into_iter().chain(forged);
    attack.world.inject(World::STRANGER, attack.bob, datagrams);
    assert_eq!(addresses(&attack), before);
    attack.end(count);
}

#[test]
fn media_of_strangers_and_media_sent_again_goes_nowhere() {
    let mut attack = Attack::begin(4);
    let media: Vec<_> = overheard(&mut attack)
        .iter()
        .filter(is_media)
        .cloned()
        .collect();
    let mallory = attack.world.client(attack.mallory).address();
    let count = media.len() as u64;
    assert!(count > 200);

    attack
        .world
        .inject(World::STRANGER, attack.mallory, media.iter().cloned());
    let counters = attack.world.counters(0);
    assert!(counters.dropped(DropReason::UnknownAddress) >= count);

    attack
        .world
        .inject(mallory, attack.mallory, media.iter().cloned());
    let counters = attack.world.counters(0);
    assert!(counters.dropped(DropReason::SrtpReplayed) >= count);

    let tampered = media.into_iter().map(|mut packet| {
        // A number that was not seen yet, so that it is no replay.
        let number = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(10_000);
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet
    });
    attack.world.inject(mallory, attack.mallory, tampered);
    let counters = attack.world.counters(0);
    assert!(counters.dropped(DropReason::SrtpUnauthenticated) >= count);
    attack.end(3 * count);
}

#[test]
fn forged_dtls_does_not_end_a_connection() {
    let mut attack = Attack::begin(5);
    let bob = attack.world.client(attack.bob).address();
    // A plaintext alert: close_notify, and a fatal one.
    let alert = |sequence: u64, level: u8, description: u8| {
        let mut record = vec![21, 0xfe, 0xfd, 0, 0];
        record.extend(&sequence.to_be_bytes()[2..]);
        record.extend([0, 2, level, description]);
        record
    };
    let alerts = (0..500).flat_map(|number| [alert(number, 1, 0), alert(900 + number, 2, 40)]);
    attack.world.inject(bob, attack.bob, alerts);
    attack.world.run_for(5 * SECOND);
    attack.end(0);
}

#[test]
fn a_storm_of_nacks_costs_the_attacker_its_own_budget_and_nobody_anything() {
    let mut attack = Attack::begin(6);
    let mallory = attack.mallory;
    let slots: Vec<u32> = {
        let slots = attack.world.client(mallory).oracle().slots();
        slots.iter().map(|slot| slot.promise().ssrc).collect()
    };
    let before = attack
        .world
        .sender_statistics(attack.alice, TrackSource::Camera);
    for round in 0..2_000_u32 {
        for ssrc in &slots {
            let mut nack = vec![0x81, 205, 0, 3];
            nack.extend(7_u32.to_be_bytes());
            nack.extend(ssrc.to_be_bytes());
            nack.extend((round as u16).wrapping_mul(17).to_be_bytes());
            nack.extend([0xff, 0xff]);
            attack.world.client_mut(mallory).send_raw_rtcp(&nack);
        }
        attack.world.run_for(MS);
    }
    let after = attack
        .world
        .sender_statistics(attack.alice, TrackSource::Camera);
    assert_eq!(after.nacked, before.nacked, "the publisher is not asked");
    attack.end(0);
}

#[test]
fn a_storm_of_keyframe_requests_reaches_the_publisher_as_a_breeze() {
    let mut attack = Attack::begin(7);
    let mallory = attack.mallory;
    let slots: Vec<u32> = {
        let slots = attack.world.client(mallory).oracle().slots();
        slots.iter().map(|slot| slot.promise().ssrc).collect()
    };
    let before = attack
        .world
        .sender_statistics(attack.alice, TrackSource::Camera);
    for round in 0..5_000_u32 {
        for ssrc in &slots {
            let mut request = match round % 2 {
                0 => vec![0x81, 206, 0, 2, 0, 0, 0, 7],
                _ => vec![0x84, 206, 0, 4, 0, 0, 0, 7, 0, 0, 0, 0],
            };
            request.extend(ssrc.to_be_bytes());
            if round % 2 == 1 {
                request.extend([round as u8, 0, 0, 0]);
            }
            attack.world.client_mut(mallory).send_raw_rtcp(&request);
        }
        attack.world.run_for(MS);
    }
    let after = attack
        .world
        .sender_statistics(attack.alice, TrackSource::Camera);
    let requests = after.keyframe_requests - before.keyframe_requests;
    assert!(
        (1..=11).contains(&requests),
        "{requests} requests in five seconds"
    );
    attack.end(0);
}

#[test]
fn rtcp_garbage_of_an_authenticated_peer_is_counted() {
    let mut attack = Attack::begin(8);
    let mallory = attack.mallory;
    let mut rng = SmallRng::seed_from_u64(8);
    for round in 0..3_000 {
        let mut garbage = vec![0; rng.random_range(8..200)];
        rng.fill_bytes(&mut garbage);
        // A header that looks right, with any length.
        garbage[0] = 0x80 | rng.random_range(0..32);
        garbage[1] = rng.random_range(200..=207);
        // One sender, and in the end many: the server remembers only so many.
        if round < 2_000 {
            garbage[4..8].copy_from_slice(&7_u32.to_be_bytes());
        }
        if round % 2 == 0 {
            let words = (garbage.len() / 4 - 1) as u16;
            garbage[2..4].copy_from_slice(&words.to_be_bytes());
        }
        attack.world.client_mut(mallory).send_raw_rtcp(&garbage);
        attack.world.run_for(MS);
    }
    attack.world.run_for(SECOND);
    let malformed = attack.world.counters(0).dropped(DropReason::RtcpMalformed);
    assert!(malformed > 1_000, "{malformed} of 2,000");
    let too_many = attack.world.counters(0).dropped(DropReason::TooManySsrcs);
    assert!(too_many > 700, "{too_many} of 1,000");
    attack.end(malformed + too_many);
}

#[test]
fn rtp_garbage_of_an_authenticated_peer_is_counted() {
    let mut attack = Attack::begin(9);
    let mallory = attack.mallory;
    let mut rng = SmallRng::seed_from_u64(9);
    for _ in 0..3_000 {
        // Any SSRC, any payload type that was not negotiated, no MID: nothing says what it is.
        let mut packet = vec![0; rng.random_range(12..1_200)];
        rng.fill_bytes(&mut packet);
        packet[0] = 0x80;
        packet[1] = rng.random_range(0..45);
        attack.world.client_mut(mallory).send_raw_rtp(&packet);
        attack.world.run_for(MS);
    }
    attack.world.run_for(SECOND);
    attack.end(3_000);
}

#[test]
fn who_lies_about_the_certificate_is_turned_away() {
    let mut attack = Attack::begin(10);
    let mut liar = Person::talker();
    liar.lies_about_certificate = true;
    let liar = attack.world.join(liar);
    attack.world.run_for(5 * SECOND);
    let reason = LeaveReason::MediaLost(CloseReason::FingerprintMismatch);
    assert_eq!(attack.world.let_go(liar), Some(reason));
    attack.end(0);
}
