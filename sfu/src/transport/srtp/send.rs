//! What we protect: encrypted in place, each index once.

use std::fmt;
use std::hint::black_box;

use sfu_rtp::{RtpHeader, Ssrc};

use super::cipher::{PacketCipher, PacketId};
use super::keys::{SrtpKeys, SrtpProtection};
use super::receive::rtcp_sender;
use super::window::IndexWindow;
use super::{SRTCP_ENCRYPTED, SrtpError};

/// The sending side of one peer's SRTP.
pub struct SendContext {
    protection: SrtpProtection,
    rtp: PacketCipher,
    rtcp: PacketCipher,
    /// One count for all senders: each then sees rising indices (RFC 3711 §3.4).
    next_rtcp_index: u32,
}

impl SendContext {
    /// One that has sent nothing.
    pub fn new(keys: &SrtpKeys) -> Self {
        Self {
            protection: keys.protection,
            rtp: PacketCipher::for_rtp(keys.protection, &keys.local),
            rtcp: PacketCipher::for_rtcp(keys.protection, &keys.local),
            next_rtcp_index: 0,
        }
    }

    /// Has the processor fetch what [`protect_rtp`](Self::protect_rtp) begins with.
    #[inline]
    pub(crate) fn prefetch(&self) {
        black_box(self.protection);
        self.rtp.prefetch();
    }

    /// Bytes that [`protect_rtp`](Self::protect_rtp) adds to a packet.
    #[inline]
    pub const fn rtp_overhead(&self) -> usize {
        self.protection.rtp_overhead()
    }

    /// Bytes that [`protect_rtcp`](Self::protect_rtcp) adds to a packet.
    pub const fn rtcp_overhead(&self) -> usize {
        self.protection.rtcp_overhead()
    }

    /// Encrypts the RTP packet in the first `len` bytes of `buffer`, `header_len` of which are its header, and returns
    /// the length of the protected packet. `stream` is the state of the packet's SSRC.
    ///
    /// # Errors
    /// [`SrtpError::NoRoom`] if `buffer` is shorter than `len` and the overhead, or `len` than a header.
    /// [`SrtpError::Replayed`] if this sequence number was sent before or is more than 511 below the highest: a packet
    /// that is sent again must travel as RTX, under a number of its own. [`SrtpError::KeyExhausted`] after 2^48 numbers.
    #[inline]
    pub fn protect_rtp(
        &self,
        stream: &mut SendStream,
        header_len: usize,
        len: usize,
        buffer: &mut [u8],
    ) -> Result<usize, SrtpError> {
        let no_room = SrtpError::NoRoom {
            packet: len,
            buffer: buffer.len(),
        };
        let &[_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = buffer
            .first_chunk::<{ RtpHeader::FIXED_LEN }>()
            .ok_or(no_room)?;
        let ssrc = Ssrc::new(u32::from_be_bytes([c0, c1, c2, c3]));
        let index = stream.window.estimate(u16::from_be_bytes([s0, s1]));
        if index > MAX_RTP_INDEX {
            return Err(SrtpError::KeyExhausted);
        }
        if !stream.window.is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let protected = self
            .rtp
            .seal_rtp(PacketId { ssrc, index }, header_len, len, buffer)
            .ok_or(no_room)?;
        stream.window.mark(index);
        Ok(protected)
    }

    /// Encrypts the compound RTCP packet in the first `len` bytes of `buffer` and returns the length of the protected
    /// packet.
    ///
    /// # Errors
    /// [`SrtpError::NoRoom`] if `buffer` is shorter than `len` and the overhead, or `len` than a header.
    /// [`SrtpError::KeyExhausted`] after 2^31 packets.
    pub fn protect_rtcp(&mut self, len: usize, buffer: &mut [u8]) -> Result<usize, SrtpError> {
        let no_room = SrtpError::NoRoom {
            packet: len,
            buffer: buffer.len(),
        };
        let ssrc = rtcp_sender(buffer).ok_or(no_room)?;
        if self.next_rtcp_index >= SRTCP_ENCRYPTED {
            return Err(SrtpError::KeyExhausted);
        }
        let id = PacketId {
            ssrc,
            index: u64::from(self.next_rtcp_index),
        };
        let protected = self.rtcp.seal_rtcp(id, len, buffer).ok_or(no_room)?;
        self.next_rtcp_index += 1;
        Ok(protected)
    }
}

impl fmt::Debug for SendContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SendContext({})", self.protection.name())
    }
}

/// Which indices of one outgoing stream were used.
///
/// There must be one for each SSRC for as long as the [`SendContext`] lives. Another for the same SSRC would begin the
/// count anew and encrypt two packets alike, which gives AES-GCM's authentication key away (RFC 7714 §8.4).
///
/// A stream's first sequence number should be below 2^15: if the first packets are lost over a wrap, the receiver
/// cannot know that the number has wrapped.
#[derive(Clone, Debug)]
pub struct SendStream {
    window: SendWindow,
}

impl SendStream {
    /// A stream of which nothing was sent.
    pub const fn new() -> Self {
        Self {
            window: SendWindow::new(),
        }
    }

    /// Has the processor fetch it.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.window.prefetch();
    }
}

impl Default for SendStream {
    fn default() -> Self {
        Self::new()
    }
}

/// 512 packets: what a slot fills in late was lost on the publisher's way and came within a round trip or two, and
/// there is one of these for every slot.
type SendWindow = IndexWindow<9>;

/// Rollover count and sequence number have 48 bits.
const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> SendContext {
        let keys = SrtpKeys::from_exported(SrtpProtection::AeadAes128Gcm, &[3; 56]).unwrap();
        SendContext::new(&keys)
    }

    #[test]
    fn a_key_protects_2_31_rtcp_packets_and_no_more() {
        let mut context = context();
        context.next_rtcp_index = SRTCP_ENCRYPTED - 1;
        let mut buffer = [0x80; 64];
        assert_eq!(context.protect_rtcp(20, &mut buffer), Ok(40));
        assert_eq!(buffer[36..40], [0xff; 4], "the last index, with the E flag");
        assert_eq!(
            context.protect_rtcp(20, &mut buffer),
            Err(SrtpError::KeyExhausted)
        );
    }

    #[test]
    fn a_key_protects_2_48_packets_of_a_stream_and_no_more() {
        let mut stream = SendStream::new();
        stream.window.mark(MAX_RTP_INDEX - 1);
        let mut send = |sequence: u16| {
            let mut buffer = [0x80; 64];
            buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
            context().protect_rtp(&mut stream, 12, 20, &mut buffer)
        };
        assert_eq!(send(0xffff), Ok(36));
        assert_eq!(send(0), Err(SrtpError::KeyExhausted));
    }
}
