//! Keeps the numbers of pictures running on across source switches: picture ids and TL0PICIDX of VP8 (RFC 7741
//! §4.2) and VP9 (RFC 9628 §4.2), and the frame numbers of dependency descriptors. A decoder that sees them jump
//! takes it for loss and asks for a keyframe.
//!
//! The templates that descriptors name are numbered as well, and those of one source after those of the one before
//! (AV1 RTP specification §A.8.1): a receiver that has lost the structure of a new source must not read its frames by
//! the old one, which would tell it that they can be decoded.
//!
//! VP8 picture ids also close up over frames that are left out. VP9 and the descriptor refer to frames by their
//! distance in these numbers, which therefore stays. Numbers keep the width that the source gave them: a
//! descriptor's length cannot change in place.

use sfu_rtp::codec::PictureId;
use sfu_rtp::dependency_descriptor::MAX_TEMPLATES;
use sfu_rtp::{DependencyStructure, SeqNo};

use super::numbering::Numbering;
use crate::publish::picture::Picture;

/// The number translation of one slot.
#[derive(Debug, Default)]
pub(crate) struct PictureIdTranslator {
    picture: PictureCounter,
    tl0: Counter<8>,
    frame: Counter<16>,
    templates: TemplateIds,
    /// Takes the place of `picture` from the first picture that is left out, until the next switch.
    closing: Option<Box<ClosingIds>>,
}

/// What to write into a packet. Numbers that it does not carry are not written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct PictureIds {
    /// 15 bits; of a 7-bit picture id the lower seven count.
    pub(crate) picture_id: u16,
    /// Of a dependency descriptor.
    pub(crate) frame_number: u16,
    /// What is added to the template ids of a dependency descriptor, modulo 64.
    pub(crate) template_shift: u8,
    pub(crate) tl0_picture_index: u8,
}

impl PictureIdTranslator {
    /// A new source begins with this picture: it gets the numbers after the newest so far.
    pub(crate) fn switch(&mut self, first: &Picture) {
        if let Some(closing) = &mut self.closing {
            closing.ids = None;
        }
        let numbers = first.numbers.as_ref();
        if let Some(id) = numbers.and_then(|numbers| numbers.picture_id) {
            self.picture.0.switch(id.value());
        }
        if let Some(index) = numbers.and_then(|numbers| numbers.tl0_picture_index) {
            self.tl0.switch(u16::from(index));
        }
        if let Some(frame) = &first.frame {
            self.frame.switch(frame.number as u16);
        }
        self.templates.begins = true;
    }

    /// The slot's numbers for a packet of the source. `None`: the place of its picture is forgotten.
    #[inline]
    pub(crate) fn translate(&mut self, source: &Picture) -> Option<PictureIds> {
        let mut ids = PictureIds::default();
        if let Some(numbers) = &source.numbers {
            if let Some(id) = numbers.picture_id {
                ids.picture_id = match &mut self.closing {
                    None => self.picture.translate(id),
                    Some(closing) => closing.translate(id, &mut self.picture)?,
                };
            }
            if let Some(index) = numbers.tl0_picture_index {
                ids.tl0_picture_index = self.tl0.translate(u16::from(index)) as u8;
            }
        }
        if let Some(frame) = &source.frame {
            ids.frame_number = self.frame.translate(frame.number as u16);
            ids.template_shift = self.templates.shift;
        }
        Some(ids)
    }

    /// The next packet of the source brings this structure.
    pub(crate) fn learn_templates(&mut self, structure: &DependencyStructure) {
        self.templates.learn(structure.template_ids());
    }

    /// No packet of this picture will be forwarded.
    pub(crate) fn skip(&mut self, source: &Picture) {
        let numbers = source.numbers.as_ref();
        if source.closes_up
            && let Some(id) = numbers.and_then(|numbers| numbers.picture_id)
        {
            self.closing.get_or_insert_default().skip(id, &self.picture);
        }
    }
}

/// Template ids of six bits. Within a source its publisher sees to it that those of two structures are apart.
#[derive(Debug, Default)]
struct TemplateIds {
    shift: u8,
    /// The id after those of the last structure; `None` before the first.
    next: Option<u8>,
    /// A new source has begun, and has told no structure yet.
    begins: bool,
}

