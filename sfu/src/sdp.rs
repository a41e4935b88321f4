//! SDP: from a peer's offer to the server's answer and to the parameters of both (RFC 8829, RFC 9143,
//! RFC 8853). The server only ever answers, with one bundled transport, as an ICE-lite agent and as
//! the DTLS server.
//!
//! [`Offer::parse`] reads, [`answer`](fn@answer) decides and writes; both are plain functions of their input and
//! take any text. What cannot be used is refused m-line by m-line ([`Refusal`]), everything else that
//! is wrong is an [`OfferError`]. Nobody outside this module looks at SDP.

mod answer;
mod candidate;
mod codecs;
mod direction;
mod error;
mod extensions;
mod fragment;
mod lines;
mod media;
mod offer;
mod simulcast;
mod sources;
mod transport;

pub use answer::{LocalDescription, Negotiated, RefusedMedia, answer};
pub use candidate::Candidate;
pub use codecs::CodecPolicy;
pub use direction::Direction;
pub use error::{Fault, OfferError, Refusal};
pub use fragment::{FragmentError, RemoteCandidate, TrickleFragment};
pub use media::{Msid, OfferedMedia};
pub use offer::Offer;

#[cfg(test)]
mod tests;
