//! What one outgoing stream has sent, for its sender reports, and the round trip that its receiver's
//! reports tell (RFC 3550 §6.4).

use std::time::Duration;

use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use sfu_rtp::{CompactNtp, NtpTime, RtpTime, Ssrc};

/// The counts of one SSRC.
#[derive(Debug, Default)]
pub(crate) struct SenderStatistics {
    packets: u32,
    octets: u32,
}

impl SenderStatistics {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Counts a packet; `payload` is its payload's length in bytes, which is what "octets" means.
    #[inline]
    pub(crate) fn on_sent(&mut self, payload: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload as u32);
    }

    /// Whether anything was sent.
    pub(crate) fn has_sent(&self) -> bool {
        self.packets > 0
    }

    /// A sender report that says: at `ntp`, this stream was at `timestamp`.
    pub(crate) fn report(&self, ssrc: Ssrc, ntp: NtpTime, timestamp: RtpTime) -> SenderReport {
        SenderReport {
            ssrc: ssrc.get(),
            ntp_time: ntp.get(),
            rtp_time: timestamp.get(),
            packet_count: self.packets,
            octet_count: self.octets,
            ..SenderReport::default()
        }
    }

    /// The round-trip time that a receiver's report tells; `None` if it has seen no report of ours.
    pub(crate) fn round_trip(report: &ReceptionReport, now: NtpTime) -> Option<Duration> {
        now.compact().round_trip(
            CompactNtp::new(report.last_sender_report),
            CompactNtp::new(report.delay),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_what_passed_less_what_the_receiver_held_the_report() {
        let sent = NtpTime::new(0x0000_1234_8000_0000);
        // (after the report was sent, held by the receiver, expected), in ms
        for (elapsed, held, expected) in [(150, 100, Some(50)), (100, 100, Some(0))] {
            let report = ReceptionReport {
                last_sender_report: sent.compact().get(),
                delay: CompactNtp::from_duration(Duration::from_millis(held)).get(),
                ..ReceptionReport::default()
            };
            let now = sent.plus(Duration::from_millis(elapsed));
            let found = SenderStatistics::round_trip(&report, now).map(|rtt| rtt.as_millis());
            let close = match (found, expected) {
                (Some(found), Some(expected)) => found.abs_diff(expected) <= 1,
                (found, expected) => found == expected,
            };
            assert!(close, "after {elapsed} ms, held {held} ms: {found:?}");
        }
        let silent = ReceptionReport::default();
        assert_eq!(
            SenderStatistics::round_trip(&silent, sent),
            None,
            "no report seen yet"
        );
    }
}
