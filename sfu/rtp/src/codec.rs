//! What a forwarder may know of a payload without decoding it: where frames begin, which layer they
//! are on, and at which of them a decoder can start. Codecs that number their pictures can have
//! them renumbered in place.
//!
//! One file per payload format; each parser is a plain function of the payload.

pub mod av1;
mod bit_reader;
pub mod h264;
mod picture_id;
mod picture_numbers;
mod reader;
pub mod vp8;
pub mod vp9;

pub use av1::Av1Payload;
pub use h264::H264Payload;
pub use picture_id::{PictureId, PictureIdWidth};
pub use picture_numbers::PictureNumbers;
pub use vp8::Vp8Descriptor;
pub use vp9::Vp9Descriptor;

/// Which parser reads a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadFormat {
    /// Any audio codec: its packets stand alone and are not looked into.
    Audio,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, packetization modes 0 and 1.
    H264,
    /// RTP Payload Format For AV1 (AOM).
    Av1,
}

/// What was read from one payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadInfo {
    /// Nothing is known, and nothing needs to be.
    Audio,
    /// VP8.
    Vp8(Vp8Descriptor),
    /// VP9.
    Vp9(Vp9Descriptor),
    /// H.264.
    H264(H264Payload),
    /// AV1.
    Av1(Av1Payload),
}

impl PayloadInfo {
    /// Reads a decrypted payload without its padding. `None` if it is malformed or empty;
    /// padding-only packets are the caller's to recognise.
    #[inline]
    pub fn parse(format: PayloadFormat, payload: &[u8]) -> Option<Self> {
        match format {
            PayloadFormat::Audio => (!payload.is_empty()).then_some(Self::Audio),
            PayloadFormat::Vp8 => Vp8Descriptor::parse(payload).map(Self::Vp8),
            PayloadFormat::Vp9 => Vp9Descriptor::parse(payload).map(Self::Vp9),
            PayloadFormat::H264 => H264Payload::parse(payload).map(Self::H264),
            PayloadFormat::Av1 => Av1Payload::parse(payload).map(Self::Av1),
        }
    }

    /// Whether a decoder that has seen nothing can start with this packet. True of every audio
    /// packet.
    #[inline]
    pub fn is_keyframe_start(&self) -> bool {
        match self {
            Self::Audio => true,
            Self::Vp8(vp8) => vp8.keyframe,
            Self::Vp9(vp9) => vp9.is_keyframe_start(),
            Self::H264(h264) => h264.has_sps,
            Self::Av1(av1) => av1.is_keyframe_start(),
        }
    }

    /// Whether a frame begins with this packet. H.264 can say so of several packets of one frame;
    /// see [`H264Payload::frame_start`].
    #[inline]
    pub fn is_frame_start(&self) -> bool {
        match self {
            Self::Audio => true,
            Self::Vp8(vp8) => vp8.frame_start,
            Self::Vp9(vp9) => vp9.frame_start,
            Self::H264(h264) => h264.frame_start,
            Self::Av1(av1) => av1.frame_start,
        }
    }

    /// The temporal layer, 0 to 7, if the payload tells.
    #[inline]
    pub fn temporal_layer(&self) -> Option<u8> {
        match self {
            Self::Audio | Self::H264(_) => None,
            Self::Vp8(vp8) => vp8.temporal_layer,
            Self::Vp9(vp9) => vp9.temporal_layer,
            Self::Av1(av1) => av1.temporal_layer,
        }
    }

    /// The spatial layer, 0 to 7, if the payload tells. VP8 and H.264 have none.
    #[inline]
    pub fn spatial_layer(&self) -> Option<u8> {
        match self {
            Self::Audio | Self::Vp8(_) | Self::H264(_) => None,
            Self::Vp9(vp9) => vp9.spatial_layer,
            Self::Av1(av1) => av1.spatial_layer,
        }
    }

    /// Whether the payload says that a receiver of lower temporal layers can go on to this frame's
    /// layer here: the frame refers to nothing of its own temporal layer or above. AV1 says so in
    /// its dependency descriptor only.
    #[inline]
    pub fn is_temporal_switch_point(&self) -> bool {
        match self {
            Self::Audio | Self::H264(_) | Self::Av1(_) => false,
            Self::Vp8(vp8) => vp8.layer_sync,
            Self::Vp9(vp9) => vp9.switching_up_point,
        }
    }

    /// Whether the payload says that no other frame refers to this one, so that dropping it harms
    /// nothing else.
    #[inline]
    pub fn is_discardable(&self) -> bool {
        match self {
            Self::Audio | Self::Vp9(_) | Self::Av1(_) => false,
            Self::Vp8(vp8) => vp8.non_reference,
            Self::H264(h264) => h264.non_reference,
        }
    }

    /// The size of the picture, if this packet tells: VP8 at keyframes, VP9 with a scalability
    /// structure (then of the highest spatial layer), H.264 and AV1 with the parameters of a
    /// sequence.
    #[inline]
    pub fn resolution(&self) -> Option<Resolution> {
        match self {
            Self::Audio => None,
            Self::H264(h264) => h264.resolution,
            Self::Av1(av1) => av1.resolution,
            Self::Vp8(vp8) => vp8.resolution,
            Self::Vp9(vp9) => vp9
                .scalability
                .and_then(|structure| structure.resolutions().last().copied()),
        }
    }
}

/// The size of a picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resolution {
    /// Pixels from left to right.
    pub width: u16,
    /// Pixels from top to bottom.
    pub height: u16,
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const FORMATS: [PayloadFormat; 5] = [
        PayloadFormat::Audio,
        PayloadFormat::Vp8,
        PayloadFormat::Vp9,
        PayloadFormat::H264,
        PayloadFormat::Av1,
    ];

    #[test]
    fn any_bytes_are_read_without_panic() {
        let seed = rand::rng().random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        for _ in 0..30_000 {
            let mut payload = vec![0; random.random_range(0..40)];
            random.fill(&mut payload[..]);
            for format in FORMATS {
                let Some(info) = PayloadInfo::parse(format, &payload) else {
                    continue;
                };
                assert!(
                    !info.is_keyframe_start() || info.is_frame_start(),
                    "{format:?} {payload:02x?}"
                );
                assert!(info.temporal_layer().is_none_or(|layer| layer < 8));
                assert!(info.spatial_layer().is_none_or(|layer| layer < 8));
                let _ = (
                    info.is_temporal_switch_point(),
                    info.is_discardable(),
                    info.resolution(),
                );
            }
        }
    }

    #[test]
    fn an_empty_payload_is_of_no_format() {
        for format in FORMATS {
            assert_eq!(PayloadInfo::parse(format, &[]), None, "{format:?}");
        }
    }
}
