use std::time::Instant;

use slotmap::SlotMap;

use super::*;
use crate::id::TrackId;
use crate::publish::samples::{Sample, VP8, mid, video, vp8};
use crate::publish::track::Track;
use crate::subscribe::forwarder::Decision;

/// A slot that shows a track of two layers.
struct Scene {
    slot: Slot,
    track: Track,
    track_key: TrackKey,
    other_key: TrackKey,
}

impl Scene {
    fn new() -> Self {
        let media = SlotMedia {
            mid: mid("0"),
            kind: MediaKind::Video,
            codecs: video("0", &[]).codecs,
            extensions: ExtensionMap::new(),
            ssrc: Ssrc::new(1),
            rtx_ssrc: Some(Ssrc::new(2)),
            pair: 0,
        };
        let peer = SlotMap::<PeerKey, ()>::with_key().insert(());
        let mut tracks = SlotMap::<TrackKey, ()>::with_key();
        let (track_key, other_key) = (tracks.insert(()), tracks.insert(()));
        let mut slot = Slot::new(peer, &media, (100, RtpTime::new(0), 0));
        let shown = video("0", &["q", "h"]);
        slot.assign(track_key, &shown.codecs, None);
        Self {
            slot,
            track: Track::new(TrackId::new(1), shown),
            track_key,
            other_key,
        }
    }

    /// Goes over to a layer with a keyframe of one packet. Returns what the history keeps of it.
    fn switch_to(&mut self, encoding: usize) -> Kept {
        let now = Instant::now();
        self.slot.forwarder.set_target(Some(encoding));
        let sample = Sample {
            ssrc: 10 + encoding as u32,
            payload_type: VP8,
            marker: true,
            sequence: 1,
            timestamp: 3_000,
            extensions: &[],
            payload: &vp8(1, Some(360)),
        };
        let arrival = sample.offer_to(&mut self.track, now, encoding, &ExtensionMap::new());
        let sequence = arrival.expect("the track takes it").sequence;
        let cached = self.track.packet(encoding, sequence).expect("it is cached");
        let forwarder = &mut self.slot.forwarder;
        let mut decide = || forwarder.decide(now, &self.track, encoding, cached.meta);
        if let Ok(Decision::Switch(_)) = decide() {
            // Offered again, as the fan-out does.
            assert_eq!(decide(), Ok(Decision::Join));
        }
        let numbers = forwarder
            .number(now, &self.track, cached.meta)
            .expect("it goes out");
        let sent = Sent {
            track: self.track_key,
            encoding: encoding as u8,
            source: sequence,
            numbers,
            vacant: false,
        };
        self.slot.remember(now, &sent);
        let entry = self.slot.history.get_mut(numbers.sequence);
        let kept = entry.expect("it is remembered").packet;
        let restored = kept.restore(numbers.sequence, (self.track_key, &self.track));
        assert_eq!(restored, Some(sent));
        kept
    }

    fn is_left(&self, kept: &Kept) -> bool {
        kept.is_left(&self.slot)
    }
}

#[test]
fn a_packet_is_remembered_in_half_a_line_of_cache() {
    assert_eq!(size_of::<Option<super::super::history::Entry<Kept>>>(), 32);
}

#[test]
fn what_a_slot_has_left_is_not_repaired() {
    let mut scene = Scene::new();
    let low = scene.switch_to(0);
    assert!(!scene.is_left(&low), "it flows");
    scene.slot.forwarder.set_target(Some(1));
    assert!(!scene.is_left(&low), "it flows until the switch");
    let high = scene.switch_to(1);
    assert!(!scene.is_left(&high));
    assert!(scene.is_left(&low), "the layer was left");

    scene.slot.forwarder.detach(Some(1));
    assert!(
        !scene.is_left(&high),
        "waiting for a keyframe, what was last shown may still lead to one"
    );
    scene.slot.forwarder.detach(Some(0));
    assert!(scene.is_left(&high), "waiting for another layer's keyframe");
    scene
        .slot
        .assign(scene.other_key, &video("0", &[]).codecs, None);
    assert!(scene.is_left(&high), "it shows another track");
    scene.slot.clear();
    assert!(scene.is_left(&high), "it shows nothing");
    let shown = video("0", &["q", "h"]);
    scene.slot.assign(scene.track_key, &shown.codecs, Some(1));
    assert!(
        scene.is_left(&high),
        "it shows the track again, from its next keyframe on"
    );
}
