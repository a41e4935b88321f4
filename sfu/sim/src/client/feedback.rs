//! RTCP of a client: what it sends of its own accord, and what it makes of the server's.

use std::time::{Duration, Instant};

use rand::Rng;
use rtcp::Packet;
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use super::{Client, REPORT_INTERVAL};
use crate::oracle::Transit;
use crate::person::Guidance;

impl Client {
    pub(super) fn handle_rtcp(&mut self, transit: Transit, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let end: Option<&[u8; RTCP_TRAILER]> = datagram.last_chunk();
        if end.is_none_or(|end| !self.taken_rtcp.insert(*end)) {
            // The network doubled it.
            return;
        }
        let object = |sentence: &dyn std::fmt::Display| -> ! {
            self.oracle.witness().object(transit.at, "", sentence)
        };
        let plain = match srtp.unprotect_rtcp(datagram) {
            Ok(plain) => plain,
            Err(error) => object(&format_args!("RTCP does not decrypt: {error}")),
        };
        let packets = match rtcp::packet::unmarshal(&mut plain.clone()) {
            Ok(packets) => packets,
            Err(error) => object(&format_args!("RTCP does not parse: {error}")),
        };
        for packet in &packets {
            self.handle_rtcp_packet(transit, packet.as_ref());
        }
    }