impl TemplateIds {
    /// A structure comes with the ids from the first on, so many.
    fn learn(&mut self, (first, count): (u8, u8)) {
        if let Some(next) = self.next
            && self.begins
        {
            self.shift = next.wrapping_sub(first) % MAX_TEMPLATES as u8;
        }
        self.begins = false;
        let behind = first.wrapping_add(self.shift).wrapping_add(count);
        self.next = Some(behind % MAX_TEMPLATES as u8);
    }
}

/// Picture ids of 15 bits, also of sources that send seven.
#[derive(Debug, Default)]
struct PictureCounter(Counter<15>);

impl PictureCounter {
    #[inline]
    fn translate(&mut self, id: PictureId) -> u16 {
        let source = match self.newest_source() {
            Some(newest) => nearest(newest, id) as u16,
            None => id.value(),
        };
        self.0.translate(source)
    }

    /// The newest number of the source.
    #[inline]
    fn newest_source(&self) -> Option<u16> {
        let newest = self.0.newest?;
        Some(newest.wrapping_sub(self.0.offset) & Counter::<15>::MASK)
    }
}

/// The number nearest to `newest` that ends in the bits of this id.
#[inline]
fn nearest(newest: impl Into<u64>, id: PictureId) -> u64 {
    let newest: u64 = newest.into();
    // Shifted to the top of 16 bits, so that the sign is right.
    let spare = id.width().mask().leading_zeros();
    let ahead = (id.value() << spare).wrapping_sub((newest as u16) << spare) as i16 >> spare;
    newest.wrapping_add_signed(i64::from(ahead))
}

/// Picture ids that leave no gap where pictures are left out.
#[derive(Debug, Default)]
struct ClosingIds {
    /// `None`: nothing is left out yet of what the slot shows now.
    ids: Option<Numbering>,
    /// The source's newest id, unwrapped.
    newest: u64,
}

impl ClosingIds {
    /// The slot's id for one of the source; while nothing is left out, that of `counter`, which knows afterwards
    /// which is the newest.
    fn translate(&mut self, id: PictureId, counter: &mut PictureCounter) -> Option<u16> {
        let Some(ids) = &mut self.ids else {
            return Some(counter.translate(id));
        };
        let number = nearest(self.newest, id);
        self.newest = self.newest.max(number);
        let out = ids.translate(SeqNo::new(number))?.get() as u16 & Counter::<15>::MASK;
        counter.0.note(out);
        Some(out)
    }

    fn skip(&mut self, id: PictureId, counter: &PictureCounter) {
        let (Some(source), Some(newest)) = (counter.newest_source(), counter.0.newest) else {
            return;
        };
        let ids = self.ids.get_or_insert_with(|| {
            self.newest = CYCLE + u64::from(source);
            let highest = SeqNo::new(CYCLE + u64::from(newest));
            Numbering::going_on(highest, SeqNo::new(self.newest))
        });
        let number = nearest(self.newest, id);
        self.newest = self.newest.max(number);
        ids.skip(SeqNo::new(number));
    }
}

/// A number that wraps after `BITS` bits, at most 16, with an offset from source to slot.
#[derive(Debug, Default)]
struct Counter<const BITS: u32> {
    offset: u16,
    newest: Option<u16>,
}

impl<const BITS: u32> Counter<BITS> {
    const MASK: u16 = u16::MAX >> (u16::BITS - BITS);

    fn switch(&mut self, first: u16) {
        if let Some(newest) = self.newest {
            self.offset = newest.wrapping_add(1).wrapping_sub(first) & Self::MASK;
        }
    }

    #[inline]
    fn translate(&mut self, source: u16) -> u16 {
        let out = source.wrapping_add(self.offset) & Self::MASK;
        self.note(out);
        out
    }

    /// Remembers a number that was given out, if it is the newest.
    #[inline]
    fn note(&mut self, out: u16) {
        let ahead = |newest: u16| {
            let distance = out.wrapping_sub(newest) & Self::MASK;
            distance != 0 && distance <= Self::MASK / 2
        };
        if self.newest.is_none_or(ahead) {
            self.newest = Some(out);
        }
    }
}

