//! The picture ids of VP8 (RFC 7741 §4.2) and VP9 (RFC 9628 §4.2), which share one encoding: a
//! first bit that tells whether 7 or 15 bits follow.

use super::reader::Reader;

/// The number of a picture, with the width it travels in. A stream keeps to one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureId {
    value: u16,
    width: PictureIdWidth,
}

/// How many bits of a picture's number are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureIdWidth {
    /// 0 to 127.
    Seven,
    /// 0 to 32767.
    Fifteen,
}

impl PictureIdWidth {
    /// The largest picture id, all of whose bits are set.
    #[inline]
    pub const fn mask(self) -> u16 {
        match self {
            Self::Seven => 0x007f,
            Self::Fifteen => 0x7fff,
        }
    }
}

impl PictureId {
    /// The picture's number, at most [`PictureIdWidth::mask`].
    #[inline]
    pub const fn value(self) -> u16 {
        self.value
    }

    /// The width it travels in.
    #[inline]
    pub const fn width(self) -> PictureIdWidth {
        self.width
    }

    /// Another number in the same width, which keeps its lowest bits: a count in 16 bits wraps as
    /// it should.
    #[inline]
    pub const fn with_value(self, value: u16) -> Self {
        Self {
            value: value & self.width.mask(),
            width: self.width,
        }
    }

    #[inline]
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        if first & LONG_BIT == 0 {
            return Some(Self {
                value: u16::from(first),
                width: PictureIdWidth::Seven,
            });
        }
        let value = u16::from_be_bytes([first & !LONG_BIT, reader.u8()?]);
        Some(Self {
            value,
            width: PictureIdWidth::Fifteen,
        })
    }

    /// Writes the number over one of the same width at the start of `target`.
    #[inline]
    pub(super) fn overwrite(self, target: &mut [u8]) {
        match (self.width, target) {
            (PictureIdWidth::Seven, [byte, ..]) => *byte = self.value as u8,
            (PictureIdWidth::Fifteen, [high, low, ..]) => {
                [*high, *low] = self.value.to_be_bytes();
                *high |= LONG_BIT;
            }
            _ => {}
        }
    }
}

const LONG_BIT: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_ids_keep_their_width() {
        let cases: &[(&[u8], u16, PictureIdWidth)] = &[
            (&[0x00], 0, PictureIdWidth::Seven),
            (&[0x7f], 127, PictureIdWidth::Seven),
            (&[0x80, 0x00], 0, PictureIdWidth::Fifteen),
            (&[0x92, 0x34], 0x1234, PictureIdWidth::Fifteen),
            (&[0xff, 0xff], 0x7fff, PictureIdWidth::Fifteen),
        ];
        for (bytes, value, width) in cases {
            let id = PictureId::read(&mut Reader::new(bytes)).unwrap();
            assert_eq!((id.value(), id.width()), (*value, *width));
            let mut copy = vec![0xaa; bytes.len()];
            id.overwrite(&mut copy);
            assert_eq!(copy, *bytes);
            assert_eq!(
                id.with_value(id.value().wrapping_add(width.mask() + 1)),
                id,
                "wraps at its width"
            );
        }
        assert_eq!(PictureId::read(&mut Reader::new(&[0x80])), None);
    }
}
