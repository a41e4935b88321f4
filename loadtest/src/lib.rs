//! Drives a server with many WebRTC clients over real sockets, and reports what it delivered, how late,
//! and what that cost.
//!
//! [`run`] does what a command line ([`Cli`]) says and gives a [`Report`](report::Report). Inside,
//! `scenario` decides who comes when; `lobby` lets them in, through `signaling`, as lean or full clients
//! (`client`) that send and receive `media`; `server` looks at the process under test; `bare` is the
//! yardstick. It knows the server by its protocols only: of its code, the message types and the parsers
//! of RTP headers are shared, and nothing that protects, forwards or sends.

pub mod cli;
pub mod report;

mod bare;
mod client;
mod clock;
mod histogram;
mod lobby;
mod media;
mod scenario;
mod server;
mod signaling;
mod target;

pub use bare::{BareCost, Sealing};
pub use cli::Cli;
pub use media::{AudioShape, Mix, VideoShape};
pub use scenario::run;
