//! Receiving and sending allocate nothing once warm: a counting allocator watches.
//!
//! It is the only test of its binary, because the allocator is global; it counts by thread, because
//! the test harness has threads of its own.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sfu::send_batch::{Path, SendBatch};
use sfu::worker::socket::{Offload, Receiver, SendTally, Sender, SocketOptions, SocketSet};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator unchanged; the counter is a plain integer
// of the thread that needs neither allocation nor destruction.
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

fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn receiving_and_sending_allocate_nothing_once_warm() {
    let seen = allocations_in(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(seen, 1, "the counter counts");

    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for offload in [Offload::Automatic, Offload::Off] {
        let options = SocketOptions {
            offload,
            ..SocketOptions::default()
        };
        let mut sockets = SocketSet::bind(&[loopback], 0, options).expect("a socket on loopback");
        let remote = SocketAddr::new(loopback, sockets.port());
        let path = Path {
            remote,
            local: Some(loopback),
        };
        // Nobody may broadcast unless they ask: the kernel refuses these, and nothing leaves.
        let refusing = Path {
            remote: ([255, 255, 255, 255], 9).into(),
            local: None,
        };
        let mut sender = Sender::new(&sockets);
        let mut receiver = Receiver::new();
        let mut batch = SendBatch::new(64, 64);
        let mut tally = SendTally::default();
        let mut bytes = 0;
        let mut round = || {
            for size in [1200, 1200, 1200, 1200, 300, 124, 124, 1000] {
                assert!(batch.push(path, &[0; 1200][..size]), "room in the batch");
            }
            assert!(batch.push(refusing, &[0; 100]) && batch.push(refusing, &[0; 100]));
            let refused = sender.send(&sockets, &batch, &mut tally);
            assert_eq!((refused.full, refused.failed), (0, 2));
            batch.clear();
            for socket in sockets.as_mut_slice() {
                let received = receiver.receive(socket, |_, datagram| bytes += datagram.len());
                assert_eq!(received.expect("receiving on loopback").datagrams, 8);
            }
        };
        round();
        let seen = allocations_in(|| (0..100).for_each(|_| round()));
        assert_eq!(
            seen, 0,
            "allocations in 100 rounds of ten datagrams, offload {offload:?}"
        );
        assert_eq!(bytes, 101 * 6348);
    }
}
