//! A slot: one recvonly transceiver of a client, a fixed outgoing stream for the life of its connection.

use std::hint::black_box;
use std::time::Instant;

use arrayvec::ArrayVec;
use sfu_rtp::{ExtensionKind, ExtensionMap, Mid, PayloadType, RtpTime, SeqNo, Ssrc};

use super::forwarder::{Forwarder, Numbers};
use super::history::History;
use super::picture_ids::PictureIds;
use super::sender_statistics::SenderStatistics;
use super::share::Share;
use crate::key::{PeerKey, TrackKey};
use crate::parameters::{MediaKind, NegotiatedCodec, SlotMedia};
use crate::publish::track::{Track, clock_rate_of};
use crate::transport::srtp::SendStream;

/// One slot of one peer.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) peer: PeerKey,
    pub(crate) mid: Mid,
    pub(crate) kind: MediaKind,
    codecs: Vec<NegotiatedCodec>,
    /// The header extensions that the client takes here.
    pub(crate) extensions: ExtensionMap,
    pub(crate) media: Outgoing,
    /// `None` if the client takes no RTX. Then nothing is sent again: SRTP must not use one index twice
    /// (RFC 7714 §8.4), and a repetition on the media stream would.
    pub(crate) rtx: Option<Outgoing>,
    rtx_sequence: u16,
    /// That of the packet that was written last.
    pub(crate) last_timestamp: RtpTime,
    /// The track it shows.
    pub(crate) track: Option<TrackKey>,
    /// Counts the tracks that it was to show, and the times when there was none.
    assignment: u16,
    /// For each codec of that track, the payload types that this slot has for it.
    payload_types: ArrayVec<Option<PayloadTypes>, MAX_TRACK_CODECS>,
    pub(crate) forwarder: Forwarder,
    /// Its share of the peer's bandwidth. `None` for sound, which is sent always.
    pub(crate) share: Option<Box<Share>>,
    pub(crate) history: History<Kept>,
    pub(crate) statistics: SenderStatistics,
    /// The receiver has reported on this SSRC, so it knows the m-line without being told in every
    /// packet (RFC 9143 §14 wants the MID until then).
    pub(crate) mid_acknowledged: bool,
}

/// An outgoing RTP stream.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ssrc: Ssrc,
    pub(crate) stream: SendStream,
}

/// The payload types of one codec in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PayloadTypes {
    pub(crate) media: PayloadType,
    pub(crate) rtx: Option<PayloadType>,
    /// With earlier frames repeated.
    pub(crate) red: Option<PayloadType>,
}

/// A packet that goes out: what it is of, and under which numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    pub(crate) track: TrackKey,
    pub(crate) encoding: u8,
    pub(crate) source: SeqNo,
    pub(crate) numbers: Numbers,
    /// It is nothing but a number, which no other packet will have. `source` is then one before it.
    pub(crate) vacant: bool,
}

/// What the history keeps of it, for as long as the slot shows the track: enough to write it again, in half as
/// many bytes. A second of them is most of what a viewer takes of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    timestamp: RtpTime,
    active_targets: u32,
    /// The lower bits of its number in the encoding, of whose last packets it is one.
    source: u32,
    assignment: u16,
    picture_id: u16,
    frame_number: u16,
    template_shift: u8,
    tl0_picture_index: u8,
    encoding: u8,
    marker: bool,
    vacant: bool,
}

impl Slot {
    /// A slot that shows nothing. `first` numbers its first packets: (sequence, timestamp, RTX sequence),
    /// random by RFC 3550 §5.1, below 2^15 by RFC 3711 §3.3.1.
    pub(crate) fn new(peer: PeerKey, media: &SlotMedia, first: (u16, RtpTime, u16)) -> Self {
        Self {
            peer,
            mid: media.mid,
            kind: media.kind,
            codecs: media.codecs.clone(),
            extensions: media.extensions.clone(),
            media: Outgoing::new(media.ssrc),
            rtx: media.rtx_ssrc.map(Outgoing::new),
            rtx_sequence: first.2,
            last_timestamp: first.1,
            track: None,
            assignment: 0,
            payload_types: ArrayVec::new(),
            forwarder: Forwarder::new(first.0, first.1, clock_rate_of(media.kind)),
            share: (media.kind == MediaKind::Video).then(|| Box::new(Share::new())),
            history: History::new(),
            statistics: SenderStatistics::new(),
            mid_acknowledged: false,
        }
    }

    /// Has the processor fetch the slot itself.
    #[inline]
    pub(crate) fn prefetch(&self) {
        black_box(self.forwarder.current());
        black_box(self.forwarder.next_sequence());
        black_box(self.payload_types.len());
        black_box(self.history.is_empty());
        self.media.stream.prefetch();
    }

    /// Remembers a packet of the track that it shows, for when it is missed.
    #[inline]
    pub(crate) fn remember(&mut self, now: Instant, sent: &Sent) {
        let kept = Kept::of(sent, self.assignment);
        self.history.push(now, sent.numbers.sequence, kept);
    }

