mod layers;

use std::time::Duration;

use sfu_rtp::ExtensionMap;

use super::*;
use crate::id::TrackId;
use crate::publish::samples::{Sample, VP8, video, vp8};
use crate::publish::track::Track;

/// A track with two layers, and a forwarder that is to show one of them.
struct Scene {
    now: Instant,
    track: Track,
    forwarder: Forwarder,
}

impl Scene {
    fn new(target: usize) -> Self {
        let mut forwarder = Forwarder::new(100, RtpTime::new(0), ClockRate::VIDEO);
        forwarder.detach(Some(target));
        Self {
            now: Instant::now(),
            track: Track::new(TrackId::new(1), video("0", &["q", "h"])),
            forwarder,
        }
    }

    /// A packet of a layer arrives, a frame of its own; the number that the slot gives it, or why it does not.
    fn packet(
        &mut self,
        encoding: usize,
        sequence: u16,
        keyframe: bool,
    ) -> Result<u16, DropReason> {
        match self.part(encoding, sequence, u32::from(sequence), keyframe, true)? {
            (_, Some(number)) => Ok(number),
            // Offered again, as the fan-out does.
            (Decision::Switch(first), None) => match self.offer(encoding, first)? {
                (Decision::Join, Some(number)) => Ok(number),
                other => panic!("a complete keyframe was not joined: {other:?}"),
            },
            (_, None) => panic!("a frame of one packet was held"),
        }
    }

    /// A packet of frame `frame` of a layer arrives.
    fn part(
        &mut self,
        encoding: usize,
        sequence: u16,
        frame: u32,
        keyframe: bool,
        marker: bool,
    ) -> Result<(Decision, Option<u16>), DropReason> {
        self.now += Duration::from_millis(33);
        let sample = Sample {
            ssrc: 10 + encoding as u32,
            payload_type: VP8,
            marker,
            sequence,
            timestamp: frame * 3_000,
            extensions: &[],
            payload: &vp8(sequence, keyframe.then_some(360)),
        };
        let arrival = sample
            .offer_to(&mut self.track, self.now, encoding, &ExtensionMap::new())
            .expect("the track takes it");
        self.offer(encoding, arrival.sequence)
    }

    /// What the slot decides, and the number that it gives the packet if it goes out.
    fn offer(
        &mut self,
        encoding: usize,
        sequence: SeqNo,
    ) -> Result<(Decision, Option<u16>), DropReason> {
        let cached = self.track.packet(encoding, sequence).expect("it is cached");
        let decision = self
            .forwarder
            .decide(self.now, &self.track, encoding, cached.meta)?;
        let number = match decision {
            Decision::Forward | Decision::Join => Some(
                self.forwarder
                    .number(self.now, &self.track, cached.meta)?
                    .sequence,
            ),
            Decision::Hold | Decision::Switch(_) => None,
        };
        Ok((decision, number))
    }
}

#[test]
fn nothing_goes_out_before_a_switch_point_of_the_target() {
    let mut scene = Scene::new(1);
    assert_eq!(scene.packet(1, 1, false), Err(DropReason::AwaitingKeyframe));
    assert_eq!(scene.packet(0, 1, true), Err(DropReason::OtherEncoding));
    assert_eq!(scene.forwarder.awaited(), Some(1));
    assert_eq!(scene.packet(1, 2, true), Ok(100));
    assert_eq!(scene.packet(1, 3, false), Ok(101));
    assert_eq!(scene.forwarder.awaited(), None);
}

#[test]
fn the_old_layer_goes_on_until_the_new_one_has_its_keyframe() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    scene.forwarder.set_target(Some(1));
    assert_eq!(
        scene.packet(1, 50, false),
        Err(DropReason::AwaitingKeyframe)
    );
    assert_eq!(scene.packet(0, 11, false), Ok(101));
    assert_eq!(scene.packet(1, 51, true), Ok(102));
    assert_eq!(scene.packet(0, 12, false), Err(DropReason::OtherEncoding));
    assert_eq!(scene.packet(1, 52, false), Ok(103));
}

