//! RTCP that we send: NACKs and keyframe requests to publishers, receiver reports and transport-wide
//! feedback to publishers, sender reports to subscribers.

use std::time::{Duration, Instant};

use rand::Rng;
use rtcp::Packet;
use rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtcp::receiver_report::ReceiverReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use sfu_rtp::Ssrc;

use super::Engine;
use super::control_queue::ControlQueue;
use super::peer::Peer;
use super::pipe::{Notice, PipeBatch};
use super::route::Origin;
use crate::counters::Counters;
use crate::key::{PeerKey, TrackKey};
use crate::parameters::CNAME;
use crate::publish::track::Track;

impl Engine {
    /// Asks the publisher for what the track needs: missing packets, keyframes.
    pub(super) fn send_track_feedback(&mut self, now: Instant, track_key: TrackKey) {
        let (Some(track), Some(route)) =
            (self.tracks.get_mut(track_key), self.routes.get(track_key))
        else {
            return;
        };
        if !route.is_wanted() {
            for encoding in track.encodings_mut() {
                encoding.keyframes.cancel();
            }
        }
        match route.origin {
            Origin::Peer(peer_key) => {
                if let Some(peer) = self.peers.get_mut(peer_key) {
                    let (control, counters) = (&mut self.control, &mut self.counters);
                    ask_publisher(now, peer, track, &mut self.missing, control, counters);
                }
            }
            Origin::Worker(worker) => {
                if let Some(outbox) = self.outboxes.get_mut(worker.index()) {
                    ask_worker(now, track, outbox);
                }
            }
        }
    }

    /// Sends what is due of the regular reports of one peer, and says when the next are.
    pub(super) fn send_reports(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if peer.reports_at.is_none_or(|at| at > now) {
            return;
        }
        // Spread by RFC 3550 §6.2, so that a thousand peers that came together do not report together.
        let spread = self.rng.random_range(0.75..1.25);
        peer.reports_at = Some(now + REPORT_INTERVAL.mul_f64(spread));

        let mut compound: Vec<Box<dyn Packet>> = Vec::new();
        let ntp = self.config.clock.ntp(now);
        for slot_key in peer.downlink.slots() {
            let Some(slot) = self.slots.get(slot_key) else {
                continue;
            };
            let track = slot.track.and_then(|track| self.tracks.get(track));
            let current = slot.forwarder.current();
            let source = track.zip(current).and_then(|(track, encoding)| {
                Some(track.encodings().get(encoding)?.clock?.time_at(ntp))
            });
            if let Some(timestamp) = source.filter(|_| slot.statistics.has_sent()) {
                let timestamp = slot.forwarder.timestamp(timestamp);
                let report = slot.statistics.report(slot.media.ssrc, ntp, timestamp);
                compound.push(Box::new(report));
            }
        }

        let mut receptions = Vec::new();
        let (mut expected, mut lost) = (0, 0);
        for track_key in peer.uplink.tracks() {
            let Some(track) = self.tracks.get_mut(track_key) else {
                continue;
            };
            for encoding in track.encodings_mut() {
                let sent = encoding.statistics.expected();
                let Some(report) = encoding.statistics.report(now) else {
                    continue;
                };
                expected += sent;
                lost += sent * u64::from(report.fraction_lost) / 256;
                receptions.push(report);
            }
        }
        if let Some(rate) = &mut peer.uplink.remote_rate {
            rate.on_loss(now, expected, lost);
        }
        for reports in receptions.chunks(MAX_REPORT_BLOCKS) {
            compound.push(Box::new(ReceiverReport {
                ssrc: peer.feedback_ssrc.get(),
                reports: reports.to_vec(),
                ..ReceiverReport::default()
            }));
        }
        peer.send_reports(compound, &mut self.control);
    }
}

impl Engine {
    /// Sends transport-wide feedback to a publisher, if it is due.
    pub(super) fn send_transport_feedback(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let ssrc = peer.feedback_ssrc;
        self.feedback.clear();
        while peer
            .uplink
            .transport_feedback
            .poll(now, ssrc, &mut self.feedback)
        {
            peer.send_rtcp_bytes(&self.feedback, &mut self.control);
            self.feedback.clear();
        }
    }

    /// Tells a publisher that wants to know what its path carries, if that is due.
    pub(super) fn send_remote_rate(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let round_trip = peer.round_trip.estimate();
        let rate = peer.uplink.remote_rate.as_mut();
        let Some(rate) = rate.and_then(|rate| rate.poll(now, round_trip)) else {
            return;
        };
        let remb = ReceiverEstimatedMaximumBitrate {
            sender_ssrc: peer.feedback_ssrc.get(),
            bitrate: rate.bps() as f32,
            ssrcs: peer.uplink.media_ssrcs().map(Ssrc::get).collect(),
        };
        peer.send_rtcp(&[Box::new(remb)], &mut self.control);
    }
}

