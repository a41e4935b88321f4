//! The VP8 payload descriptor (RFC 7741 §4.2) and as much of the frame behind it as tells a
//! keyframe and its size (RFC 6386 §9.1).

use super::reader::Reader;
use super::{PictureId, PictureNumbers, Resolution};

/// What a VP8 payload says of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// Whether the frame begins with this packet.
    pub frame_start: bool,
    /// Whether a keyframe begins with this packet. Later packets of a keyframe do not tell that
    /// they belong to one.
    pub keyframe: bool,
    /// Whether no other frame refers to this one (N).
    pub non_reference: bool,
    /// The picture's number, if sent.
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX, if sent: a count of the frames of temporal layer 0, the one this frame depends
    /// on.
    pub tl0_picture_index: Option<u8>,
    /// TID, 0 to 3, if sent.
    pub temporal_layer: Option<u8>,
    /// Whether the frame depends on temporal layer 0 alone (Y).
    pub layer_sync: bool,
    /// KEYIDX, 0 to 31, if sent: a count of the keyframes.
    pub key_index: Option<u8>,
    /// The size of the picture, told at the start of keyframes.
    pub resolution: Option<Resolution>,
    len: u8,
    tl0_picture_index_at: u8,
}

impl Vp8Descriptor {
    /// Reads the descriptor at the start of `payload`. `None` if the payload ends with it or
    /// before.
    #[inline]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let first = reader.u8()?;
        let extensions = if first & EXTENDED_BIT != 0 {
            reader.u8()?
        } else {
            0
        };

        let picture_id = match extensions & PICTURE_ID_BIT {
            0 => None,
            _ => Some(PictureId::read(&mut reader)?),
        };
        let tl0_picture_index_at = reader.position() as u8;
        let tl0_picture_index = match extensions & TL0_BIT {
            0 => None,
            _ => Some(reader.u8()?),
        };
        let (mut temporal_layer, mut layer_sync, mut key_index) = (None, false, None);
        if extensions & (TEMPORAL_BIT | KEY_INDEX_BIT) != 0 {
            let byte = reader.u8()?;
            if extensions & TEMPORAL_BIT != 0 {
                temporal_layer = Some(byte >> 6);
                layer_sync = byte & SYNC_BIT != 0;
            }
            if extensions & KEY_INDEX_BIT != 0 {
                key_index = Some(byte & 0x1f);
            }
        }

        let len = reader.position() as u8;
        let frame = reader.rest();
        let frame_start = first & (PARTITION_START_BIT | PARTITION_MASK) == PARTITION_START_BIT;
        let keyframe = frame.first()? & INTER_FRAME_BIT == 0 && frame_start;
        Some(Self {
            frame_start,
            keyframe,
            non_reference: first & NON_REFERENCE_BIT != 0,
            picture_id,
            tl0_picture_index,
            temporal_layer,
            layer_sync,
            key_index,
            resolution: if keyframe {
                keyframe_resolution(frame)
            } else {
                None
            },
            len,
            tl0_picture_index_at,
        })
    }

    /// Bytes before the frame's data, 1 to 6.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Always false: a descriptor has at least one byte.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The picture's numbers and where they lie.
    #[inline]
    pub const fn numbers(&self) -> PictureNumbers {
        PictureNumbers {
            picture_id: self.picture_id,
            tl0_picture_index: self.tl0_picture_index,
            picture_id_at: PICTURE_ID_AT,
            tl0_picture_index_at: self.tl0_picture_index_at,
        }
    }
}

/// The size in a keyframe's header (RFC 6386 §9.1); `None` if cut short or not led by the start
/// code.
fn keyframe_resolution(frame: &[u8]) -> Option<Resolution> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = frame.first_chunk()? else {
        return None;
    };
    // The two top bits of each are a scale for display, which WebRTC does not use.
    let [width, height] = [[w0, w1], [h0, h1]].map(|bytes| u16::from_le_bytes(bytes) & 0x3fff);
    Some(Resolution { width, height })
}

/// Behind the first byte and the byte of extension bits, without which there is none.
const PICTURE_ID_AT: u8 = 2;

const EXTENDED_BIT: u8 = 0x80;
const NON_REFERENCE_BIT: u8 = 0x20;
const PARTITION_START_BIT: u8 = 0x10;
const PARTITION_MASK: u8 = 0x07;

const PICTURE_ID_BIT: u8 = 0x80;
const TL0_BIT: u8 = 0x40;
const TEMPORAL_BIT: u8 = 0x20;
const KEY_INDEX_BIT: u8 = 0x10;
const SYNC_BIT: u8 = 0x20;

/// In the first byte of the frame itself.
const INTER_FRAME_BIT: u8 = 0x01;

#[cfg(test)]
mod tests {
    use super::super::PictureIdWidth;
    use super::*;

