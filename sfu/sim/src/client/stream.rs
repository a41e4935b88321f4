//! One outgoing RTP stream and its retransmissions: sequence numbers, timestamps, header extensions,
//! the packets that may be asked for again, and sender reports.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rand::rngs::SmallRng;
use rtc::shared::marshal::Marshal;
use rtcp::sender_report::SenderReport;
use rtp::Packet;
use rtp::header::{EXTENSION_PROFILE_ONE_BYTE, EXTENSION_PROFILE_TWO_BYTE, Extension, Header};
use sfu::parameters::Codec;
use sfu_rtp::extension::{AbsSendTime, AudioLevel, TransportSequence};
use sfu_rtp::{ExtensionKind, NtpTime, RtpHeader};

use super::clock::ticks;
use super::dialect::Dialect;
use crate::person::Guidance;

/// The stream.
#[derive(Debug)]
pub struct OutgoingStream {
    names: StreamNames,
    dialect: Dialect,
    clock_rate: u32,
    timestamp_offset: u32,
    next_sequence: u32,
    next_rtx_sequence: u16,
    sent: VecDeque<SentPacket>,
    packets: u32,
    octets: u32,
    /// The receiver has reported on the SSRC, so the names need not be said any more.
    acknowledged: bool,
    rtx_acknowledged: bool,
    level: AudioLevel,
    guidance: Guidance,
    /// How many earlier frames each packet of sound repeats.
    redundancy: usize,
    /// Those that it would repeat next, with their timestamps, the oldest first.
    earlier: VecDeque<(u32, Vec<u8>)>,
}

/// What a stream is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamNames {
    /// The m-line.
    pub mid: String,
    /// What it carries.
    pub codec: Codec,
    /// The simulcast encoding.
    pub rid: Option<String>,
    /// Its SSRC.
    pub ssrc: u32,
    /// That of its retransmissions.
    pub rtx_ssrc: Option<u32>,
}

#[derive(Debug)]
struct SentPacket {
    at: Instant,
    sequence: u16,
    timestamp: u32,
    content: Content,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content {
    /// Its payload.
    pub payload: Vec<u8>,
    /// The dependency descriptor that goes with it.
    pub descriptor: Option<Vec<u8>>,
    /// Whether it is the last of its picture, or of sound the first of all.
    pub marker: bool,
}

/// The counter of the transport-wide extension, and what a header says of the time of sending.
#[derive(Debug)]
pub struct TransportNumbers {
    next: u16,
}

impl TransportNumbers {
    /// One that begins anywhere.
    pub fn new(rng: &mut SmallRng) -> Self {
        Self { next: rng.random() }
    }

    /// The number of the next packet.
    pub fn peek(&self) -> u16 {
        self.next
    }

    /// The number of the packet that leaves now.
    pub fn take(&mut self) -> u16 {
        let number = self.next;
        self.next = number.wrapping_add(1);
        number
    }
}

/// What all packets of a moment share.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// Now.
    pub now: Instant,
    /// Now, by the client's wall clock.
    pub ntp: NtpTime,
}

impl OutgoingStream {
    /// A stream that has sent nothing; its numbers begin anywhere.
    pub fn new(names: StreamNames, dialect: Dialect, rng: &mut SmallRng) -> Self {
        Self {
            clock_rate: names.codec.clock_rate(),
            names,
            dialect,
            timestamp_offset: rng.random(),
            next_sequence: rng.random_range(0..0x8000),
            next_rtx_sequence: rng.random_range(0..0x8000),
            sent: VecDeque::new(),
            packets: 0,
            octets: 0,
            acknowledged: false,
            rtx_acknowledged: false,
            level: LOUD,
            guidance: Guidance::TransportFeedback,
            redundancy: 0,
            earlier: VecDeque::new(),
        }
    }

    /// What it is called.
    pub fn names(&self) -> &StreamNames {
        &self.names
    }

