//! What a client publishes: when frames are captured, and what feedback does to them.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sfu::parameters::{Codec, MediaKind};

use super::clock::ClientClock;
use super::dialect::Dialect;
use super::offer::OfferedSender;
use super::stream::{Content, Departure, OutgoingStream, StreamNames, TransportNumbers};
use crate::media::{Label, Stamp, VideoEncoder, write_opus};
use crate::person::{Guidance, Source};

/// The sender of one m-line.
#[derive(Debug)]
pub struct Sender {
    /// Its MID.
    pub mid: String,
    /// What its packets are stamped with.
    pub label: Label,
    kind: MediaKind,
    encodings: Vec<SendEncoding>,
    /// When the next frame is captured.
    next_capture: Option<Duration>,
    /// Captured, and being coded: (when it is ready, when it was captured).
    coding: Option<(Duration, Duration)>,
    statistics: SenderStatistics,
}

#[derive(Debug)]
struct SendEncoding {
    stream: OutgoingStream,
    /// `None` for sound.
    encoder: Option<VideoEncoder>,
    active: bool,
    /// Whether the server has said that somebody is to see it.
    wanted: bool,
    keyframe_wanted: bool,
    next_audio_number: u32,
}

/// What a sender has seen and done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SenderStatistics {
    /// Frames captured, whatever the number of encodings.
    pub frames: u64,
    /// Keyframes coded that were asked for.
    pub requested_keyframes: u64,
    /// PLI and FIR received.
    pub keyframe_requests: u64,
    /// Sequence numbers that were asked for again.
    pub nacked: u64,
    /// Packets sent again.
    pub retransmitted: u64,
}

impl Sender {
    /// A sender that has not begun.
    pub fn new(
        mid: String,
        label: Label,
        source: &Source,
        dialect: Dialect,
        rng: &mut SmallRng,
    ) -> Self {
        let kind = source.media_kind();
        let video = kind == MediaKind::Video;
        let layers: Vec<_> = match kind {
            MediaKind::Audio => vec![None],
            MediaKind::Video => source.layers.iter().map(Some).collect(),
        };
        let encodings = layers.into_iter().enumerate().map(|(index, layer)| {
            let names = StreamNames {
                mid: mid.clone(),
                codec: layer.map_or(Codec::Opus, |layer| layer.encoder.codec),
                rid: layer.and_then(|layer| layer.rid.clone()),
                ssrc: rng.random(),
                rtx_ssrc: video.then(|| rng.random()),
            };
            let chances = SmallRng::from_rng(rng);
            SendEncoding {
                stream: OutgoingStream::new(names, dialect, rng),
                encoder: layer
                    .map(|layer| VideoEncoder::new(label, index as u8, layer.encoder, chances)),
                active: layer.is_none_or(|layer| layer.active),
                wanted: true,
                keyframe_wanted: false,
                next_audio_number: 0,
            }
        });
        Self {
            encodings: encodings.collect(),
            mid,
            label,
            kind,
            next_capture: None,
            coding: None,
            statistics: SenderStatistics::default(),
        }
    }

    /// What an offer says of it.
    pub fn offered(&self) -> OfferedSender {
        let names = || {
            self.encodings
                .iter()
                .map(|encoding| encoding.stream.names())
        };
        OfferedSender {
            codec: names().next().map_or(Codec::Opus, |names| names.codec),
            rids: names().filter_map(|names| names.rid.clone()).collect(),
            ssrcs: names().map(|names| (names.ssrc, names.rtx_ssrc)).collect(),
        }
    }

    /// What it has seen and done.
    pub fn statistics(&self) -> SenderStatistics {
        self.statistics
    }

    /// Begins to capture, at any phase within a frame's time.
    pub fn start(&mut self, now: Duration, rng: &mut SmallRng) {
        let phase = self.interval().mul_f64(rng.random());
        self.next_capture.get_or_insert(now + phase);
    }

    /// Captures no more.
    pub fn stop(&mut self) {
        self.next_capture = None;
        self.coding = None;
    }

