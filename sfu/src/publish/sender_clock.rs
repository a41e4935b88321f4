//! Maps a publisher's clock, as its sender reports tell it (RFC 3550 §6.4.1), onto the node's.
//!
//! Sender reports to subscribers must all be on one timeline, whoever's media a slot shows, and the
//! media of one publisher must keep their places relative to each other, or lips do not match
//! sound. So all streams of a publisher share one offset between its clock and ours, and it changes
//! too slowly for anybody to notice.
//!
//! For example: the publisher's clock is 10 s behind ours and its reports take 30 ms. Its audio
//! report says (5.00 s, tick 48,000) and arrives at 15.03 s: the offset is 10.03 s, and tick 48,960,
//! captured 20 ms later, belongs at 15.05 s. Its video report says (5.50 s, tick 900,000); whenever
//! that arrives, the frame with that tick belongs at 15.53 s, in step with the sound.

use std::time::{Duration, Instant};

use sfu_rtp::NtpTime;

use crate::capture_clock::ntp_units;

/// The offset between one publisher's clock and the node's; one for all its streams.
///
/// What is measured is the offset and the delay of the report together. The smallest of the last
/// half minute has waited in no queue; the offset in use creeps toward it.
#[derive(Debug)]
pub(crate) struct SenderClock {
    offset: Option<Offset>,
}

impl SenderClock {
    /// One that has heard no report.
    pub(crate) const fn new() -> Self {
        Self { offset: None }
    }

    /// A report has arrived, sent at `sent` by the publisher's clock, when ours showed `local`.
    pub(crate) fn on_sender_report(&mut self, now: Instant, local: NtpTime, sent: NtpTime) {
        if sent == NO_WALL_CLOCK {
            return;
        }
        let measured = local.diff(sent);
        match &mut self.offset {
            Some(offset) => offset.update(now, measured),
            None => self.offset = Some(Offset::new(now, measured)),
        }
    }

    /// The publisher's `sent` on the node's timeline; `None` before the first report.
    pub(crate) fn to_local(&self, sent: NtpTime) -> Option<NtpTime> {
        let offset = self.offset.as_ref()?;
        Some(NtpTime::new(sent.get().wrapping_add_signed(offset.in_use)))
    }
}

/// All in units of 2^-32 s, to be added to the publisher's time.
#[derive(Debug)]
struct Offset {
    in_use: i64,
    changed_at: Instant,
    /// The smallest measured in the current window and in the one before.
    smallest: [i64; 2],
    window_began: Instant,
}

impl Offset {
    const fn new(now: Instant, measured: i64) -> Self {
        Self {
            in_use: measured,
            changed_at: now,
            smallest: [measured; 2],
            window_began: now,
        }
    }

    fn update(&mut self, now: Instant, measured: i64) {
        let [current, previous] = self.smallest;
        self.smallest = match now.saturating_duration_since(self.window_began) {
            age if age < WINDOW => [current.min(measured), previous],
            age if age < WINDOW * 2 => [measured, current],
            _ => [measured; 2],
        };
        if now.saturating_duration_since(self.window_began) >= WINDOW {
            self.window_began = now;
        }
        let [current, previous] = self.smallest;
        let error = current.min(previous).wrapping_sub(self.in_use);
        let elapsed = now.saturating_duration_since(self.changed_at);
        let creep = ntp_units(elapsed.min(WINDOW) / CREEP);
        if error.unsigned_abs() > ntp_units(STEP).unsigned_abs() {
            self.in_use = self.in_use.wrapping_add(error);
        } else {
            self.in_use = self.in_use.wrapping_add(error.clamp(-creep, creep));
        }
        self.changed_at = now;
    }
}