/// Unwrapped numbers begin here, so that what is older than the first stays positive.
const CYCLE: u64 = 1 << 15;

#[cfg(test)]
mod tests {
    use sfu_rtp::codec::Vp8Descriptor;

    use super::*;

    fn picture(picture_id: u16, tl0: u8) -> Picture {
        let [high, low] = (picture_id | 0x8000).to_be_bytes();
        // X, then I and L, a 15-bit picture id, TL0PICIDX, and one byte of an inter frame.
        let payload = [0x90, 0xc0, high, low, tl0, 0x01];
        let descriptor = Vp8Descriptor::parse(&payload).expect("a valid descriptor");
        Picture {
            switch_point: false,
            height: None,
            frame: None,
            numbers: Some(descriptor.numbers()),
            closes_up: true,
        }
    }

    enum Step {
        Switch(u16, u8),
        Packet(u16, u8),
        Skip(u16),
    }
    use Step::{Packet, Skip, Switch};

    #[test]
    fn ids_run_on_across_switches_and_over_what_is_left_out() {
        type Case = (&'static str, &'static [Step], &'static [(u16, u8)]);
        let cases: &[Case] = &[
            (
                "the first source keeps its numbers",
                &[Switch(100, 7), Packet(101, 8)],
                &[(100, 7), (101, 8)],
            ),
            (
                "the next goes on after them",
                &[Switch(100, 7), Switch(5_000, 200), Packet(5_001, 201)],
                &[(100, 7), (101, 8), (102, 9)],
            ),
            (
                "both wrap",
                &[Switch(0x7fff, 255), Switch(9, 9), Packet(10, 10)],
                &[(0x7fff, 255), (0, 0), (1, 1)],
            ),
            (
                "a source that wraps",
                &[
                    Switch(0x7ffe, 1),
                    Packet(0x7fff, 1),
                    Packet(0, 2),
                    Packet(1, 2),
                ],
                &[(0x7ffe, 1), (0x7fff, 1), (0, 2), (1, 2)],
            ),
            (
                "a late packet keeps its place and does not move the newest",
                &[Switch(10, 1), Packet(12, 3), Packet(11, 2), Switch(70, 70)],
                &[(10, 1), (12, 3), (11, 2), (13, 4)],
            ),
            (
                "what the source leaves out stays out",
                &[Switch(10, 1), Packet(15, 4)],
                &[(10, 1), (15, 4)],
            ),
            (
                "what we leave out is closed up, and what was lost between is not",
                &[
                    Switch(10, 1),
                    Skip(11),
                    Packet(12, 1),
                    Skip(13),
                    Skip(13),
                    // 14 is lost.
                    Packet(15, 2),
                    Packet(14, 2),
                    Switch(900, 50),
                ],
                &[(10, 1), (11, 1), (13, 2), (12, 2), (14, 3)],
            ),
        ];
        for (name, steps, expected) in cases {
            let mut translator = PictureIdTranslator::default();
            let mut found = Vec::new();
            for step in *steps {
                let source = match *step {
                    Switch(id, tl0) => {
                        translator.switch(&picture(id, tl0));
                        picture(id, tl0)
                    }
                    Packet(id, tl0) => picture(id, tl0),
                    Skip(id) => {
                        translator.skip(&picture(id, 0));
                        continue;
                    }
                };
                let ids = translator.translate(&source).expect("it has a place");
                found.push((ids.picture_id, ids.tl0_picture_index));
            }
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn templates_of_each_source_are_numbered_behind_those_of_the_one_before() {
        // Whether a source begins, the first id of its structure and how many there are, and what comes out.
        let cases = [
            (true, 5, 10, 5),
            // The publisher numbers its own structures apart.
            (false, 15, 10, 15),
            (true, 5, 2, 25),
            (true, 60, 38, 27),
            (true, 0, 1, 1),
        ];
        let mut templates = TemplateIds::default();
        for (begins, first, count, expected) in cases {
            templates.begins = begins;
            templates.learn((first, count));
            assert_eq!((first + templates.shift) % 64, expected);
        }
    }
}