    const KEY: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x41];
    const NOTHING: Vp8Descriptor = Vp8Descriptor {
        frame_start: false,
        keyframe: false,
        non_reference: false,
        picture_id: None,
        tl0_picture_index: None,
        temporal_layer: None,
        layer_sync: false,
        key_index: None,
        resolution: None,
        len: 1,
        tl0_picture_index_at: 1,
    };

    fn with_frame(descriptor: &[u8], frame: &[u8]) -> Vec<u8> {
        [descriptor, frame].concat()
    }

    fn short_id(value: u8) -> Option<PictureId> {
        PictureId::read(&mut Reader::new(&[value]))
    }

    fn long_id(value: u16) -> Option<PictureId> {
        PictureId::read(&mut Reader::new(&(value | 0x8000).to_be_bytes()))
    }

    #[test]
    fn descriptors_are_read() {
        let resolution = Some(Resolution {
            width: 640,
            height: 360,
        });
        let cases: &[(&str, Vec<u8>, Vp8Descriptor)] = &[
            ("continuation", with_frame(&[0x00], &[0x00]), NOTHING),
            (
                "keyframe",
                with_frame(&[0x10], &KEY),
                Vp8Descriptor {
                    frame_start: true,
                    keyframe: true,
                    resolution,
                    ..NOTHING
                },
            ),
            (
                "keyframe cut before its size",
                with_frame(&[0x10], &KEY[..9]),
                Vp8Descriptor {
                    frame_start: true,
                    keyframe: true,
                    ..NOTHING
                },
            ),
            (
                "delta frame that nothing refers to",
                with_frame(&[0x30], &[0x11]),
                Vp8Descriptor {
                    frame_start: true,
                    non_reference: true,
                    ..NOTHING
                },
            ),
            (
                "start of a later partition",
                with_frame(&[0x11], &KEY),
                NOTHING,
            ),
            (
                "continuation that looks like a keyframe",
                with_frame(&[0x00], &KEY),
                NOTHING,
            ),
            (
                "all fields, short picture id",
                with_frame(&[0x90, 0xf0, 0x11, 0x22, 0xa3], &[0x01]),
                Vp8Descriptor {
                    frame_start: true,
                    picture_id: short_id(0x11),
                    tl0_picture_index: Some(0x22),
                    temporal_layer: Some(2),
                    layer_sync: true,
                    key_index: Some(3),
                    len: 5,
                    tl0_picture_index_at: 3,
                    ..NOTHING
                },
            ),
            (
                "all fields, long picture id",
                with_frame(&[0x80, 0xf0, 0x91, 0x23, 0x22, 0x5f], &[0x00]),
                Vp8Descriptor {
                    picture_id: long_id(0x1123),
                    tl0_picture_index: Some(0x22),
                    temporal_layer: Some(1),
                    layer_sync: false,
                    key_index: Some(31),
                    len: 6,
                    tl0_picture_index_at: 4,
                    ..NOTHING
                },
            ),
            (
                "key index without temporal layer",
                with_frame(&[0x80, 0x10, 0xff], &[0x00]),
                Vp8Descriptor {
                    key_index: Some(31),
                    len: 3,
                    tl0_picture_index_at: 2,
                    ..NOTHING
                },
            ),
            (
                "temporal layer without key index",
                with_frame(&[0x80, 0x20, 0xff], &[0x00]),
                Vp8Descriptor {
                    temporal_layer: Some(3),
                    layer_sync: true,
                    len: 3,
                    tl0_picture_index_at: 2,
                    ..NOTHING
                },
            ),
        ];
        for (name, payload, expected) in cases {
            assert_eq!(
                Vp8Descriptor::parse(payload).as_ref(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn a_payload_that_ends_with_its_descriptor_is_refused() {
        for descriptor in [
            &[0x10][..],
            &[0x90, 0x00],
            &[0x90, 0xf0, 0x91, 0x23, 0x22, 0x5f],
        ] {
            for len in 0..=descriptor.len() {
                assert_eq!(
                    Vp8Descriptor::parse(&descriptor[..len]),
                    None,
                    "{:02x?}",
                    &descriptor[..len]
                );
            }
        }
    }

    #[test]
    fn renumbering_changes_the_numbers_and_nothing_else() {
        let cases: &[(&str, &[u8], &[u8])] = &[
            ("none", &[0x10, 1, 2, 3], &[0x10, 1, 2, 3]),
            ("short id", &[0x90, 0x80, 0x11, 1], &[0x90, 0x80, 0x34, 1]),
            (
                "long id",
                &[0x90, 0x80, 0x80, 0x00, 1],
                &[0x90, 0x80, 0x92, 0x34, 1],
            ),
            ("index only", &[0x90, 0x40, 0x22, 1], &[0x90, 0x40, 0x56, 1]),
            (
                "both",
                &[0x90, 0xe0, 0xff, 0xff, 0x22, 0x40, 1],
                &[0x90, 0xe0, 0x92, 0x34, 0x56, 0x40, 1],
            ),
        ];
        for (name, before, after) in cases {
            let descriptor = Vp8Descriptor::parse(before).expect(name);
            let mut payload = before.to_vec();
            descriptor.numbers().overwrite(&mut payload, 0x1234, 0x56);
            assert_eq!(payload, *after, "{name}");

            let again = Vp8Descriptor::parse(&payload).expect(name);
            assert_eq!(
                again.tl0_picture_index,
                descriptor.tl0_picture_index.map(|_| 0x56),
                "{name}"
            );
            assert_eq!(
                again.picture_id,
                descriptor.picture_id.map(|id| id.with_value(0x1234)),
                "{name}"
            );
            for len in 0..before.len() {
                descriptor
                    .numbers()
                    .overwrite(&mut before.to_vec()[..len], 0x1234, 0x56);
            }
        }
        assert_eq!(
            long_id(5).map(PictureId::width),
            Some(PictureIdWidth::Fifteen)
        );
    }
}
