//! Translates source numbers into one slot's own: its sequence numbers and timestamps run on without a
//! break, whatever encoding or track they come from.
//!
//! Sequence numbers (RFC 3550 §5.1): a gap that loss made upstream stays a gap, so that a late or
//! repaired packet finds its place in it. A gap of our own making (padding, a layer that is not
//! wanted) is closed. Timestamps: a new source begins where the wall clock says it should.

use std::time::Instant;

use sfu_rtp::{ClockRate, RtpTime, SeqNo};

use super::numbering::Numbering;

/// The numbering of one slot.
#[derive(Debug)]
pub(crate) struct Translator {
    clock_rate: ClockRate,
    numbering: Numbering,
    /// What is added to a source timestamp.
    timestamp_offset: u32,
    /// Where the source began behind the last frame sent, until it has long caught up.
    overtaken: Option<Overtaken>,
    /// The newest timestamp sent, and when.
    last: Option<(RtpTime, Instant)>,
    first_timestamp: RtpTime,
}

impl Translator {
    /// A numbering that will begin with these.
    pub(crate) fn new(
        first_sequence: u16,
        first_timestamp: RtpTime,
        clock_rate: ClockRate,
    ) -> Self {
        // One cycle up, so that nothing before the first number is negative.
        let first = SeqNo::new(CYCLE + u64::from(first_sequence));
        Self {
            clock_rate,
            numbering: Numbering::new(first),
            timestamp_offset: 0,
            overtaken: None,
            last: None,
            first_timestamp,
        }
    }

    /// The number that comes next if nothing is lost.
    #[inline]
    pub(crate) fn next_sequence(&self) -> u16 {
        self.numbering.highest().next().wire()
    }

    /// A new source begins at `sequence`, which is translated to the number after the highest so far. Its
    /// first packet arrived at `arrival`, and its timestamps lie as far from the last one sent as that is
    /// from the time it was sent, at least one tick after it unless it arrived before.
    pub(crate) fn switch(&mut self, arrival: Instant, sequence: SeqNo, timestamp: RtpTime) {
        let begin = match self.last {
            None => self.first_timestamp,
            Some((last, at)) => match arrival.checked_duration_since(at) {
                Some(elapsed) => last.wrapping_add(self.clock_rate.ticks(elapsed).max(1)),
                None => last.wrapping_sub(self.clock_rate.ticks(at.duration_since(arrival))),
            },
        };
        self.switch_to(sequence, timestamp, begin);
    }

    /// The same, for a source whose place on the slot's timeline is known to be `begin`: another layer
    /// of the same track, by the publisher's sender reports.
    pub(crate) fn switch_to(&mut self, sequence: SeqNo, timestamp: RtpTime, begin: RtpTime) {
        self.timestamp_offset = begin.get().wrapping_sub(timestamp.get());
        self.overtaken = match self.last {
            Some((last, _)) if !begin.is_newer_than(last) => {
                Some(Overtaken::by(last, timestamp, begin))
            }
            _ => None,
        };
        self.numbering.switch(sequence);
    }

    /// The same, for a source that begins in the past: its frames from `first` to `latest` are sent all at once,
    /// now. They leave together, where the latest has its place, so that the receiver takes none of them for
    /// delayed; those after them have their natural places.
    pub(crate) fn switch_behind(
        &mut self,
        now: Instant,
        sequence: SeqNo,
        first: RtpTime,
        latest: RtpTime,
    ) {
        self.switch(now, sequence, latest);
        let newest = self.timestamp(latest).wrapping_sub(1);
        self.overtaken = Some(Overtaken::by(newest, first, self.timestamp(first)));
    }

