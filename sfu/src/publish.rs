//! The publishing side of a peer: what arrives, is repaired, remembered and reported on.
//!
//! It does not know that subscribers exist: whoever forwards reads the packets from here and passes
//! wishes for keyframes back. Reception follows RFC 3550, repair RFC 4585 and RFC 4588.

pub(crate) mod cache;
pub(crate) mod keyframe_requester;
pub(crate) mod nack_generator;
pub(crate) mod receiver_statistics;
pub(crate) mod sender_clock;
