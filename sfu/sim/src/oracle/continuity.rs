//! With hindsight, in the order of sequence numbers: whether what a slot received is one well-behaved
//! stream.
//!
//! The packets fall into *runs*, each an unbroken stretch of one encoding of one track. Within a run
//! everything is exact: numbers, timestamps and picture ids keep their distance to the publisher's.
//! Between runs they go on without a gap. A missing number needs an excuse, which only the network
//! can give.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sfu::parameters::{Codec, MediaKind};

use super::mishaps::Mishaps;
use super::pictures;
use super::promise::SlotPromise;
use super::slot::clock_rate;
use crate::client::clock::ticks;
use crate::media::Stamp;

/// A media packet that has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) at: Instant,
    pub(super) sent_at: Instant,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) retransmitted: bool,
    pub(super) stamp: Stamp,
    pub(super) codec: Option<Codec>,
    /// The picture id and TL0PICIDX.
    pub(super) ids: Option<(u16, u8)>,
    /// Of the dependency descriptor.
    pub(super) frame_number: Option<u16>,
}

impl Record {
    /// Whether the two say the same but for the way they came.
    pub(super) fn is_same_packet(&self, other: &Self) -> bool {
        let content = |record: &Self| {
            let numbers = (record.ids, record.frame_number);
            (record.timestamp, record.marker, record.stamp, numbers)
        };
        content(self) == content(other)
    }
}

/// What is wrong, and when the packet arrived that shows it.
type Finding = (Instant, String);

/// Checks everything that arrived before `until`; times of capture count from `start`. `changes` are the times at which the slot was
/// assigned anew or a track muted or unmuted. On a bad link the server may interrupt a picture besides.
pub(super) fn check(
    promise: &SlotPromise,
    records: &BTreeMap<u64, Record>,
    changes: &[Instant],
    [start, until]: [Instant; 2],
    mishaps: &Mishaps,
    link_was_bad: bool,
) -> Result<(), Finding> {
    let last = records.iter().rev().find(|(_, record)| record.at < until);
    let Some((&last, _)) = last else {
        return Ok(());
    };
    let all = records;
    let mut records = all.range(..=last);
    let Some(mut before) = records.next() else {
        return Ok(());
    };
    let mut pair = Pair {
        promise,
        start,
        changes,
        mishaps,
        link_was_bad,
        overtaken_by: None,
        burst: None,
        burst_before: None,
    };
    pair.begin_run(None, burst(all.range(..=last)));
    let mut newest = before.1;
    pair.check_start(before)
        .map_err(|sentence| (before.1.at, sentence))?;
    for after in records {
        let is_one_run = pair.is_one_run(*before.0, before.1, *after.0, after.1);
        if before.1.stamp.ssrc != after.1.stamp.ssrc {
            let same_track = before.1.stamp.label == after.1.stamp.label;
            // Nobody can tell how far the layer before went on with packets that were lost.
            let unseen = if *after.0 > *before.0 + 1 {
                BURST_EDGE
            } else {
                Duration::ZERO
            };
            let overtaken_by = same_track.then_some(newest.stamp.captured + unseen);
            pair.begin_run(overtaken_by, burst(all.range(after.0..=&last)));
            newest = after.1;
        } else if !is_one_run {
            pair.begin_run(pair.overtaken_by, burst(all.range(after.0..=&last)));
        }
        let found = pair.check(before, after, is_one_run);
        found.map_err(|sentence| (after.1.at, sentence))?;
        if after.1.stamp.captured > newest.stamp.captured {
            newest = after.1;
        }
        before = after;
    }
    Ok(())
}

