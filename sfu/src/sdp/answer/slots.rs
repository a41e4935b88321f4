//! Which SSRCs and which pair a slot gets, and how it keeps them over renegotiations.

use std::collections::HashSet;

use sfu_rtp::Ssrc;

use crate::parameters::{MediaKind, NegotiatedCodec, PeerParameters, SlotMedia};
use crate::sdp::media::OfferedMedia;
use crate::sdp::offer::Offer;

/// Makes the slots of one answer.
pub(super) struct SlotSource<'a> {
    previous: &'a [SlotMedia],
    /// What is in use, by us now or before, or by the peer.
    ssrcs: HashSet<Ssrc>,
    random: &'a mut dyn FnMut() -> u32,
    /// The pairs that have a slot of this kind already.
    audio_pairs: HashSet<u16>,
    video_pairs: HashSet<u16>,
}

impl<'a> SlotSource<'a> {
    pub(super) fn new(
        offer: &Offer,
        previous: Option<&'a PeerParameters>,
        random: &'a mut dyn FnMut() -> u32,
    ) -> Self {
        let previous = previous.map_or(&[][..], |previous| &previous.slots);
        let ours = previous
            .iter()
            .flat_map(|slot| [Some(slot.ssrc), slot.rtx_ssrc])
            .flatten();
        let mut source = Self {
            previous,
            ssrcs: offer.ssrcs().chain(ours).collect(),
            random,
            audio_pairs: HashSet::new(),
            video_pairs: HashSet::new(),
        };
        // Before any new slot takes a pair, those that stay take theirs.
        for media in offer.media().filter(|media| media.direction().receives()) {
            if let Some(slot) = source.kept(media) {
                source.pairs(media.kind()).insert(slot.pair);
            }
        }
        source
    }

    pub(super) fn slot(&mut self, media: &OfferedMedia, codecs: Vec<NegotiatedCodec>) -> SlotMedia {
        let kept = self.kept(media);
        let has_rtx = codecs.iter().any(|codec| codec.rtx.is_some());
        let kept_rtx = kept.and_then(|slot| slot.rtx_ssrc);
        SlotMedia {
            mid: media.mid(),
            kind: media.kind(),
            codecs,
            extensions: media.sent_extensions(),
            ssrc: kept.map_or_else(|| self.fresh_ssrc(), |slot| slot.ssrc),
            rtx_ssrc: has_rtx.then(|| kept_rtx.unwrap_or_else(|| self.fresh_ssrc())),
            pair: kept.map_or_else(|| self.fresh_pair(media.kind()), |slot| slot.pair),
        }
    }

    /// The same slot in the last answer.
    fn kept(&self, media: &OfferedMedia) -> Option<&'a SlotMedia> {
        let same = |slot: &&SlotMedia| slot.mid == media.mid() && slot.kind == media.kind();
        self.previous.iter().find(same)
    }

    fn fresh_ssrc(&mut self) -> Ssrc {
        // 0 is legal, but some receivers take it for "none".
        let mut value = (self.random)().max(1);
        while !self.ssrcs.insert(Ssrc::new(value)) {
            value = value.checked_add(1).unwrap_or(1);
        }
        Ssrc::new(value)
    }

    /// The lowest, so that the n-th audio slot and the n-th video slot of a fresh offer meet.
    fn fresh_pair(&mut self, kind: MediaKind) -> u16 {
        let pairs = self.pairs(kind);
        let free = (0..=u16::MAX).find(|&pair| pairs.insert(pair));
        free.expect("an offer has far fewer m-lines than there are pairs")
    }

    fn pairs(&mut self, kind: MediaKind) -> &mut HashSet<u16> {
        match kind {
            MediaKind::Audio => &mut self.audio_pairs,
            MediaKind::Video => &mut self.video_pairs,
        }
    }
}
