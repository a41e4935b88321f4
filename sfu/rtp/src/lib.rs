//! RTP as bytes: headers, sequence and time arithmetic, header extensions and what a forwarder may
//! know of a payload.
//!
//! Everything here is a plain function of its input. Nothing does I/O, reads a clock or remembers a
//! session, and no parser panics, whatever bytes it is given. Nothing allocates either: without
//! `std` and `alloc` it could not.

#![cfg_attr(not(test), no_std)]

pub mod codec;
pub mod dependency_descriptor;
pub mod extension;
pub mod header;
pub mod id;
pub mod red;
pub mod rtcp;
pub mod rtx;
pub mod seq;

pub use codec::{PayloadFormat, PayloadInfo};
pub use dependency_descriptor::{DependencyDescriptor, DependencyStructure, Layer};
pub use extension::{ExtensionKind, ExtensionMap, ExtensionMapError};
pub use header::{ExtensionElement, HeaderWriter, RtpError, RtpHeader, looks_like_rtcp};
pub use id::{Bitrate, Mid, PayloadType, Rid, Ssrc};
pub use seq::{ClockRate, CompactNtp, NtpTime, RtpTime, SeqNo, SeqUnwrapper};