/// Checks that a stream of its own numbers, that of retransmissions, has no gap without excuse.
pub(super) fn check_numbers(
    ssrc: u32,
    arrived: &[(Instant, u16)],
    mishaps: &Mishaps,
) -> Result<(), Finding> {
    let mut numbers: Vec<(i64, Instant)> = Vec::new();
    for &(at, wire) in arrived {
        let number = numbers.last().map_or(i64::from(wire), |&(last, _)| {
            last + i64::from(wire.wrapping_sub(last as u16) as i16)
        });
        numbers.push((number, at));
    }
    numbers.sort_unstable();
    for pair in numbers.windows(2) {
        let ((before, _), (after, at)) = (pair[0], pair[1]);
        let missing = (before + 1..after).find(|&number| !mishaps.befell(ssrc, number as u16, at));
        if let Some(number) = missing {
            let number = number as u16;
            return Err((
                at,
                format!("retransmission {number} was never sent, but later ones were"),
            ));
        }
    }
    Ok(())
}

struct Pair<'a> {
    promise: &'a SlotPromise,
    start: Instant,
    changes: &'a [Instant],
    mishaps: &'a Mishaps,
    link_was_bad: bool,
    /// When the newest frame was captured that this layer's first frames may be older than: the last of the
    /// layer before, or of a burst with which the slot began. Such frames are stamped closer together.
    overtaken_by: Option<Duration>,
    /// When the last frame of the burst was captured with which this run begins, if it does.
    burst: Option<Duration>,
    /// The same of the run before.
    burst_before: Option<Duration>,
}

