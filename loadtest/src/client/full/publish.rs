//! A task that publishes one track.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc::rtp::Packet;
use rtc::shared::marshal::Unmarshal as _;
use tokio::sync::watch;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal as _, TrackLocalEvent};

use super::Surroundings;
use super::connection::LocalTrack;
use super::keyframes::is_keyframe_request;
use crate::media::{Cadence, PacketWriter, SourceId};

/// The task's.
pub(super) struct Publisher {
    track: Arc<TrackLocalStaticRTP>,
    writer: PacketWriter,
    cadence: Cadence,
    surroundings: Surroundings,
    leaving: watch::Receiver<bool>,
    keyframe_due: bool,
}

impl Publisher {
    pub(super) fn new(
        track: LocalTrack,
        surroundings: &Surroundings,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        Self {
            cadence: Cadence::new(Instant::now(), track.frames_per_second),
            track: track.track,
            writer: track.writer,
            surroundings: surroundings.clone(),
            leaving,
            keyframe_due: true,
        }
    }

    /// Publishes until everybody stops, or this client leaves. Says how much.
    pub(super) async fn run(mut self) -> (SourceId, u64) {
        let track = Arc::clone(&self.track);
        let (mut leaving, mut stopped) = (self.leaving.clone(), self.surroundings.stopped.clone());
        loop {
            let due = tokio::time::sleep_until(self.cadence.next_at().into());
            tokio::select! {
                () = due => self.send_due().await,
                event = track.poll() => match event {
                    Some(event) => self.note(&event),
                    None => break,
                },
                () = told(&mut leaving) => break,
                () = told(&mut stopped) => break,
            }
        }
        (self.writer.source(), self.writer.written())
    }

    async fn send_due(&mut self) {
        let mut plaintext = Vec::new();
        while self.cadence.take(Instant::now()) {
            let keyframe = std::mem::take(&mut self.keyframe_due);
            for place in 0..self.writer.packets_per_frame() {
                let sent_at = self.surroundings.clock.now();
                self.writer.write(place, keyframe, sent_at, &mut plaintext);
                let mut bytes = Bytes::copy_from_slice(&plaintext);
                let packet = Packet::unmarshal(&mut bytes).expect("the writer writes RTP packets");
                if let Err(error) = self.track.write_rtp(packet).await {
                    tracing::debug!(%error, "a packet was not sent");
                }
                self.surroundings.tally.lock().sent += 1;
            }
            self.writer.next_frame();
        }
    }

    fn note(&mut self, event: &TrackLocalEvent) {
        if let TrackLocalEvent::OnRtcpPacket(packets) = event
            && packets.iter().any(|packet| is_keyframe_request(&**packet))
            && !self.keyframe_due
        {
            self.keyframe_due = true;
            self.surroundings.tally.lock().keyframes += 1;
        }
    }
}

/// Waits until it is said, or nobody is there who could.
async fn told(flag: &mut watch::Receiver<bool>) {
    let _ = flag.wait_for(|flag| *flag).await;
}
