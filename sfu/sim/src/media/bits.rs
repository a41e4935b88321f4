//! Writes fields of so many bits, the highest first, as video standards do.

/// What was written; the last byte is filled with zeros.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    /// The lowest `count` bits of `value`; of more than 32, those above are zero.
    pub(super) fn put(&mut self, value: u32, count: usize) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = if bit < 32 { value >> bit & 1 } else { 0 };
            if let Some(last) = self.bytes.last_mut() {
                *last |= (bit as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// ns(n) of the AV1 specification, §4.10.7: a value below `bound`.
    pub(super) fn put_below(&mut self, value: u32, bound: u32) {
        let width = 32 - bound.leading_zeros() as usize;
        let short = (1 << width) - bound;
        if value < short {
            self.put(value, width - 1);
        } else {
            self.put(value + short, width);
        }
    }

    /// ue(v) of H.264, §9.1.
    pub(super) fn put_golomb(&mut self, value: u32) {
        let width = 32 - (value + 1).leading_zeros() as usize;
        self.put(0, width - 1);
        self.put(value + 1, width);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_standards_say() {
        type Case = (&'static str, fn(&mut Bits), &'static [u8]);
        let cases: &[Case] = &[
            (
                "fields run on over bytes",
                |bits| {
                    bits.put(5, 3);
                    bits.put(0x1ff, 9);
                },
                &[0xbf, 0xf0],
            ),
            (
                "ue(0) to ue(4)",
                |bits| (0..5).for_each(|value| bits.put_golomb(value)),
                &[0b1010_0110, 0b0100_0010, 0b1000_0000],
            ),
            (
                "below 5",
                |bits| (0..5).for_each(|value| bits.put_below(value, 5)),
                &[0b0001_1011, 0b0111_0000],
            ),
        ];
        for (name, write, expected) in cases {
            let mut bits = Bits::default();
            write(&mut bits);
            assert_eq!(bits.into_bytes(), *expected, "{name}");
        }
    }
}
