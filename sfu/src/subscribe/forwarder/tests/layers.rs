//! Every switch among all pairs of layers, for each way in which a stream tells of its layers.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu_rtp::extension::{AbsSendTime, TransportSequence};
use sfu_rtp::{
    DependencyDescriptor, DependencyStructure, ExtensionElement, ExtensionKind, ExtensionMap,
    NtpTime, RtpHeader, Ssrc,
};

use super::super::*;
use crate::id::TrackId;
use crate::parameters::Codec;
use crate::publish::samples::{
    Mode, Sample, Scalable, ScalableFrame, VP8, layers, payload_type, video,
};
use crate::subscribe::rewrite::{self, Departure, Writing};

/// A track with layers in one encoding, a forwarder, and what a receiver makes of what goes out.
struct Scene {
    now: Instant,
    track: Track,
    forwarder: Forwarder,
    extensions: ExtensionMap,
    sequence: u16,
    keyframe_wanted: bool,
    received: Vec<Outgoing>,
}

/// A packet that went out.
#[derive(Clone, Debug)]
struct Outgoing {
    frame: ScalableFrame,
    sequence: u16,
    marker: bool,
    timestamp: u32,
    payload: Vec<u8>,
    descriptor: Option<Vec<u8>>,
}

impl Scene {
    fn new(codec: Codec) -> Self {
        let mut media = video("0", &[]);
        media.codecs[0].codec = codec;
        let mut extensions = ExtensionMap::new();
        extensions
            .insert(12, ExtensionKind::DependencyDescriptor)
            .expect("a free id");
        let mut forwarder = Forwarder::new(65_500, RtpTime::new(0), ClockRate::VIDEO);
        forwarder.detach(Some(0));
        Self {
            now: Instant::now(),
            track: Track::new(TrackId::new(1), media),
            forwarder,
            extensions,
            sequence: 30_000,
            keyframe_wanted: false,
            received: Vec::new(),
        }
    }

    fn send(&mut self, picture: &[ScalableFrame]) {
        self.now += Duration::from_millis(33);
        for frame in picture {
            for starts in [true, false] {
                self.packet(frame, starts);
            }
        }
    }

    fn packet(&mut self, frame: &ScalableFrame, starts: bool) {
        let descriptor = frame.descriptor(starts, !starts);
        let elements: Vec<_> = descriptor
            .iter()
            .map(|value| ExtensionElement { id: 12, value })
            .collect();
        let sample = Sample {
            ssrc: 1,
            payload_type: VP8,
            marker: frame.is_top && !starts,
            sequence: self.sequence,
            timestamp: frame.picture as u32 * 3_000,
            extensions: &elements,
            payload: &frame.payload(starts, !starts),
        };
        self.sequence += 1;
        let arrival = sample
            .offer_to(&mut self.track, self.now, 0, &self.extensions)
            .expect("taken");
        let cached = self.track.packet(0, arrival.sequence).expect("cached");
        let decision = self.forwarder.decide(self.now, &self.track, 0, cached.meta);
        match decision {
            Ok(Decision::Forward | Decision::Join) => {}
            Ok(other) => panic!("{other:?}"),
            Err(reason) => {
                self.keyframe_wanted |= reason == DropReason::AwaitingKeyframe;
                return;
            }
        }
        let numbers = self
            .forwarder
            .number(self.now, &self.track, cached.meta)
            .expect("it has a place");
        let writing = Writing {
            extensions: &self.extensions,
            mid: None,
            ssrc: Ssrc::new(2),
            payload_type: payload_type(VP8),
            redundancy: None,
            numbers,
            rtx_sequence: None,
            departure: Departure {
                number: TransportSequence(0),
                time: AbsSendTime::from_ntp(NtpTime::new(0)),
            },
        };
        let mut out = vec![0; rewrite::upper_bound(&cached)];
        let written = rewrite::write(&cached, &writing, &mut out).expect("room");
        out.truncate(written.len);
        let header = RtpHeader::parse(&out).expect("as written");
        let value = header.extensions(&out).find(|(id, _)| *id == 12);
        self.received.push(Outgoing {
            frame: frame.clone(),
            sequence: header.sequence(),
            marker: header.marker(),
            timestamp: header.timestamp().get(),
            payload: header.payload(&out).expect("as written").to_vec(),
            descriptor: value.map(|(_, value)| value.to_vec()),
        });
    }

