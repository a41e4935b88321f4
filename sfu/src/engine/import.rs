//! The importing end of a pipe: packets of tracks that live on another worker, and the requests that
//! other workers make of tracks that live here.

use std::time::Instant;

use super::Engine;
use super::pipe::{Notice, PipeBatch, Piped};
use super::route::Origin;
use crate::drop_reason::DropReason;
use crate::id::WorkerId;
use crate::key::TrackKey;

impl Engine {
    /// Takes the packets and requests that another worker sent.
    pub fn handle_pipe(&mut self, now: Instant, from: WorkerId, batch: &PipeBatch) {
        self.decide();
        self.now = now;
        for (track, encoding, piped) in batch.iter() {
            // A track that was unpublished while the batch was under way is nobody's fault.
            let Some(&key) = self.track_ids.get(&track) else {
                continue;
            };
            let origin = self.routes.get(key).map(|route| route.origin);
            match piped {
                Piped::Packet { meta, past, bytes } if origin == Some(Origin::Worker(from)) => {
                    let Some(track) = self.tracks.get_mut(key) else {
                        continue;
                    };
                    if past {
                        // What is there already came by itself.
                        let _ = track.accept_past(now, encoding, *meta, bytes);
                        self.held.cached_bytes += track.take_growth();
                        continue;
                    }
                    let accepted = track.accept_piped(now, encoding, *meta, bytes);
                    self.held.cached_bytes += track.take_growth();
                    match accepted {
                        Ok(arrival) => {
                            self.note_arrival(now, key, arrival);
                            self.schedule_track(key);
                            self.fan_out(now, key, arrival);
                        }
                        Err(reason) => self.counters.drop(reason),
                    }
                }
                Piped::Packet { .. } => self.counters.drop(DropReason::NotPublished),
                Piped::Notice(notice) => self.take_notice(now, from, key, encoding, notice),
            }
        }
    }

    fn take_notice(
        &mut self,
        now: Instant,
        from: WorkerId,
        key: TrackKey,
        encoding: usize,
        notice: Notice,
    ) {
        self.decide();
        match notice {
            Notice::Skip {
                continuity,
                sequence,
            } => {
                let track = self.tracks.get_mut(key);
                if let Some(source) = track.and_then(|track| track.encoding_mut(encoding)) {
                    source.on_padding(sequence);
                }
                self.skip_in_slots(key, encoding, continuity, sequence);
            }
            Notice::Clock(clock) => {
                if let Some(track) = self.tracks.get_mut(key)
                    && let Some(source) = track.encoding_mut(encoding)
                {
                    source.clock = Some(clock);
                }
            }
            Notice::Muted => {
                let track = self.tracks.get_mut(key);
                if let Some(source) = track.and_then(|track| track.encoding_mut(encoding)) {
                    source.forget_group();
                }
            }
            Notice::Group { began } => {
                let track = self.tracks.get_mut(key);
                if let Some(source) = track.and_then(|track| track.encoding_mut(encoding)) {
                    source.set_group_began(began);
                }
            }
            Notice::PastComplete => self.start_with_past(now, key),
            Notice::KeyframeWanted => self.want_keyframe(now, key, encoding),
            Notice::Wanted(watched) => self.set_watched_by(now, key, encoding, from, watched),
        }
    }
}
