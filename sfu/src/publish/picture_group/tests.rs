use super::*;
use crate::parameters::Codec;
use crate::publish::frame::FrameNumbers;
use crate::publish::packet::{ForwardedExtensions, payload_span};
use crate::publish::picture::Picture;
use crate::publish::samples::{Sample, VP8, vp8};
use sfu_rtp::ExtensionMap;

/// A stream of frames of one packet each, 33 ms and 3,000 ticks apart.
struct Stream {
    start: Instant,
    cache: PacketCache<PacketMeta>,
    group: PictureGroup,
    continuity: u32,
}

impl Stream {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            cache: PacketCache::new(1024, 1 << 20),
            group: PictureGroup::default(),
            continuity: 0,
        }
    }

    fn at(&self, frame: u16) -> Instant {
        self.start + Duration::from_millis(33) * u32::from(frame)
    }

    fn frame(&mut self, frame: u16, keyframe: bool, size: usize) {
        let mut payload = vp8(frame, keyframe.then_some(480));
        payload.resize(size, 0);
        let (header, packet) = Sample {
            ssrc: 1,
            payload_type: VP8,
            marker: false,
            sequence: frame,
            timestamp: u32::from(frame) * 3_000,
            extensions: &[],
            payload: &payload,
        }
        .build();
        let meta = PacketMeta {
            header,
            sequence: SeqNo::new(u64::from(frame)),
            continuity: self.continuity,
            codec_index: 0,
            picture: Picture::inspect(
                Codec::Vp8,
                &payload,
                None,
                None,
                &mut FrameNumbers::default(),
            )
            .expect("a VP8 payload"),
            extensions: ForwardedExtensions::find(&header, &packet, &ExtensionMap::new()),
            payload: payload_span(&header, &packet).expect("a payload"),
            repeats: 0,
        };
        self.cache.insert(meta.sequence, meta, &packet);
        if keyframe {
            self.group.on_switch_point(self.at(frame), &meta);
        }
    }

    fn young(&self, frame: u16) -> Option<(u64, u64, u32)> {
        let group = self.group.young(self.at(frame), &self.cache)?;
        Some((group.first.get(), group.last.get(), group.latest.get()))
    }
}

#[test]
fn a_group_is_offered_while_it_is_young_and_small() {
    // Frames after the keyframe, the bytes of each, and whether they are offered when the last has come.
    for (frames, size, offered) in [
        (0, 1_000, true),
        (20, 1_000, true),
        (29, 1_000, true),
        // Older than a second.
        (31, 1_000, false),
        // 126 and 132 kB.
        (20, 6_000, true),
        (21, 6_250, false),
    ] {
        let mut stream = Stream::new();
        stream.frame(9, false, 100);
        for frame in 10..=10 + frames {
            stream.frame(frame, frame == 10, size);
        }
        let expected =
            offered.then(|| (10, u64::from(10 + frames), u32::from(10 + frames) * 3_000));
        assert_eq!(
            stream.young(10 + frames),
            expected,
            "{frames} frames of {size} bytes"
        );
    }
}

#[test]
fn a_group_with_a_hole_is_not_offered_unless_it_was_padding() {
    let mut stream = Stream::new();
    for frame in [10, 11, 13, 14] {
        stream.frame(frame, frame == 10, 100);
    }
    assert_eq!(stream.young(14), None, "12 is missing");
    stream.group.on_padding(SeqNo::new(12));
    assert_eq!(stream.young(14), Some((10, 14, 42_000)));
    for number in 0..MAX_PADDING as u64 {
        stream.group.on_padding(SeqNo::new(1_000 + number));
    }
    assert_eq!(stream.young(14), None, "12 is forgotten");
}

#[test]
fn the_newest_keyframe_begins_the_group_and_a_repaired_older_one_does_not() {
    let mut stream = Stream::new();
    for frame in [10, 11, 13, 14] {
        stream.frame(frame, [10, 13].contains(&frame), 100);
    }
    stream.frame(12, true, 100);
    assert_eq!(stream.young(14), Some((13, 14, 42_000)));
}

#[test]
fn nothing_is_offered_across_a_break() {
    let mut stream = Stream::new();
    stream.frame(10, true, 100);
    stream.frame(11, false, 100);
    stream.continuity = 1;
    stream.frame(12, false, 100);
    assert_eq!(stream.young(12), None);
    stream.frame(13, true, 100);
    assert_eq!(stream.young(13), Some((13, 13, 39_000)));
    stream.group.clear();
    assert_eq!(stream.young(13), None);
}