    /// The slot's numbers for a packet of the source. `None`: it is from before the source began, or so
    /// old that its place is forgotten, or its number was closed up.
    #[inline]
    pub(crate) fn translate(
        &mut self,
        now: Instant,
        sequence: SeqNo,
        timestamp: RtpTime,
    ) -> Option<(u16, RtpTime)> {
        let highest = self.numbering.highest();
        let out = self.numbering.translate(sequence)?;
        let timestamp = self.place(timestamp);
        if out > highest
            && self
                .last
                .is_none_or(|(last, _)| timestamp.is_newer_than(last))
        {
            self.last = Some((timestamp, now));
        }
        Some((out.wire(), timestamp))
    }

    /// What a frame of the source leaves under.
    #[inline]
    fn place(&mut self, timestamp: RtpTime) -> RtpTime {
        let place = self.timestamp(timestamp);
        let Some(overtaken) = self.overtaken else {
            return place;
        };
        match overtaken.delay(timestamp) {
            Some(delay) => place.wrapping_add(delay),
            None => {
                self.overtaken = None;
                place
            }
        }
    }

    /// Where a timestamp of the source lies on the slot's timeline. Only frames that were overtaken by the
    /// source before leave under another one.
    #[inline]
    pub(crate) fn timestamp(&self, source: RtpTime) -> RtpTime {
        source.wrapping_add(self.timestamp_offset)
    }

    /// A number of the source will not be forwarded, by our choice; see [`Numbering::skip`].
    pub(crate) fn skip(&mut self, sequence: SeqNo) {
        self.numbering.skip(sequence);
    }

    /// Whether a packet of the source comes after all that were sent.
    pub(crate) fn is_beyond(&self, sequence: SeqNo) -> bool {
        self.numbering.is_beyond(sequence)
    }

    /// The slot's number for one of the source that has its place before the highest given out; see
    /// [`Numbering::vacancy`].
    pub(crate) fn vacancy(&self, sequence: SeqNo) -> Option<u16> {
        self.numbering.vacancy(sequence).map(SeqNo::wire)
    }

    /// Whether the present source had begun with this number, and its place is remembered.
    pub(crate) fn reaches(&self, sequence: SeqNo) -> bool {
        self.numbering.reaches(sequence)
    }
}

/// Frames that a new source brings although frames of the source before, captured later, were sent already:
/// a keyframe that took its time to arrive, and what followed it meanwhile. The decoder needs them, and
/// timestamps must not go back, so their time is squeezed: they leave closer together until the source has
/// caught up. What a frame leaves under depends on nothing but its own timestamp, so one that is repaired
/// and comes late finds its place.
#[derive(Clone, Copy, Debug)]
struct Overtaken {
    /// The source's first timestamp.
    first: RtpTime,
    /// How far behind its place on the slot's timeline the first frame leaves.
    ahead: u32,
}

impl Overtaken {
    /// For a source that begins at `first`, which lies at `begin` on the slot's timeline, where `newest` was
    /// sent already.
    fn by(newest: RtpTime, first: RtpTime, begin: RtpTime) -> Self {
        let ahead = newest.get().wrapping_add(1).wrapping_sub(begin.get());
        Self { first, ahead }
    }

    /// How far behind its place a frame leaves. `None`: the source has long caught up.
    #[inline]
    fn delay(self, timestamp: RtpTime) -> Option<u32> {
        let passed = timestamp.get().wrapping_sub(self.first.get());
        if passed > i32::MAX as u32 {
            return Some(self.ahead);
        }
        (passed < self.ahead.saturating_add(LONG_CAUGHT_UP))
            .then(|| (self.ahead + passed / SQUEEZE).saturating_sub(passed))
    }
}

/// How much closer together frames leave: 30 per second some twelve ticks apart. They are distinct up to
/// 350 per second, and a whole second takes four milliseconds.
const SQUEEZE: u32 = 256;

/// Five seconds of video beyond that: nothing comes as late.
const LONG_CAUGHT_UP: u32 = 5 * 90_000;