    /// Takes over codecs and extensions that were negotiated anew.
    pub(crate) fn update(&mut self, media: &SlotMedia) {
        self.codecs = media.codecs.clone();
        self.extensions = media.extensions.clone();
        if self.rtx.is_none() {
            self.rtx = media.rtx_ssrc.map(Outgoing::new);
        }
    }

    /// Shows `track`, whose packets are of these codecs, from its next switch point on. Sound begins with
    /// `target`; what a picture begins with is for the allocator to say.
    pub(crate) fn assign(
        &mut self,
        track: TrackKey,
        codecs: &[NegotiatedCodec],
        target: Option<usize>,
    ) {
        if let Some(share) = &mut self.share {
            share.renew();
        }
        self.track = Some(track);
        self.assignment = self.assignment.wrapping_add(1);
        self.payload_types = codecs
            .iter()
            .take(MAX_TRACK_CODECS)
            .map(|published| self.payload_types_for(published))
            .collect();
        self.forwarder
            .detach(target.filter(|_| self.share.is_none()));
    }

    /// Shows nothing.
    pub(crate) fn clear(&mut self) {
        self.track = None;
        self.assignment = self.assignment.wrapping_add(1);
        self.payload_types.clear();
        self.forwarder.detach(None);
    }

    fn payload_types_for(&self, published: &NegotiatedCodec) -> Option<PayloadTypes> {
        self.codecs
            .iter()
            .find(|ours| ours.codec == published.codec && ours.format == published.format)
            .map(|ours| PayloadTypes {
                media: ours.payload_type,
                rtx: ours.rtx,
                red: ours.red,
            })
    }

    /// The payload types for a packet of the assigned track; `None`: the client cannot take its codec.
    #[inline]
    pub(crate) fn payload_types(&self, codec_index: u8) -> Option<PayloadTypes> {
        self.payload_types
            .get(usize::from(codec_index))
            .copied()
            .flatten()
    }

    /// Whether its packets carry transport-wide numbers.
    #[inline]
    pub(crate) fn takes_numbers(&self) -> bool {
        self.extensions
            .id_of(ExtensionKind::TransportSequence)
            .is_some()
    }

    /// The payload type under which padding can be sent on the RTX stream, whatever the slot shows.
    pub(crate) fn padding_payload_type(&self) -> Option<PayloadType> {
        let codecs = self.codecs.iter().filter(|_| self.rtx.is_some());
        codecs.filter_map(|codec| codec.rtx).next()
    }

    /// The next sequence number of the RTX stream.
    pub(crate) fn next_rtx_sequence(&mut self) -> u16 {
        let sequence = self.rtx_sequence;
        self.rtx_sequence = sequence.wrapping_add(1);
        sequence
    }
}

impl Kept {
    #[inline]
    fn of(sent: &Sent, assignment: u16) -> Self {
        let numbers = &sent.numbers;
        Self {
            timestamp: numbers.timestamp,
            active_targets: numbers.active_targets,
            source: sent.source.get() as u32,
            assignment,
            picture_id: numbers.pictures.picture_id,
            frame_number: numbers.pictures.frame_number,
            template_shift: numbers.pictures.template_shift,
            tl0_picture_index: numbers.pictures.tl0_picture_index,
            encoding: sent.encoding,
            marker: numbers.marker,
            vacant: sent.vacant,
        }
    }

    /// Whether `slot` has left what this is of. A decoder goes on from the keyframe of what is shown now; and a
    /// layer is often left because the path is full of it, and its repairs would keep it so.
    pub(crate) fn is_left(&self, slot: &Slot) -> bool {
        // Where nothing flows, what was last sent of the layer that is awaited may still lead to its keyframe.
        let layer = slot.forwarder.current().or(slot.forwarder.target());
        let other_layer = layer != Some(usize::from(self.encoding));
        other_layer || slot.assignment != self.assignment || !slot.forwarder.is_useful(self.source)
    }

    /// The packet, which was sent under this number and is of `track`. `None`: nothing of it is cached any more.
    pub(crate) fn restore(
        &self,
        sequence: u16,
        (track_key, track): (TrackKey, &Track),
    ) -> Option<Sent> {
        let encoding = track.encodings().get(usize::from(self.encoding))?;
        let highest = encoding.highest()?;
        let ahead = self.source.wrapping_sub(highest.get() as u32) as i32;
        Some(Sent {
            track: track_key,
            encoding: self.encoding,
            source: highest.wrapping_add(ahead.into()),
            numbers: Numbers {
                sequence,
                marker: self.marker,
                timestamp: self.timestamp,
                pictures: PictureIds {
                    picture_id: self.picture_id,
                    frame_number: self.frame_number,
                    template_shift: self.template_shift,
                    tl0_picture_index: self.tl0_picture_index,
                },
                active_targets: self.active_targets,
            },
            vacant: self.vacant,
        })
    }
}

impl Outgoing {
    fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            stream: SendStream::new(),
        }
    }
}

/// Chromium offers 13 video formats; twice that leaves room.
const MAX_TRACK_CODECS: usize = 32;

#[cfg(test)]
mod tests;
