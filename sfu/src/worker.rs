//! The shell around an [`Engine`](crate::engine::Engine): a thread, sockets and a clock.
//!
//! This is the only place of the library with any of the three. A worker waits for datagrams,
//! commands, packets of other workers and the engine's next deadline, hands them in, and carries out
//! what comes out. What any of it means is the engine's business.

pub mod socket;
