//! Whether lips match sound: the sender reports of all slots that show one publisher must put its
//! media onto one timeline (RFC 3550 §6.4.1).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::promise::SlotPromise;
use super::witness::Witness;
use crate::media::Label;

/// Where a slot's sender report puts the media of its source.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct CaptureOffset {
    pub(super) label: Label,
    /// What a receiver computes as the time of a capture on the server's wall clock, less the true
    /// time of that capture. Any number will do, but it must be the same for all of a publisher's
    /// tracks.
    pub(super) seconds: f64,
}

/// The last offsets of all tracks.
#[derive(Debug, Default)]
pub(super) struct Lips {
    heard: BTreeMap<Label, (Instant, f64)>,
    /// Which two are too far apart, and since when.
    apart_since: BTreeMap<[Label; 2], Instant>,
}

impl Lips {
    /// Takes an offset and compares it with those of the publisher's other tracks.
    pub(super) fn heard(
        &mut self,
        witness: &Witness,
        now: Instant,
        slot: &SlotPromise,
        offset: CaptureOffset,
    ) {
        let CaptureOffset { label, seconds } = offset;
        self.heard.insert(label, (now, seconds));
        for (other, (at, other_seconds)) in &self.heard {
            if other.publisher != label.publisher || now - *at > RECENT {
                continue;
            }
            let apart = (seconds - other_seconds).abs();
            let pair = [label.min(*other), label.max(*other)];
            if apart <= LARGEST_SKEW {
                self.apart_since.remove(&pair);
                continue;
            }
            let since = *self.apart_since.entry(pair).or_insert(now);
            if now - since > RECENT {
                let sentence = format_args!(
                    "sender reports put {label} and {other} {:.1} ms apart",
                    apart * 1_000.0
                );
                witness.object(now, &slot.mid, sentence);
            }
        }
    }
}

/// Older offsets may be of a time before the server knew better: it has just had the first report, or the way from
/// the publisher has become another. Reports come every second, so two of each are enough.
const RECENT: Duration = Duration::from_millis(2_500);

/// In seconds. ITU-R BT.1359 puts the threshold at which people notice at 45 ms; the server's share
/// should be a fraction of it.
const LARGEST_SKEW: f64 = 0.020;
