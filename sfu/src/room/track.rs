//! A published track as the room knows it: whose it is, what it shows and where its packets go.

use std::collections::BTreeMap;

use sfu_rtp::Mid;

use super::notification::{EncodingView, TrackView};
use super::slot_pool::Format;
use super::{RoomOutput, TrackSource};
use crate::engine::command::Command;
use crate::id::{ParticipantId, TrackId, WorkerId};
use crate::parameters::{NegotiatedCodec, PublishedMedia};

/// What an m-line of an offer shows, as the client declares it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackDeclaration {
    /// A sending m-line of the offer; others are ignored.
    pub mid: Mid,
    /// What it shows.
    pub source: TrackSource,
    /// Whether it is muted. Only read when the track is new; later `set_muted` counts.
    pub muted: bool,
}

/// A track that an m-line of an offer has become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnsweredTrack {
    /// The m-line.
    pub mid: Mid,
    /// The track.
    pub track: TrackId,
}

/// A published track.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) id: TrackId,
    pub(super) publisher: ParticipantId,
    /// The worker that receives it from its publisher.
    pub(super) home: WorkerId,
    pub(super) media: PublishedMedia,
    pub(super) source: TrackSource,
    pub(super) muted: bool,
    pub(super) started: bool,
    /// Set while it is being unpublished: no slot may show it any more.
    pub(super) ending: bool,
    /// For each encoding, whether anybody is to see it; those that are missing are wanted.
    wanted: Vec<bool>,
    /// The other workers that show it, and in how many slots; never 0.
    exports: BTreeMap<WorkerId, usize>,
}

impl Track {
    pub(super) fn new(
        id: TrackId,
        publisher: ParticipantId,
        home: WorkerId,
        media: PublishedMedia,
        source: TrackSource,
        muted: bool,
    ) -> Self {
        Self {
            id,
            publisher,
            home,
            media,
            source,
            muted,
            started: false,
            ending: false,
            wanted: Vec::new(),
            exports: BTreeMap::new(),
        }
    }

    pub(super) fn view(&self) -> TrackView {
        TrackView {
            track: self.id,
            mid: self.media.mid,
            source: self.source,
            muted: self.muted,
            started: self.started,
        }
    }

    /// Whether its publisher talks on it.
    pub(super) fn is_voice(&self) -> bool {
        self.source == TrackSource::Microphone
    }

    /// Its worker says which of its encodings anybody is to see.
    pub(super) fn set_wanted(&mut self, wanted: &[bool]) {
        self.wanted = wanted.to_vec();
    }

    /// Whether there is an encoding that nobody is to see.
    pub(super) fn is_partly_unwanted(&self) -> bool {
        self.wanted.contains(&false)
    }

    /// Its encodings, as its publisher is told about them.
    pub(super) fn encodings(&self) -> Vec<EncodingView> {
        let encodings = self.media.encodings.iter().enumerate();
        encodings
            .map(|(index, encoding)| EncodingView {
                rid: encoding.rid,
                wanted: self.wanted.get(index).copied().unwrap_or(true),
            })
            .collect()
    }

    /// What its packets are: a sender uses the first codec of what was negotiated (RFC 8829 §5.3.1).
    pub(super) fn format(&self) -> Option<Format> {
        self.media.codecs.first().map(Format::of)
    }

    /// Whether `media` can take the place of what was negotiated before without anybody who was told
    /// about the track having to be told again. The order of codecs may change, and some may go.
    pub(super) fn continues_as(&self, media: &PublishedMedia, source: TrackSource) -> bool {
        let same = |a: &NegotiatedCodec, b: &NegotiatedCodec| {
            (a.codec, a.format, a.payload_type, a.rtx) == (b.codec, b.format, b.payload_type, b.rtx)
        };
        let known = |codec| self.media.codecs.iter().any(|old| same(old, codec));
        let rids = |media: &PublishedMedia| -> Vec<_> {
            media
                .encodings
                .iter()
                .map(|encoding| encoding.rid)
                .collect()
        };
        self.media.kind == media.kind
            && self.source == source
            && media.codecs.iter().all(known)
            && rids(&self.media) == rids(media)
    }

    /// One more slot on `worker` shows the track. The first one there opens a pipe: the importer is
    /// told first, so that it knows the track when the first packet comes.
    pub(super) fn acquire(&mut self, worker: WorkerId) -> Option<[RoomOutput; 2]> {
        if worker == self.home {
            return None;
        }
        let slots = self.exports.entry(worker).or_insert(0);
        *slots += 1;
        if *slots > 1 {
            return None;
        }
        let import = Command::ImportTrack {
            track: self.id,
            from: self.home,
            media: Box::new(self.media.clone()),
        };
        let export = Command::ExportTrack {
            track: self.id,
            to: worker,
        };
        Some([
            RoomOutput::Command(worker, import),
            RoomOutput::Command(self.home, export),
        ])
    }

    /// One slot less on `worker` shows the track. The last one there closes the pipe, in the reverse
    /// order of [`acquire`](Self::acquire).
    pub(super) fn release(&mut self, worker: WorkerId) -> Option<[RoomOutput; 2]> {
        let slots = self.exports.get_mut(&worker)?;
        *slots -= 1;
        if *slots > 0 {
            return None;
        }
        self.exports.remove(&worker);
        let stop = Command::StopExport {
            track: self.id,
            to: worker,
        };
        let forget = Command::Unpublish { track: self.id };
        Some([
            RoomOutput::Command(self.home, stop),
            RoomOutput::Command(worker, forget),
        ])
    }

    /// How many other workers it is sent to.
    pub(super) fn pipes(&self) -> usize {
        self.exports.len()
    }
}
