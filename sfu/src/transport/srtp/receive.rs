//! What a peer protects: authenticated, decrypted in place, and taken once.

use std::fmt;

use sfu_rtp::{RtpHeader, Ssrc};

use super::cipher::{PacketCipher, PacketId};
use super::keys::SrtpKeys;
use super::ssrc_table::SsrcTable;
use super::window::IndexWindow;
use super::{SRTCP_ENCRYPTED, SrtpError};

/// The receiving side of one peer's SRTP.
pub struct ReceiveContext {
    rtp: PacketCipher,
    rtcp: PacketCipher,
    rtp_streams: SsrcTable<RtpWindow, MAX_RTP_SSRCS>,
    rtcp_streams: SsrcTable<RtcpWindow, MAX_RTCP_SSRCS>,
}

impl ReceiveContext {
    /// One that has received nothing.
    pub fn new(keys: &SrtpKeys) -> Self {
        Self {
            rtp: PacketCipher::for_rtp(keys.protection, &keys.remote),
            rtcp: PacketCipher::for_rtcp(keys.protection, &keys.remote),
            rtp_streams: SsrcTable::new(),
            rtcp_streams: SsrcTable::new(),
        }
    }

    /// Decrypts an RTP packet in place and returns the length of the plaintext packet, header included.
    ///
    /// `header` was parsed from `packet`. After an error the bytes of `packet` behind its header are undefined.
    ///
    /// # Errors
    /// [`SrtpError::Unauthenticated`], [`SrtpError::Replayed`], or [`SrtpError::TooManySsrcs`] for the first packet of
    /// the 65th stream. A packet that fails changes no state.
    #[inline]
    pub fn unprotect_rtp(
        &mut self,
        header: &RtpHeader,
        packet: &mut [u8],
    ) -> Result<usize, SrtpError> {
        let ssrc = header.ssrc();
        let stream = self.rtp_streams.get_mut(ssrc);
        let index = match &stream {
            Some(window) => window.estimate(header.sequence()),
            None => RtpWindow::new().estimate(header.sequence()),
        };
        if stream.as_ref().is_some_and(|window| !window.is_new(index)) {
            return Err(SrtpError::Replayed);
        }
        let id = PacketId { ssrc, index };
        let len = self
            .rtp
            .open_rtp(id, header.header_len(), packet)
            .ok_or(SrtpError::Unauthenticated)?;
        match stream {
            Some(window) => window.mark(index),
            None => {
                let mut window = RtpWindow::new();
                window.mark(index);
                self.rtp_streams
                    .insert(ssrc, window)
                    .ok_or(SrtpError::TooManySsrcs)?;
            }
        }
        Ok(len)
    }

    /// Decrypts a compound RTCP packet in place and returns the length of the plaintext.
    ///
    /// # Errors
    /// [`SrtpError::Unauthenticated`], also if the packet is not encrypted; [`SrtpError::Replayed`]; or
    /// [`SrtpError::TooManySsrcs`] for the first packet of the 257th sender. A packet that fails changes no state.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = rtcp_sender(packet).ok_or(SrtpError::Unauthenticated)?;
        let index = self
            .rtcp
            .rtcp_index(packet)
            .filter(|index| index & SRTCP_ENCRYPTED != 0)
            .ok_or(SrtpError::Unauthenticated)?;
        let index = u64::from(index & !SRTCP_ENCRYPTED);

        let stream = self.rtcp_streams.get_mut(ssrc);
        if stream.as_ref().is_some_and(|window| !window.is_new(index)) {
            return Err(SrtpError::Replayed);
        }
        let len = self
            .rtcp
            .open_rtcp(PacketId { ssrc, index }, packet)
            .ok_or(SrtpError::Unauthenticated)?;
        match stream {
            Some(window) => window.mark(index),
            None => {
                let mut window = RtcpWindow::new();
                window.mark(index);
                self.rtcp_streams
                    .insert(ssrc, window)
                    .ok_or(SrtpError::TooManySsrcs)?;
            }
        }
        Ok(len)
    }

    /// Forgets a stream that is over, so that a peer which adds and removes media for hours does not run out of SSRCs.
    /// Its packets could then be replayed: to nobody, since no media belongs to it any more.
    pub fn forget(&mut self, ssrc: Ssrc) {
        self.rtp_streams.remove(ssrc);
        self.rtcp_streams.remove(ssrc);
    }

    #[cfg(test)]
    pub(super) fn known_ssrcs(&self) -> (usize, usize) {
        (self.rtp_streams.len(), self.rtcp_streams.len())
    }
}

impl fmt::Debug for ReceiveContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveContext")
            .field("rtp_streams", &self.rtp_streams)
            .field("rtcp_streams", &self.rtcp_streams)
            .finish_non_exhaustive()
    }
}

/// The SSRC of the sender of a compound RTCP packet, which stands in its first eight bytes.
pub(super) fn rtcp_sender(packet: &[u8]) -> Option<Ssrc> {
    match *packet.first_chunk()? {
        [_, _, _, _, a, b, c, d] => Some(Ssrc::new(u32::from_be_bytes([a, b, c, d]))),
    }
}

/// 1,024 packets: two seconds of a 4 Mbit/s stream, so that a packet which arrives within any useful time is not taken
/// for a replay. Retransmissions have indices of their own (RFC 4588).
type RtpWindow = IndexWindow<17>;

/// 128 packets: RTCP has a few per second and is rarely reordered.
type RtcpWindow = IndexWindow<3>;

/// A camera and a screen of four encodings each with RTX are 16 streams; 64 leaves room for ones that were replaced.
const MAX_RTP_SSRCS: usize = 64;

/// Firefox reports from an SSRC of its own for every m-line on which it receives, so slots count here.
const MAX_RTCP_SSRCS: usize = 256;
