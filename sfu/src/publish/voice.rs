//! Whether somebody talks on a track, from the level that its packets tell (RFC 6464).
//!
//! One comparison and two additions a packet; a track on which nobody talks has no deadline. Who has the
//! floor among those who talk is for the room to say.

use std::time::{Duration, Instant};

use sfu_rtp::extension::AudioLevel;

/// The voice of one track.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    talks: bool,
    /// Loud packets in close succession before it counts as talking.
    attack: u8,
    /// When the last loud packet came.
    loud_at: Option<Instant>,
    /// The loudness of all packets since the last report, and their number.
    sum: u32,
    packets: u32,
    report_at: Option<Instant>,
}

impl Voice {
    /// Takes the level of a packet.
    #[inline]
    pub(crate) fn on_packet(&mut self, now: Instant, level: AudioLevel) {
        let loudness = (i32::from(level.level_dbov) - FLOOR).max(0) as u32;
        if loudness >= LOUD {
            let close = |last| now.saturating_duration_since(last) <= TOGETHER;
            self.attack = match self.loud_at.is_some_and(close) {
                true => self.attack.saturating_add(1),
                false => 1,
            };
            self.loud_at = Some(now);
            if !self.talks && self.attack >= ATTACK {
                self.talks = true;
                (self.sum, self.packets) = (0, 0);
                self.report_at = Some(now);
            }
        }
        self.sum = self.sum.saturating_add(loudness);
        self.packets = self.packets.saturating_add(1);
    }

    /// Its track is muted: nobody needs to be told, and what follows is a beginning.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// What there is to say, if it is time: how loud the talk is, in dB above −60 dBov, from 0 to 60, as the
    /// mean since the last report; or that it has ended.
    pub(crate) fn report(&mut self, now: Instant) -> Option<Option<u8>> {
        self.report_at.filter(|at| *at <= now)?;
        let quiet = self
            .loud_at
            .is_none_or(|last| now.saturating_duration_since(last) >= RELEASE);
        if quiet {
            self.reset();
            return Some(None);
        }
        let mean = self.sum / self.packets.max(1);
        (self.sum, self.packets) = (0, 0);
        self.report_at = Some(now + PERIOD);
        Some(Some(mean as u8))
    }

    /// When the next report is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.report_at
    }
}

/// What is no louder than this, in dBov, is silence.
const FLOOR: i32 = -60;

/// In dB above that: speech into a browser's gain control is around −30 dBov, a quiet room under −50.
const LOUD: u32 = 15;

/// Loud packets that make a beginning: with 20 ms each, a click does not, and 20 ms of a word are lost at
/// most.
const ATTACK: u8 = 2;

/// Loud packets further apart than this are two clicks.
const TOGETHER: Duration = Duration::from_millis(100);

/// A talk ends after this much silence: longer than the pauses between words and sentences. A guess.
const RELEASE: Duration = Duration::from_millis(800);

/// While somebody talks, it is reported how loud this often.
const PERIOD: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays packets of 20 ms with these levels; returns the reports with their times in milliseconds.
    fn reports(levels: &[(usize, i8)]) -> Vec<(u64, Option<u8>)> {
        let (start, mut voice) = (Instant::now(), Voice::default());
        let mut reports = Vec::new();
        let mut at = 0;
        for &(packets, level_dbov) in levels {
            for _ in 0..packets {
                let now = start + Duration::from_millis(at);
                voice.on_packet(
                    now,
                    AudioLevel {
                        voice: true,
                        level_dbov,
                    },
                );
                if let Some(report) = voice.report(now) {
                    reports.push((at, report));
                }
                at += 20;
            }
        }
        reports
    }

    #[test]
    fn a_talk_begins_with_its_second_loud_packet_and_ends_after_a_silence() {
        let reports = reports(&[(10, -127), (30, -30), (60, -127)]);
        assert_eq!(reports.first(), Some(&(220, Some(30))));
        assert_eq!(reports[1], (420, Some(30)));
        let (ended, last) = reports[reports.len() - 1];
        assert_eq!(last, None, "{reports:?}");
        // The last loud packet came at 780 ms.
        assert!((1_580..=1_780).contains(&ended), "{reports:?}");
        assert_eq!(
            reports
                .iter()
                .filter(|(_, report)| report.is_none())
                .count(),
            1,
            "{reports:?}"
        );
    }

    #[test]
    fn neither_clicks_nor_the_hum_of_a_room_are_talk() {
        let cases: [&[(usize, i8)]; 4] = [
            &[(500, -127)],
            &[(500, -50)],
            &[(1, -5), (50, -127), (1, -5), (50, -60)],
            &[(1, 0), (10, -46), (1, 0)],
        ];
        for levels in cases {
            assert_eq!(reports(levels), [], "{levels:?}");
        }
    }

    #[test]
    fn pauses_between_words_do_not_end_a_talk() {
        let words = [(15, -28), (20, -127)].repeat(10);
        assert!(
            reports(&words).iter().all(|(_, report)| report.is_some()),
            "{:?}",
            reports(&words)
        );
    }

    #[test]
    fn whoever_stops_sending_stops_talking() {
        let (start, mut voice) = (Instant::now(), Voice::default());
        let loud = AudioLevel {
            voice: true,
            level_dbov: -20,
        };
        voice.on_packet(start, loud);
        voice.on_packet(start, loud);
        assert_eq!(voice.report(start), Some(Some(40)));
        let mut ended = None;
        while let Some(at) = voice.next_at() {
            ended = voice.report(at).map(|report| (at - start, report));
        }
        assert_eq!(ended, Some((RELEASE, None)));
    }
}
