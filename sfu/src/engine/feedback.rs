//! RTCP that peers send (RFC 3550 §6, RFC 4585, RFC 5104): reports, NACK, keyframe requests, and what
//! the estimate of a path is made of.
//!
//! Each packet of a compound is read by itself, so that one we do not know does not cost the others.

use std::time::Instant;

use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use sfu_rtp::rtcp::TransportFeedback;
use sfu_rtp::{Bitrate, NtpTime, RtpTime, Ssrc};

use super::Engine;
use super::pipe::Notice;
use crate::capture_clock::CaptureClock;
use crate::drop_reason::DropReason;
use crate::key::{PeerKey, SlotKey, TrackKey};
use crate::parameters::MediaKind;
use crate::publish::track::clock_rate_of;
use crate::send_batch::Path;
use crate::subscribe::downlink::Pending;
use crate::subscribe::retransmit;
use crate::subscribe::sender_statistics::SenderStatistics;

impl Engine {
    /// Takes an SRTCP packet.
    pub(super) fn receive_rtcp(&mut self, now: Instant, path: Path, packet: &mut [u8]) {
        if let Err(reason) = self.apply_rtcp(now, path, packet) {
            self.counters.drop(reason);
        }
    }

    fn apply_rtcp(
        &mut self,
        now: Instant,
        path: Path,
        packet: &mut [u8],
    ) -> Result<(), DropReason> {
        let key = self
            .directory
            .at(path.remote)
            .ok_or(DropReason::UnknownAddress)?;
        let peer = self.peers.get_mut(key).ok_or(DropReason::UnknownAddress)?;
        let srtp = peer.srtp.as_mut().ok_or(DropReason::NoKeys)?;
        let len = srtp.receive.unprotect_rtcp(packet)?;
        let compound = packet.get(..len).ok_or(DropReason::RtcpMalformed)?;
        let mut packets = sfu_rtp::rtcp::packets(compound);
        for packet in packets.by_ref() {
            if (packet.packet_type, packet.count) == TransportFeedback::PACKET {
                self.on_transport_feedback(now, key, packet.body)?;
            } else {
                self.apply_rtcp_packet(now, key, packet.bytes)?;
            }
        }
        if packets.rest().is_empty() {
            Ok(())
        } else {
            Err(DropReason::RtcpMalformed)
        }
    }

