//! Numbers of a slot that nothing will ever come under: a packet is left out, be it padding or of a layer that is
//! not wanted, and it came so late that those after it had gone out already and its number could not be closed up.
//!
//! The number goes out by itself, and again when it is asked for. Whoever knows frames by sequence numbers alone,
//! as browsers do with H.264 and AV1 without a dependency descriptor, would stand still at the gap until the next
//! keyframe, and everybody else would ask for the packet ten times.

use super::fan_out::Arrived;
use super::peer::Peer;
use crate::drop_reason::DropReason;
use crate::key::SlotKey;
use crate::subscribe::downlink::Pending;
use crate::subscribe::forwarder::Numbers;
use crate::subscribe::slot::{Kept, Sent, Slot};

/// Whether a packet that is refused for this reason may leave a number empty.
#[inline]
pub(super) fn is_left_out(reason: DropReason) -> bool {
    matches!(
        reason,
        DropReason::LayerNotWanted | DropReason::AwaitingKeyframe
    )
}

/// Queues the `number` that a packet of `source` leaves empty in a slot. `false`: something goes out under it already,
/// or nothing did before it.
#[cold]
#[inline(never)]
pub(super) fn leave_vacant(
    source: &Arrived<'_>,
    number: u16,
    slot_key: SlotKey,
    slot: &mut Slot,
    peer: &mut Peer,
) -> bool {
    // It looks like the packet before it: of the same codec, and at a time that does not go back.
    let before = kept_before(slot, number).filter(|before| !before.is_left(slot));
    let place = (source.track_key, source.track);
    let Some(before) = before.and_then(|before| before.restore(number, place)) else {
        return false;
    };
    let Some(packet) = source.track.packet(source.encoding, before.source) else {
        return false;
    };
    let sent = Sent {
        numbers: Numbers::plain(number, before.numbers.timestamp),
        vacant: true,
        ..before
    };
    slot.remember(source.now, &sent);
    let pending = Pending::new(slot_key, sent, false, &packet);
    peer.srtp.is_some() && peer.downlink.queue(pending)
}

/// What went out before this number, unless something went out under the number itself.
fn kept_before(slot: &mut Slot, number: u16) -> Option<Kept> {
    if slot.history.get_mut(number).is_some() {
        return None;
    }
    let mut earlier = (1..=MOST_LOST).map(|back| number.wrapping_sub(back));
    earlier.find_map(|earlier| slot.history.get_mut(earlier).map(|entry| entry.packet))
}

/// So many numbers may be missing before it. A guess: more are no gap to be repaired.
const MOST_LOST: u16 = 64;
