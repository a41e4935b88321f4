//! What subscribers get: slots, their forwarders, and the writing of outgoing packets.
//!
//! It does not know rooms, nor how a track came to be; it reads cached packets and decides.

pub(crate) mod allocator;
pub(crate) mod bwe;
pub(crate) mod downlink;
pub(crate) mod forwarder;
pub(crate) mod history;
pub(crate) mod numbering;
pub(crate) mod pacer;
pub(crate) mod picture_ids;
pub(crate) mod redundancy;
pub(crate) mod retransmit;
pub(crate) mod rewrite;
pub(crate) mod selector;
pub(crate) mod sender_statistics;
pub(crate) mod share;
pub(crate) mod slot;
pub(crate) mod translator;
