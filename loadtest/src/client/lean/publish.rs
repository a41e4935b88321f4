//! The publisher's half of a peer: its tracks, when their frames are due, and who wants a keyframe.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::rtcp::{self, Sending};
use super::srtp::SrtpSession;
use crate::client::Tally;
use crate::clock::Clock;
use crate::media::{Cadence, Kind, PacketWriter, SourceId};

/// What a peer publishes.
#[derive(Debug)]
pub(super) struct Sender {
    tracks: Vec<Track>,
    plaintext: Vec<u8>,
}

#[derive(Debug)]
struct Track {
    writer: PacketWriter,
    cadence: Cadence,
    /// The next frame is to be a keyframe.
    keyframe_due: bool,
    bytes: u64,
}

impl Sender {
    /// Begins to send these tracks. `phase` is how long after `now`, so that publishers do not all send
    /// their frames at the same moment.
    pub(super) fn start(
        tracks: impl IntoIterator<Item = (PacketWriter, u32)>,
        now: Instant,
        phase: Duration,
    ) -> Self {
        let tracks = tracks.into_iter().map(|(writer, frames_per_second)| Track {
            writer,
            cadence: Cadence::new(now + phase, frames_per_second),
            keyframe_due: true,
            bytes: 0,
        });
        Self {
            tracks: tracks.collect(),
            plaintext: Vec::new(),
        }
    }

    /// When to call [`send_due`](Self::send_due).
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.tracks
            .iter()
            .map(|track| track.cadence.next_at())
            .min()
    }

    /// Writes the frames that are due.
    pub(super) fn send_due(
        &mut self,
        now: Instant,
        clock: &Clock,
        srtp: &mut SrtpSession,
        outbox: &mut Vec<BytesMut>,
        tally: &mut Tally,
    ) {
        for track in &mut self.tracks {
            while track.cadence.take(now) {
                let keyframe = std::mem::take(&mut track.keyframe_due);
                for place in 0..track.writer.packets_per_frame() {
                    track
                        .writer
                        .write(place, keyframe, clock.now(), &mut self.plaintext);
                    track.bytes += self.plaintext.len() as u64;
                    // It fails after 2^48 packets.
                    outbox.extend(srtp.protect_rtp(&self.plaintext));
                    tally.sent += 1;
                }
                track.writer.next_frame();
            }
        }
    }

    /// Sends a keyframe next, if the stream is ours.
    pub(super) fn request_keyframe(&mut self, ssrc: u32, tally: &mut Tally) {
        let wanted = self
            .tracks
            .iter_mut()
            .find(|track| track.writer.ssrc() == ssrc && track.writer.source().kind == Kind::Video);
        if let Some(track) = wanted
            && !track.keyframe_due
        {
            track.keyframe_due = true;
            tally.keyframes += 1;
        }
    }

    /// Writes a sender report for each track.
    pub(super) fn report(&self, clock: &Clock, srtp: &mut SrtpSession, outbox: &mut Vec<BytesMut>) {
        for track in &self.tracks {
            let report = rtcp::sender_report(&Sending {
                ssrc: track.writer.ssrc(),
                ntp: clock.ntp(),
                rtp_time: track.writer.rtp_time(),
                packets: track.writer.written(),
                bytes: track.bytes,
            });
            outbox.extend(report.and_then(|report| srtp.protect_rtcp(&report).ok()));
        }
    }

    /// How many packets of each track were sent.
    pub(super) fn sent(&self) -> Vec<(SourceId, u64)> {
        let tracks = self.tracks.iter();
        tracks
            .map(|track| (track.writer.source(), track.writer.written()))
            .collect()
    }
}
