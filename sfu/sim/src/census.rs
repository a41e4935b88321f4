//! Whose code is running: that of the server under test, or that of the world around it.
//!
//! A counting allocator asks, so that a test can tell what a viewer costs the server, and not what a
//! synthetic browser costs the test. Each thread has its own answer.

use std::cell::Cell;

/// Whose code it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whose {
    World,
    Server,
    /// The server's, and it is on the path of RTP packets.
    PacketPath,
}

thread_local! {
    static WHOSE: Cell<Whose> = const { Cell::new(Whose::World) };
}

/// Whether what is allocated now is allocated by the server.
pub fn is_server() -> bool {
    WHOSE.get() != Whose::World
}

/// Whether it is allocated where nothing should be.
pub fn is_packet_path() -> bool {
    WHOSE.get() == Whose::PacketPath
}

/// Runs code of the server.
pub(crate) fn server<T>(work: impl FnOnce() -> T) -> T {
    run_as(Whose::Server, work)
}

/// Runs code of the server that RTP packets pass.
pub(crate) fn packet_path<T>(work: impl FnOnce() -> T) -> T {
    run_as(Whose::PacketPath, work)
}

fn run_as<T>(whose: Whose, work: impl FnOnce() -> T) -> T {
    let before = WHOSE.replace(whose);
    let result = work();
    WHOSE.set(before);
    result
}
