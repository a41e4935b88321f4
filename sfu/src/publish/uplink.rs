//! What one peer sends: which SSRC belongs to which m-line and encoding, and the feedback that concerns
//! the whole transport.
//!
//! Streams are told apart as RFC 9143 §9.2 says: by SSRCs known from SDP or learnt, by the MID and
//! RID header extensions (RFC 8852), and last by a payload type that only one m-line has. Nothing is learnt
//! from a packet that was not authenticated.

use std::time::Instant;

use sfu_rtp::extension::{AbsSendTime, TransportSequence};
use sfu_rtp::{ExtensionKind, ExtensionMap, Mid, PayloadType, Rid, RtpHeader, Ssrc};

use super::remote_rate::{Leaving, RemoteRate};
use super::sender_clock::SenderClock;
use super::transport_feedback::TransportFeedbackRecorder;
use crate::drop_reason::DropReason;
use crate::key::TrackKey;
use crate::parameters::{MediaKind, PeerParameters, PublishedMedia};

/// The receiving side of one peer.
#[derive(Debug)]
pub(crate) struct Uplink {
    extensions: ExtensionMap,
    lines: Vec<Line>,
    streams: Vec<(Ssrc, Stream)>,
    /// Index of the stream that was looked up last: packets come in runs.
    recent: usize,
    pub(crate) transport_feedback: TransportFeedbackRecorder,
    /// Present if the peer wants to be told a bitrate.
    pub(crate) remote_rate: Option<Box<RemoteRate>>,
    pub(crate) clock: SenderClock,
}

/// A published m-line.
#[derive(Debug)]
struct Line {
    media: PublishedMedia,
    track: Option<TrackKey>,
}

/// What an SSRC is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stream {
    line: u8,
    pub(crate) encoding: u8,
    /// Whether it carries retransmissions (RFC 4588).
    pub(crate) rtx: bool,
}

impl Uplink {
    pub(crate) fn new(parameters: &PeerParameters) -> Self {
        let mut uplink = Self {
            extensions: ExtensionMap::new(),
            lines: Vec::new(),
            streams: Vec::new(),
            recent: 0,
            transport_feedback: TransportFeedbackRecorder::new(),
            remote_rate: None,
            clock: SenderClock::new(),
        };
        uplink.update(parameters);
        uplink
    }

    /// Takes over what was negotiated anew: a line that stays keeps its track and what was learnt of its
    /// streams. Returns the tracks and the streams of those that are gone.
    pub(crate) fn update(&mut self, parameters: &PeerParameters) -> (Vec<TrackKey>, Vec<Ssrc>) {
        self.extensions = parameters.receive_extensions.clone();
        self.remote_rate = RemoteRate::is_wanted(parameters).then(|| {
            let known = self.remote_rate.take();
            known.unwrap_or_else(|| Box::new(RemoteRate::new()))
        });
        let mut before = std::mem::take(&mut self.lines);
        let mids: Vec<Mid> = before.iter().map(|line| line.media.mid).collect();
        self.lines = parameters
            .published
            .iter()
            .map(|media| {
                let known = before.iter().position(|line| line.media.mid == media.mid);
                Line {
                    media: media.clone(),
                    track: known.and_then(|index| before[index].track.take()),
                }
            })
            .collect();
        let mut ended = Vec::new();
        self.streams.retain_mut(|(ssrc, stream)| {
            let mid = mids.get(usize::from(stream.line));
            let index = self
                .lines
                .iter()
                .position(|line| Some(&line.media.mid) == mid);
            match index {
                Some(index) => stream.line = index as u8,
                None => ended.push(*ssrc),
            }
            index.is_some()
        });
        self.declare_streams();
        let tracks = before.into_iter().filter_map(|line| line.track).collect();
        (tracks, ended)
    }

