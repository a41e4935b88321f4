//! The selective forwarding unit (RFC 7667 §3.7): engine, worker, rooms and SDP.
//!
//! [`engine`] is the sans-IO heart of one core; [`worker`] gives it a thread, a socket and a clock;
//! [`room`] decides who sees whom; [`sdp`] turns an offer into an answer. Signaling lives in another
//! crate and knows this one through [`control`]. `ARCHITECTURE.md` has the picture.

#[allow(dead_code)]
pub(crate) mod capture_clock;
pub mod counters;
pub mod demux;
pub mod drop_reason;
pub mod engine;
pub mod id;
pub mod parameters;
// The engine, which uses all of it, is being put together.
#[allow(dead_code)]
pub(crate) mod publish;
#[allow(dead_code)]
pub(crate) mod rate_window;
pub mod room;
pub mod send_batch;
pub mod transport;
pub mod worker;
