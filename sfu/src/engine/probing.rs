//! What the estimate of a subscriber's path has the engine do: probes go on, and packets that wait leave.
//!
//! Padding travels on a slot's RTX stream, where nobody misses a number (RFC 4588; libwebrtc sends its own
//! probes there, so that receivers are used to it).

use std::time::Instant;

use super::media_path::{Leaving, Unwritten};
use super::peer::Peer;
use super::{Engine, Slots};
use crate::drop_reason::DropReason;
use crate::key::PeerKey;
use crate::send_batch::{MAX_DATAGRAM_BYTES, SendBatch};
use crate::subscribe::forwarder::Numbers;
use crate::subscribe::rewrite::{self, Writing};

impl Engine {
    /// Looks whether reports of the peer have stopped, and whether a probe is due.
    pub(super) fn watch_path(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.srtp.is_some()
            && let Some(estimator) = &mut peer.downlink.estimator
        {
            estimator.poll(now);
            self.continue_probe(now, key);
        }
    }

    /// Has padding or packets that wait written at the end of the turn, if it is time.
    pub(super) fn continue_probe(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.downlink.has_more(now)
            && !peer.touched
        {
            peer.touched = true;
            self.touched.push(key);
        }
    }
}

/// Writes and encrypts one packet of padding, straight into the batch. Returns its length on the wire.
pub(super) fn write_padding(
    leaving: Leaving,
    peer: &mut Peer,
    slots: &mut Slots,
    batch: &mut SendBatch,
) -> Result<usize, Unwritten> {
    let srtp = peer.srtp.as_ref().ok_or(DropReason::NotConnected)?;
    let path = peer.ice.selected().ok_or(DropReason::NotConnected)?;
    let with_rtx = peer
        .downlink
        .slots()
        .find(|&key| slots.get(key).is_some_and(|slot| slot.rtx.is_some()));
    let slot = with_rtx.and_then(|key| slots.get_mut(key));
    let slot = slot.ok_or(DropReason::CodecNotNegotiated)?;
    let payload_type = slot
        .padding_payload_type()
        .ok_or(DropReason::CodecNotNegotiated)?;
    let room = rewrite::HEADER_ALLOWANCE + usize::from(PADDING) + srtp.send.rtp_overhead();
    debug_assert!(room <= MAX_DATAGRAM_BYTES);
    let space = batch.space(room).ok_or(Unwritten::BatchFull)?;
    let sequence = slot.next_rtx_sequence();
    let rtx = slot.rtx.as_mut().ok_or(DropReason::CodecNotNegotiated)?;
    let writing = Writing {
        extensions: &slot.extensions,
        mid: Some(slot.mid),
        ssrc: rtx.ssrc,
        payload_type,
        redundancy: None,
        numbers: Numbers::plain(sequence, slot.last_timestamp),
        rtx_sequence: Some(sequence),
        departure: leaving.departure(&peer.downlink),
    };
    let written =
        rewrite::write_padding(&writing, PADDING, space).map_err(|_| DropReason::TooLarge)?;
    let len = srtp
        .send
        .protect_rtp(&mut rtx.stream, written.header_len, written.len, space)
        .map_err(DropReason::from)?;
    batch.commit(path, len);
    peer.downlink.on_sent(leaving.now, len);
    Ok(len)
}

/// As much as the count in its last byte can tell. All packets of a probe are of one size and leave as one
/// message.
const PADDING: u8 = u8::MAX;
