//! What we report to a publisher about one of its streams: loss, jitter and the echo of its sender
//! reports (RFC 3550 §6.4.1, computed as in appendices A.3 and A.8), and how fast it sends.
//!
//! One of these per SSRC, the RTX stream's own included: a packet that came as a retransmission
//! stays lost in the statistics of the stream that lost it (RFC 4588 §4).

use std::time::{Duration, Instant};

use rtcp::reception_report::ReceptionReport;
use sfu_rtp::{Bitrate, ClockRate, CompactNtp, NtpTime, RtpTime, SeqNo, Ssrc};

use crate::rate_window::RateWindow;

/// Reception of one SSRC.
#[derive(Debug)]
pub(crate) struct ReceiverStatistics {
    ssrc: Ssrc,
    sequence: Option<Sequence>,
    jitter: Jitter,
    last_sender_report: Option<(CompactNtp, Instant)>,
    rate: RateWindow,
}

impl ReceiverStatistics {
    /// For a stream that has sent nothing yet.
    pub(crate) const fn new(ssrc: Ssrc, clock: ClockRate) -> Self {
        Self {
            ssrc,
            sequence: None,
            jitter: Jitter::new(clock),
            last_sender_report: None,
            rate: RateWindow::new(),
        }
    }

    /// A packet has arrived: late and duplicate ones count too. `bytes` are those of the datagram.
    pub(crate) fn on_packet(&mut self, now: Instant, seq: SeqNo, time: RtpTime, bytes: usize) {
        match &mut self.sequence {
            Some(sequence) if sequence.continues_with(seq) => sequence.on_packet(seq),
            restarted => {
                *restarted = Some(Sequence::starting_at(seq));
                self.jitter.restart();
            }
        }
        self.jitter.on_packet(now, time);
        self.rate.add(now, bytes);
    }

    /// A sender report has arrived that was sent at `sent` by the publisher's clock.
    pub(crate) fn on_sender_report(&mut self, now: Instant, sent: NtpTime) {
        self.last_sender_report = Some((sent.compact(), now));
    }

    /// How many packets were expected since the last report.
    pub(crate) fn expected(&self) -> u64 {
        let sequence = self.sequence.as_ref();
        sequence.map_or(0, |sequence| {
            sequence.expected() - sequence.reported_expected
        })
    }

    /// The report block for now, which also begins the next interval. `None` if nothing has arrived
    /// since the last one: such a source is left out (RFC 3550 §6.4).
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReceptionReport> {
        let sequence = self.sequence.as_mut()?;
        if sequence.received == sequence.reported_received {
            return None;
        }
        let (last_sender_report, delay) = match self.last_sender_report {
            Some((sent, at)) => {
                let delay = CompactNtp::from_duration(now.saturating_duration_since(at));
                (sent.get(), delay.get())
            }
            None => (0, 0),
        };
        Some(ReceptionReport {
            ssrc: self.ssrc.get(),
            fraction_lost: sequence.take_fraction_lost(),
            total_lost: sequence.total_lost(),
            last_sequence_number: sequence.extended_highest(),
            jitter: self.jitter.ticks(),
            last_sender_report,
            delay,
        })
    }

    /// The bitrate over the last second.
    pub(crate) fn bitrate(&mut self, now: Instant) -> Bitrate {
        self.rate.rate(now)
    }
}

/// Packets expected and received, since the stream began and at the last report.
#[derive(Debug)]
struct Sequence {
    first: SeqNo,
    highest: SeqNo,
    received: u64,
    reported_expected: u64,
    reported_received: u64,
}

impl Sequence {
    const fn starting_at(seq: SeqNo) -> Self {
        Self {
            first: seq,
            highest: seq,
            received: 1,
            reported_expected: 0,
            reported_received: 0,
        }
    }

    /// Whether `seq` belongs to this stream. The unwrapper gives a stream that began anew a number
    /// far above all before.
    fn continues_with(&self, seq: SeqNo) -> bool {
        seq.distance_from(self.highest) < MAX_DROPOUT
    }

    fn on_packet(&mut self, seq: SeqNo) {
        self.highest = self.highest.max(seq);
        self.received += 1;
    }

