//! What peers publish: uplinks, tracks, encodings and the feedback that publishers get.
//!
//! It does not know that subscribers exist: the engine's fan-out joins the two. Reception follows
//! RFC 3550, repair RFC 4585 and RFC 4588.

pub(crate) mod cache;
pub(crate) mod encoding;
pub(crate) mod frame;
pub(crate) mod keyframe_requester;
pub(crate) mod layer_rates;
pub(crate) mod layers;
pub(crate) mod nack_generator;
pub(crate) mod packet;
pub(crate) mod picture;
pub(crate) mod picture_group;
pub(crate) mod receiver_statistics;
pub(crate) mod redundancy;
pub(crate) mod remote_rate;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod sender_clock;
pub(crate) mod track;
pub(crate) mod transport_feedback;
pub(crate) mod uplink;
pub(crate) mod upstream;
pub(crate) mod voice;

use slotmap::SlotMap;

use crate::key::TrackKey;
use track::Track;

/// The tracks of an engine.
pub(crate) type Tracks = SlotMap<TrackKey, Track>;
