//! The elements of a header extension block, in the one-byte and the two-byte form (RFC 8285 §4.2,
//! §4.3).

/// Walks the elements of one extension block as (id, value); see
/// [`RtpHeader::extensions`](super::RtpHeader::extensions).
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    form: Form,
    rest: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OneByte,
    TwoByte,
}

impl<'a> Extensions<'a> {
    #[inline]
    pub(super) fn new(profile: Option<u16>, elements: &'a [u8]) -> Self {
        match profile {
            Some(ONE_BYTE_PROFILE) => Self {
                form: Form::OneByte,
                rest: elements,
            },
            // The low four bits are "appbits", which a receiver ignores.
            Some(profile) if profile & 0xfff0 == TWO_BYTE_PROFILE => Self {
                form: Form::TwoByte,
                rest: elements,
            },
            _ => Self {
                form: Form::OneByte,
                rest: &[],
            },
        }
    }

    /// Reads the head of the next element: its id, the length of its value and what follows the
    /// head.
    #[inline]
    fn head(&self) -> Option<(u8, usize, &'a [u8])> {
        match (self.form, self.rest) {
            // An id of 0 with a length, and an id of 15, both end the block.
            (Form::OneByte, &[0x01..=0x0f | 0xf0..=0xff, ..]) => None,
            (Form::OneByte, &[head, ref rest @ ..]) => {
                Some((head >> 4, usize::from(head & 0x0f) + 1, rest))
            }
            (Form::TwoByte, &[id, len, ref rest @ ..]) => Some((id, usize::from(len), rest)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while let [PADDING, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let element = self
            .head()
            .and_then(|(id, len, rest)| Some((id, rest.split_at_checked(len)?)));
        let Some((id, (value, rest))) = element else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((id, value))
    }
}

impl core::iter::FusedIterator for Extensions<'_> {}

pub(super) const ONE_BYTE_PROFILE: u16 = 0xbede;
pub(super) const TWO_BYTE_PROFILE: u16 = 0x1000;

/// A byte between elements in either form.
const PADDING: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    type Elements = &'static [(u8, &'static [u8])];

    fn elements(profile: u16, block: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Extensions::new(Some(profile), block)
            .map(|(id, value)| (id, value.to_vec()))
            .collect()
    }

    #[test]
    fn one_byte_elements_are_walked() {
        let cases: &[(&str, &[u8], Elements)] = &[
            ("nothing", &[], &[]),
            ("padding only", &[0, 0, 0, 0], &[]),
            ("one", &[0x10, 0xaa, 0, 0], &[(1, &[0xaa])]),
            (
                "padding before, between and after",
                &[0, 0x10, 0xaa, 0, 0, 0x21, 1, 2, 0],
                &[(1, &[0xaa]), (2, &[1, 2])],
            ),
            (
                "a repeated id",
                &[0x10, 1, 0x10, 2],
                &[(1, &[1]), (1, &[2])],
            ),
            (
                "a zero value is no padding",
                &[0x11, 0, 0, 0x20, 7],
                &[(1, &[0, 0]), (2, &[7])],
            ),
            (
                "id 15 ends the block",
                &[0x10, 1, 0xf0, 2, 0x20, 3],
                &[(1, &[1])],
            ),
            (
                "id 0 with a length ends the block",
                &[0x10, 1, 0x01, 2, 3, 0x20, 3],
                &[(1, &[1])],
            ),
            ("cut short", &[0x10, 1, 0x23, 1, 2, 3], &[(1, &[1])]),
            ("head without value", &[0xe0], &[]),
        ];
        for (name, block, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(id, value)| (*id, value.to_vec()))
                .collect();
            assert_eq!(elements(ONE_BYTE_PROFILE, block), expected, "{name}");
        }
    }

    #[test]
    fn one_byte_elements_reach_their_full_length() {
        let mut block = vec![0xef];
        block.extend(1..=16);
        assert_eq!(
            elements(ONE_BYTE_PROFILE, &block),
            [(14, (1..=16).collect())]
        );
    }

    #[test]
    fn two_byte_elements_are_walked() {
        let cases: &[(&str, &[u8], Elements)] = &[
            ("empty value", &[5, 0, 0, 0], &[(5, &[])]),
            (
                "ids over 15",
                &[255, 2, 1, 2, 15, 1, 9],
                &[(255, &[1, 2]), (15, &[9])],
            ),
            (
                "padding is one byte",
                &[0, 5, 1, 7, 0, 0, 6, 1, 8],
                &[(5, &[7]), (6, &[8])],
            ),
            ("cut short", &[5, 1, 7, 6, 3, 1, 2], &[(5, &[7])]),
            ("id without length", &[5], &[]),
        ];
        for (name, block, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(id, value)| (*id, value.to_vec()))
                .collect();
            for appbits in [0, 7, 15] {
                assert_eq!(
                    elements(TWO_BYTE_PROFILE | appbits, block),
                    expected,
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_block_of_unknown_form_gives_nothing() {
        for profile in [0, 0xbedf, 0x1010, 0x0fff, 0xffff] {
            assert_eq!(elements(profile, &[0x10, 1, 0x10, 1]), [], "{profile:#06x}");
        }
        assert_eq!(Extensions::new(None, &[0x10, 1]).next(), None);
    }
}
