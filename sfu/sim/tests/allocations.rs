//! The packet path allocates nothing once warm, from the publisher's datagram to the subscriber's, SRTP, pipes
//! and retransmissions included: a counting allocator watches.
//!
//! RTCP is read and written by its library, which allocates; that is per report, not per packet.
//!
//! It is the only test of its binary, because the allocator is global; the census counts by thread, because
//! the test harness has threads of its own.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use sfu::counters::PacketKind;
use sfu_sim::census;
use sfu_sim::prelude::*;

struct Counting;

static ON_PACKET_PATH: AtomicU64 = AtomicU64::new(0);
static ELSEWHERE: AtomicU64 = AtomicU64::new(0);

fn count() {
    let counter = match census::is_packet_path() {
        true => &ON_PACKET_PATH,
        false => &ELSEWHERE,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: everything is passed on to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the promises that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn the_packet_path_allocates_nothing_once_warm() {
    // Loss both ways: packets are asked for and sent again on both sides of the server.
    let link = || Link::delayed(10 * MS).losing(0.02);
    for workers in [1, 2] {
        let mut world = World::with_workers(5, workers);
        let publisher = Person::nobody()
            .microphone()
            .simulcast(&[100_000, 400_000, 1_200_000]);
        world.join(publisher.link(link()).redundant(1));
        for number in 0..VIEWERS {
            let viewer = Person::viewer().link(link());
            world.join(match number % 4 {
                0 => viewer.firefox(),
                1 => viewer.sha1_only(),
                2 => viewer.redundant(0),
                _ => viewer,
            });
        }
        // Caches, histories and queues are as large as they get, and numbers have wrapped.
        world.run_for(30 * SECOND);
        let before = Tally::of(&world, workers);
        world.run_for(10 * SECOND);
        let seen = Tally::of(&world, workers);
        assert!(seen.elsewhere > before.elsewhere, "the counter counts");
        assert!(
            seen.forwarded > before.forwarded + 20_000 && seen.repaired > before.repaired + 100,
            "media flows and is repaired: {seen:?}"
        );
        assert_eq!(
            seen.on_packet_path - before.on_packet_path,
            0,
            "allocations while {} packets were forwarded on {workers} workers",
            seen.forwarded - before.forwarded
        );
    }
}

#[derive(Debug)]
struct Tally {
    on_packet_path: u64,
    elsewhere: u64,
    forwarded: u64,
    repaired: u64,
}

impl Tally {
    fn of(world: &World, workers: usize) -> Self {
        let counters = || (0..workers).map(|worker| world.counters(worker));
        Self {
            on_packet_path: ON_PACKET_PATH.load(Ordering::Relaxed),
            elsewhere: ELSEWHERE.load(Ordering::Relaxed),
            forwarded: counters().map(|counters| counters.sent.all_packets()).sum(),
            repaired: counters()
                .map(|counters| counters.sent.packets(PacketKind::Rtx))
                .sum(),
        }
    }
}

const VIEWERS: usize = 20;