    fn handle_rtcp_packet(&mut self, transit: Transit, packet: &dyn Packet) {
        let now = transit.at;
        let packet = packet.as_any();
        if let Some(report) = packet.downcast_ref::<SenderReport>() {
            self.oracle.on_sender_report(transit, report);
            let slots = self.oracle.slots().iter().zip(&mut self.slots);
            for (_, slot) in slots.filter(|(slot, _)| slot.promise().ssrc == report.ssrc) {
                slot.on_sender_report(now, report);
            }
        } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
            for sender in &mut self.senders {
                for block in &report.reports {
                    sender.on_reception_report(block.ssrc);
                }
            }
        } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
            self.answer_nack(now, nack);
        } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            self.keyframe_requested(now, pli.media_ssrc);
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.keyframe_requested(now, entry.ssrc);
            }
        } else if let Some(remb) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            self.obey(now, remb);
        } else if let Some(report) = packet.downcast_ref::<TransportLayerCc>()
            && let Err(sentence) = self.transport_reports.on_report(now, report)
        {
            self.oracle.witness().object(now, "", sentence);
        }
    }

    /// All bitrate that sound and headers leave goes to the picture.
    fn obey(&mut self, now: Instant, remb: &ReceiverEstimatedMaximumBitrate) {
        if self.person.guidance == Guidance::TransportFeedback {
            let sentence = "a bitrate is told to somebody who knows better";
            self.oracle.witness().object(now, "", sentence);
        }
        let rate = remb.bitrate as u64;
        self.told_rates.push((now, rate));
        let picture = rate.saturating_sub(SOUND).max(LEAST_PICTURE) * 9 / 10;
        for sender in &mut self.senders {
            sender.set_bitrate(0, picture.min(MOST_PICTURE) as u32);
        }
    }

    fn answer_nack(&mut self, now: Instant, nack: &TransportLayerNack) {
        let missing: Vec<u16> = nack
            .nacks
            .iter()
            .flat_map(|pair| pair.packet_list())
            .collect();
        let first = self.numbers.peek();
        let (clock, numbers) = (&self.clock, &mut self.numbers);
        let mut answers = self
            .senders
            .iter_mut()
            .filter_map(|sender| sender.on_nack(now, clock, numbers, nack.media_ssrc, &missing));
        let Some(again) = answers.next() else {
            let ssrc = nack.media_ssrc;
            let sentence = format_args!("a NACK came for SSRC {ssrc}, which sends nothing");
            self.oracle.witness().object(now, "", sentence);
        };
        drop(answers);
        self.transport_reports.sent(now, first, self.numbers.peek());
        self.send_media(again);
    }

    fn keyframe_requested(&mut self, now: Instant, ssrc: u32) {
        let mut senders = self.senders.iter_mut();
        if !senders.any(|sender| sender.on_keyframe_request(ssrc)) {
            let sentence =
                format_args!("a keyframe of SSRC {ssrc} was asked for, which sends nothing");
            self.oracle.witness().object(now, "", sentence);
        }
    }

    /// Asks for what is missing, and reports when it is time to.
    pub(super) fn send_feedback(&mut self, now: Instant) {
        let round_trip = self.round_trip();
        let mut packets: Vec<Box<dyn Packet>> = Vec::new();
        for (slot, oracle) in self.slots.iter_mut().zip(self.oracle.slots_mut()) {
            let media_ssrc = oracle.promise().ssrc;
            let missing = slot.poll_missing(now, round_trip);
            if !missing.is_empty() {
                oracle.statistics.nacked += missing.len() as u64;
                packets.push(Box::new(TransportLayerNack {
                    sender_ssrc: self.report_ssrc,
                    media_ssrc,
                    nacks: nack_pairs_from_sequence_numbers(&missing),
                }));
            }
            if oracle.wants_keyframe(now) && slot.poll_keyframe_request(now) {
                oracle.statistics.keyframe_requests += 1;
                packets.push(Box::new(PictureLossIndication {
                    sender_ssrc: self.report_ssrc,
                    media_ssrc,
                }));
            }
        }
        for packet in packets {
            self.send_compound(&[packet]);
        }
        let media_ssrc = self.oracle.slots().first().map(|slot| slot.promise().ssrc);
        let reports = self
            .arrivals
            .poll(now, self.report_ssrc, media_ssrc.unwrap_or_default());
        for report in reports {
            self.send_compound(&[Box::new(report)]);
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.next_report = Some(now + REPORT_INTERVAL.mul_f64(self.rng.random_range(0.8..1.2)));
            self.send_reports(now);
        }
    }

    fn send_reports(&mut self, now: Instant) {
        let mut compound: Vec<Box<dyn Packet>> = Vec::new();
        for sender in &self.senders {
            for report in sender.reports(now, &self.clock) {
                compound.push(Box::new(report));
            }
        }
        let mut blocks = Vec::new();
        for (slot, oracle) in self.slots.iter_mut().zip(self.oracle.slots()) {
            if let Some(counts) = oracle.received_and_expected() {
                blocks.push(slot.report(now, oracle.promise().ssrc, counts));
            }
        }
        for blocks in blocks.chunks(MAX_REPORT_BLOCKS) {
            compound.push(Box::new(ReceiverReport {
                ssrc: self.report_ssrc,
                reports: blocks.to_vec(),
                ..ReceiverReport::default()
            }));
        }
        if compound.is_empty() {
            compound.push(Box::new(ReceiverReport {
                ssrc: self.report_ssrc,
                ..ReceiverReport::default()
            }));
        }
        compound.push(Box::new(SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.report_ssrc,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: "sim".into(),
                }],
            }],
        }));
        self.send_compound(&compound);
    }

    fn send_compound(&mut self, packets: &[Box<dyn Packet>]) {
        let bytes = rtcp::packet::marshal(packets).expect("RTCP of our own");
        self.send_raw_rtcp(&bytes);
    }

    pub(super) fn round_trip(&self) -> Duration {
        let measured = self.ice.as_ref().and_then(|ice| ice.round_trip());
        measured.unwrap_or(DEFAULT_ROUND_TRIP)
    }
}

/// Tag and index of an SRTCP packet, which no two have in common.
pub(super) const RTCP_TRAILER: usize = 14;

/// What a microphone takes, in bits per second; and what a camera takes at least and at most.
const SOUND: u64 = 50_000;
const LEAST_PICTURE: u64 = 30_000;
const MOST_PICTURE: u64 = 2_500_000;

/// The count of report blocks has five bits.
const MAX_REPORT_BLOCKS: usize = 31;

const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);
