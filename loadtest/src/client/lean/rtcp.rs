//! The RTCP that a lean client sends, and what it reads of the server's (RFC 3550 §6, RFC 4585 §6.3.1,
//! RFC 5104 §4.3.1).

use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::rtcp::Packet;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;

/// What a compound packet of the server says that is of interest.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Heard {
    /// A keyframe of this stream of ours is wanted.
    KeyframeRequest {
        /// Ours.
        ssrc: u32,
    },
    /// The server reports about a stream of its own.
    SenderReport {
        /// Its own.
        ssrc: u32,
        /// The middle 32 bits of its NTP timestamp.
        compact_ntp: u32,
    },
}

/// Reads a decrypted compound packet, up to what is malformed in it.
pub(super) fn read(compound: &[u8]) -> impl Iterator<Item = Heard> {
    sfu_rtp::rtcp::packets(compound).flat_map(|packet| {
        let word = |at: usize| -> Option<u32> {
            let bytes = packet.body.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let mut heard = Vec::new();
        match (packet.packet_type, packet.count) {
            (SENDER_REPORT, _) => {
                if let (Some(ssrc), Some(seconds), Some(fraction)) = (word(0), word(4), word(8)) {
                    let compact_ntp = seconds << 16 | fraction >> 16;
                    heard.push(Heard::SenderReport { ssrc, compact_ntp });
                }
            }
            (PAYLOAD_FEEDBACK, PLI) => {
                heard.extend(word(4).map(|ssrc| Heard::KeyframeRequest { ssrc }));
            }
            (PAYLOAD_FEEDBACK, FIR) => {
                let entries = (8..packet.body.len()).step_by(8);
                let named = entries.filter_map(word);
                heard.extend(named.map(|ssrc| Heard::KeyframeRequest { ssrc }));
            }
            _ => {}
        }
        heard
    })
}

/// The last sender report of a stream, for the delay since it in reports about the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastSenderReport {
    /// The middle 32 bits of its NTP timestamp.
    pub(super) compact_ntp: u32,
    /// When it came.
    pub(super) at: Instant,
}

/// What a report block says.
pub(super) struct Reception {
    /// Of the stream.
    pub(super) ssrc: u32,
    /// Since the last report, as a fraction of 256.
    pub(super) fraction_lost: u8,
    /// Since the beginning.
    pub(super) total_lost: u64,
    /// The highest sequence number, with its rollovers.
    pub(super) extended_highest: u32,
    /// Of the stream.
    pub(super) last_sender_report: Option<LastSenderReport>,
}

/// Receiver reports, 31 blocks in each (RFC 3550 §6.4.2).
pub(super) fn receiver_reports(
    own_ssrc: u32,
    receptions: &[Reception],
    now: Instant,
) -> Option<BytesMut> {
    let reports: Vec<_> = receptions
        .chunks(MAX_BLOCKS)
        .map(|receptions| ReceiverReport {
            ssrc: own_ssrc,
            reports: receptions.iter().map(|one| one.block(now)).collect(),
            ..ReceiverReport::default()
        })
        .map(|report| Box::new(report) as Box<dyn Packet>)
        .collect();
    if reports.is_empty() {
        return None;
    }
    rtc::rtcp::packet::marshal(&reports).ok()
}

/// What a sender reports of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    /// Its stream.
    pub(super) ssrc: u32,
    /// Now, on the wall clock.
    pub(super) ntp: u64,
    /// The same moment, on the stream's.
    pub(super) rtp_time: u32,
    /// Packets so far.
    pub(super) packets: u64,
    /// Payload bytes so far.
    pub(super) bytes: u64,
}

/// A sender report.
pub(super) fn sender_report(sending: &Sending) -> Option<BytesMut> {
    let report = SenderReport {
        ssrc: sending.ssrc,
        ntp_time: sending.ntp,
        rtp_time: sending.rtp_time,
        packet_count: sending.packets as u32,
        octet_count: sending.bytes as u32,
        ..SenderReport::default()
    };
    rtc::rtcp::packet::marshal(&[Box::new(report) as Box<dyn Packet>]).ok()
}