    /// What holds whatever is switched: all is decodable, and looks like one sender's.
    fn check(&self, name: &str) {
        let mut decoded = BTreeSet::new();
        for (index, packet) in self.received.iter().enumerate() {
            let frame = &packet.frame;
            decoded.insert(frame.number);
            for reference in &frame.references {
                assert!(
                    decoded.contains(reference),
                    "{name}: {:?} of picture {} refers to {reference}, which was not sent",
                    frame.layer,
                    frame.picture
                );
            }
            let next = self.received.get(index + 1);
            let ends = next.is_none_or(|next| next.frame.picture != frame.picture);
            assert_eq!(packet.marker, ends, "{name}: picture {}", frame.picture);
            let Some(next) = next else { continue };
            assert_eq!(next.sequence, packet.sequence.wrapping_add(1), "{name}");
            let pictures = next.frame.picture - frame.picture;
            assert_eq!(
                next.timestamp.wrapping_sub(packet.timestamp),
                pictures as u32 * 3_000
            );
            self.check_ids(name, packet, next);
        }
    }

    fn check_ids(&self, name: &str, before: &Outgoing, after: &Outgoing) {
        if let (Some(before_value), Some(value)) = (&before.descriptor, &after.descriptor) {
            let number = |value: &[u8]| u16::from_be_bytes([value[1], value[2]]);
            let shown = number(value).wrapping_sub(number(before_value));
            let sent = after.frame.number - before.frame.number;
            assert_eq!(u64::from(shown), sent, "{name}: frame numbers");
            return;
        }
        let is_vp8 = before.payload.len() == 9;
        let ids = |packet: &Outgoing| {
            let at = if is_vp8 { 2 } else { 1 };
            let id = u16::from_be_bytes([packet.payload[at], packet.payload[at + 1]]) & 0x7fff;
            (id, packet.payload[at + if is_vp8 { 2 } else { 3 }])
        };
        let ((old, old_tl0), (new, new_tl0)) = (ids(before), ids(after));
        let pictures = after.frame.picture - before.frame.picture;
        // Those of VP8 close up, those of VP9 are distances.
        let expected = if is_vp8 { pictures.min(1) } else { pictures };
        assert_eq!(u64::from(new - old), expected, "{name}: picture ids");
        let expected = after.frame.tl0.wrapping_sub(before.frame.tl0);
        assert_eq!(new_tl0.wrapping_sub(old_tl0), expected, "{name}: TL0PICIDX");
    }

    /// How many packets went out of each picture of which any did.
    fn packets_of_pictures(&self) -> Vec<usize> {
        let same = |one: &Outgoing, other: &Outgoing| one.frame.picture == other.frame.picture;
        self.received.chunk_by(same).map(<[_]>::len).collect()
    }

    /// The decode targets that the receiver was last told are active.
    fn active_targets(&self) -> Option<u32> {
        let mut structure = None;
        let mut active = None;
        for value in self.received.iter().filter_map(|it| it.descriptor.as_ref()) {
            if let Ok(told) = DependencyStructure::parse(value) {
                structure = Some(told);
            }
            let parsed = DependencyDescriptor::parse(value, structure.as_ref()).expect("readable");
            active = parsed.active_decode_targets.or(active);
        }
        active
    }
}

const STREAMS: [(&str, Mode, Codec, u8, u8); 8] = [
    ("VP8 L1T3", Mode::Vp8, Codec::Vp8, 1, 3),
    ("VP9 L1T3", Mode::Vp9, Codec::Vp9, 1, 3),
    ("VP9 L3T3", Mode::Vp9, Codec::Vp9, 3, 3),
    ("VP9 L3T3 encrypted", Mode::Described, Codec::Vp9, 3, 3),
    (
        "VP9 L3T3_KEY encrypted",
        Mode::DescribedKey,
        Codec::Vp9,
        3,
        3,
    ),
    ("H.264 L1T3 encrypted", Mode::Described, Codec::H264, 1, 3),
    ("AV1 L2T2 encrypted", Mode::Described, Codec::Av1, 2, 2),
    (
        "AV1 L3T3_KEY encrypted",
        Mode::DescribedKey,
        Codec::Av1,
        3,
        3,
    ),
];

#[test]
fn every_switch_among_all_pairs_of_layers_is_decodable_on_both_sides() {
    for (stream, mode, codec, spatial, temporal) in STREAMS {
        let pairs = layers(spatial, temporal).into_iter().flat_map(|from| {
            let to = layers(spatial, temporal).into_iter();
            to.map(move |to| (from, to))
        });
        for (index, pair) in pairs.enumerate() {
            // At each phase of the pattern, or in turn where there are many pairs.
            let phases = if spatial == 1 {
                0..4
            } else {
                index as u64 % 4..index as u64 % 4 + 1
            };
            for phase in phases {
                let name = format!("{stream}, {pair:?}, phase {phase}");
                let encoder = Scalable::new(mode, spatial, temporal);
                switch(&name, encoder, codec, pair, phase);
            }
        }
    }
}