impl Pair<'_> {
    fn begin_run(&mut self, overtaken_by: Option<Duration>, burst: Option<Duration>) {
        self.overtaken_by = overtaken_by.max(burst);
        self.burst_before = std::mem::replace(&mut self.burst, burst);
    }

    /// The first packet of all.
    fn check_start(&self, (&number, first): (&u64, &Record)) -> Result<(), String> {
        let stamp = &first.stamp;
        let video = self.promise.kind == MediaKind::Video;
        let starts = stamp.packet == 0 && stamp.is_keyframe();
        let ssrc = self.promise.ssrc;
        // If packets before it were lost, nobody can tell where the stream began.
        if video && !starts && !self.mishaps.befell(ssrc, (number - 1) as u16, first.at) {
            return Err(format!(
                "the slot begins with {stamp:?}, which begins no keyframe"
            ));
        }
        Ok(())
    }

    fn check(
        &self,
        before: (&u64, &Record),
        after: (&u64, &Record),
        is_one_run: bool,
    ) -> Result<(), String> {
        let ((&number, before), (&next, after)) = (before, after);
        self.check_marker(after)?;
        let missing = number + 1..next;
        let lost = missing.clone().filter(|&number| {
            let befell = |at| self.mishaps.befell(self.promise.ssrc, number as u16, at);
            befell(before.at) || befell(after.at)
        });
        let unexplained = (missing.end - missing.start) as usize - lost.count();
        let (apart, gap) = (next - number, missing.end - missing.start);
        match is_one_run {
            true => self.check_run(before, after, apart, unexplained),
            false => self.check_switch(before, after, gap, unexplained),
        }
        .map_err(|sentence| format!("{sentence}; between {before:?} and {after:?}"))
    }

    /// Two packets of one run.
    fn check_run(
        &self,
        before: &Record,
        after: &Record,
        apart: u64,
        unexplained: usize,
    ) -> Result<(), String> {
        let (from, to) = (&before.stamp, &after.stamp);
        let video = self.promise.kind == MediaKind::Video;
        let sent = (from.sequence + 1..to.sequence).filter(|&sequence| {
            let about = before.at.max(after.at);
            self.mishaps.befell(from.ssrc, sequence as u16, about)
        });
        let lost_upstream = sent.count();
        if unexplained > lost_upstream {
            return Err(format!(
                "of the numbers between, {unexplained} were not lost on the way here, and only \
                 {lost_upstream} on the way to the server"
            ));
        }
        let padding = u64::from(to.sequence - from.sequence) - u64::from(to.number - from.number);
        let media = u64::from(to.number - from.number);
        let excess = apart.saturating_sub(media);
        if excess > padding.min(lost_upstream as u64) {
            return Err(format!("{excess} numbers were skipped for nothing"));
        }
        // Of what is left out nothing may be left: neither of the frames before and after.
        let whole = apart > 1 || (from.ends_frame() && to.packet == 0);
        if apart < media && !whole {
            return Err("a part of a frame was left out".to_owned());
        }

        let (passed, shown) = apart_in_time(self.promise.kind, before, after);
        if !self.is_in_time(before, after) {
            return Err(format!("timestamps went on by {shown} instead of {passed}"));
        }
        pictures::check_run(before, after, apart - 1)?;
        if apart == 1 && video && before.marker != (from.picture != to.picture) {
            return Err("the marker bit is not at the end of the picture".to_owned());
        }
        Ok(())
    }

    /// Whether timestamps went on as time did, or less where frames were overtaken.
    fn is_in_time(&self, before: &Record, after: &Record) -> bool {
        let (passed, shown) = apart_in_time(self.promise.kind, before, after);
        let captured = before.stamp.captured;
        match self.overtaken_by.is_some_and(|by| captured <= by) {
            true => (passed.min(1)..=passed).contains(&shown),
            false => passed == shown,
        }
    }

    /// Whether two packets that lie next to each other belong to one run: the receiver's numbers moved
    /// on at least as far as the publisher's, or layers were left out. A stream with layers may also have been
    /// interrupted up to a keyframe; then time and numbers went on as they did for the slot, and not as for the
    /// publisher.
    fn is_one_run(&self, number: u64, before: &Record, next: u64, after: &Record) -> bool {
        let (from, to) = (&before.stamp, &after.stamp);
        let goes_on = from.ssrc == to.ssrc && to.number > from.number;
        if !goes_on || next - number >= u64::from(to.number - from.number) {
            return goes_on;
        }
        let goes_on = self.is_in_time(before, after)
            && pictures::check_run(before, after, next - number - 1).is_ok();
        match to.is_keyframe() {
            true => goes_on && (from.is_layered() || self.may_have_given_up(before, after)),
            false => from.is_layered(),
        }
    }

    /// Whether a server that reads what frames refer to may have stopped up to a keyframe, because one stayed missing.
    fn may_have_given_up(&self, before: &Record, after: &Record) -> bool {
        let from = &before.stamp;
        let mut lately = (0..GIVEN_UP_WITHIN).map(|back| from.sequence.wrapping_sub(back));
        let was_lost = |sequence: u32| self.mishaps.befell(from.ssrc, sequence as u16, before.at);
        after.stamp.is_keyframe() && lately.any(was_lost)
    }

    /// The last known packet of a run and the first known one of the next.
    fn check_switch(
        &self,
        before: &Record,
        after: &Record,
        missing: u64,
        unexplained: usize,
    ) -> Result<(), String> {
        let (from, to) = (&before.stamp, &after.stamp);
        let video = self.promise.kind == MediaKind::Video;
        let same_encoding = from.ssrc == to.ssrc;
        // It may have waited for the path, and what was repaired left a first time before: nobody can tell when
        // it was decided on.
        let left = self.start + from.captured;
        let slack = left.min(after.sent_at)..=before.sent_at.max(after.sent_at);
        let allowed = video && self.link_was_bad;
        if same_encoding && !allowed && !self.changes.iter().any(|at| slack.contains(at)) {
            return Err("the source was interrupted, and nobody asked for it".to_owned());
        }
        // The old run may have gone on for a little while, with packets that were lost upstream.
        let tail = (1..=missing as u32).filter(|ahead| {
            let sequence = from.sequence.wrapping_add(*ahead) as u16;
            self.mishaps.befell(from.ssrc, sequence, before.at)
        });
        let head = (1..=missing as u32).filter(|behind| {
            let sequence = to.sequence.wrapping_sub(*behind) as u16;
            self.mishaps.befell(to.ssrc, sequence, after.at)
        });
        let upstream = tail.count() + head.count();
        if unexplained > upstream {
            return Err(format!(
                "the source changed, and {unexplained} numbers were skipped"
            ));
        }
        // Without loss, the first packet of a run is the first of a keyframe.
        let starts = to.is_keyframe() && u64::from(to.packet) <= missing;
        if video && !starts && missing == 0 {
            return Err("the source changed, and not at a keyframe".to_owned());
        }

        let shown = after.timestamp.wrapping_sub(before.timestamp) as i32;
        if shown <= 0 {
            return Err(format!(
                "the source changed, and timestamps went on by {shown}"
            ));
        }
        let rate = f64::from(clock_rate(self.promise.kind));
        let shown = f64::from(shown) / rate;
        // All of a burst is stamped as late as its last frame.
        let reached = self.burst.unwrap_or(to.captured);
        let left = self
            .burst_before
            .map_or(from.captured, |last| last.max(from.captured));
        let jump = LARGEST_JUMP.as_secs_f64();
        let since = |reached: Duration, left: Duration| reached.as_secs_f64() - left.as_secs_f64();
        let is_right = |reached: Duration| {
            shown >= since(reached, left) - jump && shown <= since(reached, from.captured) + jump
        };
        // Where the beginning was repaired or paced, nobody can tell whether it left late as bursts do.
        let unclear = after.retransmitted || (self.link_was_bad && from.label == to.label);
        if !(is_right(reached) || unclear && is_right(to.captured)) {
            let passed = since(reached, from.captured);
            return Err(format!(
                "the source changed, and timestamps went on by {shown:.3} s while {passed:.3} s passed"
            ));
        }
        pictures::check_switch(before, after, missing)
    }

    /// A frame may be followed by one of a higher layer; the pair before and after tells.
    fn check_marker(&self, record: &Record) -> Result<(), String> {
        let last = record.stamp.ends_frame();
        let may_go_on = record.stamp.layers[0] > 1;
        let right = record.marker == last || (last && may_go_on);
        if self.promise.kind == MediaKind::Video && !right {
            return Err("the marker bit is not at the end of a frame".to_owned());
        }
        Ok(())
    }
}

