//! The packet path. Read this first.
//!
//! ```text
//! recv → demux → decrypt → track → fan-out → rewrite → encrypt → batch send
//! ```
//!
//! The worker receives and sends; the six steps between are called from here, in order. The first four happen
//! when a datagram arrives ([`Engine::receive_rtp`]). The slots decide when the last packet of a burst is there
//! ([`Engine::decide`]); rewriting and encryption come at the end of the turn ([`Engine::write_pending`]), so
//! that all that one subscriber gets in a turn lies together and leaves as few GSO messages. Meanwhile a packet
//! waits as its number in the cache, not as bytes. Of the turn's last burst, who gets nothing else is written for
//! as soon as its slot has decided ([`Engine::decide_and_write`]).

use std::time::Instant;

use arrayvec::ArrayVec;
use sfu_rtp::extension::AbsSendTime;
use sfu_rtp::{RtpHeader, rtx};

use super::deadlines::Deadlines;
use super::peer::Peer;
use super::probing::write_padding;
use super::runs::Runs;
use super::{Engine, Slots, Timer};
use crate::counters::{Counters, PacketKind};
use crate::drop_reason::DropReason;
use crate::key::{PeerKey, TrackKey};
use crate::parameters::MediaKind;
use crate::publish::Tracks;
use crate::publish::track::{Arrival, Received, Refusal, Track};
use crate::send_batch::{MAX_DATAGRAM_BYTES, Path, SendBatch};
use crate::subscribe::downlink::{Downlink, Pending};
use crate::subscribe::rewrite::{self, Departure, Repeating, Writing};

impl Engine {
    /// Takes an SRTP packet as far as the cache, and to the slots that are to decide about it.
    pub(super) fn receive_rtp(&mut self, now: Instant, path: Path, packet: &mut [u8]) {
        if let Err(reason) = self.forward_rtp(now, path, packet) {
            self.counters.drop(reason);
        }
    }

    fn forward_rtp(
        &mut self,
        now: Instant,
        path: Path,
        packet: &mut [u8],
    ) -> Result<(), DropReason> {
        // Demux.
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::RtpMalformed)?;
        let peer_key = self
            .directory
            .at(path.remote)
            .ok_or(DropReason::UnknownAddress)?;
        let peer = self
            .peers
            .get_mut(peer_key)
            .ok_or(DropReason::UnknownAddress)?;

        // Decrypt.
        let srtp = peer.srtp.as_mut().ok_or(DropReason::NoKeys)?;
        let wire_len = packet.len();
        let len = srtp.receive.unprotect_rtp(&header, packet)?;
        let plaintext = packet.get_mut(..len).ok_or(DropReason::RtpMalformed)?;