    fn expected(&self) -> u64 {
        self.highest.distance_from(self.first) as u64 + 1
    }

    /// The share of packets lost since the last call, in 256ths. Zero if more arrived than were
    /// expected, as duplicates and late packets can bring about.
    fn take_fraction_lost(&mut self) -> u8 {
        let expected = self.expected() - self.reported_expected;
        let received = self.received - self.reported_received;
        self.reported_expected += expected;
        self.reported_received += received;
        let lost = expected.saturating_sub(received);
        let fraction = (lost * 256).checked_div(expected).unwrap_or(0);
        u8::try_from(fraction).unwrap_or(u8::MAX)
    }

    /// A signed number of 24 bits, which may be negative because of duplicates.
    fn total_lost(&self) -> u32 {
        let lost = self.expected() as i64 - self.received as i64;
        lost.clamp(-(1 << 23), (1 << 23) - 1) as u32 & 0x00ff_ffff
    }

    /// The highest number on the wire and how often it has wrapped since the first.
    fn extended_highest(&self) -> u32 {
        let first_cycle = self.first.get() & !0xffff;
        self.highest.get().wrapping_sub(first_cycle) as u32
    }
}

/// Interarrival jitter (RFC 3550 §A.8), in sixteenths of a tick.
#[derive(Debug)]
struct Jitter {
    clock: ClockRate,
    scaled: u32,
    last: Option<(Instant, RtpTime)>,
}

impl Jitter {
    const fn new(clock: ClockRate) -> Self {
        Self {
            clock,
            scaled: 0,
            last: None,
        }
    }

    fn restart(&mut self) {
        *self = Self::new(self.clock);
    }

    fn on_packet(&mut self, now: Instant, time: RtpTime) {
        let Some((last_at, last_time)) = self.last.replace((now, time)) else {
            return;
        };
        let between_arrivals = self.clock.ticks(now.saturating_duration_since(last_at));
        let difference = RtpTime::new(between_arrivals)
            .diff(RtpTime::new(time.diff(last_time) as u32))
            .unsigned_abs();
        if difference > self.clock.ticks(MAX_DIFFERENCE) {
            return;
        }
        self.scaled = self.scaled + difference - ((self.scaled + 8) >> 4);
    }

    fn ticks(&self) -> u32 {
        self.scaled >> 4
    }
}