impl Reception {
    fn block(&self, now: Instant) -> ReceptionReport {
        let last = self.last_sender_report;
        let since = last.map_or(Duration::ZERO, |last| {
            now.saturating_duration_since(last.at)
        });
        ReceptionReport {
            ssrc: self.ssrc,
            fraction_lost: self.fraction_lost,
            // A signed 24-bit field that stays at its end (RFC 3550 §6.4.1).
            total_lost: self.total_lost.min(0x7f_ffff) as u32,
            last_sequence_number: self.extended_highest,
            jitter: 0,
            last_sender_report: last.map_or(0, |last| last.compact_ntp),
            delay: (since.as_micros() as u64 * 65_536 / 1_000_000) as u32,
        }
    }
}

const SENDER_REPORT: u8 = 200;
const PAYLOAD_FEEDBACK: u8 = 206;
const PLI: u8 = 1;
const FIR: u8 = 4;
const MAX_BLOCKS: usize = 31;

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
    use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;

    fn written(packets: &[Box<dyn Packet>]) -> BytesMut {
        rtc::rtcp::packet::marshal(packets).expect("packets of this test")
    }

    #[test]
    fn keyframe_requests_and_sender_reports_are_heard_in_a_compound() {
        let report = sender_report(&Sending {
            ssrc: 9,
            ntp: 0x1111_2222_3333_4444,
            rtp_time: 5,
            packets: 6,
            bytes: 7,
        });
        let mut compound = report.expect("a report");
        let pli = PictureLossIndication {
            sender_ssrc: 1,
            media_ssrc: 2,
        };
        let entry = |ssrc| FirEntry {
            ssrc,
            sequence_number: 1,
        };
        let fir = FullIntraRequest {
            sender_ssrc: 1,
            media_ssrc: 0,
            fir: vec![entry(3), entry(4)],
        };
        compound.extend_from_slice(&written(&[Box::new(pli), Box::new(fir)]));
        let heard: Vec<_> = read(&compound).collect();
        let expected = [
            Heard::SenderReport {
                ssrc: 9,
                compact_ntp: 0x2222_3333,
            },
            Heard::KeyframeRequest { ssrc: 2 },
            Heard::KeyframeRequest { ssrc: 3 },
            Heard::KeyframeRequest { ssrc: 4 },
        ];
        assert_eq!(heard, expected);
        assert_eq!(read(&compound[..compound.len() - 1]).count(), 2, "cut");
    }

    #[test]
    fn reports_say_what_was_lost_and_when_the_sender_was_last_heard() {
        let now = Instant::now();
        let reception = |ssrc| Reception {
            ssrc,
            fraction_lost: 64,
            total_lost: 1 << 40,
            extended_highest: 0x0001_0002,
            last_sender_report: Some(LastSenderReport {
                compact_ntp: 77,
                at: now - Duration::from_millis(500),
            }),
        };
        assert!(receiver_reports(1, &[], now).is_none(), "nothing to report");
        let many: Vec<_> = (0..40).map(reception).collect();
        let mut bytes = receiver_reports(1, &many, now).expect("reports");
        let packets = rtc::rtcp::packet::unmarshal(&mut bytes).expect("what we wrote");
        let reports: Vec<_> = packets
            .iter()
            .filter_map(|packet| packet.as_any().downcast_ref::<ReceiverReport>())
            .collect();
        assert_eq!(
            reports
                .iter()
                .map(|report| report.reports.len())
                .collect::<Vec<_>>(),
            [31, 9]
        );
        let block = &reports[1].reports[8];
        assert_eq!(block.ssrc, 39);
        assert_eq!((block.fraction_lost, block.total_lost), (64, 0x7f_ffff));
        assert_eq!(block.last_sequence_number, 0x0001_0002);
        assert_eq!((block.last_sender_report, block.delay), (77, 32_768));
    }
}
