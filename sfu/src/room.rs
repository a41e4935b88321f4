//! A room decides who sees whom: a sans-IO state machine of the control plane.
//!
//! It knows participants, their peers, tracks and slots, and what each slot shows. Inputs are what
//! participants ask and what engines report; outputs are commands for workers and notifications for
//! participants. It knows no packets, no clock, no thread and no SDP.

mod grants;
mod limits;
mod name;
pub mod notification;
mod refusal;
mod snapshot;
mod subscription;

pub use grants::{Grants, SourceSet, TrackSource};
pub use limits::RoomLimits;
pub use name::{DisplayName, RoomName};
pub use notification::{
    DataRefusal, LeaveReason, Notification, ParticipantView, RoomView, Shown, SlotView, SlotsView,
    TrackView,
};
pub use refusal::Refusal;
pub use snapshot::{ParticipantSnapshot, PeerSnapshot, RoomSnapshot};
pub use subscription::{Subscription, Viewing};