fn switch(name: &str, mut encoder: Scalable, codec: Codec, (from, to): (Layer, Layer), phase: u64) {
    let mut scene = Scene::new(codec);
    // As it is where nothing is to be left out.
    let is_all = layers(encoder.spatial_layers(), encoder.temporal_layers()).last() == Some(&from);
    scene
        .forwarder
        .set_layers(if is_all { ALL_LAYERS } else { from });
    let before = 24 + phase;
    let mut keyframe_at = None;
    let mut last_keyframe = 0;
    let mut first = 0;
    for picture in 0..before + 60 {
        if picture == before {
            scene.forwarder.set_layers(to);
        }
        // What a publisher takes to hear of it.
        if std::mem::take(&mut scene.keyframe_wanted) && keyframe_at.is_none() {
            keyframe_at = Some(picture + 3);
        }
        let keyframe = keyframe_at.take_if(|at| *at <= picture).is_some();
        if keyframe {
            last_keyframe = picture;
        }
        let frames = encoder.picture(keyframe);
        first = if picture == 0 {
            frames[0].picture
        } else {
            first
        };
        scene.send(&frames);
    }
    scene.check(name);
    assert!(last_keyframe <= before + 8, "{name}: keyframes without end");

    // Which layers of each picture went out.
    let shown = |picture: u64| {
        let packets = scene
            .received
            .iter()
            .filter(|it| it.frame.picture == first + picture);
        packets.map(|it| it.frame.layer).max()
    };
    let all = |range: std::ops::Range<u64>, layer: Layer| {
        for picture in range {
            let Some(top) = shown(picture) else { continue };
            assert_eq!(top.spatial, layer.spatial, "{name}: picture {picture}");
            assert!(top.temporal <= layer.temporal, "{name}: picture {picture}");
        }
    };
    all(0..before, from);
    all(before + 20..before + 60, to);
    // The old layer went on until the new one began: no more than the pattern leaves out is missing.
    let mut gap = 0;
    for picture in 0..before + 60 {
        gap = if shown(picture).is_some() { 0 } else { gap + 1 };
        assert!(gap < 4, "{name}: nothing is shown at picture {picture}");
    }
    // Of 20 pictures: 5, 10 or 20 with temporal layers 0, 1 or 2 of three.
    let count = (before + 40..before + 60)
        .filter(|&picture| shown(picture).is_some())
        .count();
    let steps = encoder.temporal_layers() - 1 - to.temporal;
    assert_eq!(count, 20 >> steps, "{name}: frames");
    if let Some(active) = scene.active_targets() {
        let targets = encoder.picture(false)[0].targets();
        let within = targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.spatial <= to.spatial && target.temporal <= to.temporal);
        let expected = within.fold(0, |mask, (target, _)| mask | 1 << target);
        assert_eq!(active, expected, "{name}: active decode targets");
    }
}

#[test]
fn a_picture_that_has_begun_goes_out_whole() {
    // How many packets go out of the pictures that follow, of temporal layers 1, 2, 0, 2, 1. Decode targets are
    // changed at switches only.
    let cases = [
        ("VP8 L1T3", Mode::Vp8, Codec::Vp8, 1, [0, 0, 2, 0, 0]),
        ("VP9 L3T3", Mode::Vp9, Codec::Vp9, 3, [0, 0, 2, 0, 0]),
        ("AV1 L3T3", Mode::Described, Codec::Av1, 3, [6, 6, 2, 0, 0]),
    ];
    for (name, mode, codec, spatial, expected) in cases {
        let mut scene = Scene::new(codec);
        let mut encoder = Scalable::new(mode, spatial, 3);
        scene.send(&encoder.picture(true));
        // Of temporal layer 2.
        let picture = encoder.picture(false);
        scene.now += Duration::from_millis(33);
        scene.packet(&picture[0], true);
        scene.forwarder.set_layers(Layer::default());
        scene.packet(&picture[0], false);
        for frame in &picture[1..] {
            scene.packet(frame, true);
            scene.packet(frame, false);
        }
        for _ in 0..14 {
            scene.send(&encoder.picture(false));
        }
        scene.check(name);
        let number = |picture: u64| {
            let sent = scene.received.iter();
            sent.filter(|it| it.frame.picture == 101 + picture).count()
        };
        let all = 2 * usize::from(spatial);
        assert_eq!([number(0), number(1)], [all; 2], "{name}");
        let later: Vec<_> = (2..7).map(number).collect();
        assert_eq!(later, expected, "{name}");
    }
}