/// As in RFC 3550 §A.1: with more missing than this, the stream has begun anew.
const MAX_DROPOUT: i64 = 3000;
/// A larger difference is the sender's clock jumping, not the network.
const MAX_DIFFERENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    const SSRC: Ssrc = Ssrc::new(0x1234_5678);

    fn statistics() -> ReceiverStatistics {
        ReceiverStatistics::new(SSRC, ClockRate::VIDEO)
    }

    #[test]
    fn loss_is_counted_as_the_rfc_counts_it() {
        /// Numbers that arrive, then the fraction in 256ths, the total and the extended highest.
        type Interval = (&'static [u64], Option<(u8, i32, u32)>);
        let cases: &[(&str, &[Interval])] = &[
            ("nothing", &[(&[], None)]),
            ("no loss", &[(&[65_546, 65_547, 65_548], Some((0, 0, 12)))]),
            (
                "a quarter",
                &[(&[65_536, 65_537, 65_539], Some((64, 1, 3)))],
            ),
            ("reordered", &[(&[65_536, 65_538, 65_537], Some((0, 0, 2)))]),
            (
                "each interval by itself",
                &[
                    (&[65_536, 65_539], Some((128, 2, 3))),
                    (&[65_540, 65_541], Some((0, 2, 5))),
                    (&[], None),
                    (&[65_545], Some((192, 5, 9))),
                ],
            ),
            (
                "late packets of an interval already reported",
                &[
                    (&[65_536, 65_538, 65_540], Some((102, 2, 4))),
                    (&[65_537, 65_541], Some((0, 1, 5))),
                    (&[65_539], Some((0, 0, 5))),
                ],
            ),
            (
                "duplicates",
                &[(&[65_536, 65_536, 65_537, 65_537], Some((0, -2, 1)))],
            ),
            (
                "only the last arrives",
                &[
                    (&[65_536], Some((0, 0, 0))),
                    (&[67_000], Some((255, 1_463, 1_464))),
                ],
            ),
            (
                "over a wrap",
                &[(&[131_070, 131_072, 131_073], Some((64, 1, 65_537)))],
            ),
            ("before the first", &[(&[65_536, 65_535], Some((0, -1, 0)))]),
            (
                "begun anew",
                &[
                    (&[65_536, 65_538], Some((85, 1, 2))),
                    (&[131_100, 131_101], Some((0, 0, 29))),
                ],
            ),
        ];
        for (name, intervals) in cases {
            let now = Instant::now();
            let mut statistics = statistics();
            for (numbers, expected) in *intervals {
                for &seq in *numbers {
                    statistics.on_packet(now, SeqNo::new(seq), RtpTime::new(0), 100);
                }
                let report = statistics.report(now);
                let seen = report.map(|report| {
                    assert!(report.total_lost < 1 << 24, "{name}: more than 24 bits");
                    let lost = ((report.total_lost << 8) as i32) >> 8;
                    (report.fraction_lost, lost, report.last_sequence_number)
                });
                assert_eq!(seen, *expected, "{name}: {numbers:?}");
            }
        }
    }

    #[test]
    fn total_loss_stays_within_its_24_bits() {
        let now = Instant::now();
        let mut statistics = statistics();
        for step in 0..3_400 {
            statistics.on_packet(now, SeqNo::new(step * 2_999), RtpTime::new(0), 100);
        }
        let report = statistics.report(now).map(|report| report.total_lost);
        assert_eq!(report, Some(0x007f_ffff));
    }

    #[test]
    fn jitter_follows_the_arrivals() {
        // Arrivals in milliseconds with their timestamps, and the jitter in ticks of 90 kHz.
        type Case = (&'static str, &'static [(u64, u32)], u32);
        let cases: &[Case] = &[
            ("punctual", &[(0, 0), (20, 1_800), (40, 3_600)], 0),
            ("a frame of many packets", &[(0, 9), (0, 9), (0, 9)], 0),
            // 900 ticks late: a sixteenth of it. And back: (900 × 15/16 + 900) / 16.
            ("once late", &[(0, 0), (30, 1_800)], 56),
            ("late and back", &[(0, 0), (30, 1_800), (40, 3_600)], 109),
            ("over a wrap", &[(0, 4_294_966_396), (20, 900)], 0),
            ("reordered", &[(0, 1_800), (0, 0)], 112),
            (
                "the sender's clock jumps",
                &[(0, 0), (20, 1_000_000), (40, 1_001_800)],
                0,
            ),
            (
                "the sender's clock jumps back",
                &[(0, 1_000_000), (20, 0), (40, 1_800)],
                0,
            ),
        ];
        for (name, packets, expected) in cases {
            let origin = Instant::now();
            let mut statistics = statistics();
            for (seq, &(millis, time)) in packets.iter().enumerate() {
                let now = origin + Duration::from_millis(millis);
                statistics.on_packet(now, SeqNo::new(seq as u64), RtpTime::new(time), 100);
            }
            let jitter = statistics.report(origin).map(|report| report.jitter);
            assert_eq!(jitter, Some(*expected), "{name}");
        }
    }

    #[test]
    fn the_last_sender_report_is_echoed_with_its_age() {
        let origin = Instant::now();
        let mut statistics = statistics();
        let mut seq = 0;
        let mut echo = |statistics: &mut ReceiverStatistics, millis: u64| {
            let now = origin + Duration::from_millis(millis);
            seq += 1;
            statistics.on_packet(now, SeqNo::new(seq), RtpTime::new(0), 100);
            let report = statistics.report(now).expect("a packet has arrived");
            (report.last_sender_report, report.delay)
        };
        assert_eq!(echo(&mut statistics, 0), (0, 0));
        statistics.on_sender_report(origin, NtpTime::new(0x1111_2222_3333_4444));
        assert_eq!(echo(&mut statistics, 0), (0x2222_3333, 0));
        // The example of RFC 3550 §6.4.1: 5.25 s.
        assert_eq!(echo(&mut statistics, 5_250), (0x2222_3333, 0x0005_4000));
    }
}