    /// Turns the encoding with this index on or off. What begins again begins with a keyframe.
    pub fn set_active(&mut self, encoding: usize, active: bool) {
        if let Some(encoding) = self.encodings.get_mut(encoding) {
            encoding.keyframe_wanted |= active && !encoding.active;
            encoding.active = active;
        }
    }

    /// Sends sound with so many earlier frames in each packet.
    pub fn set_redundancy(&mut self, frames: usize) {
        for encoding in &mut self.encodings {
            encoding.stream.set_redundancy(frames);
        }
    }

    /// Finds out like this what its path carries.
    pub fn set_guidance(&mut self, guidance: Guidance) {
        for encoding in &mut self.encodings {
            encoding.stream.set_guidance(guidance);
        }
    }

    /// How loud the sound is from now on, in dBov: −127 is silence.
    pub fn set_level(&mut self, level_dbov: i8) {
        for encoding in &mut self.encodings {
            encoding.stream.set_level(level_dbov);
        }
    }

    /// The server says whether anybody is to see the encoding with this index.
    pub fn set_wanted(&mut self, encoding: usize, wanted: bool) {
        if let Some(encoding) = self.encodings.get_mut(encoding) {
            encoding.keyframe_wanted |= wanted && !encoding.wanted;
            encoding.wanted = wanted;
        }
    }

    /// Which encodings send.
    pub fn sending(&self) -> Vec<bool> {
        self.encodings.iter().map(SendEncoding::sends).collect()
    }

    /// Whether it has begun to capture.
    pub fn has_begun(&self) -> bool {
        self.next_capture.is_some()
    }

    /// Whether any encoding is on.
    pub fn is_active(&self) -> bool {
        self.encodings.iter().any(SendEncoding::sends)
    }

    /// Codes an encoding at another rate.
    pub fn set_bitrate(&mut self, encoding: usize, bitrate: u32) {
        let encoding = self.encodings.get_mut(encoding);
        if let Some(encoder) = encoding.and_then(|encoding| encoding.encoder.as_mut()) {
            encoder.set_bitrate(bitrate);
        }
    }

    /// When the next frame is captured or ready.
    pub fn next_deadline(&self) -> Option<Duration> {
        let ready = self.coding.map(|(ready, _)| ready);
        [self.next_capture, ready].into_iter().flatten().min()
    }

    /// Captures and sends what is due.
    pub fn poll_media(
        &mut self,
        now: Instant,
        clock: &ClientClock,
        transport: &mut TransportNumbers,
    ) -> Vec<Vec<u8>> {
        let elapsed = clock.elapsed(now);
        if let Some(at) = self.next_capture.filter(|&at| at <= elapsed) {
            self.next_capture = Some(at + self.interval());
            self.coding = Some((at + self.coding_time(), at));
        }
        let Some((_, captured)) = self.coding.take_if(|(ready, _)| *ready <= elapsed) else {
            return Vec::new();
        };
        self.statistics.frames += 1;
        let departure = Departure {
            now,
            ntp: clock.ntp(now),
        };
        let mut packets = Vec::new();
        for encoding in self
            .encodings
            .iter_mut()
            .filter(|encoding| encoding.sends())
        {
            if encoding.keyframe_wanted {
                self.statistics.requested_keyframes += 1;
            }
            encoding.send(self.label, captured, departure, transport, &mut packets);
        }
        packets
    }

    /// A packet of padding on every active stream.
    pub fn probe(
        &mut self,
        now: Instant,
        clock: &ClientClock,
        transport: &mut TransportNumbers,
    ) -> Vec<Vec<u8>> {
        let departure = Departure {
            now,
            ntp: clock.ntp(now),
        };
        let elapsed = clock.elapsed(now);
        let active = self
            .encodings
            .iter_mut()
            .filter(|encoding| encoding.sends());
        active
            .map(|encoding| encoding.stream.padding(departure, transport, elapsed, 200))
            .collect()
    }

