//! The selective forwarding unit (RFC 7667 §3.7): engine, worker, rooms and SDP.
//!
//! [`engine`] is the sans-IO heart of one core; [`worker`] gives it a thread, a socket and a clock;
//! [`room`] decides who sees whom; [`sdp`] turns an offer into an answer. Signaling lives in another
//! crate and knows this one through [`control`]. `ARCHITECTURE.md` has the picture.

pub(crate) mod capture_clock;
pub(crate) mod congestion;
pub mod control;
pub mod counters;
pub mod demand;
pub mod demux;
pub mod drop_reason;
pub mod engine;
pub mod id;
mod key;
pub mod parameters;
pub(crate) mod publish;
pub(crate) mod rate_window;
pub mod room;
pub mod sdp;
pub mod send_batch;
pub(crate) mod subscribe;
pub mod transport;
pub mod worker;
