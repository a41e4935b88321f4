//! What a payload says about the picture it is part of, as far as forwarding uses it.

use sfu_rtp::codec::{PayloadFormat, PayloadInfo, Vp8Descriptor};

use crate::parameters::Codec;

/// The part of a payload's description that is kept with every cached packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    /// A decoder that has seen nothing can start with this packet. Always so for sound.
    pub(crate) switch_point: bool,
    /// Height in pixels, where a keyframe tells it.
    pub(crate) height: Option<u16>,
    /// The VP8 payload descriptor, whose ids are rewritten for each subscriber.
    pub(crate) vp8: Option<Vp8Descriptor>,
}

impl Picture {
    /// Reads a decrypted payload without padding; `None` if it is not what its codec prescribes.
    #[inline]
    pub(crate) fn inspect(codec: Codec, payload: &[u8]) -> Option<Self> {
        let info = PayloadInfo::parse(format_of(codec), payload)?;
        Some(Self {
            switch_point: info.is_keyframe_start(),
            height: info.resolution().map(|resolution| resolution.height),
            vp8: match info {
                PayloadInfo::Vp8(descriptor) => Some(descriptor),
                _ => None,
            },
        })
    }
}

const fn format_of(codec: Codec) -> PayloadFormat {
    match codec {
        Codec::Opus => PayloadFormat::Audio,
        Codec::Vp8 => PayloadFormat::Vp8,
        Codec::Vp9 => PayloadFormat::Vp9,
        Codec::H264 => PayloadFormat::H264,
        Codec::Av1 => PayloadFormat::Av1,
    }
}
