//! How much of what a publisher sends, and how it is cut into packets.

use serde::Serialize;

use super::{Kind, MARKER_BYTES};

/// What one participant publishes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Mix {
    /// Its camera.
    pub video: Option<VideoShape>,
    /// Its microphone.
    pub audio: Option<AudioShape>,
}

/// A camera's packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct VideoShape {
    /// Frames a second.
    pub frames_per_second: u32,
    /// Packets in each frame, keyframes too, so that rates are exact.
    pub packets_per_frame: u32,
    /// Bytes of each RTP packet, header included, before SRTP.
    pub packet_bytes: usize,
}

/// A microphone's packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct AudioShape {
    /// Packets a second.
    pub packets_per_second: u32,
    /// Bytes of each RTP packet, header included, before SRTP.
    pub packet_bytes: usize,
}

impl Mix {
    /// A camera of 1.4 Mbit/s, 150 packets of 1,200 bytes a second, and a microphone of 50 packets.
    pub const CAMERA_AND_MICROPHONE: Self = Self {
        video: Some(VideoShape::DEFAULT),
        audio: Some(AudioShape::DEFAULT),
    };

    /// A microphone alone.
    pub const MICROPHONE: Self = Self {
        video: None,
        audio: Some(AudioShape::DEFAULT),
    };

    /// The kinds of media in it.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        let audio = self.audio.map(|_| Kind::Audio);
        audio.into_iter().chain(self.video.map(|_| Kind::Video))
    }

    /// RTP packets a second.
    pub fn packets_per_second(&self) -> u32 {
        let video = self
            .video
            .map_or(0, |video| video.frames_per_second * video.packets_per_frame);
        video + self.audio.map_or(0, |audio| audio.packets_per_second)
    }

    /// How packets of this kind come: so many at once, in such intervals, of this size. `None`: not at all.
    pub(crate) fn bursts(&self, kind: Kind) -> Option<Bursts> {
        match kind {
            Kind::Audio => self.audio.map(|audio| Bursts {
                packets: 1,
                per_second: audio.packets_per_second,
                packet_bytes: audio.packet_bytes,
            }),
            Kind::Video => self.video.map(|video| Bursts {
                packets: video.packets_per_frame,
                per_second: video.frames_per_second,
                packet_bytes: video.packet_bytes,
            }),
        }
    }
}

/// The packets of one kind of media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bursts {
    /// Packets that leave together: a frame.
    pub(crate) packets: u32,
    /// Frames a second.
    pub(crate) per_second: u32,
    /// Bytes of each RTP packet.
    pub(crate) packet_bytes: usize,
}

impl VideoShape {
    /// What servers of the field are usually measured with: 720p at 1.4 Mbit/s.
    pub const DEFAULT: Self = Self {
        frames_per_second: 30,
        packets_per_frame: 5,
        packet_bytes: 1_200,
    };
}

impl AudioShape {
    /// 50 packets a second of about 124 bytes are Opus at 40 kbit/s.
    pub const DEFAULT: Self = Self {
        packets_per_second: 50,
        packet_bytes: 124,
    };
}

/// The smallest packet: a header without extensions, the longest codec header, and the marker.
pub(crate) const MIN_PACKET_BYTES: usize = 12 + 14 + MARKER_BYTES;

/// The largest: what a path of 1,280 bytes carries (RFC 8200 §5) besides IPv6, UDP and an SRTP tag.
pub(crate) const MAX_PACKET_BYTES: usize = 1_280 - 40 - 8 - 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_mix_is_150_video_and_50_audio_packets_a_second() {
        let mix = Mix::CAMERA_AND_MICROPHONE;
        assert_eq!(mix.packets_per_second(), 200);
        assert_eq!(Mix::MICROPHONE.packets_per_second(), 50);
        let video = mix.bursts(Kind::Video).expect("there is video");
        assert_eq!(
            (video.packets, video.per_second, video.packet_bytes),
            (5, 30, 1_200)
        );
        assert_eq!(Mix::MICROPHONE.bursts(Kind::Video), None);
        assert_eq!(mix.kinds().collect::<Vec<_>>(), [Kind::Audio, Kind::Video]);
    }
}
