//! Reading and writing single bits, the highest of each byte first (AV1 RTP specification §A.8.2).

use super::DescriptorError;

#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bits read so far.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// f(n): the next `count` bits, at most 32.
    #[inline]
    pub(super) fn bits(&mut self, count: u32) -> Result<u32, DescriptorError> {
        let end = self.position + count as usize;
        let last = end.div_ceil(8);
        let window = self
            .bytes
            .get(self.position / 8..last)
            .ok_or(DescriptorError::Truncated)?;
        // At most five bytes.
        let window = window
            .iter()
            .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        self.position = end;
        Ok((window >> (last * 8 - end)) as u32 & low_bits(count))
    }

    pub(super) fn flag(&mut self) -> Result<bool, DescriptorError> {
        Ok(self.bits(1)? != 0)
    }

    /// ns(n): a number below `bound`, in as few bits as that allows. Nothing is read if `bound` is
    /// 1.
    pub(super) fn below(&mut self, bound: u8) -> Result<u8, DescriptorError> {
        let width = u8::BITS - bound.leading_zeros();
        let short = (1_u32 << width) - u32::from(bound);
        let value = self.bits(width.saturating_sub(1))?;
        let value = if value < short {
            value
        } else {
            (value << 1) - short + self.bits(1)?
        };
        Ok(value as u8)
    }

    /// Moves on to the bit at `position`.
    pub(super) fn skip_to(&mut self, position: usize) -> Result<(), DescriptorError> {
        if position > self.bytes.len() * 8 {
            return Err(DescriptorError::Truncated);
        }
        self.position = position;
        Ok(())
    }
}

pub(super) struct BitWriter<'a> {
    bytes: &'a mut [u8],
    position: usize,
}

impl<'a> BitWriter<'a> {
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Writes the `count` lowest bits of `value`, at most 32. A byte is cleared when its first bit
    /// is written.
    pub(super) fn put(&mut self, value: u32, count: u32) -> Result<(), DescriptorError> {
        let available = self.bytes.len();
        let mut left = count;
        while left > 0 {
            let byte = self
                .bytes
                .get_mut(self.position / 8)
                .ok_or(DescriptorError::BufferTooShort(available))?;
            let used = (self.position % 8) as u32;
            let room = 8 - used;
            let now = left.min(room);
            let bits = value >> (left - now) & low_bits(now);
            let kept = if used == 0 { 0 } else { *byte };
            *byte = kept | (bits << (room - now)) as u8;
            left -= now;
            self.position += now as usize;
        }
        Ok(())
    }

    /// Copies what `reader` has up to its bit at `end`; nothing if it is there already.
    pub(super) fn copy(
        &mut self,
        reader: &mut BitReader<'_>,
        end: usize,
    ) -> Result<(), DescriptorError> {
        while reader.position() < end {
            let count = (end - reader.position()).min(32) as u32;
            self.put(reader.bits(count)?, count)?;
        }
        Ok(())
    }

    /// Bytes begun, the last of them filled up with zeros.
    pub(super) fn bytes_written(&self) -> usize {
        self.position.div_ceil(8)
    }
}

fn low_bits(count: u32) -> u32 {
    (1_u64 << count).wrapping_sub(1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_across_bytes() {
        let mut reader = BitReader::new(&[0b1010_0110, 0xff, 0x00, 0xff, 0x00, 0x81]);
        let steps = [
            (0, 0),
            (1, 1),
            (3, 0b010),
            (6, 0b011011),
            (32, 0xfc03_fc02),
            (6, 1),
        ];
        for (count, expected) in steps {
            assert_eq!(reader.bits(count), Ok(expected), "{count} bits");
        }
        assert_eq!(reader.position(), 48);
        assert_eq!(
            (reader.bits(0), reader.bits(1)),
            (Ok(0), Err(DescriptorError::Truncated))
        );
        assert_eq!(
            BitReader::new(&[0xff; 3]).bits(25),
            Err(DescriptorError::Truncated)
        );
    }

    #[test]
    fn numbers_below_a_bound_use_as_few_bits_as_they_can() {
        // (bound, bits, value, bits read); the table for 5 is that of the specification.
        let cases = [
            (1, 0b1111_1111, 0, 0),
            (2, 0b0111_1111, 0, 1),
            (2, 0b1000_0000, 1, 1),
            (5, 0b0011_1111, 0, 2),
            (5, 0b0111_1111, 1, 2),
            (5, 0b1011_1111, 2, 2),
            (5, 0b1100_0000, 3, 3),
            (5, 0b1110_0000, 4, 3),
            (33, 0b1111_1000, 31, 6),
        ];
        for (bound, byte, value, read) in cases {
            let bytes = [byte];
            let mut reader = BitReader::new(&bytes);
            assert_eq!(
                (reader.below(bound), reader.position()),
                (Ok(value), read),
                "below {bound}: {byte:08b}"
            );
        }
        for bound in 1..=33_u8 {
            for byte in 0..=255 {
                let value = BitReader::new(&[byte, byte]).below(bound).unwrap();
                assert!(value < bound, "{value} is not below {bound}");
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let fields = [
            (1, 1),
            (0b0110, 4),
            (0xdead_beef, 32),
            (0, 3),
            (0x1ff, 9),
            (0xffff_ffff, 5),
        ];
        let mut bytes = [0xaa; 7];
        let mut writer = BitWriter::new(&mut bytes);
        for (value, count) in fields {
            writer.put(value, count).unwrap();
        }
        assert_eq!(writer.bytes_written(), 7);
        assert_eq!(writer.put(0, 3), Err(DescriptorError::BufferTooShort(7)));
        let mut reader = BitReader::new(&bytes);
        for (value, count) in fields {
            assert_eq!(reader.bits(count), Ok(value & low_bits(count)));
        }
    }

    #[test]
    fn copying_shifts_bits() {
        let source: Vec<u8> = (0..20).map(|byte| byte ^ 0x5a).collect();
        for shift in 0..8 {
            let mut bytes = [0xaa; 24];
            let mut writer = BitWriter::new(&mut bytes);
            writer.put(0, shift).unwrap();
            writer.copy(&mut BitReader::new(&source), 155).unwrap();
            let mut copied = BitReader::new(&bytes);
            copied.bits(shift).unwrap();
            let mut original = BitReader::new(&source);
            for _ in 0..5 {
                assert_eq!(copied.bits(31), original.bits(31), "shifted by {shift}");
            }
        }
    }
}