        // Track.
        let feedback_at = peer.uplink.on_transport_packet(now, &header, plaintext);
        let stream = peer.uplink.stream_of(&header, plaintext);
        let kind = stream.map_or(PacketKind::Unclaimed, |stream| {
            let media = peer.uplink.kind_of(stream);
            media.map_or(PacketKind::Unclaimed, |media| {
                PacketKind::of(media, stream.rtx)
            })
        });
        self.counters.received.add(kind, wire_len);
        let stream = stream?;
        let track_key = peer
            .uplink
            .track_of(stream)
            .ok_or(DropReason::NotPublished)?;
        if let Some(at) = feedback_at {
            self.deadlines
                .advance(Timer::Peer(peer_key), &mut peer.due, at);
        }
        let track = self
            .tracks
            .get_mut(track_key)
            .ok_or(DropReason::NotPublished)?;
        let received = if stream.rtx {
            let original = track.encodings().get(usize::from(stream.encoding));
            let ssrc = original.and_then(|encoding| encoding.ssrc());
            let payload_type = peer
                .uplink
                .original_payload_type(stream, header.payload_type())
                .ok_or(DropReason::UnknownPayloadType)?;
            let header = rtx::restore(
                plaintext,
                &header,
                ssrc.ok_or(DropReason::UnknownSsrc)?,
                payload_type,
            )
            .ok_or(DropReason::PaddingOnly)?;
            Received {
                header,
                plaintext: plaintext
                    .get(rtx::ORIGINAL_SEQUENCE_LEN..)
                    .unwrap_or_default(),
                retransmitted: true,
                extension_ids: peer.uplink.extensions(),
            }
        } else {
            Received {
                header,
                plaintext,
                retransmitted: false,
                extension_ids: peer.uplink.extensions(),
            }
        };
        let accepted = track.accept(now, usize::from(stream.encoding), &received);
        self.held.cached_bytes += track.take_growth();
        let has_recovered = track.has_recovered();
        self.schedule_track(track_key);
        match accepted {
            Ok(arrival) => {
                self.note_arrival(now, track_key, arrival);
                self.fan_out(now, track_key, arrival);
                if has_recovered {
                    // After it, because a slot that begins with it takes nothing from before.
                    self.fan_out_recovered(now, track_key, arrival);
                }
                Ok(())
            }
            Err(Refusal::Padding { encoding, sequence }) => {
                self.fan_out_skip(track_key, encoding, sequence);
                Err(DropReason::PaddingOnly)
            }
            Err(Refusal::Drop(reason)) => Err(reason),
        }
    }

    /// Hands on the frames that a packet has brought back. Rare, and apart: taking the list of them by value for
    /// each packet would wait until the packet's copy has reached the cache's cold memory.
    #[cold]
    fn fan_out_recovered(&mut self, now: Instant, track_key: TrackKey, with: Arrival) {
        let track = self.tracks.get_mut(track_key);
        let recovered = track.map(Track::take_recovered).unwrap_or_default();
        self.counters.audio_recovered += recovered.len() as u64;
        for sequence in recovered {
            let encoding = with.encoding;
            self.fan_out(now, track_key, Arrival { encoding, sequence });
        }
    }

    /// Writes and encrypts what the slots have decided. `true`: the batch is full, there is more.
    pub(super) fn write_pending(&mut self, batch: &mut SendBatch) -> bool {
        let leaving = self.leaving();
        while let Some(&peer_key) = self.touched.last() {
            self.prefetch_touched();
            if let Some(peer) = self.peers.get_mut(peer_key) {
                let mut outlet = Outlet {
                    leaving,
                    slots: &mut self.slots,
                    tracks: &self.tracks,
                    counters: &mut self.counters,
                    runs: &mut self.runs,
                    deadlines: &mut self.deadlines,
                };
                if outlet.write_for(peer_key, peer, batch) == Written::NotAll {
                    return true;
                }
                peer.touched = false;
            }
            self.touched.pop();
        }
        false
    }

    /// When packets leave that are written now.
    #[inline]
    pub(super) fn leaving(&self) -> Leaving {
        Leaving {
            now: self.now,
            time: AbsSendTime::from_ntp(self.config.clock.ntp(self.now)),
        }
    }

    /// Has the processor fetch the peers that are written for next: first the peer, then what it points to.
    #[inline]
    fn prefetch_touched(&self) {
        let mut next = self.touched.iter().rev().skip(1);
        if let Some(peer) = next.next().and_then(|&key| self.peers.get(key)) {
            peer.prefetch_sending();
            if let Some(slot) = peer
                .downlink
                .next()
                .and_then(|next| self.slots.get(next.slot))
            {
                slot.prefetch();
            }
        }
        if let Some(peer) = next.next().and_then(|&key| self.peers.get(key)) {
            peer.prefetch();
        }
    }
}

/// What writing needs of an engine beside the peer and the batch.
pub(super) struct Outlet<'a> {
    pub(super) leaving: Leaving,
    pub(super) slots: &'a mut Slots,
    pub(super) tracks: &'a Tracks,
    pub(super) counters: &'a mut Counters,
    pub(super) runs: &'a mut Runs,
    pub(super) deadlines: &'a mut Deadlines<Timer>,
}

/// How much of what a peer is to get in a turn was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Written {
    All,
    /// The batch is full; the rest waits for the next.
    NotAll,
}

impl Outlet<'_> {
    /// Writes and encrypts all that one peer is to get in this turn.
    #[inline]
    pub(super) fn write_for(
        &mut self,
        peer_key: PeerKey,
        peer: &mut Peer,
        batch: &mut SendBatch,
    ) -> Written {
        let now = self.leaving.now;
        let slots = &*self.slots;
        let is_sound = |key| {
            let slot = slots.get(key);
            slot.is_some_and(|slot| slot.kind == MediaKind::Audio)
        };
        let late = peer.downlink.pace(now, is_sound);
        self.counters.drop_many(DropReason::Overdue, late as u64);
        if batch.takes_runs() {
            self.runs.arrange(peer.downlink.unwritten());
        }
        while let Some(pending) = peer.downlink.next().copied() {
            match write_packet(self.leaving, peer, self.slots, self.tracks, &pending, batch) {
                Ok(written) => {
                    self.counters.sent.add(written.kind, written.len);
                    self.counters.padding_sent_bytes += written.padding as u64;
                }
                Err(Unwritten::BatchFull) => return Written::NotAll,
                Err(Unwritten::Dropped(reason)) => self.counters.drop(reason),
            }
            peer.downlink.advance();
        }
        while peer.downlink.padding(now) > 0 {
            match write_padding(self.leaving, peer, self.slots, batch) {
                Ok(len) => self.counters.sent.add(PacketKind::Probe, len),
                Err(Unwritten::BatchFull) => return Written::NotAll,
                Err(Unwritten::Dropped(_)) => break,
            }
        }
        if let Some(at) = peer.downlink.next_deadline() {
            let timer = Timer::Peer(peer_key);
            self.deadlines.advance(timer, &mut peer.due, at);
        }
        peer.downlink.end_turn();
        Written::All
    }
}

/// When packets leave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) now: Instant,
    time: AbsSendTime,
}

