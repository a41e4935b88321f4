//! What a packet says about the picture it is part of, as far as forwarding uses it.

use sfu_rtp::codec::{PayloadFormat, PayloadInfo, PictureNumbers};
use sfu_rtp::dependency_descriptor::{DescriptorError, DescriptorHead};
use sfu_rtp::{DependencyDescriptor, DependencyStructure};

use super::frame::{Frame, FrameNumbers};
use crate::parameters::Codec;

/// The part of a packet's description that is kept with every cached packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    /// A decoder that has seen nothing can start with this packet. Always so for sound.
    pub(crate) switch_point: bool,
    /// Height in pixels, where a keyframe tells it.
    pub(crate) height: Option<u16>,
    /// Its frame, where layers can be told apart.
    pub(crate) frame: Option<Frame>,
    /// The numbers in a VP8 or VP9 payload descriptor, which are rewritten for each subscriber.
    pub(crate) numbers: Option<PictureNumbers>,
    /// A gap that is left in its picture ids is taken for loss: those of VP8. VP9 refers by them.
    pub(crate) closes_up: bool,
}

impl Picture {
    /// Reads a decrypted payload without padding, and the dependency descriptor that came with it, if one did;
    /// `structure` is the encoding's last. `None` if neither is what it should be.
    ///
    /// The descriptor goes before the payload: that may be encrypted from end to end, and what is encrypted
    /// can look like anything.
    #[inline]
    pub(crate) fn inspect(
        codec: Codec,
        payload: &[u8],
        descriptor: Option<&[u8]>,
        structure: Option<&DependencyStructure>,
        frames: &mut FrameNumbers,
    ) -> Option<Self> {
        let info = PayloadInfo::parse(format_of(codec), payload);
        let described = descriptor.map(|value| DependencyDescriptor::parse(value, structure));
        let (switch_point, frame) = match (&described, &info) {
            (Some(Ok(descriptor)), _) => (
                descriptor.is_keyframe_start(),
                Some(frames.of_descriptor(descriptor)),
            ),
            // The keyframe that it follows was lost.
            (Some(Err(DescriptorError::NoStructure | DescriptorError::UnknownTemplate(_))), _) => {
                let head = DescriptorHead::parse(descriptor?).ok()?;
                (false, Some(frames.of_head(head)))
            }
            (_, Some(info)) => (info.is_keyframe_start(), frames.of_payload(info)),
            (_, None) => return None,
        };
        // What a structure says of the size is learnt with it. An encrypted payload can look like any size.
        let tells_size = |descriptor: &DependencyDescriptor| descriptor.resolution.is_some();
        let is_told = matches!(&described, Some(Ok(descriptor)) if tells_size(descriptor));
        let resolution = info.as_ref().and_then(PayloadInfo::resolution);
        Some(Self {
            switch_point,
            height: resolution
                .filter(|_| switch_point && !is_told)
                .map(|resolution| resolution.height),
            frame,
            numbers: info.as_ref().and_then(numbers_of),
            closes_up: codec == Codec::Vp8,
        })
    }
}

fn numbers_of(info: &PayloadInfo) -> Option<PictureNumbers> {
    match info {
        PayloadInfo::Vp8(vp8) => Some(vp8.numbers()),
        PayloadInfo::Vp9(vp9) => Some(vp9.numbers()),
        PayloadInfo::Audio | PayloadInfo::H264(_) | PayloadInfo::Av1(_) => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::frame::Relations;
    use crate::publish::samples::{Mode, Scalable};

    #[test]
    fn a_frame_whose_structure_was_lost_keeps_its_number_and_nobody_begins_with_it() {
        let mut encoder = Scalable::new(Mode::Described, 1, 3);
        let mut frames = FrameNumbers::default();
        let keyframe = &encoder.picture(true)[0];
        let next = &encoder.picture(false)[0];
        // The frame, the structure that is known, whether it is a switch point, and whether it can be read.
        let value = keyframe.descriptor(true, true).expect("described");
        let structure = DependencyStructure::parse(&value).expect("a structure");
        let cases = [
            (next, None, false, false),
            (keyframe, None, true, true),
            (next, Some(&structure), false, true),
        ];
        let mut numbers = Vec::new();
        for (frame, known, switch_point, readable) in cases {
            let value = frame.descriptor(true, true);
            let payload = frame.payload(true, true);
            let picture =
                Picture::inspect(Codec::Vp8, &payload, value.as_deref(), known, &mut frames)
                    .expect("it is forwarded");
            assert_eq!(picture.switch_point, switch_point, "{picture:?}");
            let found = picture.frame.expect("a frame");
            assert_eq!(found.relations != Relations::Unknown, readable);
            numbers.push(found.number);
        }
        assert_eq!([numbers[0], numbers[2]], [numbers[1] + 1; 2]);
    }

    #[test]
    fn an_encrypted_payload_tells_no_size() {
        // To whom it is not encrypted: sequence parameters of 640 by 480 pixels.
        let payload = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xf6, 0x80];
        let keyframe = &Scalable::new(Mode::Described, 1, 1).picture(true)[0];
        let value = keyframe.descriptor(true, true);
        for (descriptor, height) in [(value.as_deref(), None), (None, Some(480))] {
            let mut frames = FrameNumbers::default();
            let picture = Picture::inspect(Codec::H264, &payload, descriptor, None, &mut frames)
                .expect("it can be read");
            assert!(picture.switch_point);
            assert_eq!(picture.height, height);
        }
    }
}