const CYCLE: u64 = 1 << 16;

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::numbering::MAX_STRETCHES;
    use super::*;

    enum Step {
        /// Milliseconds from the start, first source number, its timestamp.
        Switch(u64, u64, u32),
        Skip(u64),
        /// Source number, and the slot's number that it must get.
        Packet(u64, Option<u16>),
        /// Source number, and the slot's number that it leaves empty.
        Vacant(u64, Option<u16>),
    }
    use Step::{Packet, Skip, Switch, Vacant};

    fn check(first: u16, steps: &[Step]) {
        let now = Instant::now();
        let mut translator = Translator::new(first, RtpTime::new(0), ClockRate::VIDEO);
        for (index, step) in steps.iter().enumerate() {
            match *step {
                Switch(ms, sequence, timestamp) => translator.switch(
                    now + Duration::from_millis(ms),
                    SeqNo::new(sequence),
                    RtpTime::new(timestamp),
                ),
                Skip(sequence) => translator.skip(SeqNo::new(sequence)),
                Vacant(sequence, expected) => {
                    let found = translator.vacancy(SeqNo::new(sequence));
                    assert_eq!(found, expected, "step {index}: source number {sequence}");
                }
                Packet(sequence, expected) => {
                    let found = translator.translate(now, SeqNo::new(sequence), RtpTime::new(0));
                    let found = found.map(|(sequence, _)| sequence);
                    assert_eq!(found, expected, "step {index}: source number {sequence}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_translated_before_the_first_source() {
        check(1, &[Packet(1, None)]);
    }

    #[test]
    fn a_source_is_numbered_on_from_the_one_before_over_the_wrap() {
        check(
            65_534,
            &[
                Switch(0, 100, 0),
                Packet(100, Some(65_534)),
                Packet(101, Some(65_535)),
                Switch(0, 7_000, 0),
                Packet(7_000, Some(0)),
                Packet(7_001, Some(1)),
            ],
        );
    }

    #[test]
    fn loss_stays_a_gap_that_a_late_packet_fills() {
        check(
            10,
            &[
                Switch(0, 100, 0),
                Packet(100, Some(10)),
                Packet(103, Some(13)),
                Packet(101, Some(11)),
                Packet(102, Some(12)),
            ],
        );
    }

    #[test]
    fn a_packet_from_before_the_switch_is_refused() {
        check(
            10,
            &[
                Switch(0, 100, 0),
                Packet(100, Some(10)),
                Packet(99, None),
                Switch(0, 200, 0),
                Packet(200, Some(11)),
                Packet(199, None),
            ],
        );
    }

    #[test]
    fn skipped_numbers_are_closed_up_and_lost_ones_between_them_are_not() {
        check(
            10,
            &[
                Switch(0, 100, 0),
                Packet(100, Some(10)),
                // 101 is lost, 102 and 103 are padding.
                Skip(102),
                Skip(103),
                Packet(104, Some(12)),
                Packet(101, Some(11)),
                Skip(105),
                Packet(106, Some(13)),
                Packet(105, None),
                Packet(103, None),
            ],
        );
    }

    #[test]
    fn padding_closes_up_in_whatever_order_it_comes() {
        for order in [
            [102, 103, 104, 106],
            [106, 104, 103, 102],
            [103, 102, 106, 104],
            [104, 102, 106, 103],
            [102, 104, 106, 103],
        ] {
            // 101 is lost; 105 comes after the padding around it.
            let mut steps = vec![Switch(0, 100, 0), Packet(100, Some(10))];
            steps.extend(order.map(Skip));
            steps.extend(order.map(Skip));
            steps.extend(order.map(|padding| Packet(padding, None)));
            steps.extend([
                Packet(107, Some(13)),
                Packet(105, Some(12)),
                Packet(101, Some(11)),
                Packet(108, Some(14)),
            ]);
            check(10, &steps);
        }
    }

    #[test]
    fn a_skip_that_comes_too_late_leaves_the_gap() {
        check(
            10,
            &[
                Switch(0, 100, 0),
                Packet(100, Some(10)),
                Packet(102, Some(12)),
                Skip(101),
                Packet(103, Some(13)),
            ],
        );
    }

    #[test]
    fn a_number_is_left_empty_by_what_comes_too_late_to_be_closed_up_and_by_nothing_else() {
        check(
            10,
            &[
                Vacant(100, None),
                Switch(0, 100, 0),
                Packet(100, Some(10)),
                // 101 is lost, 102 and 103 are padding.
                Skip(103),
                Skip(102),
                Vacant(102, None),
                Vacant(103, None),
                Packet(104, Some(12)),
                Packet(106, Some(14)),
                Skip(105),
                Vacant(105, Some(13)),
                Vacant(102, None),
                Vacant(103, None),
                Vacant(99, None),
                Vacant(107, None),
                Packet(107, Some(15)),
                // It turns out to be padding too.
                Skip(101),
                Vacant(101, Some(11)),
                Switch(0, 200, 0),
                Vacant(200, None),
                Vacant(105, None),
            ],
        );
    }

    #[test]
    fn old_gaps_are_forgotten_and_their_packets_refused() {
        let mut steps = vec![
            Switch(0, 100, 0),
            Packet(100, Some(0)),
            Packet(101, Some(1)),
        ];
        for gap in 0..MAX_STRETCHES as u64 {
            steps.push(Skip(102 + 2 * gap));
            steps.push(Packet(103 + 2 * gap, Some(2 + gap as u16)));
        }
        steps.push(Packet(101, None));
        steps.push(Packet(103, Some(2)));
        check(0, &steps);
    }

    #[test]
    fn timestamps_go_on_by_the_time_that_passed_and_never_stand_still() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut translator = Translator::new(0, RtpTime::new(1_000), ClockRate::VIDEO);
        let mut translate = |switch: Option<u64>, ms, sequence, timestamp| {
            let (sequence, timestamp) = (SeqNo::new(sequence), RtpTime::new(timestamp));
            if let Some(ms) = switch {
                translator.switch(at(ms), sequence, timestamp);
            }
            let (_, timestamp) = translator
                .translate(at(ms), sequence, timestamp)
                .expect("in the source");
            timestamp.get()
        };
        assert_eq!(translate(Some(0), 0, 1, 777), 1_000);
        assert_eq!(translate(None, 33, 2, 3_777), 4_000);
        // Half a second later another source takes over.
        assert_eq!(translate(Some(533), 533, 90, u32::MAX), 4_000 + 45_000);
        // And another at the very same moment.
        assert_eq!(translate(Some(533), 533, 5, 5), 4_000 + 45_000 + 1);
    }

    #[test]
    fn a_source_that_was_overtaken_catches_up_without_going_back() {
        let now = Instant::now();
        let mut translator = Translator::new(0, RtpTime::new(0), ClockRate::VIDEO);
        translator.switch(now, SeqNo::new(1), RtpTime::new(0));
        translator.translate(now, SeqNo::new(1), RtpTime::new(9_000));
        // The keyframe of another layer is from two frames before; it lies at 3,000 on the slot's timeline.
        translator.switch_to(SeqNo::new(50), RtpTime::new(100_000), RtpTime::new(3_000));
        // (source number, its timestamp, the slot's)
        for (sequence, timestamp, expected) in [
            (50, 100_000, 9_001),
            (51, 100_000, 9_001),
            (54, 106_000, 9_024),
            (55, 109_000, 12_000),
            // Repaired: the second frame.
            (52, 103_000, 9_012),
            (53, 103_000, 9_012),
            (56, 112_000, 15_000),
        ] {
            let (_, found) = translator
                .translate(now, SeqNo::new(sequence), RtpTime::new(timestamp))
                .expect("in the source");
            assert_eq!(found.get(), expected, "source number {sequence}");
        }
    }

    #[test]
    fn a_burst_from_the_past_leaves_together_and_what_follows_it_does_not() {
        let start = Instant::now();
        let mut translator = Translator::new(0, RtpTime::new(0), ClockRate::VIDEO);
        translator.switch(start, SeqNo::new(1), RtpTime::new(0));
        translator.translate(start, SeqNo::new(1), RtpTime::new(0));
        // A second later, another source: a group of four frames, over the wrap of its timestamps.
        let now = start + Duration::from_secs(1);
        let stamp =
            |frame: u32| RtpTime::new(0_u32.wrapping_sub(4_500).wrapping_add(frame * 3_000));
        translator.switch_behind(now, SeqNo::new(50), stamp(0), stamp(3));
        for (frame, expected) in [
            (0, 90_000),
            (1, 90_011),
            (2, 90_023),
            (3, 90_035),
            (4, 93_000),
        ] {
            let sequence = SeqNo::new(50 + u64::from(frame));
            let found = translator.translate(now, sequence, stamp(frame));
            assert_eq!(
                found.map(|(_, out)| out.get()),
                Some(expected),
                "frame {frame}"
            );
        }
        // For hours.
        let frame = 600_000;
        let found = translator.translate(now, SeqNo::new(600_050), stamp(frame));
        assert_eq!(
            found.map(|(_, out)| out.get()),
            Some(90_000 + (frame - 3) * 3_000)
        );
        assert!(translator.overtaken.is_none());
    }

    #[test]
    fn a_source_without_a_clock_lies_where_its_first_packet_arrived() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut translator = Translator::new(0, RtpTime::new(0), ClockRate::VIDEO);
        translator.switch(at(0), SeqNo::new(1), RtpTime::new(0));
        translator.translate(at(100), SeqNo::new(1), RtpTime::new(9_000));
        // Its keyframe began to arrive 50 ms before.
        translator.switch(at(50), SeqNo::new(50), RtpTime::new(0));
        for (sequence, timestamp, expected) in [(50, 0, 9_001), (51, 9_000, 13_500)] {
            let (_, found) = translator
                .translate(at(150), SeqNo::new(sequence), RtpTime::new(timestamp))
                .expect("in the source");
            assert_eq!(found.get(), expected, "source number {sequence}");
        }
    }

    /// Against a naive model that keeps every number: whatever is lost, late, skipped or switched, each
    /// source packet has one number, no number is given twice, and in-order packets leave no gap but loss.
    #[test]
    fn no_number_is_given_to_two_packets_whatever_happens() {
        use rand::rngs::SmallRng;
        use rand::{Rng, SeedableRng};
        for seed in 0..200 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let now = Instant::now();
            let mut translator = Translator::new(rng.random(), RtpTime::new(0), ClockRate::VIDEO);
            let mut given = std::collections::HashMap::new();
            let mut next = 1_u64;
            let mut source = 0;
            let mut late = Vec::new();
            for step in 0..500 {
                let roll = rng.random_range(0..100);
                if step == 0 || roll < 2 {
                    source += 1;
                    late.clear();
                    next += rng.random_range(0..100_000);
                    translator.switch(now, SeqNo::new(next), RtpTime::new(0));
                }
                let sequence = match roll {
                    0..10 => {
                        translator.skip(SeqNo::new(next));
                        next += 1;
                        continue;
                    }
                    10..20 => {
                        late.push(next);
                        next += 1;
                        continue;
                    }
                    // Padding that was overtaken.
                    20..24 if !late.is_empty() => {
                        let padding = late.swap_remove(rng.random_range(0..late.len()));
                        translator.skip(SeqNo::new(padding));
                        continue;
                    }
                    24..34 if !late.is_empty() => late.swap_remove(rng.random_range(0..late.len())),
                    _ => {
                        next += 1;
                        next - 1
                    }
                };
                let packet = (source, sequence);
                let out = translator.translate(now, SeqNo::new(sequence), RtpTime::new(0));
                if let Some((out, _)) = out {
                    let holder = *given.entry(out).or_insert(packet);
                    assert_eq!(
                        holder, packet,
                        "seed {seed}, step {step}: number {out} given twice"
                    );
                }
            }
        }
    }
}
