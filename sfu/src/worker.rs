//! The shell around an [`Engine`](crate::engine::Engine): a thread, sockets and a clock.
//!
//! This is the only place of the library with any of the three. A worker waits for datagrams,
//! commands, packets of other workers and the engine's next deadline, hands them in, and carries out
//! what comes out; `turn` has the loop. What any of it means is the engine's business.

mod addresses;
mod doorbell;
mod mailbox;
mod pipe;
mod report;
pub mod socket;
mod spawn;
mod statistics;
mod turn;
mod wait;

pub use addresses::candidate_addresses;
pub use mailbox::{MAILBOX_COMMANDS, Mailbox, MailboxError};
pub use report::{EndCause, Report};
pub use spawn::{SpawnConfig, StartError, WorkerHandle, Workers, spawn_workers};
pub use statistics::{Histogram, ReceiveTally, WorkerSnapshot, WorkerStatistics};