#[test]
fn what_is_wanted_in_the_middle_of_a_picture_counts_from_the_next_on() {
    // With L3T1_KEY, lower layers are part of higher ones in keyframes only.
    let modes = [
        ("VP9", Mode::Vp9, Codec::Vp9, 6),
        ("AV1 L3T1", Mode::Described, Codec::Av1, 6),
        ("AV1 L3T1_KEY", Mode::DescribedKey, Codec::Av1, 2),
    ];
    for (name, mode, codec, last) in modes {
        let mut scene = Scene::new(codec);
        let mut encoder = Scalable::new(mode, 3, 1);
        scene.forwarder.set_layers(Layer::default());
        let picture = encoder.picture(true);
        scene.send(&picture[..1]);
        // The lowest layer has gone out as the last of its picture, and stays that.
        scene.forwarder.set_layers(ALL_LAYERS);
        scene.send(&picture[1..]);
        for keyframe in [false, true, false] {
            scene.send(&encoder.picture(keyframe));
        }
        scene.check(name);
        assert_eq!(scene.packets_of_pictures(), [2, 2, 6, last], "{name}");
    }
}

#[test]
fn who_retreats_from_a_layer_gets_nothing_of_it_any_more() {
    // How many packets go out of the pictures that follow, of which the fourth is a keyframe.
    let cases = [
        ("AV1 L3T1", Mode::Described, [2, 2, 2, 2, 2]),
        ("AV1 L3T1_KEY", Mode::DescribedKey, [0, 0, 0, 2, 2]),
    ];
    for (name, mode, expected) in cases {
        let mut scene = Scene::new(Codec::Av1);
        let mut encoder = Scalable::new(mode, 3, 1);
        for keyframe in [true, false] {
            scene.send(&encoder.picture(keyframe));
        }
        let highest = scene.track.encodings()[0].highest().expect("it was sent");
        scene.forwarder.retreat(0, Layer::default());
        let sent = [false, false, false, true, false].map(|keyframe| {
            let before = scene.received.len();
            scene.send(&encoder.picture(keyframe));
            scene.received.len() - before
        });
        scene.check(name);
        assert_eq!(sent, expected, "{name}");
        let is_stopped = expected[0] == 0;
        assert_eq!(scene.keyframe_wanted, is_stopped, "{name}");
        // Repairs of what it left would only take room from the keyframe.
        let is_useful = scene.forwarder.is_useful(highest.get() as u32);
        assert_eq!(is_useful, !is_stopped, "{name}");
    }
}

#[test]
fn the_layers_of_a_keyframe_may_come_in_any_order() {
    let mut scene = Scene::new(Codec::Vp9);
    let mut encoder = Scalable::new(Mode::Vp9, 3, 1);
    scene.send(&encoder.picture(true));
    // As who was at the lowest layer and is to get all of them.
    scene.forwarder.set_layers(Layer::default());
    scene.send(&encoder.picture(false));
    scene.forwarder.set_layers(ALL_LAYERS);
    let picture = encoder.picture(true);
    let first = scene.sequence;
    for layer in [0, 2, 1] {
        scene.sequence = first + 2 * layer as u16;
        scene.send(&picture[layer..=layer]);
    }
    scene.sequence = first + 6;
    scene.send(&encoder.picture(false));
    scene.received.sort_by_key(|packet| packet.sequence);
    scene.check("VP9 L3T1");
    assert_eq!(scene.packets_of_pictures(), [6, 2, 6, 6]);
}

#[test]
fn a_picture_whose_lowest_layer_comes_late_is_not_cut_off_behind_it() {
    let mut scene = Scene::new(Codec::Vp9);
    let mut encoder = Scalable::new(Mode::Vp9, 3, 1);
    scene.send(&encoder.picture(true));
    let picture = encoder.picture(false);
    let first = scene.sequence;
    scene.sequence += 2;
    scene.send(&picture[1..]);
    let next = std::mem::replace(&mut scene.sequence, first);
    scene.forwarder.set_layers(Layer::default());
    scene.send(&picture[..1]);
    scene.sequence = next;
    scene.send(&encoder.picture(false));
    scene.received.sort_by_key(|packet| packet.sequence);
    scene.check("VP9 L3T1");
    assert_eq!(scene.packets_of_pictures(), [6, 6, 2]);
}

#[test]
fn a_chain_that_stays_broken_is_given_up_until_the_next_keyframe() {
    let mut scene = Scene::new(Codec::Av1);
    let mut encoder = Scalable::new(Mode::Described, 1, 1);
    for picture in 0..30 {
        let frames = encoder.picture(picture == 25);
        // Never repaired.
        if picture != 5 {
            scene.send(&frames);
        }
    }
    let shown: Vec<_> = scene
        .received
        .iter()
        .map(|it| it.frame.picture - 101)
        .collect();
    // Half a second is given to the repair.
    let expected = (0..5)
        .chain(6..22)
        .chain(25..30)
        .flat_map(|picture| [picture; 2]);
    assert_eq!(shown, expected.collect::<Vec<_>>());
    assert!(scene.keyframe_wanted);
}
