//! What a full client makes of the events of its peer connection: counts what it receives.

use std::sync::Arc;
use std::time::Instant;

use rtc::rtp::Packet;
use tokio::sync::watch;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState,
};

use super::connection::RtpCodecKind;
use super::{Progress, Streams, Surroundings};
use crate::client::{Note, SharedTally, StreamAccount};
use crate::clock::Clock;
use crate::media::{Kind, marker_of};

/// Hears the events.
#[derive(Clone)]
pub(super) struct Viewer {
    clock: Clock,
    tally: SharedTally,
    streams: Streams,
    progress: watch::Sender<Progress>,
    began: Instant,
}

impl Viewer {
    pub(super) fn new(
        surroundings: &Surroundings,
        streams: Streams,
        progress: watch::Sender<Progress>,
        began: Instant,
    ) -> Self {
        Self {
            clock: surroundings.clock,
            tally: surroundings.tally.clone(),
            streams,
            progress,
            began,
        }
    }

    async fn view(self, track: Arc<dyn TrackRemote>) {
        let kind = match track.kind().await {
            RtpCodecKind::Audio => Kind::Audio,
            RtpCodecKind::Video => Kind::Video,
            _ => return,
        };
        let mut streams: Vec<(u32, usize)> = Vec::new();
        while let Some(event) = track.poll().await {
            match event {
                TrackRemoteEvent::OnRtpPacket(packet) => self.count(kind, &packet, &mut streams),
                TrackRemoteEvent::OnEnded => return,
                _ => {}
            }
        }
    }

    /// `streams` are those of this track, by SSRC, with their place among all.
    fn count(&self, kind: Kind, packet: &Packet, streams: &mut Vec<(u32, usize)>) {
        // Padding to probe with has no payload.
        if packet.payload.is_empty() {
            return;
        }
        let now = Instant::now();
        let (ssrc, sequence) = (packet.header.ssrc, packet.header.sequence_number);
        let known = streams.iter().find(|(known, _)| *known == ssrc);
        let stream = known.map(|(_, stream)| *stream).unwrap_or_else(|| {
            let stream = self.streams.add(StreamAccount::new(kind, sequence));
            streams.push((ssrc, stream));
            self.note_first(now);
            stream
        });
        let marker = marker_of(kind, &packet.payload);
        let note = self.streams.with(stream, |account| {
            let note = account.note(sequence);
            if let Some(marker) = &marker {
                account.learn(sequence, marker);
            }
            note
        });
        let mut tally = self.tally.lock();
        tally.authenticated += 1;
        match note {
            Some(Note::New { skipped }) => tally.lost += skipped as i64,
            Some(Note::Late) => tally.lost -= 1,
            Some(Note::Duplicate) | None => {
                tally.duplicates += 1;
                return;
            }
        }
        tally.packets += 1;
        tally.bytes += (RTP_HEADER_BYTES + packet.payload.len()) as u64;
        // What was sent before it came is from the server's cache.
        let came = self.clock.stamp(self.began);
        let latency = marker
            .filter(|marker| marker.sent_at >= came)
            .and_then(|marker| self.clock.stamp(now).nanos_since(marker.sent_at));
        if let Some(nanos) = latency {
            tally.latency.record_nanos(nanos);
        }
    }

    fn note_first(&self, now: Instant) {
        let first = self.progress.send_if_modified(|progress| {
            let first = !progress.media;
            progress.media = true;
            first
        });
        if first {
            self.tally
                .lock()
                .first_media
                .record(now.saturating_duration_since(self.began));
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Viewer {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.progress.send_modify(|progress| {
            progress.gathered = state == RTCIceGatheringState::Complete;
        });
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let before = self.progress.borrow().state;
        if before == RTCPeerConnectionState::Connected && state == RTCPeerConnectionState::Failed {
            self.tally.lock().disconnected += 1;
        }
        self.progress.send_modify(|progress| progress.state = state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        // The handler runs on the task that drives the connection, which must not wait for media.
        tokio::spawn(self.clone().view(track));
    }
}

/// Without extensions; the library does not tell the size of what came.
const RTP_HEADER_BYTES: usize = 12;
