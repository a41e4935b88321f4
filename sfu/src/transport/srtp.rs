//! SRTP and SRTCP of one peer: protect and unprotect packets in the caller's buffer (RFC 3711, RFC 7714).
//!
//! A [`ReceiveContext`] holds what is known of every stream the peer sends; a [`SendContext`] holds keys only, and the
//! state of an outgoing stream is a [`SendStream`] that its slot owns. Nothing is allocated per packet and no key is
//! expanded twice. Where the keys come from is DTLS's business; what the packets mean is the engine's.

mod cipher;
mod keys;
mod receive;
mod send;
mod ssrc_table;
mod window;

use thiserror::Error;

use crate::drop_reason::DropReason;

pub use keys::{MasterKey, SrtpKeys, SrtpProtection};
pub use receive::ReceiveContext;
pub use send::{SendContext, SendStream};

/// Why a packet was not protected or unprotected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SrtpError {
    /// The tag is wrong or missing, or the SRTCP packet is not encrypted.
    #[error("the peer sent a packet that does not authenticate")]
    Unauthenticated,
    /// The packet's index was seen before, or is too old to tell (RFC 3711 §3.3.2). Of an outgoing packet: its index
    /// was used before, or is too old to tell; using one twice would give the key away (RFC 7714 §8.4).
    #[error("the packet repeats an SRTP index, or is too old to tell")]
    Replayed,
    /// The packet is authentic, but the peer already uses as many SSRCs as it may.
    #[error("the peer uses more SSRCs than it may")]
    TooManySsrcs,
    /// The buffer has no room for what protection adds.
    #[error("we have no room to protect a packet of {packet} bytes in a buffer of {buffer}")]
    NoRoom {
        /// Length of the plaintext packet.
        packet: usize,
        /// Length of the buffer.
        buffer: usize,
    },
    /// The key has protected as many packets as it may: 2^48 of a stream, or 2^31 of SRTCP (RFC 3711 §9.2).
    #[error("we have used the SRTP key for as many packets as is safe")]
    KeyExhausted,
}

impl From<SrtpError> for DropReason {
    fn from(error: SrtpError) -> Self {
        match error {
            SrtpError::Unauthenticated => Self::SrtpUnauthenticated,
            SrtpError::Replayed => Self::SrtpReplayed,
            SrtpError::TooManySsrcs => Self::TooManySsrcs,
            SrtpError::NoRoom { .. } => Self::TooLarge,
            SrtpError::KeyExhausted => Self::NoKeys,
        }
    }
}

/// An RTCP packet's first eight bytes stay readable: version, type, length and sender (RFC 3711 §3.4).
const RTCP_HEADER_LEN: usize = 8;

/// The E flag and the 31-bit index that follow an SRTCP packet.
const SRTCP_INDEX_LEN: usize = 4;

/// The E flag: this SRTCP packet is encrypted.
const SRTCP_ENCRYPTED: u32 = 1 << 31;

#[cfg(test)]
mod tests;
