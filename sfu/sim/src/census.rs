//! Whose code is running: that of the server under test, or that of the world around it.
//!
//! A counting allocator asks, so that a test can tell what a viewer costs the server, and not what a
//! synthetic browser costs the test. Each thread has its own answer.

use std::cell::Cell;

thread_local! {
    static SERVER: Cell<bool> = const { Cell::new(false) };
}

/// Whether what is allocated now is allocated by the server.
pub fn is_server() -> bool {
    SERVER.get()
}

/// Runs code of the server.
pub(crate) fn server<T>(work: impl FnOnce() -> T) -> T {
    let before = SERVER.replace(true);
    let result = work();
    SERVER.set(before);
    result
}
