//! What a viewer costs the server: engine, room and what was negotiated, without signaling and sockets.
//! A counting allocator tells the server's blocks from those of the world around it.
//!
//! It is the only test of its binary, because the allocator is global.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

use sfu_sim::census;
use sfu_sim::prelude::*;

/// Notes in front of each block whose it is.
struct Census;

/// The bytes that the server has now.
static SERVER_BYTES: AtomicI64 = AtomicI64::new(0);

const OURS: u8 = 1;

/// A block begins behind its note, as aligned as it is to be.
fn place(layout: Layout) -> (Layout, usize) {
    let note = layout.align().max(16);
    let with_note = Layout::from_size_align(layout.size() + note, note);
    (
        with_note.expect("blocks are far smaller than half of all memory"),
        note,
    )
}

// SAFETY: blocks are the system's, of the same alignment or more, from `note` bytes behind their
// beginning; the byte in front belongs to the block and to nobody else.
unsafe impl GlobalAlloc for Census {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (with_note, note) = place(layout);
        // SAFETY: the layout is not empty, because it has room for the note.
        let block = unsafe { System.alloc(with_note) };
        if block.is_null() {
            return block;
        }
        let ours = census::is_server();
        if ours {
            SERVER_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        }
        // SAFETY: the block is `note` bytes longer than was asked for.
        unsafe {
            block.add(note - 1).write(u8::from(ours) * OURS);
            block.add(note)
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let (with_note, note) = place(layout);
        // SAFETY: `alloc` gave this block and wrote the note in front of it.
        unsafe {
            if block.sub(1).read() == OURS {
                SERVER_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
            }
            System.dealloc(block.sub(note), with_note);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Census = Census;

fn server_bytes() -> i64 {
    SERVER_BYTES.load(Ordering::Relaxed)
}

#[test]
fn a_viewer_costs_little_and_leaves_nothing_behind() {
    // What there is to see, and how much a viewer with four slots of each kind may cost, in bytes. Tables
    // grow by doubling, which is a third of it at the worst.
    let cases = [
        ("nothing", Person::nobody().slots(1), 33_000),
        ("a camera that is switched off", still(), 33_000),
        ("a microphone", Person::nobody().microphone(), 40_000),
        (
            "a camera of 300 kbit/s",
            Person::nobody().camera(300_000),
            42_000,
        ),
        (
            "a camera of 3 Mbit/s",
            Person::nobody().camera(3_000_000),
            72_000,
        ),
    ];
    for (what, publisher, allowed) in cases {
        let mut world = World::new(1);
        // One that goes on sending when nobody watches, so that its cache stays as it is.
        world.join(publisher.heedless());
        // The publisher's cache is as large as it gets.
        world.run_for(40 * SECOND);
        let mut cost = Vec::new();
        let mut left_behind = Vec::new();
        for _ in 0..2 {
            let before = server_bytes();
            let viewers: Vec<_> = (0..VIEWERS).map(|_| world.join(Person::viewer())).collect();
            world.run_for(4 * SECOND);
            cost.push((server_bytes() - before) / VIEWERS);
            for viewer in viewers {
                world.leave(viewer);
            }
            world.run_for(2 * SECOND);
            left_behind.push((server_bytes() - before) / VIEWERS);
        }
        println!("{what}: {cost:?} bytes per viewer, {left_behind:?} left behind");
        assert!(
            (MEASURABLE..=allowed).contains(&cost[0]),
            "{what} costs {cost:?} bytes per viewer, {allowed} allowed"
        );
        // The first hundred have left tables that are large enough for as many; nothing is added.
        assert!(
            left_behind[1] < 500,
            "{what} leaves {left_behind:?} bytes per viewer behind"
        );
        world.finish();
    }
}

/// Somebody whose camera is switched off.
fn still() -> Person {
    let mut person = Person::nobody().camera(300_000);
    for source in &mut person.sources {
        source.muted = true;
    }
    person
}

const VIEWERS: i64 = 100;

/// Less would mean that the server's blocks were not counted.
const MEASURABLE: i64 = 4_000;
