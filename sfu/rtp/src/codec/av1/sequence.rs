//! The size of the picture in an AV1 sequence header (AV1 specification §5.5.1), and the fields in front of it.

use crate::codec::Resolution;
use crate::codec::bit_reader::BitReader;

/// Reads the greatest size, `content` being what follows the OBU's header. `None` if the header is cut short, or has
/// decoder models, which no real-time sender uses.
#[cold]
pub(super) fn resolution(content: &[u8]) -> Option<Resolution> {
    let mut reader = BitReader::new(content.iter().copied());
    // seq_profile, still_picture
    reader.bits(3 + 1)?;
    let reduced_still_picture = reader.flag()?;
    if reduced_still_picture {
        // seq_level_idx
        reader.bits(5)?;
    } else {
        read_operating_points(&mut reader)?;
    }
    let widths = [reader.bits(4)? + 1, reader.bits(4)? + 1];
    let [width, height] = widths.map(|width| reader.bits(width).map(|less_one| less_one + 1));
    Some(Resolution {
        width: u16::try_from(width?).ok()?,
        height: u16::try_from(height?).ok()?,
    })
}

fn read_operating_points(reader: &mut BitReader<impl Iterator<Item = u8>>) -> Option<()> {
    let timing_info = reader.flag()?;
    if timing_info {
        // Two numbers of 32 bits, and perhaps a third whose length must be read.
        reader.bits(32)?;
        reader.bits(32)?;
        let equal_picture_interval = reader.flag()?;
        if equal_picture_interval {
            reader.golomb()?;
        }
        let decoder_models = reader.flag()?;
        if decoder_models {
            return None;
        }
    }
    let initial_display_delay = reader.flag()?;
    let points = reader.bits(5)? + 1;
    for _ in 0..points {
        // operating_point_idc
        reader.bits(12)?;
        let level = reader.bits(5)?;
        if level > LARGEST_LEVEL_WITHOUT_TIER {
            reader.flag()?;
        }
        if initial_display_delay && reader.flag()? {
            reader.bits(4)?;
        }
    }
    Some(())
}

/// Level 3.3
const LARGEST_LEVEL_WITHOUT_TIER: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        // (whose, content, size)
        type Case = (&'static str, &'static [u8], Option<(u16, u16)>);
        let cases: &[Case] = &[
            (
                "libaom",
                &[0x00, 0x00, 0x00, 0x24, 0xc4, 0xff, 0xdf, 0x3f],
                Some((640, 480)),
            ),
            (
                "two operating points, the first with a tier",
                &[0x00, 0x11, 0x03, 0x4c, 0x40, 0x4b, 0x31, 0x3f, 0xd9, 0xc0],
                Some((640, 360)),
            ),
            (
                "a still picture",
                &[0x19, 0x66, 0x27, 0xfb, 0x38],
                Some((640, 360)),
            ),
            (
                "decoder models",
                &[0x04, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0],
                None,
            ),
            ("cut short", &[0x00, 0x00, 0x00, 0x24, 0xc4, 0xff], None),
            ("empty", &[], None),
        ];
        for &(name, content, size) in cases {
            let expected = size.map(|(width, height)| Resolution { width, height });
            assert_eq!(resolution(content), expected, "{name}");
        }
    }
}
