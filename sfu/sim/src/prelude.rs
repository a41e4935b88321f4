//! What a scenario needs.

pub use std::time::Duration;

pub use sfu::demand::Display;
pub use sfu::drop_reason::DropReason;
pub use sfu::engine::event::CloseReason;
pub use sfu::parameters::Codec;
pub use sfu::room::{LeaveReason, Notification, TrackSource};

pub use crate::client::dialect::Dialect;
pub use crate::network::Link;
pub use crate::oracle::{ShownFrame, Watch};
pub use crate::person::Person;
pub use crate::world::{Departed, PersonId, World};

/// A millisecond.
pub const MS: Duration = Duration::from_millis(1);

/// A second.
pub const SECOND: Duration = Duration::from_secs(1);

/// When the world begins.
pub const START: Duration = Duration::ZERO;
