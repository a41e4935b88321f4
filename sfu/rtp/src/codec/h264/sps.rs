//! The size of the picture in an H.264 sequence parameter set (H.264 §7.3.2.1.1). All that lies in front of
//! it must be read, since most fields have no fixed length.

use crate::codec::Resolution;
use crate::codec::bit_reader::BitReader;

/// Reads the size, `content` being what follows the NAL unit's header. `None` if the set is cut short, or what it
/// says is no picture.
#[cold]
pub(super) fn resolution(content: &[u8]) -> Option<Resolution> {
    let mut reader = BitReader::new(Unescaped::new(content));
    let profile = reader.bits(8)?;
    // The constraint flags and the level.
    reader.bits(16)?;
    reader.golomb()?;
    let chroma = if HIGH_PROFILES.contains(&profile) {
        read_high(&mut reader)?
    } else {
        CHROMA_420
    };
    // log2_max_frame_num_minus4
    reader.golomb()?;
    skip_picture_order(&mut reader)?;
    // max_num_ref_frames, gaps_in_frame_num_value_allowed_flag.
    reader.golomb()?;
    reader.flag()?;
    let columns = reader.golomb()?.checked_add(1)?;
    let rows = reader.golomb()?.checked_add(1)?;
    let fields = if reader.flag()? { 1 } else { 2 };
    if fields == 2 {
        // mb_adaptive_frame_field_flag
        reader.flag()?;
    }
    // direct_8x8_inference_flag
    reader.flag()?;
    let crop = if reader.flag()? {
        [
            reader.golomb()?,
            reader.golomb()?,
            reader.golomb()?,
            reader.golomb()?,
        ]
    } else {
        [0; 4]
    };
    let [left, right, top, bottom] = crop;
    let unit_x = if matches!(chroma, CHROMA_420 | CHROMA_422) {
        2
    } else {
        1
    };
    let unit_y = if chroma == CHROMA_420 { 2 } else { 1 };
    Some(Resolution {
        width: extent(columns, left.checked_add(right)?, unit_x)?,
        height: extent(
            rows.checked_mul(fields)?,
            top.checked_add(bottom)?,
            unit_y * fields,
        )?,
    })
}

/// So many macroblocks less so many units; `None` if nothing is left, or more than 16 bits tell.
fn extent(macroblocks: u32, cropped: u32, unit: u32) -> Option<u16> {
    let whole = macroblocks.checked_mul(MACROBLOCK)?;
    let left = whole.checked_sub(cropped.checked_mul(unit)?)?;
    u16::try_from(left).ok().filter(|&extent| extent > 0)
}

/// What only the high profiles have; returns chroma_format_idc.
fn read_high(reader: &mut Bits<'_>) -> Option<u32> {
    let chroma = reader.golomb()?;
    if chroma == CHROMA_444 {
        // separate_colour_plane_flag
        reader.flag()?;
    }
    // The bit depths, qpprime_y_zero_transform_bypass_flag.
    reader.golomb()?;
    reader.golomb()?;
    reader.flag()?;
    if reader.flag()? {
        let lists = if chroma == CHROMA_444 { 12 } else { 8 };
        for list in 0..lists {
            if reader.flag()? {
                skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(chroma)
}

/// §7.3.2.1.1.1: differences, until one says that the rest is like the last.
fn skip_scaling_list(reader: &mut Bits<'_>, size: usize) -> Option<()> {
    let mut scale = 8_i64;
    for _ in 0..size {
        scale = (scale + reader.signed_golomb()?).rem_euclid(256);
        if scale == 0 {
            break;
        }
    }
    Some(())
}

fn skip_picture_order(reader: &mut Bits<'_>) -> Option<()> {
    match reader.golomb()? {
        // log2_max_pic_order_cnt_lsb_minus4
        0 => {
            reader.golomb()?;
        }
        1 => {
            // delta_pic_order_always_zero_flag, two offsets, and one for each frame of a cycle.
            reader.flag()?;
            reader.golomb()?;
            reader.golomb()?;
            for _ in 0..reader.golomb()?.min(MAX_CYCLE) {
                reader.golomb()?;
            }
        }
        _ => {}
    }
    Some(())
}

type Bits<'a> = BitReader<Unescaped<'a>>;

/// The bytes of a NAL unit without those that keep start codes out of it (H.264 §7.4.1.1).
struct Unescaped<'a> {
    bytes: core::slice::Iter<'a, u8>,
    /// How many bytes of zeros came last.
    zeros: u8,
}

impl<'a> Unescaped<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            zeros: 0,
        }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.zeros >= 2 && byte == EMULATION_PREVENTION {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 {
            self.zeros.saturating_add(1)
        } else {
            0
        };
        Some(byte)
    }
}

const MACROBLOCK: u32 = 16;

const EMULATION_PREVENTION: u8 = 3;

/// num_ref_frames_in_pic_order_cnt_cycle is a byte.
const MAX_CYCLE: u32 = 255;

/// chroma_format_idc
const CHROMA_420: u32 = 1;
const CHROMA_422: u32 = 2;
const CHROMA_444: u32 = 3;

/// Those that name a chroma format.
const HIGH_PROFILES: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        // (whose, content, width, height)
        type Case = (&'static str, &'static [u8], u16, u16);
        let cases: &[Case] = &[
            (
                "constrained baseline, not cropped",
                &[0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xf6, 0x80],
                640,
                480,
            ),
            (
                "x264, high, 8 lines cropped, with start codes kept out",
                &[
                    0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0x9a, 0x80, 0x80,
                    0x80, 0xa0, 0x00, 0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x81, 0xe3, 0x06,
                    0x32, 0xc0,
                ],
                1_920,
                1_080,
            ),
        ];
        for &(name, content, width, height) in cases {
            assert_eq!(
                resolution(content),
                Some(Resolution { width, height }),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_cut_short_has_no_size() {
        let whole = [0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xf6, 0x80];
        for len in 0..7 {
            assert_eq!(resolution(&whole[..len]), None, "{len} bytes");
        }
        for zeros in 0..40 {
            assert_eq!(resolution(&vec![0; zeros]), None, "{zeros} zeros");
        }
    }
}