impl Peer {
    /// Sends feedback that may travel alone (RFC 5506).
    fn send_rtcp(&mut self, packets: &[Box<dyn Packet>], control: &mut ControlQueue) {
        if let Ok(bytes) = rtcp::packet::marshal(packets) {
            self.send_rtcp_bytes(&bytes, control);
        }
    }

    /// Sends reports, as many as fit a datagram together, each datagram with our CNAME (RFC 3550 §6.1).
    fn send_reports(&mut self, reports: Vec<Box<dyn Packet>>, control: &mut ControlQueue) {
        let mut datagram: Vec<Box<dyn Packet>> = Vec::new();
        let mut size = 0;
        for report in reports {
            if size + report.raw_size() > MAX_COMPOUND_BYTES {
                self.send_compound(std::mem::take(&mut datagram), control);
                size = 0;
            }
            size += report.raw_size();
            datagram.push(report);
        }
        self.send_compound(datagram, control);
    }

    fn send_compound(&mut self, mut packets: Vec<Box<dyn Packet>>, control: &mut ControlQueue) {
        let Some(source) = packets.first().and_then(|first| sender_of(first.as_ref())) else {
            return;
        };
        packets.push(Box::new(SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: CNAME.into(),
                }],
            }],
        }));
        self.send_rtcp(&packets, control);
    }

    /// Encrypts and queues a compound RTCP packet.
    pub(super) fn send_rtcp_bytes(&mut self, compound: &[u8], control: &mut ControlQueue) {
        let (Some(srtp), Some(path)) = (self.srtp.as_mut(), self.ice.selected()) else {
            return;
        };
        let room = compound.len() + srtp.send.rtcp_overhead();
        control.push_with(path, room, |space| {
            space.get_mut(..compound.len())?.copy_from_slice(compound);
            srtp.send.protect_rtcp(compound.len(), space).ok()
        });
    }
}

/// Sends the NACKs and keyframe requests that are due to the peer that publishes the track.
fn ask_publisher(
    now: Instant,
    peer: &mut Peer,
    track: &mut Track,
    missing: &mut Vec<u16>,
    control: &mut ControlQueue,
    counters: &mut Counters,
) {
    let round_trip = peer.round_trip.estimate();
    let sender_ssrc = peer.feedback_ssrc.get();
    let feedback = track.feedback();
    for encoding in track.encodings_mut() {
        let Some(media_ssrc) = encoding.ssrc().map(Ssrc::get) else {
            // It has not begun, and when it does, it begins with a keyframe.
            encoding.keyframes.cancel();
            continue;
        };
        missing.clear();
        encoding.nack.poll(now, round_trip, missing);
        if !missing.is_empty() && feedback.nack {
            counters.nack_sent += missing.len() as u64;
            let nack = TransportLayerNack {
                sender_ssrc,
                media_ssrc,
                nacks: nack_pairs_from_sequence_numbers(missing),
            };
            peer.send_rtcp(&[Box::new(nack)], control);
        }
        if !encoding.keyframes.poll(now, round_trip) {
            continue;
        }
        counters.keyframe_requests_sent += 1;
        // PLI is the request of a decoder in trouble; FIR the older way, for those that know no other.
        let request: Box<dyn Packet> = if feedback.pli || !feedback.fir {
            Box::new(PictureLossIndication {
                sender_ssrc,
                media_ssrc,
            })
        } else {
            Box::new(FullIntraRequest {
                sender_ssrc,
                media_ssrc: 0,
                fir: vec![FirEntry {
                    ssrc: media_ssrc,
                    sequence_number: peer.next_fir_sequence(),
                }],
            })
        };
        peer.send_rtcp(&[request], control);
    }
}

/// Hands the keyframe requests that are due to the worker where the track is published.
fn ask_worker(now: Instant, track: &mut Track, outbox: &mut PipeBatch) {
    let id = track.id();
    for (index, encoding) in track.encodings_mut().iter_mut().enumerate() {
        if encoding.keyframes.poll(now, LOCAL_ROUND_TRIP) {
            outbox.push_notice(id, index as u8, Notice::KeyframeWanted);
        }
    }
}

/// The SSRC that a report speaks for.
fn sender_of(report: &dyn Packet) -> Option<u32> {
    let report = report.as_any();
    match report.downcast_ref::<SenderReport>() {
        Some(report) => Some(report.ssrc),
        None => report
            .downcast_ref::<ReceiverReport>()
            .map(|report| report.ssrc),
    }
}

/// Soon after the transport is up, since a receiver cannot synchronise before the first report.
pub(super) const FIRST_REPORT: Duration = Duration::from_millis(200);

/// One second: RFC 4585 allows more haste, but clients need reports only to keep lips and sound
/// together and to know the round trip.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The count of report blocks has five bits.
const MAX_REPORT_BLOCKS: usize = 31;

/// Leaves room for SRTCP's trailer and the SDES in a datagram of 1,200 bytes.
const MAX_COMPOUND_BYTES: usize = 1_100;

/// Between two workers of one node a request takes a turn of their loops.
const LOCAL_ROUND_TRIP: Duration = Duration::from_millis(1);
