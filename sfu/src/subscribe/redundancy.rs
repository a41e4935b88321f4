//! Sound with earlier frames repeated (RFC 2198), for receivers that lose packets.
//!
//! How many is decided per subscriber, by what its reports tell of loss, and which per packet: frames that its
//! slot has carried and that the publisher's cache still has. Nothing is kept for it but two numbers.

use arrayvec::ArrayVec;
use sfu_rtp::red::{self, Block};
use sfu_rtp::{PayloadType, SeqNo};

use super::forwarder::Forwarder;
use crate::publish::packet::PacketMeta;
use crate::publish::track::Track;

/// How much of the sound on the path to one subscriber is repeated.
#[derive(Debug, Default)]
pub(crate) struct Redundancy {
    /// The running mean of the share that was lost, 0 to 1; `None` before the first report.
    loss: Option<f32>,
    depth: usize,
}

impl Redundancy {
    /// Takes what a reception report says of a stream of sound: how many of 256 packets were lost since the
    /// report before (RFC 3550 §6.4.1).
    pub(crate) fn on_report(&mut self, fraction_lost: u8) {
        let share = f32::from(fraction_lost) / 256.0;
        let before = self.loss.unwrap_or(0.0);
        let loss = before + (share - before) * SMOOTHING;
        self.loss = Some(loss);
        let enough = |thresholds: [f32; MAX_DEPTH]| {
            let mut thresholds = thresholds.into_iter();
            thresholds
                .position(|threshold| loss < threshold)
                .unwrap_or(MAX_DEPTH)
        };
        self.depth = self.depth.clamp(enough(BEGIN), enough(END));
    }

    /// How many frames to repeat with one that its publisher sent with `as_sent` of them: just as many, while
    /// the path is not known.
    fn depth(&self, as_sent: u8) -> usize {
        match self.loss {
            Some(_) => self.depth,
            None => usize::from(as_sent).min(MAX_DEPTH),
        }
    }
}

/// Which earlier frames travel with a packet: bit n stands for the one n + 1 numbers before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Repeated(u8);

impl Repeated {
    /// None.
    pub(crate) const NOTHING: Self = Self(0);

    /// The frames to send with the packet of `encoding` that `meta` belongs to, and by how many bytes they make
    /// its payload longer.
    #[inline]
    pub(crate) fn choose(
        redundancy: &Redundancy,
        forwarder: &Forwarder,
        (track, encoding): (&Track, usize),
        meta: &PacketMeta,
        payload_len: usize,
    ) -> (Self, u16) {
        let mut chosen = Self::NOTHING;
        let mut len = payload_len + red::PRIMARY_HEAD_LEN;
        for back in 1..=redundancy.depth(meta.repeats) {
            let sequence = before(meta.sequence, back);
            // What came before the slot showed the track belongs to another time.
            if !forwarder.carries(sequence) {
                break;
            }
            let Some(block) = block(track, encoding, meta, sequence, NO_TYPE) else {
                continue;
            };
            let longer = len + red::BLOCK_HEAD_LEN + block.data.len();
            if longer > MAX_PAYLOAD {
                break;
            }
            len = longer;
            chosen.0 |= 1 << (back - 1);
        }
        match chosen {
            Self::NOTHING => (chosen, 0),
            _ => (chosen, (len - payload_len) as u16),
        }
    }

    /// The frames, the oldest first, under the payload type that the receiver knows them by; without those
    /// that are no longer cached.
    pub(crate) fn blocks<'a>(
        self,
        (track, encoding): (&'a Track, usize),
        meta: &PacketMeta,
        payload_type: PayloadType,
    ) -> ArrayVec<Block<'a>, MAX_DEPTH> {
        let backs = (1..=MAX_DEPTH).rev();
        let chosen = backs.filter(|back| self.0 & (1 << (back - 1)) != 0);
        let block = |back| {
            block(
                track,
                encoding,
                meta,
                before(meta.sequence, back),
                payload_type,
            )
        };
        chosen.filter_map(block).collect()
    }
}

fn before(sequence: SeqNo, back: usize) -> SeqNo {
    sequence.wrapping_add(-(back as i64))
}

/// An earlier frame of the same kind, if it can travel with the packet. After a pause of the publisher's
/// (DTX), what was before it lies too far back.
#[inline]
fn block<'a>(
    track: &'a Track,
    encoding: usize,
    meta: &PacketMeta,
    sequence: SeqNo,
    payload_type: PayloadType,
) -> Option<Block<'a>> {
    let packet = track.packet(encoding, sequence)?;
    let same = |earlier: &PacketMeta| (earlier.continuity, earlier.codec_index);
    let offset = meta.header.timestamp().diff(packet.meta.header.timestamp());
    let offset = u16::try_from(offset).ok()?;
    let data = packet.payload();
    let fits = (1..=red::MAX_OFFSET).contains(&offset) && data.len() <= red::MAX_BLOCK_LEN;
    (fits && same(packet.meta) == same(meta)).then_some(Block {
        payload_type,
        timestamp_offset: offset,
        data,
    })
}

/// Two frames: with the packet's own, three chances for each. More would come later than a receiver waits.
pub(crate) const MAX_DEPTH: usize = 2;

/// The shares of loss from which one frame is repeated, and two. Below one in a hundred Opus hides what is
/// missing; one repetition makes one in a hundred of one in ten. Guesses.
const BEGIN: [f32; MAX_DEPTH] = [0.01, 0.04];

/// The shares below which it ends: half, against flapping.
const END: [f32; MAX_DEPTH] = [0.004, 0.02];

/// How much a report counts. Browsers report on sound every one to five seconds, so on 50 to 250 packets: one
/// packet lost now and then is not enough to begin.
const SMOOTHING: f32 = 0.25;

/// Not more than a packet takes that no path splits, its header included.
const MAX_PAYLOAD: usize = 1_000;

/// While only lengths matter.
const NO_TYPE: PayloadType = PayloadType::from_header_byte(0);

#[cfg(test)]
mod tests;
