//! Keeps VP8 picture ids and TL0PICIDX running on across source switches (RFC 7741 §4.2): a decoder that
//! sees them jump takes it for loss and asks for a keyframe.
//!
//! Numbers keep the width that the source gave them: the descriptor's length cannot change in place.

use sfu_rtp::codec::Vp8Descriptor;

/// The id translation of one slot.
#[derive(Debug, Default)]
pub(crate) struct Vp8IdTranslator {
    picture: Counter<15>,
    tl0: Counter<8>,
}

/// What to write into a descriptor. Numbers that it does not carry are not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vp8Ids {
    /// 15 bits; of a 7-bit picture id the lower seven count.
    pub(crate) picture_id: u16,
    pub(crate) tl0_picture_index: u8,
}

/// A number that wraps after `BITS` bits, at most 15, with an offset from source to slot.
#[derive(Debug, Default)]
struct Counter<const BITS: u32> {
    offset: u16,
    newest: Option<u16>,
}

impl Vp8IdTranslator {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A new source begins with this picture: it gets the numbers after the newest so far.
    pub(crate) fn switch(&mut self, first: &Vp8Descriptor) {
        if let Some(id) = first.picture_id {
            self.picture.switch(id.value());
        }
        if let Some(index) = first.tl0_picture_index {
            self.tl0.switch(u16::from(index));
        }
    }

    /// The slot's numbers for a packet of the source.
    #[inline]
    pub(crate) fn translate(&mut self, source: &Vp8Descriptor) -> Vp8Ids {
        let picture = source
            .picture_id
            .map(|id| self.picture.translate(id.value()));
        let tl0 = source
            .tl0_picture_index
            .map(|index| self.tl0.translate(u16::from(index)));
        Vp8Ids {
            picture_id: picture.unwrap_or(0),
            tl0_picture_index: tl0.unwrap_or(0) as u8,
        }
    }
}

impl<const BITS: u32> Counter<BITS> {
    const MASK: u16 = (1 << BITS) - 1;

    fn switch(&mut self, first: u16) {
        if let Some(newest) = self.newest {
            self.offset = newest.wrapping_add(1).wrapping_sub(first) & Self::MASK;
        }
    }

    fn translate(&mut self, source: u16) -> u16 {
        let out = source.wrapping_add(self.offset) & Self::MASK;
        let ahead = |newest: u16| {
            let distance = out.wrapping_sub(newest) & Self::MASK;
            distance != 0 && distance <= Self::MASK / 2
        };
        if self.newest.is_none_or(ahead) {
            self.newest = Some(out);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(picture_id: u16, tl0: u8) -> Vp8Descriptor {
        let [high, low] = (picture_id | 0x8000).to_be_bytes();
        // X, then I and L, a 15-bit picture id, TL0PICIDX, and one byte of an inter frame.
        Vp8Descriptor::parse(&[0x90, 0xc0, high, low, tl0, 0x01]).expect("a valid descriptor")
    }

    /// Feeds (switch, picture id, TL0PICIDX) and returns what came out.
    fn run(packets: &[(bool, u16, u8)]) -> Vec<(u16, u8)> {
        let mut translator = Vp8IdTranslator::new();
        packets
            .iter()
            .map(|&(switch, picture_id, tl0)| {
                let source = descriptor(picture_id, tl0);
                if switch {
                    translator.switch(&source);
                }
                let ids = translator.translate(&source);
                (ids.picture_id, ids.tl0_picture_index)
            })
            .collect()
    }

    #[test]
    fn ids_run_on_across_switches() {
        type Case = (&'static [(bool, u16, u8)], &'static [(u16, u8)]);
        let cases: &[Case] = &[
            // The first source keeps its numbers.
            (&[(true, 100, 7), (false, 101, 8)], &[(100, 7), (101, 8)]),
            // The next goes on after them.
            (
                &[(true, 100, 7), (true, 5_000, 200), (false, 5_001, 201)],
                &[(100, 7), (101, 8), (102, 9)],
            ),
            // Both wrap.
            (
                &[(true, 0x7fff, 255), (true, 9, 9), (false, 10, 10)],
                &[(0x7fff, 255), (0, 0), (1, 1)],
            ),
            // A late packet keeps its place and does not move the newest.
            (
                &[
                    (true, 10, 1),
                    (false, 12, 3),
                    (false, 11, 2),
                    (true, 70, 70),
                ],
                &[(10, 1), (12, 3), (11, 2), (13, 4)],
            ),
            // What the source leaves out stays out: the decoder must see that a picture is missing.
            (&[(true, 10, 1), (false, 15, 4)], &[(10, 1), (15, 4)]),
        ];
        for (input, expected) in cases {
            assert_eq!(run(input), *expected, "for {input:?}");
        }
    }
}
