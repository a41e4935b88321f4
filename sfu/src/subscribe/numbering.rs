//! Numbers one slot's packets, or its pictures, after those of the sources that it shows, one after the other.
//!
//! A number that is missing at the source stays missing, so that what is late or repaired finds its place. A
//! number that is left out by our choice is closed up.

use sfu_rtp::SeqNo;

/// From the numbers of a source to those of a slot.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// The highest number given out; one below the first before that.
    highest: SeqNo,
    /// The stretch of source numbers that goes on; `None` before the first switch. It is not among the others so
    /// that a slot which closes up nothing needs no more memory, and nearly every packet no more of it.
    newest: Option<Stretch>,
    /// Those before it that are in force, oldest first. Each reaches to where the next one begins.
    older: Vec<Stretch>,
}

/// From `from` on, `offset` is added to source numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stretch {
    from: SeqNo,
    offset: i64,
}

impl Numbering {
    /// A numbering that will begin with `first`.
    pub(crate) fn new(first: SeqNo) -> Self {
        Self {
            highest: first.previous(),
            newest: None,
            older: Vec::new(),
        }
    }

    /// One that has given `highest` to a number of the source, and to those before it the numbers before that.
    pub(crate) fn going_on(highest: SeqNo, source: SeqNo) -> Self {
        Self {
            highest,
            newest: Some(Stretch {
                from: SeqNo::new(0),
                offset: highest.distance_from(source),
            }),
            older: Vec::new(),
        }
    }

    /// The highest number given out; one below the first before that.
    #[inline]
    pub(crate) fn highest(&self) -> SeqNo {
        self.highest
    }

    /// A new source begins at `first`, which is given the number after the highest so far.
    pub(crate) fn switch(&mut self, first: SeqNo) {
        self.older.clear();
        self.newest = Some(Stretch {
            from: first,
            offset: self.highest.next().distance_from(first),
        });
    }

    /// The slot's number for one of the source. `None`: it is from before the source began, or so old that its
    /// place is forgotten, or it was closed up.
    #[inline]
    pub(crate) fn translate(&mut self, source: SeqNo) -> Option<SeqNo> {
        let newest = self.newest?;
        let out = if source < newest.from {
            self.place_late(source, newest)?
        } else {
            source.wrapping_add(newest.offset)
        };
        self.highest = self.highest.max(out);
        Some(out)
    }

    /// The slot's number for one of the source that lies before the newest stretch.
    #[cold]
    fn place_late(&self, source: SeqNo, newest: Stretch) -> Option<SeqNo> {
        let index = stretch_of(&self.older, source)?;
        let out = source.wrapping_add(self.older.get(index)?.offset);
        // One between two stretches was skipped: its number now belongs to another.
        let next = self.older.get(index + 1).copied().unwrap_or(newest);
        (out < next.from.wrapping_add(next.offset)).then_some(out)
    }

    /// The slot's number for one of the source that was not closed up before a later one was given out: its place
    /// is there to stay.
    pub(crate) fn vacancy(&self, source: SeqNo) -> Option<SeqNo> {
        let newest = self.newest?;
        let out = if source < newest.from {
            self.place_late(source, newest)?
        } else {
            source.wrapping_add(newest.offset)
        };
        (out <= self.highest).then_some(out)
    }

    /// Whether a number of the source comes after all that were given one.
    pub(crate) fn is_beyond(&self, source: SeqNo) -> bool {
        let newest = self.newest;
        newest.is_some_and(|newest| source.wrapping_add(newest.offset) > self.highest)
    }

    /// Whether the present source had begun with this number, and its place is remembered.
    pub(crate) fn reaches(&self, source: SeqNo) -> bool {
        let oldest = self.older.first().or(self.newest.as_ref());
        oldest.is_some_and(|oldest| source >= oldest.from)
    }

    /// A number of the source will not be forwarded, by our choice: those after it move up. They may have
    /// been skipped themselves before it, as padding that was reordered on its way; but if one of them was
    /// sent already, a gap is there to stay.
    pub(crate) fn skip(&mut self, source: SeqNo) {
        self.older.extend(self.newest);
        self.close_up(source);
        self.newest = self.older.pop();
    }

    /// The same, while all stretches are together.
    fn close_up(&mut self, source: SeqNo) {
        let stretches = &mut self.older;
        let Some(index) = stretch_of(stretches, source) else {
            return;
        };
        let Some(&stretch) = stretches.get(index) else {
            return;
        };
        let out = source.wrapping_add(stretch.offset);
        if out <= self.highest {
            return;
        }
        let begin_of_next = stretches
            .get(index + 1)
            .map(|next| next.from.wrapping_add(next.offset));
        if begin_of_next.is_some_and(|begin| out >= begin) {
            return;
        }
        for later in stretches.iter_mut().skip(index + 1) {
            later.offset -= 1;
        }
        // What is left out comes in runs: let one stretch be all that a run leaves behind.
        let joins_next = begin_of_next == Some(out.next());
        let after = Stretch {
            from: source.next(),
            offset: stretch.offset - 1,
        };
        match (stretch.from == source, joins_next) {
            (true, true) => drop(stretches.remove(index)),
            (true, false) => stretches[index] = after,
            (false, true) => {}
            (false, false) => stretches.insert(index + 1, after),
        }
        if stretches.len() > MAX_STRETCHES {
            stretches.remove(0);
        }
    }
}

/// The stretch that a number of the source lies in.
fn stretch_of(stretches: &[Stretch], source: SeqNo) -> Option<usize> {
    stretches.iter().rposition(|stretch| source >= stretch.from)
}

/// How many closed gaps back a late packet can still be placed. Browsers pad in bursts of some ten packets
/// a second, and a layer that is left out makes up to 15 gaps a second; 32 reach back further than any useful
/// retransmission.
pub(super) const MAX_STRETCHES: usize = 32;
