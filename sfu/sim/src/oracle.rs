//! The viewer oracle: it stands behind a receiver and checks everything that the receiver was promised.
//!
//! Some promises it checks packet by packet: that it is announced, whole, of the track that the slot
//! shows, and never a second content under one number. Others need hindsight and are checked in
//! [`Oracle::finish`], in the order of sequence numbers: that the stream has no gap that the network
//! did not make, that timestamps and picture ids run on, that sources change at keyframes only. What
//! is broken is a panic with the seed, the virtual time and a sentence.

mod continuity;
mod decoder;
mod lips;
mod mishaps;
mod pictures;
mod promise;
mod references;
mod slot;
mod watch;
mod witness;

use std::collections::HashMap;
use std::time::Instant;

use rtcp::sender_report::SenderReport;
use rtp::Packet;

pub use decoder::ShownFrame;
pub use mishaps::Mishaps;
pub use promise::{Promise, SlotPromise};
pub use slot::{Accepted, SlotStatistics};
pub use watch::Watch;
pub use witness::Witness;

use crate::media::Label;
use crate::network::Link;
use lips::Lips;
use slot::SlotOracle;

/// The oracle of one client.
#[derive(Debug)]
pub struct Oracle {
    witness: Witness,
    slots: Vec<SlotOracle>,
    /// Which slot an SSRC belongs to, and whether it carries retransmissions.
    streams: HashMap<u32, (usize, bool)>,
    lips: Lips,
    link_was_bad: bool,
    link_was_plain: bool,
}

/// When a datagram was sent and when it arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transit {
    /// When the server sent it.
    pub sent_at: Instant,
    /// When it arrived.
    pub at: Instant,
}

impl Oracle {
    /// An oracle of a client that was promised nothing yet.
    pub fn new(witness: Witness) -> Self {
        Self {
            witness,
            slots: Vec::new(),
            streams: HashMap::new(),
            lips: Lips::default(),
            link_was_bad: false,
            link_was_plain: true,
        }
    }

    /// Takes the promises of an answer. Slots that were promised before must be promised the same.
    pub fn promise(&mut self, now: Instant, promise: Promise) {
        for (index, slot) in promise.slots.into_iter().enumerate() {
            match self.slots.get_mut(index) {
                Some(known) => known.promise_again(&self.witness, now, slot),
                None => {
                    let streams = [(Some(slot.ssrc), false), (slot.rtx_ssrc, true)];
                    for (ssrc, rtx) in streams {
                        let taken = ssrc.and_then(|ssrc| self.streams.insert(ssrc, (index, rtx)));
                        if taken.is_some() {
                            self.witness
                                .object(now, &slot.mid, "its SSRC is another slot's too");
                        }
                    }
                    let mut oracle = SlotOracle::new(slot);
                    oracle.receives_by(self.link_was_bad, self.link_was_plain);
                    self.slots.push(oracle);
                }
            }
        }
    }

    /// The client receives by this link now.
    pub fn receives_by(&mut self, link: &Link) {
        self.link_was_bad |= link.is_bad();
        self.link_was_plain &= link.is_plain();
        for slot in &mut self.slots {
            slot.receives_by(self.link_was_bad, self.link_was_plain);
        }
    }

    /// From `now` on, the slot shows this track, or nothing.
    pub fn assigned(&mut self, now: Instant, mid: &str, shows: Option<Label>) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.promise().mid == mid) {
            slot.assigned(now, shows);
        }
    }

    /// From `now` on, the slot is shown larger or smaller, or not at all.
    pub fn demanded(&mut self, now: Instant, mid: &str) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.promise().mid == mid) {
            slot.demanded(now);
        }
    }

    /// From `now` on, nothing of this track may be sent, or it may again.
    pub fn muted(&mut self, now: Instant, track: Label, muted: bool) {
        for slot in &mut self.slots {
            slot.muted(now, track, muted);
        }
    }

    /// Takes a decrypted RTP packet. Returns the slot that it belongs to, and what it is there; `None` for
    /// padding, which may come where retransmissions do.
    pub fn on_packet(&mut self, transit: Transit, packet: &Packet) -> Option<(usize, Accepted)> {
        let ssrc = packet.header.ssrc;
        let Some(&(index, rtx)) = self.streams.get(&ssrc) else {
            let sentence = format_args!("media came on SSRC {ssrc}, which no answer announces");
            self.witness.object(transit.at, "", sentence);
        };
        let accepted = self.slots[index].on_packet(&self.witness, transit, packet, rtx)?;
        Some((index, accepted))
    }

    /// Takes a sender report.
    pub fn on_sender_report(&mut self, transit: Transit, report: &SenderReport) {
        let ssrc = report.ssrc;
        let Some(&(index, false)) = self.streams.get(&ssrc) else {
            let sentence = format_args!("a sender report came for SSRC {ssrc}, which no slot has");
            self.witness.object(transit.at, "", sentence);
        };
        let slot = &mut self.slots[index];
        if let Some(offset) = slot.on_sender_report(&self.witness, transit, report) {
            self.lips
                .heard(&self.witness, transit.at, slot.promise(), offset);
        }
    }

    /// The slots, in the order of the answer.
    pub fn slots(&self) -> &[SlotOracle] {
        &self.slots
    }

    /// The slots, to be counted in.
    pub fn slots_mut(&mut self) -> &mut [SlotOracle] {
        &mut self.slots
    }

    /// Everything of a track that the client has shown, in whatever slots.
    pub fn watch(&self, track: Label) -> Watch {
        let shown = self.slots.iter().flat_map(SlotOracle::shown);
        let of_track = shown.filter(|frame| frame.label == track);
        Watch::new(self.witness.start(), of_track.copied().collect())
    }

    /// Checks what only hindsight can: call it when the client stops receiving. `mishaps` is all that
    /// the network did to RTP packets.
    pub fn finish(&self, now: Instant, mishaps: &Mishaps) {
        for slot in &self.slots {
            slot.finish(&self.witness, now, mishaps);
        }
    }

    /// Who it is that the oracle stands behind.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }
}
