//! What an answer promises about slots.

use std::collections::BTreeMap;

use sfu::parameters::{Codec, MediaKind};
use sfu_rtp::ExtensionKind;

use crate::client::answer::{Answer, AnsweredLine};
use crate::client::offer::OfferedLine;

/// What an answer promises to a receiver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Promise {
    /// The slots, in the order of the offer.
    pub slots: Vec<SlotPromise>,
}

/// What is promised of one slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotPromise {
    /// Its MID.
    pub mid: String,
    /// Sound or pictures.
    pub kind: MediaKind,
    /// The SSRC of the media.
    pub ssrc: u32,
    /// The SSRC of retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// The payload types of the media, and those of their retransmissions.
    pub payload_types: BTreeMap<u8, Option<u8>>,
    /// What each of them is, retransmissions included.
    pub codecs: BTreeMap<u8, Codec>,
    /// The payload type of sound with earlier frames (RFC 2198).
    pub red: Option<u8>,
    /// The header extensions that may occur, by id.
    pub extensions: BTreeMap<u8, ExtensionKind>,
    /// The MediaStream, which receivers play in sync.
    pub stream: Option<String>,
}

impl Promise {
    /// What `answer` promises to those m-lines of the offer that receive.
    ///
    /// # Panics
    /// If the answer refuses one, or does not say what a receiver must know.
    pub fn of(lines: &[OfferedLine], answer: &Answer) -> Self {
        let slots = lines.iter().filter(|line| line.sends.is_none());
        let promised = slots.map(|line| {
            let answered = answer.line(&line.mid);
            let answered = answered.unwrap_or_else(|| panic!("no m-line for slot {}", line.mid));
            SlotPromise::of(line, answered)
        });
        Self {
            slots: promised.collect(),
        }
    }
}

impl SlotPromise {
    fn of(offered: &OfferedLine, answered: &AnsweredLine) -> Self {
        let mid = &offered.mid;
        assert!(!answered.refused, "slot {mid} was refused");
        assert_eq!(answered.direction, "sendonly", "slot {mid}");
        let media = *answered
            .ssrcs
            .iter()
            .find(|ssrc| {
                let mut pairs = answered.repair_ssrcs.iter();
                !pairs.any(|(_, rtx)| rtx == *ssrc)
            })
            .unwrap_or_else(|| panic!("slot {mid} has no SSRC"));
        let rtx = answered
            .repair_ssrcs
            .iter()
            .find(|(repaired, _)| *repaired == media);
        let media_types = answered
            .payload_types
            .iter()
            .filter(|payload_type| !answered.repairs.contains_key(payload_type));
        let payload_types = media_types.map(|payload_type| {
            let mut repairs = answered.repairs.iter();
            let rtx = repairs.find(|(_, repaired)| *repaired == payload_type);
            (*payload_type, rtx.map(|(rtx, _)| *rtx))
        });
        let payload_types: BTreeMap<_, _> = payload_types.collect();
        let named = payload_types.iter().filter_map(|(payload_type, rtx)| {
            let name = answered.formats.get(payload_type)?.split('/').next()?;
            let mut known = CODECS.into_iter();
            let codec = known.find(|codec| codec.name().eq_ignore_ascii_case(name))?;
            Some([Some(*payload_type), *rtx].map(|it| it.map(|it| (it, codec))))
        });
        let codecs = named.flatten().flatten().collect();
        let mut formats = answered.formats.iter();
        let red = formats.find(|(_, format)| format.starts_with("red/"));
        Self {
            red: red.map(|(payload_type, _)| *payload_type),
            mid: mid.clone(),
            kind: offered.kind,
            ssrc: media,
            rtx_ssrc: rtx.map(|(_, rtx)| *rtx),
            payload_types,
            codecs,
            extensions: answered.extensions.clone(),
            stream: answered.stream.clone(),
        }
    }
}

const CODECS: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
