//! Many threads at once; afterwards there is nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::fake::{FakeNode, config, room_name};
use super::offers::OfferText;
use crate::room::{Grants, LeaveReason, Refusal};

const THREADS: u64 = 8;
const SESSIONS_PER_THREAD: usize = 150;

#[test]
fn when_all_have_left_nothing_is_left() {
    let mut config = config();
    config.max_participants = 30;
    config.room_limits.participants = 8;
    let node = Arc::new(FakeNode::new(3, config));
    let done = Arc::new(AtomicBool::new(false));
    let reporter = thread::spawn({
        let (node, done) = (node.clone(), done.clone());
        move || {
            while !done.load(Ordering::Relaxed) {
                node.run();
                node.node().expire(Instant::now());
                thread::yield_now();
            }
        }
    });
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let node = node.clone();
            thread::spawn(move || {
                let mut random = StdRng::seed_from_u64(seed);
                for _ in 0..SESSIONS_PER_THREAD {
                    visit(&node, &mut random);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no visitor panics");
    }
    done.store(true, Ordering::Relaxed);
    reporter.join().expect("the reporter does not panic");
    node.node()
        .expire(Instant::now() + Duration::from_secs(3_600));
    node.run();
    assert!(node.node().is_idle(), "{:?}", node.sfu.load());
}

/// Joins one of a few rooms, does something there, and leaves in one of the possible ways.
fn visit(node: &FakeNode, random: &mut StdRng) {
    let room = format!("room {}", random.random_range(0..4));
    let grants = if random.random_bool(0.2) {
        Grants::VIEW_ONLY
    } else {
        Grants::CONFERENCE
    };
    let mut joined = match node.try_join(&room, grants) {
        Ok(joined) => joined,
        Err(Refusal::RoomFull { .. } | Refusal::TooManyParticipants { .. }) => return,
        Err(other) => panic!("{other}"),
    };
    for _ in 0..random.random_range(0..4) {
        let text = match grants.can_publish {
            true => OfferText::conference(),
            false => OfferText::viewer(),
        };
        let text = OfferText {
            certificate: random.random_range(1..3),
            ..text
        };
        // Somebody else may have filled our queue and closed us meanwhile.
        let Ok(answer) = joined.session.offer(&text.to_sdp(), &[]) else {
            return;
        };
        for track in answer.tracks {
            let _over = joined.session.set_muted(track.track, random.random());
        }
        while joined.notifications.try_recv().is_ok() {}
    }
    match random.random_range(0..4) {
        0 => drop(joined),
        1 => joined.session.leave(LeaveReason::ShuttingDown),
        2 => joined.session.suspend(),
        _ => {
            let token = joined.session.resume_token();
            joined.session.suspend();
            drop(node.sfu.resume(&room_name(&room), &token));
        }
    }
}