#[test]
fn where_a_path_is_far_too_narrow_only_the_smaller_layer_goes_on() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 1, true), Ok(100));
    scene.forwarder.set_target(Some(1));
    assert_eq!(scene.packet(0, 2, false), Ok(101));
    // Back before the larger one has begun: there is nothing to stop.
    scene.forwarder.retreat(0, ALL_LAYERS);
    assert_eq!(scene.packet(0, 3, false), Ok(102));
    assert_eq!(scene.forwarder.awaited(), None);

    scene.forwarder.set_target(Some(1));
    assert_eq!(scene.packet(1, 1, true), Ok(103));
    scene.forwarder.retreat(0, ALL_LAYERS);
    assert_eq!(scene.packet(1, 2, false), Err(DropReason::OtherEncoding));
    assert_eq!(scene.packet(0, 4, false), Err(DropReason::AwaitingKeyframe));
    assert_eq!(scene.packet(0, 5, true), Ok(104));
}

#[test]
fn the_old_layer_goes_on_until_the_keyframe_is_there_to_its_last_packet() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    scene.forwarder.set_target(Some(1));
    // The keyframe of the other layer is frame 50: packets 50, 51 (lost at first) and 52.
    assert_eq!(
        scene.part(1, 50, 50, true, false),
        Ok((Decision::Hold, None))
    );
    assert_eq!(scene.packet(0, 11, false), Ok(101));
    assert_eq!(
        scene.part(1, 52, 50, false, true),
        Ok((Decision::Hold, None))
    );
    assert_eq!(
        scene.part(1, 53, 51, false, true),
        Ok((Decision::Hold, None))
    );
    assert_eq!(scene.packet(0, 12, false), Ok(102));
    let first = SeqNo::new((1 << 16) + 50);
    assert_eq!(
        scene.part(1, 51, 50, false, false),
        Ok((Decision::Switch(first), None))
    );
    for (offset, expected) in [(0, 103), (1, 104), (2, 105), (3, 106)] {
        let decision = scene.offer(1, first.wrapping_add(offset));
        let number = decision.map(|(_, number)| number);
        assert_eq!(
            number,
            Ok(Some(expected)),
            "packet {offset} of the keyframe"
        );
    }
    assert_eq!(scene.packet(0, 13, false), Err(DropReason::OtherEncoding));
}

#[test]
fn a_keyframe_that_never_becomes_complete_is_given_up() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    scene.forwarder.set_target(Some(1));
    assert_eq!(
        scene.part(1, 50, 50, true, false),
        Ok((Decision::Hold, None))
    );
    scene.now += Duration::from_secs(1);
    let later = scene.part(1, 60, 60, false, true);
    assert_eq!(later, Err(DropReason::AwaitingKeyframe));
    assert_eq!(scene.packet(1, 61, true), Ok(101));
}

#[test]
fn a_packet_from_before_the_switch_is_not_forwarded_after_it() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 12, true), Ok(100));
    assert_eq!(scene.packet(0, 11, false), Err(DropReason::BeforeSwitch));
}

#[test]
fn after_unmuting_the_stream_begins_anew_at_a_keyframe_and_runs_on_in_numbers() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    scene.track.set_muted(true);
    scene.track.set_muted(false);
    assert_eq!(
        scene.packet(0, 500, false),
        Err(DropReason::AwaitingKeyframe)
    );
    assert_eq!(scene.packet(0, 501, true), Ok(101));
    assert_eq!(scene.packet(0, 502, false), Ok(102));
}

#[test]
fn a_slot_without_a_track_forwards_nothing() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    scene.forwarder.detach(None);
    assert_eq!(scene.packet(0, 11, true), Err(DropReason::OtherEncoding));
}

#[test]
fn padding_leaves_no_gap() {
    let mut scene = Scene::new(0);
    assert_eq!(scene.packet(0, 10, true), Ok(100));
    // The first number of a stream is one cycle up.
    let padding = SeqNo::new((1 << 16) + 11);
    scene.forwarder.skip(0, 0, padding);
    assert_eq!(scene.packet(0, 12, false), Ok(101));
}