/// By how many ticks two packets were captured, and are stamped, one after the other.
pub(super) fn apart_in_time(kind: MediaKind, before: &Record, after: &Record) -> (u32, u32) {
    let rate = clock_rate(kind);
    let captured = |record: &Record| ticks(record.stamp.captured, rate);
    let passed = captured(after).wrapping_sub(captured(before));
    (passed, after.timestamp.wrapping_sub(before.timestamp))
}

/// When the last frame of the burst was captured with which a run begins, if it does: a slot that begins
/// late gets a whole group of pictures as fast as the pacer lets it.
fn burst<'a>(run: impl Iterator<Item = (&'a u64, &'a Record)> + Clone) -> Option<Duration> {
    let first = run.clone().next()?.1;
    let ssrc = first.stamp.ssrc;
    let run = run.map(|(_, record)| record);
    let run = run.take_while(|record| record.stamp.ssrc == ssrc);
    // When they began to leave; what was repaired left a first time before.
    let began = run.clone().map(|record| record.sent_at).min()?;
    // What a picture takes from the camera to the server once the burst is over.
    let lag = |record: &Record, sent_at| sent_at - record.stamp.captured;
    let least = run
        .clone()
        .map(|record| lag(record, record.sent_at))
        .min()?;
    // Of a burst whose beginning is lost, one frame may be all that is left.
    let whole = first.stamp.packet == 0 && first.stamp.is_keyframe();
    let is_late = lag(first, began) > least + LATE;
    let there = run.map(|record| record.stamp.captured);
    let there = there.filter(|captured| least + *captured <= began + BURST_EDGE);
    (!whole || is_late).then(|| there.max()).flatten()
}

/// What the burst's last frames may take that had not arrived whole, and the pacer: nobody can tell that they
/// were in it.
const BURST_EDGE: Duration = Duration::from_millis(250);

/// By how much longer than usual the first picture of a burst has waited; a keyframe that has just come
/// waits only for its own last packet.
const LATE: Duration = Duration::from_millis(30);

/// As many packets as come in a second of the pictures in these tests.
const GIVEN_UP_WITHIN: u32 = 64;

/// How far timestamps and time may part at a change of source: the server knows when packets
/// arrived, not when they were captured.
const LARGEST_JUMP: Duration = Duration::from_millis(500);