    /// The sequence number of the next packet, counting on over wraps.
    pub fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    /// Makes the packet of something that was captured at `captured`.
    pub fn packet(
        &mut self,
        departure: Departure,
        transport: &mut TransportNumbers,
        captured: Duration,
        mut content: Content,
    ) -> Vec<u8> {
        let sequence = self.take_sequence();
        let timestamp = self.timestamp(captured);
        let mut payload_type = self.dialect.payload_type(self.names.codec);
        if self.redundancy > 0 && self.names.codec == Codec::Opus {
            payload_type = self.dialect.red_payload_type();
            content.payload = self.redundant(timestamp, content.payload);
        }
        self.packets += 1;
        self.octets += content.payload.len() as u32;
        let header = Header {
            marker: content.marker,
            payload_type,
            sequence_number: sequence,
            timestamp,
            ssrc: self.names.ssrc,
            ..Header::default()
        };
        let naming = (!self.acknowledged).then_some(ExtensionKind::Rid);
        let descriptor = content.descriptor.as_deref();
        let payload = &content.payload;
        let packet = self.finish(header, departure, transport, naming, descriptor, payload);
        if self.names.rtx_ssrc.is_some() {
            self.remember(SentPacket {
                at: departure.now,
                sequence,
                timestamp,
                content,
            });
        }
        packet
    }

    /// Makes a packet that carries only padding, on the media stream, as senders without RTX probe.
    pub fn padding(
        &mut self,
        departure: Departure,
        transport: &mut TransportNumbers,
        captured: Duration,
        len: u8,
    ) -> Vec<u8> {
        let header = Header {
            payload_type: self.dialect.payload_type(self.names.codec),
            sequence_number: self.take_sequence(),
            timestamp: self.timestamp(captured),
            ssrc: self.names.ssrc,
            ..Header::default()
        };
        let mut padding = vec![0; usize::from(len.max(1))];
        if let Some(last) = padding.last_mut() {
            *last = len.max(1);
        }
        let naming = (!self.acknowledged).then_some(ExtensionKind::Rid);
        let mut packet = self.finish(header, departure, transport, naming, None, &padding);
        // The library would add padding of its own choice behind it.
        if let Some(first) = packet.first_mut() {
            *first |= RtpHeader::PADDING_BIT;
        }
        packet
    }

    /// Sends a packet again, as RTX (RFC 4588); `None`: it is not remembered.
    pub fn retransmission(
        &mut self,
        departure: Departure,
        transport: &mut TransportNumbers,
        sequence: u16,
    ) -> Option<Vec<u8>> {
        let ssrc = self.names.rtx_ssrc?;
        let original = self.sent.iter().find(|sent| sent.sequence == sequence)?;
        let mut payload = original.sequence.to_be_bytes().to_vec();
        payload.extend(&original.content.payload);
        let descriptor = original.content.descriptor.clone();
        let header = Header {
            marker: original.content.marker,
            payload_type: self.dialect.rtx_payload_type(self.names.codec),
            sequence_number: self.next_rtx_sequence,
            timestamp: original.timestamp,
            ssrc,
            ..Header::default()
        };
        self.next_rtx_sequence = self.next_rtx_sequence.wrapping_add(1);
        let naming = (!self.rtx_acknowledged).then_some(ExtensionKind::RepairedRid);
        let descriptor = descriptor.as_deref();
        Some(self.finish(header, departure, transport, naming, descriptor, &payload))
    }

    /// A sender report; `None` before the first packet.
    pub fn report(&self, departure: Departure, elapsed: Duration) -> Option<SenderReport> {
        (self.packets > 0).then(|| SenderReport {
            ssrc: self.names.ssrc,
            ntp_time: departure.ntp.get(),
            rtp_time: self.timestamp(elapsed),
            packet_count: self.packets,
            octet_count: self.octets,
            ..SenderReport::default()
        })
    }

    /// The receiver has reported on this SSRC.
    pub fn acknowledge(&mut self, ssrc: u32) {
        self.acknowledged |= ssrc == self.names.ssrc;
        self.rtx_acknowledged |= Some(ssrc) == self.names.rtx_ssrc;
    }