    /// Learns the SSRCs that the offer declared.
    fn declare_streams(&mut self) {
        let mut declared = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            for (encoding, parameters) in line.media.encodings.iter().enumerate() {
                for (ssrc, rtx) in [(parameters.ssrc, false), (parameters.rtx_ssrc, true)] {
                    let stream = Stream {
                        line: index as u8,
                        encoding: encoding as u8,
                        rtx,
                    };
                    declared.extend(ssrc.map(|ssrc| (ssrc, stream)));
                }
            }
        }
        for (ssrc, stream) in declared {
            if !self.streams.iter().any(|&(known, _)| known == ssrc) {
                let _ = self.learn(ssrc, stream);
            }
        }
    }

    /// How the peer numbers its header extensions.
    pub(crate) fn extensions(&self) -> &ExtensionMap {
        &self.extensions
    }

    /// Binds an m-line to the track that was made of it. Returns the one that it was bound to before.
    pub(crate) fn bind(&mut self, mid: Mid, track: Option<TrackKey>) -> Option<TrackKey> {
        let line = self.lines.iter_mut().find(|line| line.media.mid == mid)?;
        std::mem::replace(&mut line.track, track)
    }

    /// The track is gone.
    pub(crate) fn unbind(&mut self, track: TrackKey) {
        for line in &mut self.lines {
            line.track = line.track.filter(|&bound| bound != track);
        }
    }

    /// What was negotiated on an m-line.
    pub(crate) fn media(&self, mid: Mid) -> Option<&PublishedMedia> {
        self.lines
            .iter()
            .map(|line| &line.media)
            .find(|media| media.mid == mid)
    }

    /// The tracks of this peer.
    pub(crate) fn tracks(&self) -> impl Iterator<Item = TrackKey> {
        self.lines.iter().filter_map(|line| line.track)
    }

    /// The track that a stream's m-line is bound to.
    #[inline]
    pub(crate) fn track_of(&self, stream: Stream) -> Option<TrackKey> {
        self.lines.get(usize::from(stream.line))?.track
    }

    /// What a stream's m-line carries.
    #[inline]
    pub(crate) fn kind_of(&self, stream: Stream) -> Option<MediaKind> {
        Some(self.lines.get(usize::from(stream.line))?.media.kind)
    }

    /// What a retransmission's original had as payload type.
    pub(crate) fn original_payload_type(
        &self,
        stream: Stream,
        rtx: PayloadType,
    ) -> Option<PayloadType> {
        let line = self.lines.get(usize::from(stream.line))?;
        let codec = line
            .media
            .codecs
            .iter()
            .find(|codec| codec.rtx == Some(rtx))?;
        Some(codec.payload_type)
    }

    /// The stream with this SSRC, if it is known.
    pub(crate) fn known(&self, ssrc: Ssrc) -> Option<Stream> {
        self.streams
            .iter()
            .find(|&&(known, _)| known == ssrc)
            .map(|&(_, stream)| stream)
    }

    /// Notes an authenticated packet of any stream for what the peer is told of the whole path, and returns when
    /// that is due.
    #[inline]
    pub(crate) fn on_transport_packet(
        &mut self,
        now: Instant,
        header: &RtpHeader,
        packet: &[u8],
    ) -> Option<Instant> {
        if let Some(rate) = &mut self.remote_rate {
            let leaving = match self.extensions.id_of(ExtensionKind::AbsSendTime) {
                Some(id) => {
                    let time = header.extension(packet, id).and_then(AbsSendTime::parse);
                    time.map_or(Leaving::Unknown, Leaving::At)
                }
                None => captured(&self.streams, &self.lines, header),
            };
            rate.on_packet(now, leaving, packet.len());
            return rate.next_at();
        }
        let id = self.extensions.id_of(ExtensionKind::TransportSequence)?;
        let TransportSequence(number) = TransportSequence::parse(header.extension(packet, id)?)?;
        self.transport_feedback.record(now, header.ssrc(), number);
        self.transport_feedback.next_at()
    }

    /// The SSRCs of its media, without those of retransmissions.
    pub(crate) fn media_ssrcs(&self) -> impl Iterator<Item = Ssrc> {
        let media = self.streams.iter().filter(|(_, stream)| !stream.rtx);
        media.map(|(ssrc, _)| *ssrc)
    }

    /// The stream that an authenticated packet belongs to; learns its SSRC if it is new.
    ///
    /// # Errors
    /// [`DropReason::UnknownSsrc`], [`DropReason::TooManySsrcs`].
    #[inline]
    pub(crate) fn stream_of(
        &mut self,
        header: &RtpHeader,
        packet: &[u8],
    ) -> Result<Stream, DropReason> {
        let ssrc = header.ssrc();
        if let Some(&(recent, stream)) = self.streams.get(self.recent)
            && recent == ssrc
        {
            return Ok(stream);
        }
        if let Some(index) = self.streams.iter().position(|&(known, _)| known == ssrc) {
            self.recent = index;
            return Ok(self.streams[index].1);
        }
        let stream = self
            .identify(header, packet)
            .ok_or(DropReason::UnknownSsrc)?;
        self.learn(ssrc, stream)?;
        Ok(stream)
    }

    fn identify(&self, header: &RtpHeader, packet: &[u8]) -> Option<Stream> {
        let value = |kind| header.extension(packet, self.extensions.id_of(kind)?);
        let payload_type = header.payload_type();
        let line = match value(ExtensionKind::Mid).and_then(Mid::parse) {
            Some(mid) => self.lines.iter().position(|line| line.media.mid == mid)?,
            None => self.only_line_with(payload_type)?,
        };
        let media = &self.lines.get(line)?.media;
        let rtx = media
            .codecs
            .iter()
            .any(|codec| codec.rtx == Some(payload_type));
        let rid_kind = if rtx {
            ExtensionKind::RepairedRid
        } else {
            ExtensionKind::Rid
        };
        let encoding = match value(rid_kind).and_then(Rid::parse) {
            Some(rid) => media
                .encodings
                .iter()
                .position(|encoding| encoding.rid == Some(rid))?,
            // Without simulcast there is nothing to tell apart.
            None if media.encodings.len() == 1 => 0,
            None => return None,
        };
        Some(Stream {
            line: u8::try_from(line).ok()?,
            encoding: u8::try_from(encoding).ok()?,
            rtx,
        })
    }

    fn only_line_with(&self, payload_type: PayloadType) -> Option<usize> {
        let has = |line: &Line| {
            line.media
                .codecs
                .iter()
                .any(|codec| codec.has(payload_type))
        };
        let mut lines = self.lines.iter().enumerate().filter(|(_, line)| has(line));
        let (index, _) = lines.next()?;
        lines.next().is_none().then_some(index)
    }

    /// Remembers what an SSRC is. One that took another's place (a browser that restarts a sender picks
    /// a new SSRC) pushes it out, so a peer that keeps changing does not run into the cap.
    fn learn(&mut self, ssrc: Ssrc, stream: Stream) -> Result<(), DropReason> {
        let replaced = self.streams.iter().position(|&(_, known)| known == stream);
        match replaced {
            Some(index) => self.streams[index] = (ssrc, stream),
            None if self.streams.len() < MAX_STREAMS => self.streams.push((ssrc, stream)),
            None => return Err(DropReason::TooManySsrcs),
        }
        Ok(())
    }
}

/// What a packet's timestamp tells of when it left: that of a picture which is sent for the first time.
fn captured(streams: &[(Ssrc, Stream)], lines: &[Line], header: &RtpHeader) -> Leaving {
    let known = streams.iter().find(|(ssrc, _)| *ssrc == header.ssrc());
    let first = known.filter(|(_, stream)| !stream.rtx);
    let line = first.and_then(|(_, stream)| lines.get(usize::from(stream.line)));
    match line {
        Some(line) if line.media.kind == MediaKind::Video => {
            Leaving::Captured(header.ssrc(), header.timestamp())
        }
        _ => Leaving::Unknown,
    }
}

/// Room for 16 m-lines of four encodings with RTX each; and a linear search stays short.
const MAX_STREAMS: usize = 128;

#[cfg(test)]
mod tests;