    /// Answers a NACK for `ssrc`; `None`: it is not this sender's.
    pub fn on_nack(
        &mut self,
        now: Instant,
        clock: &ClientClock,
        transport: &mut TransportNumbers,
        ssrc: u32,
        missing: &[u16],
    ) -> Option<Vec<Vec<u8>>> {
        let departure = Departure {
            now,
            ntp: clock.ntp(now),
        };
        let encoding = self.encoding_of(ssrc)?;
        let again = missing.iter().filter_map(|&sequence| {
            encoding
                .stream
                .retransmission(departure, transport, sequence)
        });
        let again: Vec<_> = again.collect();
        self.statistics.nacked += missing.len() as u64;
        self.statistics.retransmitted += again.len() as u64;
        Some(again)
    }

    /// A PLI or a FIR for `ssrc`. Returns whether it is this sender's.
    pub fn on_keyframe_request(&mut self, ssrc: u32) -> bool {
        let Some(encoding) = self.encoding_of(ssrc) else {
            return false;
        };
        encoding.keyframe_wanted = true;
        self.statistics.keyframe_requests += 1;
        true
    }

    /// The receiver has reported on this SSRC.
    pub fn on_reception_report(&mut self, ssrc: u32) {
        for encoding in &mut self.encodings {
            encoding.stream.acknowledge(ssrc);
        }
    }

    /// Sender reports of all streams that have sent.
    pub fn reports(
        &self,
        now: Instant,
        clock: &ClientClock,
    ) -> Vec<rtcp::sender_report::SenderReport> {
        let departure = Departure {
            now,
            ntp: clock.ntp(now),
        };
        let streams = self.encodings.iter().map(|encoding| &encoding.stream);
        streams
            .filter_map(|stream| stream.report(departure, clock.elapsed(now)))
            .collect()
    }

    fn encoding_of(&mut self, ssrc: u32) -> Option<&mut SendEncoding> {
        let mut encodings = self.encodings.iter_mut();
        encodings.find(|encoding| encoding.stream.names().ssrc == ssrc)
    }

    fn interval(&self) -> Duration {
        let encoder = self
            .encodings
            .iter()
            .find_map(|encoding| encoding.encoder.as_ref());
        match encoder {
            Some(encoder) => Duration::from_secs(1) / encoder.settings().frame_rate,
            None => AUDIO_FRAME,
        }
    }

    fn coding_time(&self) -> Duration {
        match self.kind {
            MediaKind::Audio => Duration::ZERO,
            MediaKind::Video => Sender::VIDEO_CODING_TIME,
        }
    }

    /// How long after its capture a frame is sent. Sound is sent at once, so that a server that took
    /// the time of arrival for the time of capture would be found out.
    pub const VIDEO_CODING_TIME: Duration = Duration::from_millis(12);
}

impl SendEncoding {
    fn sends(&self) -> bool {
        self.active && self.wanted
    }

    fn send(
        &mut self,
        label: Label,
        captured: Duration,
        departure: Departure,
        transport: &mut TransportNumbers,
        packets: &mut Vec<Vec<u8>>,
    ) {
        let (ssrc, sequence) = (self.stream.names().ssrc, self.stream.next_sequence());
        let Some(encoder) = &mut self.encoder else {
            let number = self.next_audio_number;
            self.next_audio_number += 1;
            let stamp = Stamp {
                label,
                encoding: 0,
                ssrc,
                sequence,
                number,
                frame: number,
                picture: number,
                packet: 0,
                packets: 1,
                refers_back: [0; 2],
                spatial: 0,
                temporal: 0,
                layers: [1, 1],
                tl0: 0,
                captured,
            };
            let content = Content {
                payload: write_opus(&stamp, AUDIO_BYTES),
                descriptor: None,
                marker: number == 0,
            };
            let packet = self.stream.packet(departure, transport, captured, content);
            packets.push(packet);
            return;
        };
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        for coded in encoder.encode(captured, keyframe, ssrc, sequence) {
            let content = Content {
                payload: coded.payload,
                descriptor: coded.descriptor,
                marker: coded.marker,
            };
            let packet = self.stream.packet(departure, transport, captured, content);
            packets.push(packet);
        }
    }
}

const AUDIO_FRAME: Duration = Duration::from_millis(20);

/// 32 kbit/s.
const AUDIO_BYTES: usize = 80;