    /// Has only the extensions that go with this.
    pub fn set_guidance(&mut self, guidance: Guidance) {
        self.guidance = guidance;
    }

    /// Repeats so many earlier frames in each packet (RFC 2198).
    pub fn set_redundancy(&mut self, frames: usize) {
        self.redundancy = frames;
    }

    /// The payload of a packet with its earlier frames.
    fn redundant(&mut self, timestamp: u32, payload: Vec<u8>) -> Vec<u8> {
        let payload_type = self.dialect.payload_type(Codec::Opus);
        let mut packet = Vec::new();
        for (earlier, frame) in &self.earlier {
            let offset = timestamp.wrapping_sub(*earlier) << 10;
            let head = u32::from(0x80 | payload_type) << 24 | offset | frame.len() as u32;
            packet.extend(head.to_be_bytes());
        }
        packet.push(payload_type);
        packet.extend(self.earlier.iter().flat_map(|(_, frame)| frame));
        packet.extend(&payload);
        self.earlier.push_back((timestamp, payload));
        if self.earlier.len() > self.redundancy {
            self.earlier.pop_front();
        }
        packet
    }

    /// How loud it is from now on, in dBov: −127 is silence.
    pub fn set_level(&mut self, level_dbov: i8) {
        self.level = AudioLevel {
            voice: level_dbov > -60,
            level_dbov,
        };
    }

    fn timestamp(&self, captured: Duration) -> u32 {
        self.timestamp_offset
            .wrapping_add(ticks(captured, self.clock_rate))
    }

    fn take_sequence(&mut self) -> u16 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence as u16
    }

    fn remember(&mut self, packet: SentPacket) {
        while let Some(oldest) = self.sent.front()
            && packet.at - oldest.at > REMEMBERED
        {
            self.sent.pop_front();
        }
        self.sent.push_back(packet);
    }

    /// Adds the header extensions and the payload.
    fn finish(
        &self,
        mut header: Header,
        departure: Departure,
        transport: &mut TransportNumbers,
        naming: Option<ExtensionKind>,
        descriptor: Option<&[u8]>,
        payload: &[u8],
    ) -> Vec<u8> {
        header.version = 2;
        header.extension = true;
        header.extension_profile = EXTENSION_PROFILE_ONE_BYTE;
        for &(id, kind) in self.dialect.extensions(self.names.codec.kind()) {
            if !self.guidance.allows(kind) {
                continue;
            }
            let value: Bytes = match kind {
                ExtensionKind::Mid if naming.is_some() => self.names.mid.clone().into(),
                ExtensionKind::Rid | ExtensionKind::RepairedRid if naming == Some(kind) => {
                    let Some(rid) = &self.names.rid else { continue };
                    rid.clone().into()
                }
                ExtensionKind::AbsSendTime => AbsSendTime::from_ntp(departure.ntp)
                    .to_bytes()
                    .to_vec()
                    .into(),
                ExtensionKind::TransportSequence => TransportSequence(transport.take())
                    .to_bytes()
                    .to_vec()
                    .into(),
                ExtensionKind::AudioLevel => self.level.to_bytes().to_vec().into(),
                ExtensionKind::DependencyDescriptor => {
                    let Some(descriptor) = descriptor else {
                        continue;
                    };
                    descriptor.to_vec().into()
                }
                _ => continue,
            };
            // RFC 8285 §4.2: what is longer needs the two-byte form, and that is for the whole packet.
            if value.len() > 16 {
                header.extension_profile = EXTENSION_PROFILE_TWO_BYTE;
            }
            header.extensions.push(Extension { id, payload: value });
        }
        let packet = Packet {
            header,
            payload: payload.to_vec().into(),
        };
        packet.marshal().expect("a packet of our own").to_vec()
    }
}

/// Somebody speaks.
const LOUD: AudioLevel = AudioLevel {
    voice: true,
    level_dbov: -20,
};

/// How long a packet can be asked for again; Chromium keeps a second and a bit more.
const REMEMBERED: Duration = Duration::from_millis(1_500);
