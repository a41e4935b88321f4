//! Redundant sound as publishers send it (RFC 2198): the newest frame goes on like any other, and earlier ones
//! take the places of those that were lost.
//!
//! A frame that is brought back is a packet like those that arrived, only without header extensions. So
//! whoever takes no redundancy has it too, and nobody after this module knows how it came.

use std::time::Instant;

use arrayvec::ArrayVec;
use sfu_rtp::red::{self, Block};
use sfu_rtp::{ExtensionMap, HeaderWriter, PayloadType, RtpHeader, RtpTime, SeqNo};

use super::encoding::Encoding;
use super::packet::{ForwardedExtensions, PacketMeta, payload_span};

/// The numbers of frames that were brought back, in order.
pub(crate) type Recovered = ArrayVec<SeqNo, MAX_EARLIER>;

/// A redundant payload, read.
#[derive(Debug)]
pub(crate) struct Redundant<'a> {
    /// The newest frame; not empty.
    pub(crate) primary: &'a [u8],
    /// Those before it, the oldest first.
    pub(crate) earlier: ArrayVec<Block<'a>, MAX_EARLIER>,
    payload_type: PayloadType,
}

/// Reads a redundant payload of frames with this payload type. `None` if it is malformed, or its newest
/// frame is of another kind.
pub(crate) fn read(payload: &[u8], payload_type: PayloadType) -> Option<Redundant<'_>> {
    let mut earlier = ArrayVec::<_, { red::MAX_BLOCKS }>::new();
    earlier.extend(red::blocks(payload)?);
    let newest = earlier.pop()?;
    if newest.payload_type != payload_type || newest.data.is_empty() {
        return None;
    }
    let excess = earlier.len().saturating_sub(MAX_EARLIER);
    Some(Redundant {
        primary: newest.data,
        earlier: earlier.into_iter().skip(excess).collect(),
        payload_type,
    })
}

/// Caches those of the earlier frames that have not arrived. `meta` is that of the packet they came with.
pub(crate) fn recover(
    now: Instant,
    target: &mut Encoding,
    meta: &PacketMeta,
    blocks: &Redundant<'_>,
) -> Recovered {
    let mut recovered = Recovered::new();
    for (index, block) in blocks.earlier.iter().enumerate() {
        // Senders repeat the frames that they sent just before, and say only when those were captured.
        let back = (blocks.earlier.len() - index) as i64;
        let sequence = meta.sequence.wrapping_add(-back);
        let timestamp = meta.header.timestamp();
        let timestamp = timestamp.wrapping_sub(u32::from(block.timestamp_offset));
        if block.payload_type == blocks.payload_type
            && !block.data.is_empty()
            && target.has_begun_before(sequence)
            && is_gap(target, sequence, timestamp)
            && insert(
                now,
                target,
                meta,
                sequence,
                timestamp,
                blocks.payload_type,
                block.data,
            )
            .is_some()
        {
            recovered.push(sequence);
        }
    }
    recovered
}

/// Whether there is no packet with this number, and its neighbours are older and newer than `timestamp`. Of a
/// sender that repeats other frames than those just before, nothing is put in a wrong place.
fn is_gap(target: &Encoding, sequence: SeqNo, timestamp: RtpTime) -> bool {
    let stamp = |sequence| Some(target.packet(sequence)?.meta.header.timestamp());
    let mut around = 1..=MAX_EARLIER as i64;
    let mut before = around.clone();
    let before = before.find_map(|back| stamp(sequence.wrapping_add(-back)));
    let after = around.find_map(|ahead| stamp(sequence.wrapping_add(ahead)));
    stamp(sequence).is_none()
        && before.is_none_or(|before| timestamp.is_newer_than(before))
        && after.is_some_and(|after| after.is_newer_than(timestamp))
}

fn insert(
    now: Instant,
    target: &mut Encoding,
    meta: &PacketMeta,
    sequence: SeqNo,
    timestamp: RtpTime,
    payload_type: PayloadType,
    frame: &[u8],
) -> Option<()> {
    let header = HeaderWriter {
        marker: false,
        padding: false,
        payload_type,
        sequence: sequence.wire(),
        timestamp,
        ssrc: meta.header.ssrc(),
    };
    let mut packet = [0; RtpHeader::FIXED_LEN + red::MAX_BLOCK_LEN];
    let begin = header.write(&[], &mut packet).ok()?;
    let end = begin + frame.len();
    packet.get_mut(begin..end)?.copy_from_slice(frame);
    let packet = packet.get(..end)?;
    let header = RtpHeader::parse(packet).ok()?;
    let meta = PacketMeta {
        header,
        sequence,
        extensions: ForwardedExtensions::find(&header, packet, &ExtensionMap::new()),
        payload: payload_span(&header, packet).ok()?,
        repeats: 0,
        ..*meta
    };
    target.insert(now, meta, packet).ok()
}

/// Chromium repeats up to nine frames.
const MAX_EARLIER: usize = 9;

#[cfg(test)]
mod tests;
