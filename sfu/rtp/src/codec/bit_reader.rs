//! Reading a codec's own headers bit by bit, the highest first, where running out of bits is an answer and not a
//! panic.

/// Reads the bits of these bytes.
#[derive(Debug)]
pub(super) struct BitReader<I> {
    bytes: I,
    /// The byte that is being read, and how many of its bits are left.
    byte: u8,
    left: u32,
}

impl<I: Iterator<Item = u8>> BitReader<I> {
    pub(super) fn new(bytes: I) -> Self {
        Self {
            bytes,
            byte: 0,
            left: 0,
        }
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = self.bytes.next()?;
            self.left = u8::BITS;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 != 0)
    }

    /// At most 32.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// ue(v) of H.264 (§9.1) and uvlc() of AV1 (§4.10.3): as many zeros as bits follow behind a one. `None` also
    /// past 32 bits.
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == u32::BITS {
                return None;
            }
        }
        ((1_u32 << zeros) - 1).checked_add(self.bits(zeros)?)
    }

    /// se(v) of H.264 (§9.1.1).
    pub(super) fn signed_golomb(&mut self) -> Option<i64> {
        let code = i64::from(self.golomb()?);
        let magnitude = (code + 1) / 2;
        Some(if code % 2 == 0 { -magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &[u8]) -> BitReader<impl Iterator<Item = u8>> {
        BitReader::new(bytes.iter().copied())
    }

    #[test]
    fn codes_of_any_length_are_read() {
        let mut codes = reader(&[0b1010_0110, 0b0100_0010, 0b1001_1100]);
        let values: Vec<_> = (0..6).map(|_| codes.golomb()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4, 6].map(Some));
        assert_eq!(codes.golomb(), None);
        let mut codes = reader(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let values: Vec<_> = (0..5).map(|_| codes.signed_golomb()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2].map(Some));
        let largest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(reader(&largest).golomb(), Some(u32::MAX - 1));
        assert_eq!(reader(&[0; 8]).golomb(), None);
    }

    #[test]
    fn running_out_is_an_answer() {
        let mut bits = reader(&[0xa5]);
        assert_eq!((bits.bits(3), bits.flag()), (Some(5), Some(false)));
        assert_eq!((bits.bits(5), bits.flag()), (None, None));
    }
}