/// A sender without a wall clock says so with a zero (RFC 3550 §6.4.1).
const NO_WALL_CLOCK: NtpTime = NtpTime::new(0);
/// A queue that stands longer than one to two of these is taken for the path's length. A good clock
/// is off by a millisecond in the same time (50 ppm).
const WINDOW: Duration = Duration::from_secs(15);
/// The offset changes by at most one in this many: 2 ms per second. A receiver that fits a line
/// through its reports sees a clock 0.2 % off.
const CREEP: u32 = 500;
/// More than this is no delay but a clock that was set, so follow it at once.
const STEP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use sfu_rtp::{ClockRate, RtpTime};

    use super::*;
    use crate::capture_clock::CaptureClock;

    const EPOCH: NtpTime = NtpTime::new(0xe000_0000_0000_0000);
    /// In units of 2^-32 s, rounded up.
    const NANOSECOND: u64 = 5;

    /// The difference of the mapped time from the true one, in milliseconds, after each report.
    /// Reports are (arrival by our clock, delay on the path, error of the publisher's clock).
    fn errors(reports: &[(u64, u64, i64)]) -> Vec<i64> {
        let origin = Instant::now();
        let mut sender = SenderClock::new();
        reports
            .iter()
            .map(|&(at, delay, clock_error)| {
                let elapsed = Duration::from_millis(at);
                let local = EPOCH.plus(elapsed);
                let captured = local.minus(Duration::from_millis(delay));
                let shift = Duration::from_millis(clock_error.unsigned_abs());
                let sent = match clock_error {
                    0.. => captured.plus(shift),
                    _ => captured.minus(shift),
                };
                sender.on_sender_report(origin + elapsed, local, sent);
                let mapped = sender.to_local(sent).expect("a report has arrived");
                (mapped.diff(captured) as f64 * 1_000.0 / (1_u64 << 32) as f64).round() as i64
            })
            .collect()
    }

    #[test]
    fn the_offset_starts_at_once_and_changes_slowly() {
        type Case = (&'static str, &'static [(u64, u64, i64)], &'static [i64]);
        let cases: &[Case] = &[
            ("the first report fixes it", &[(0, 30, -10_000)], &[30]),
            (
                "whatever the publisher's clock",
                &[(0, 30, 3_000_000_000)],
                &[30],
            ),
            (
                "a queue on the path does not move it",
                &[(0, 30, 0), (1_000, 200, 0), (2_000, 250, 0), (3_000, 30, 0)],
                &[30, 30, 30, 30],
            ),
            (
                "a first report that waited is corrected at two milliseconds per second",
                &[
                    (0, 130, 0),
                    (1_000, 30, 0),
                    (2_000, 80, 0),
                    (12_000, 30, 0),
                    (80_000, 30, 0),
                ],
                &[130, 128, 126, 106, 76],
            ),
            (
                "a path that became longer is believed when no report was faster for long enough",
                &[
                    (0, 30, 0),
                    (5_000, 90, 0),
                    (16_000, 90, 0),
                    (31_000, 90, 0),
                    (32_000, 90, 0),
                ],
                &[30, 30, 30, 60, 62],
            ),
            (
                "a clock that drifts is followed",
                &[
                    (0, 30, 0),
                    (20_000, 30, -1),
                    (40_000, 30, -2),
                    (60_000, 30, -3),
                    (80_000, 30, -4),
                ],
                &[30, 29, 29, 29, 29],
            ),
            (
                "a clock that is set forward is followed at once",
                &[(0, 30, 0), (1_000, 50, 5_000)],
                &[30, 50],
            ),
            (
                "a clock that is set back is followed when the old time is out of the window",
                &[
                    (0, 30, 0),
                    (14_000, 30, -5_000),
                    (29_500, 40, -5_000),
                    (45_000, 50, -5_000),
                ],
                &[30, -4_970, -4_970, 40],
            ),
        ];
        for (name, reports, expected) in cases {
            assert_eq!(errors(reports), *expected, "{name}");
        }
    }

    #[test]
    fn sound_and_picture_of_one_publisher_stay_together_whatever_the_path_does() {
        // The example of this file's head.
        let origin = Instant::now();
        let seconds = |millis| EPOCH.plus(Duration::from_millis(millis));
        let mut sender = SenderClock::new();
        let mut clock_of = |arrival, sent, rate, time| {
            let now = origin + Duration::from_millis(arrival);
            sender.on_sender_report(now, seconds(arrival), seconds(sent));
            let captured = sender
                .to_local(seconds(sent))
                .expect("a report has arrived");
            CaptureClock::new(rate, captured, RtpTime::new(time))
        };
        let audio = clock_of(15_030, 5_000, ClockRate::OPUS, 48_000);
        let video = clock_of(15_630, 5_500, ClockRate::VIDEO, 900_000);
        let off = |time: NtpTime, expected| time.diff(expected).unsigned_abs();
        assert!(off(audio.local_at(RtpTime::new(48_960)), seconds(15_050)) < NANOSECOND);
        assert!(off(video.local_at(RtpTime::new(900_000)), seconds(15_530)) < NANOSECOND);
        assert_eq!(audio.time_at(seconds(15_530)), RtpTime::new(72_000));
    }

    #[test]
    fn a_sender_without_a_wall_clock_is_not_believed() {
        let mut sender = SenderClock::new();
        sender.on_sender_report(Instant::now(), EPOCH, NtpTime::new(0));
        assert_eq!(sender.to_local(EPOCH), None);
    }
}
