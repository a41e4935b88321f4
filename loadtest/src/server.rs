//! What the server under test costs and holds, seen from outside: its process in `/proc`, and its own
//! metrics.

mod metrics;
mod process;

pub(crate) use metrics::{Gauges, read_gauges};
pub(crate) use process::{Process, Usage};