    fn apply_rtcp_packet(
        &mut self,
        now: Instant,
        key: PeerKey,
        mut bytes: &[u8],
    ) -> Result<(), DropReason> {
        let packets = rtcp::packet::unmarshal(&mut bytes).map_err(|_| DropReason::RtcpMalformed)?;
        for packet in &packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                self.on_sender_report(now, key, report);
                self.on_reception_reports(now, key, &report.reports);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.on_reception_reports(now, key, &report.reports);
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                self.on_nack(now, key, nack);
            } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                self.on_keyframe_request(now, key, Ssrc::new(pli.media_ssrc));
            } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                for entry in &fir.fir {
                    self.on_keyframe_request(now, key, Ssrc::new(entry.ssrc));
                }
            } else if let Some(remb) = packet.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
                self.on_remb(key, Bitrate::from_bps(remb.bitrate as u64));
            }
        }
        Ok(())
    }

    /// A subscriber says when each packet has reached it.
    fn on_transport_feedback(
        &mut self,
        now: Instant,
        key: PeerKey,
        body: &[u8],
    ) -> Result<(), DropReason> {
        let report = TransportFeedback::parse(body).ok_or(DropReason::RtcpMalformed)?;
        if let Some(peer) = self.peers.get_mut(key)
            && let Some(estimator) = &mut peer.downlink.estimator
        {
            estimator.on_feedback(now, peer.round_trip.estimate(), &report);
            if peer.standing.is_outdated(peer.downlink.estimate()) {
                self.allocate_soon(now, key);
            }
            self.continue_probe(now, key);
        }
        Ok(())
    }

    /// A subscriber says what it believes its path to carry.
    fn on_remb(&mut self, key: PeerKey, estimate: Bitrate) {
        if let Some(peer) = self.peers.get_mut(key)
            && let Some(estimator) = &mut peer.downlink.estimator
        {
            estimator.on_remb(estimate);
        }
    }

    /// A publisher says which RTP timestamp its stream had at which time of its clock.
    fn on_sender_report(&mut self, now: Instant, key: PeerKey, report: &SenderReport) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Some(stream) = peer
            .uplink
            .known(Ssrc::new(report.ssrc))
            .filter(|stream| !stream.rtx)
        else {
            return;
        };
        let local = self.config.clock.ntp(now);
        let sender_ntp = NtpTime::new(report.ntp_time);
        peer.uplink.clock.on_sender_report(now, local, sender_ntp);
        let captured = peer.uplink.clock.to_local(sender_ntp);
        let Some(track_key) = peer.uplink.track_of(stream) else {
            return;
        };
        let encoding = usize::from(stream.encoding);
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        let rate = clock_rate_of(track.kind());
        if let Some(source) = track.encoding_mut(encoding) {
            source.statistics.on_sender_report(now, sender_ntp);
            if let Some(captured) = captured {
                let clock = CaptureClock::new(rate, captured, RtpTime::new(report.rtp_time));
                source.clock = Some(clock);
                self.notify_importers(track_key, encoding, Notice::Clock(clock));
            }
        }
    }

    /// A subscriber says how our streams reach it.
    fn on_reception_reports(&mut self, now: Instant, key: PeerKey, reports: &[ReceptionReport]) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let ntp = self.config.clock.ntp(now);
        for report in reports {
            let slot = peer.downlink.slot_with_ssrc(Ssrc::new(report.ssrc));
            let Some(slot) = slot.and_then(|slot| self.slots.get_mut(slot)) else {
                continue;
            };
            if report.ssrc == slot.media.ssrc.get() {
                slot.mid_acknowledged = true;
                if slot.kind == MediaKind::Audio {
                    peer.downlink.redundancy.on_report(report.fraction_lost);
                }
                if let Some(sample) = SenderStatistics::round_trip(report, ntp) {
                    peer.round_trip.add(sample);
                }
            }
        }
    }

    /// A subscriber misses packets of a slot.
    fn on_nack(&mut self, now: Instant, key: PeerKey, nack: &TransportLayerNack) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let media_ssrc = Ssrc::new(nack.media_ssrc);
        let Some(slot_key) = peer.downlink.slot_with_ssrc(media_ssrc) else {
            return;
        };
        for pair in nack.nacks.iter().take(MAX_NACK_PAIRS) {
            for sequence in pair.packet_list() {
                self.counters.nack_received += 1;
                self.resend(now, key, slot_key, sequence);
            }
        }
    }

    fn resend(&mut self, now: Instant, key: PeerKey, slot_key: SlotKey, sequence: u16) {
        let (Some(peer), Some(slot)) = (self.peers.get_mut(key), self.slots.get_mut(slot_key))
        else {
            return;
        };
        if slot.rtx.is_none() {
            return;
        }
        let moment = slot.history.moment(now);
        let Some(entry) = slot.history.get_mut(sequence).copied() else {
            return;
        };
        if !retransmit::may_resend(&entry, moment, peer.round_trip.estimate()) {
            return;
        }
        if entry.packet.is_left(slot) {
            self.counters.drop(DropReason::BeforeSwitch);
            return;
        }
        let cached = slot.track.and_then(|key| {
            let track = self.tracks.get(key)?;
            let sent = entry.packet.restore(sequence, (key, track))?;
            let packet = track.packet(usize::from(sent.encoding), sent.source)?;
            Some((sent, packet))
        });
        let Some((sent, packet)) = cached else {
            self.counters.drop(DropReason::NoLongerCached);
            return;
        };
        let pending = Pending::new(slot_key, sent, true, &packet);
        if !peer.downlink.budget.take(now, pending.wire_len()) {
            self.counters.drop(DropReason::RetransmitBudget);
            return;
        }
        slot.history.note_resend(sequence, moment);
        let queued = peer.downlink.queue(pending);
        if !queued {
            self.counters.drop(DropReason::DownlinkFull);
        } else if !peer.touched {
            peer.touched = true;
            self.touched.push(key);
        }
    }

    /// A subscriber cannot decode a slot without a keyframe.
    fn on_keyframe_request(&mut self, now: Instant, key: PeerKey, ssrc: Ssrc) {
        let Some(peer) = self.peers.get(key) else {
            return;
        };
        let slot = peer.downlink.slot_with_ssrc(ssrc);
        let Some(slot) = slot.and_then(|slot| self.slots.get(slot)) else {
            return;
        };
        self.counters.keyframe_requests_received += 1;
        let forwarder = &slot.forwarder;
        if let Some(track) = slot.track
            && let Some(encoding) = forwarder.current().or(forwarder.target())
        {
            self.want_keyframe(now, track, encoding);
        }
    }

    /// Somebody needs a keyframe of this encoding.
    pub(super) fn want_keyframe(&mut self, now: Instant, track_key: TrackKey, encoding: usize) {
        let Some(track) = self.tracks.get_mut(track_key) else {
            return;
        };
        if track.is_muted() {
            return;
        }
        if let Some(source) = track.encoding_mut(encoding) {
            source.keyframes.request(now);
        }
        self.schedule_track(track_key);
    }

    /// Tells the workers that import the track.
    pub(super) fn notify_importers(
        &mut self,
        track_key: TrackKey,
        encoding: usize,
        notice: Notice,
    ) {
        let (Some(track), Some(route)) = (self.tracks.get(track_key), self.routes.get(track_key))
        else {
            return;
        };
        for worker in route.exports() {
            if let Some(outbox) = self.outboxes.get_mut(worker.index()) {
                outbox.push_notice(track.id(), encoding as u8, notice);
            }
        }
    }
}

/// A NACK that fills a datagram has some 360 pairs; each pair can draw 17 retransmissions.
const MAX_NACK_PAIRS: usize = 64;
