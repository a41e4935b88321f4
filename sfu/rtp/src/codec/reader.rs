//! Reading a payload from its front, byte by byte, where running out of bytes is an answer and not
//! a panic.

#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes read so far.
    #[inline]
    pub(super) fn position(&self) -> usize {
        self.position
    }

    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn u8(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    #[inline]
    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..len)?;
        self.position += len;
        Some(taken)
    }

    /// A length in the variable-size form of the AV1 specification §4.10.5: 7 bits a byte, the
    /// lowest first.
    #[inline]
    pub(super) fn leb128(&mut self) -> Option<usize> {
        let mut value = 0_u64;
        for shift in (0..56).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let value = u32::try_from(value).ok()?;
                return usize::try_from(value).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_lengths_are_read() {
        let cases: &[(&[u8], Option<usize>, usize)] = &[
            (&[0x00], Some(0), 1),
            (&[0x7f, 0xff], Some(127), 1),
            (&[0x80, 0x01], Some(128), 2),
            (&[0xe5, 0x8e, 0x26], Some(624_485), 3),
            (&[0x80, 0x80, 0x00], Some(0), 3),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(u32::MAX as usize), 5),
            (&[0xff, 0xff, 0xff, 0xff, 0x1f], None, 5),
            (
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
                Some(0),
                8,
            ),
            (
                &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
                None,
                8,
            ),
            (&[0x80], None, 1),
            (&[], None, 0),
        ];
        for (bytes, expected, read) in cases {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.leb128(), *expected, "{bytes:02x?}");
            assert_eq!(reader.position(), *read, "{bytes:02x?}");
        }
    }

    #[test]
    fn running_out_is_an_answer() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.take(4), None);
        assert_eq!(reader.u16(), Some(0x0102));
        assert_eq!(reader.rest(), [3]);
        assert_eq!(reader.take(1), Some(&[3][..]));
        assert_eq!(
            (reader.u8(), reader.take(0), reader.take(usize::MAX)),
            (None, Some(&[][..]), None)
        );
    }
}