impl Leaving {
    /// What the next packet to a peer says of it.
    #[inline]
    pub(super) fn departure(self, downlink: &Downlink) -> Departure {
        Departure {
            number: downlink.next_number(),
            time: self.time,
        }
    }
}

/// Why a packet was not written.
pub(super) enum Unwritten {
    /// There is no room in this batch; try again with the next.
    BatchFull,
    Dropped(DropReason),
}

impl From<DropReason> for Unwritten {
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

/// What was written.
struct WrittenPacket {
    kind: PacketKind,
    /// On the wire.
    len: usize,
    /// How much of that is padding.
    padding: usize,
}

/// Rewrites and encrypts one packet, straight into the batch.
#[inline]
fn write_packet(
    leaving: Leaving,
    peer: &mut Peer,
    slots: &mut Slots,
    tracks: &Tracks,
    pending: &Pending,
    batch: &mut SendBatch,
) -> Result<WrittenPacket, Unwritten> {
    let sent = &pending.sent;
    let track = tracks.get(sent.track).ok_or(DropReason::NoLongerCached)?;
    let encoding = usize::from(sent.encoding);
    let packet = track
        .packet(encoding, sent.source)
        .ok_or(DropReason::NoLongerCached)?;
    let slot = slots
        .get_mut(pending.slot)
        .ok_or(DropReason::NotConnected)?;
    let path = peer.ice.selected().ok_or(DropReason::NotConnected)?;
    let srtp = peer.srtp.as_ref().ok_or(DropReason::NotConnected)?;

    // Rewrite.
    let overhead = srtp.send.rtp_overhead();
    // Earlier frames included.
    let longer = usize::from(pending.payload_len).saturating_sub(packet.payload().len());
    let room = rewrite::upper_bound(&packet) + longer + overhead;
    if room > MAX_DATAGRAM_BYTES {
        return Err(DropReason::TooLarge.into());
    }
    let run = match pending.pad_to {
        0 => None,
        _ => batch.open_run(path),
    };
    let padded = (room + rewrite::MAX_PADDING).min(MAX_DATAGRAM_BYTES);
    let space = batch.space(padded).ok_or(Unwritten::BatchFull)?;
    let types = slot
        .payload_types(packet.meta.codec_index)
        .ok_or(DropReason::CodecNotNegotiated)?;
    let numbered = slot.takes_numbers();
    let (outgoing, payload_type, rtx_sequence) = if pending.again {
        let payload_type = types.rtx.ok_or(DropReason::CodecNotNegotiated)?;
        let sequence = slot.next_rtx_sequence();
        let rtx = slot.rtx.as_mut().ok_or(DropReason::CodecNotNegotiated)?;
        (rtx, payload_type, Some(sequence))
    } else {
        (&mut slot.media, types.media, None)
    };
    let repeated = pending.repeated;
    let blocks = match types.red {
        Some(_) => repeated.blocks((track, encoding), packet.meta, types.media),
        None => ArrayVec::new(),
    };
    let red = types.red.filter(|_| !blocks.is_empty());
    let writing = Writing {
        extensions: &slot.extensions,
        mid: (pending.again || !slot.mid_acknowledged).then_some(slot.mid),
        ssrc: outgoing.ssrc,
        payload_type: red.unwrap_or(payload_type),
        redundancy: red.map(|_| Repeating {
            blocks: &blocks,
            primary: types.media,
        }),
        numbers: sent.numbers,
        rtx_sequence,
        departure: leaving.departure(&peer.downlink),
    };
    slot.last_timestamp = sent.numbers.timestamp;
    let written = match sent.vacant {
        false => rewrite::write(&packet, &writing, space),
        true => rewrite::write_vacant(&writing, space),
    };
    let written = written.map_err(|_| DropReason::TooLarge)?;

    // Pad, to the size of the run that it is to belong to, or to begin.
    let mut padding = 0;
    if pending.pad_to > 0 {
        let run = run.map_or(0, |size| size.saturating_sub(overhead));
        let begun = written.len + usize::from(pending.pad_to.saturating_sub(pending.payload_len));
        let wanted = if run >= written.len { run } else { begun };
        let room = space.len() - overhead;
        padding = rewrite::pad(written, wanted - written.len, &mut space[..room]);
    } else if sent.vacant && !pending.again {
        // Receivers know packets of padding; few have ever seen one with nothing at all.
        padding = rewrite::pad(written, 1, space);
    }

    // Encrypt.
    let len = srtp
        .send
        .protect_rtp(
            &mut outgoing.stream,
            written.header_len,
            written.len + padding,
            space,
        )
        .map_err(DropReason::from)?;
    if !pending.again {
        slot.statistics.on_sent(written.len - written.header_len);
        peer.downlink.budget.on_sent(len);
    }
    if numbered {
        peer.downlink.on_sent(leaving.now, len);
    }

    // Batch.
    batch.commit(path, len);
    Ok(WrittenPacket {
        kind: PacketKind::of(slot.kind, pending.again),
        len,
        padding,
    })
}
