//! One slot of a receiver: what may arrive in it, packet by packet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtcp::sender_report::SenderReport;
use rtp::Packet;
use sfu::parameters::MediaKind;
use sfu_rtp::dependency_descriptor::DescriptorHead;
use sfu_rtp::{ExtensionKind, NtpTime, red};

use super::Transit;
use super::continuity::{self, Record};
use super::decoder::{Arrived, Decoder, ShownFrame};
use super::lips::CaptureOffset;
use super::mishaps::Mishaps;
use super::promise::SlotPromise;
use super::witness::Witness;
use crate::client::clock::ticks;
use crate::media::{self, Damage, Label, Stamp, Told, View, read_opus};

/// The oracle of one slot.
#[derive(Debug)]
pub struct SlotOracle {
    promise: SlotPromise,
    /// What the slot shows since when; the newest last.
    assignments: Vec<(Instant, Option<Label>)>,
    /// When its tracks were muted or not; the newest last.
    mutes: Vec<(Instant, Label, bool)>,
    /// When something else was wanted of it.
    demands: Vec<Instant>,
    /// All media packets, by unwrapped number.
    records: BTreeMap<u64, Record>,
    /// The numbers under which nothing came but word of that.
    vacant: BTreeSet<u64>,
    highest: Option<u64>,
    /// The numbers of the retransmission stream, in the order of arrival.
    rtx_numbers: Vec<(Instant, u16)>,
    decoder: Decoder,
    /// The last sender report and when it was sent.
    last_report: Option<(Instant, SenderReport)>,
    /// Pictures may be interrupted: the link was bad at some time.
    link_was_bad: bool,
    /// Nothing has to wait: the link never had anything but a delay.
    link_was_plain: bool,
    /// What was counted; the client adds what it asks for.
    pub statistics: SlotStatistics,
}

/// What a slot has seen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlotStatistics {
    /// Media packets that arrived for the first time.
    pub packets: u64,
    /// Of those, the ones that came as retransmissions.
    pub recovered: u64,
    /// Retransmissions of what had arrived already.
    pub needless_retransmissions: u64,
    /// Packets of padding on the stream of retransmissions.
    pub padding: u64,
    /// Numbers that came by themselves, because no packet has them.
    pub vacant: u64,
    /// Earlier frames of sound that came with later ones.
    pub repeated: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Sequence numbers asked for again.
    pub nacked: u64,
    /// Keyframes asked for.
    pub keyframe_requests: u64,
    /// Sender reports.
    pub sender_reports: u64,
}

/// What a packet is to its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Its unwrapped media sequence number.
    pub sequence: u64,
    /// Whether it is the first with this number.
    pub fresh: bool,
    /// Whether it came as a retransmission.
    pub retransmitted: bool,
}

impl SlotOracle {
    pub(super) fn new(promise: SlotPromise) -> Self {
        Self {
            decoder: Decoder::new(promise.kind),
            promise,
            assignments: Vec::new(),
            mutes: Vec::new(),
            demands: Vec::new(),
            records: BTreeMap::new(),
            vacant: BTreeSet::new(),
            highest: None,
            rtx_numbers: Vec::new(),
            last_report: None,
            link_was_bad: false,
            link_was_plain: true,
            statistics: SlotStatistics::default(),
        }
    }

    /// What was promised of it.
    pub fn promise(&self) -> &SlotPromise {
        &self.promise
    }

    /// What the slot shows now.
    pub fn shows(&self) -> Option<Label> {
        self.assignments.last().and_then(|(_, shows)| *shows)
    }

    /// What has changed last: which track it shows, or whether that is muted.
    pub fn changed_at(&self) -> Option<Instant> {
        let assigned = self.assignments.last().map(|(at, _)| *at);
        let shows = self.shows();
        let mutes = self.mutes.iter().rev();
        let muted = mutes.filter(|(_, track, _)| Some(*track) == shows);
        assigned.max(muted.map(|(at, _, _)| *at).next())
    }

    /// Everything that could be decoded, in order.
    pub fn shown(&self) -> impl Iterator<Item = &ShownFrame> {
        self.decoder.shown().iter()
    }

    /// Whether a receiver would ask for a keyframe now.
    pub fn wants_keyframe(&self, now: Instant) -> bool {
        self.decoder.wants_keyframe(now)
    }

    /// Packets that arrived, the highest number, and those that were expected since the first.
    pub fn received_and_expected(&self) -> Option<(u64, u64, u64)> {
        let (&first, _) = self.records.first_key_value()?;
        let first = self
            .vacant
            .first()
            .map_or(first, |vacant| first.min(*vacant));
        let highest = self.highest?;
        let received = self.records.len() + self.vacant.len();
        Some((received as u64, highest, highest - first + 1))
    }

    pub(super) fn promise_again(&self, witness: &Witness, now: Instant, promise: SlotPromise) {
        if promise != self.promise {
            let sentence = format_args!("a later answer changes it: {promise:?}");
            witness.object(now, &self.promise.mid, sentence);
        }
    }

    pub(super) fn assigned(&mut self, now: Instant, shows: Option<Label>) {
        self.assignments.push((now, shows));
        self.decoder.source_changed(now);
    }

    /// What the link was since the beginning.
    pub(super) fn receives_by(&mut self, was_bad: bool, was_plain: bool) {
        self.link_was_bad = was_bad;
        self.link_was_plain = was_plain;
    }

    pub(super) fn demanded(&mut self, now: Instant) {
        self.demands.push(now);
    }

    pub(super) fn muted(&mut self, now: Instant, track: Label, muted: bool) {
        self.mutes.push((now, track, muted));
    }

    pub(super) fn on_packet(
        &mut self,
        witness: &Witness,
        transit: Transit,
        packet: &Packet,
        rtx: bool,
    ) -> Option<Accepted> {
        let object = |sentence: &dyn std::fmt::Display| -> ! {
            witness.object(transit.at, &self.promise.mid, sentence)
        };
        if let Err(sentence) = self.check_header(packet, rtx) {
            object(&sentence);
        }
        if rtx {
            self.rtx_numbers
                .push((transit.at, packet.header.sequence_number));
            if packet.header.padding && packet.payload.is_empty() {
                self.statistics.padding += 1;
                return None;
            }
        }
        let (wire, payload) = match rtx {
            false => (packet.header.sequence_number, packet.payload.clone()),
            true => match packet.payload.split_first_chunk::<2>() {
                Some((original, _)) => (u16::from_be_bytes(*original), packet.payload.slice(2..)),
                None => object(&"a retransmission holds nothing"),
            },
        };
        // No other packet will have its number. With hindsight such numbers are missing, and need an excuse as all
        // gaps do.
        if payload.is_empty() {
            let sequence = self.unwrap(wire);
            if let Some(known) = self.records.get(&sequence) {
                object(&format!("number {wire} was {known:?} and is now empty"));
            }
            let fresh = self.vacant.insert(sequence);
            self.statistics.vacant += u64::from(fresh);
            self.highest = self.highest.max(Some(sequence));
            if let Err(sentence) = self.decoder.on_vacancy(transit.at, sequence) {
                object(&sentence);
            }
            return Some(Accepted {
                sequence,
                fresh,
                retransmitted: rtx,
            });
        }
        let redundant = !rtx && Some(packet.header.payload_type) == self.promise.red;
        let (payload, earlier) = match redundant {
            true => match self.take_apart(&payload) {
                Ok(parts) => parts,
                Err(sentence) => object(&sentence),
            },
            false => (payload, Vec::new()),
        };
        let View { stamp, told } = match self.read(packet.header.payload_type, &payload) {
            Ok(view) => view,
            Err(damage) => object(&damage),
        };
        let descriptor = self.descriptor(packet);
        let frame_number = descriptor
            .as_deref()
            .and_then(|value| DescriptorHead::parse(value).ok())
            .map(|head| head.frame_number);
        if let Some(sentence) = earlier
            .iter()
            .find_map(|earlier| earlier.contradicts(&stamp))
        {
            object(&sentence);
        }
        let sequence = self.unwrap(wire);
        let record = Record {
            at: transit.at,
            sent_at: transit.sent_at,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            retransmitted: rtx,
            stamp,
            codec: self
                .promise
                .codecs
                .get(&packet.header.payload_type)
                .copied(),
            ids: told.ids(),
            frame_number,
        };
        if let Some(known) = self.records.get(&sequence) {
            if !known.is_same_packet(&record) {
                let sentence = format!("number {wire} was {known:?} and is now {record:?}");
                object(&sentence);
            }
            self.statistics.needless_retransmissions += u64::from(rtx);
            return Some(Accepted {
                sequence,
                fresh: false,
                retransmitted: rtx,
            });
        }
        if self.vacant.contains(&sequence) {
            let sentence = format!("number {wire} was that of no packet and is now {record:?}");
            object(&sentence);
        }
        if let Err(sentence) = self.check_source(&record) {
            object(&sentence);
        }
        self.statistics.recovered += u64::from(rtx);
        self.statistics.packets += 1;
        self.statistics.bytes += payload.len() as u64;
        self.highest = self.highest.max(Some(sequence));
        for Earlier { stamp, .. } in &earlier {
            self.statistics.repeated += 1;
            self.decoder.hear(transit.at, stamp);
        }
        let arrived = Arrived {
            stamp: &stamp,
            told: &told,
            descriptor: descriptor.as_deref(),
            marker: packet.header.marker,
        };
        if let Err(sentence) = self.decoder.on_packet(transit.at, sequence, &arrived) {
            object(&sentence);
        }
        self.records.insert(sequence, record);
        Some(Accepted {
            sequence,
            fresh: true,
            retransmitted: rtx,
        })
    }

    /// Takes a sender report. Returns where on the server's clock the slot's source captures, if that
    /// can be told.
    pub(super) fn on_sender_report(
        &mut self,
        witness: &Witness,
        transit: Transit,
        report: &SenderReport,
    ) -> Option<CaptureOffset> {
        let object = |sentence: &dyn std::fmt::Display| -> ! {
            witness.object(transit.at, &self.promise.mid, sentence)
        };
        self.statistics.sender_reports += 1;
        let last = self.last_report.as_ref();
        if last.is_some_and(|(sent_at, _)| *sent_at >= transit.sent_at) {
            // It was overtaken.
            return None;
        }
        if let Some((_, last)) = self.last_report.replace((transit.sent_at, report.clone())) {
            let ntp = NtpTime::new(report.ntp_time);
            if ntp.diff(NtpTime::new(last.ntp_time)) <= 0 {
                object(&"a sender report is not later than the one before it");
            }
            let more = |now: u32, before: u32| now.wrapping_sub(before) < 1 << 31;
            if !more(report.packet_count, last.packet_count)
                || !more(report.octet_count, last.octet_count)
            {
                object(&"a sender report counts less than the one before it");
            }
        }
        // The newest packet that was sent before the report.
        let newest = self.records.values().rev().take(REPORT_LOOKBACK);
        let newest = newest.filter(|record| record.sent_at <= transit.sent_at);
        let of_source = newest.clone();
        let newest = newest.max_by_key(|record| record.stamp.captured)?;
        let earlier = of_source.filter(|record| {
            let (earlier, newest) = (&record.stamp, &newest.stamp);
            earlier.ssrc == newest.ssrc && earlier.captured < newest.captured
        });
        if let Some(earlier) = earlier.max_by_key(|record| record.stamp.captured)
            && let (passed, shown) = continuity::apart_in_time(self.promise.kind, earlier, newest)
            && passed != shown
        {
            // Frames of a burst are stamped closer together than they were captured.
            return None;
        }
        let ticks = f64::from(newest.timestamp.wrapping_sub(report.rtp_time) as i32);
        let after_report = ticks / f64::from(clock_rate(self.promise.kind));
        let reported = report.ntp_time as f64 / NTP_UNITS_PER_SECOND;
        Some(CaptureOffset {
            label: newest.stamp.label,
            seconds: reported + after_report - newest.stamp.captured.as_secs_f64(),
        })
    }

    pub(super) fn finish(&self, witness: &Witness, now: Instant, mishaps: &Mishaps) {
        let changes: Vec<Instant> = {
            let assignments = self.assignments.iter().map(|(at, _)| *at);
            assignments
                .chain(self.mutes.iter().map(|(at, _, _)| *at))
                .chain(self.demands.iter().copied())
                .collect()
        };
        continuity::check(
            &self.promise,
            &self.records,
            &changes,
            [witness.start(), now - SETTLING],
            mishaps,
            self.link_was_bad,
        )
        .unwrap_or_else(|(at, sentence)| witness.object(at, &self.promise.mid, sentence));
        let rtx_ssrc = self.promise.rtx_ssrc.unwrap_or_default();
        continuity::check_numbers(rtx_ssrc, &self.rtx_numbers, mishaps)
            .unwrap_or_else(|(at, sentence)| witness.object(at, &self.promise.mid, sentence));
    }

    fn check_header(&self, packet: &Packet, rtx: bool) -> Result<(), String> {
        let header = &packet.header;
        let payload_type = header.payload_type;
        let known = match rtx {
            false => self.promise.payload_types.contains_key(&payload_type),
            true => {
                let mut types = self.promise.payload_types.values();
                types.any(|rtx| *rtx == Some(payload_type))
            }
        };
        if !known {
            return Err(format!(
                "payload type {payload_type} was not negotiated here"
            ));
        }
        for extension in &header.extensions {
            let Some(kind) = self.promise.extensions.get(&extension.id) else {
                return Err(format!(
                    "header extension {} was not negotiated here",
                    extension.id
                ));
            };
            check_extension(*kind, &extension.payload, &self.promise.mid)?;
        }
        Ok(())
    }

    /// The newest frame of redundant sound, and those before it.
    fn take_apart(&self, payload: &Bytes) -> Result<(Bytes, Vec<Earlier>), String> {
        let blocks: Vec<_> = match red::blocks(payload) {
            Some(blocks) => blocks.collect(),
            None => return Err("redundancy that cannot be read".to_owned()),
        };
        let mut earlier = Vec::new();
        for block in &blocks {
            let payload_type = block.payload_type.get();
            let known = self.promise.payload_types.contains_key(&payload_type);
            if !known || Some(payload_type) == self.promise.red {
                return Err(format!("a block of payload type {payload_type}"));
            }
            let stamp = read_opus(block.data).map_err(|damage| damage.to_string())?;
            let offset = u32::from(block.timestamp_offset);
            earlier.push(Earlier { stamp, offset });
        }
        let newest = blocks.last().map_or(&[][..], |newest| newest.data);
        earlier.pop();
        if earlier.is_empty() {
            return Err("redundancy that repeats nothing".to_owned());
        }
        Ok((payload.slice_ref(newest), earlier))
    }

    fn read(&self, payload_type: u8, payload: &Bytes) -> Result<View, Damage> {
        match self.promise.codecs.get(&payload_type) {
            Some(&codec) => media::read(codec, payload),
            // Redundancy, which was taken apart.
            None => read_opus(payload).map(|stamp| View {
                stamp,
                told: Told::Nothing,
            }),
        }
    }

    /// The dependency descriptor of a packet.
    fn descriptor(&self, packet: &Packet) -> Option<Bytes> {
        let mut known = self.promise.extensions.iter();
        let (id, _) = known.find(|(_, kind)| **kind == ExtensionKind::DependencyDescriptor)?;
        let mut extensions = packet.header.extensions.iter();
        let found = extensions.find(|extension| extension.id == *id)?;
        Some(found.payload.clone())
    }

    fn unwrap(&self, wire: u16) -> u64 {
        match self.highest {
            None => FIRST_CYCLE + u64::from(wire),
            Some(highest) => {
                let ahead = wire.wrapping_sub(highest as u16) as i16;
                highest.wrapping_add_signed(i64::from(ahead))
            }
        }
    }

    /// Whether the slot may show this now.
    fn check_source(&self, record: &Record) -> Result<(), String> {
        let label = record.stamp.label;
        if record.retransmitted {
            // It was sent before, and who has seen it once may see it again.
            return Ok(());
        }
        let at = record.sent_at;
        let may_wait = !self.link_was_plain && self.promise.kind == MediaKind::Video;
        let held_for = if may_wait { PACE_TIME } else { Duration::ZERO };
        let mut allowed = false;
        for (since, shows) in self
            .assignments
            .iter()
            .rev()
            .filter(|(since, _)| *since <= at)
        {
            allowed = *shows == Some(label);
            // What was decided before the change, but in the same turn, leaves with it.
            if allowed || *since + held_for < at {
                break;
            }
        }
        if !allowed {
            let shows = self.shows();
            return Err(format!(
                "a packet of {label} was sent while the slot shows {shows:?}"
            ));
        }
        let mut mutes = self.mutes.iter().rev();
        let last = mutes.find(|(since, track, _)| *track == label && *since <= at);
        match last {
            Some((since, _, true)) if at - *since > PIPE_TIME + held_for => Err(format!(
                "a packet of {label} was sent {:?} after the track was muted",
                at - *since
            )),
            _ => Ok(()),
        }
    }
}

/// A frame of sound that comes with a later one.
struct Earlier {
    stamp: Stamp,
    /// How far its timestamp is before the packet's.
    offset: u32,
}

impl Earlier {
    /// Why it cannot be an earlier frame of the same sound.
    fn contradicts(&self, newest: &Stamp) -> Option<String> {
        let rate = clock_rate(MediaKind::Audio);
        let passed = ticks(newest.captured, rate).wrapping_sub(ticks(self.stamp.captured, rate));
        let same = self.stamp.ssrc == newest.ssrc && self.stamp.number < newest.number;
        (!same || passed != self.offset)
            .then(|| format!("{:?}, {} ticks before {newest:?}", self.stamp, self.offset))
    }
}

fn check_extension(kind: ExtensionKind, value: &[u8], mid: &str) -> Result<(), String> {
    let sizes: &[usize] = match kind {
        ExtensionKind::Mid if value == mid.as_bytes() => return Ok(()),
        ExtensionKind::Mid => {
            let value = String::from_utf8_lossy(value);
            return Err(format!("a packet claims to belong to m-line {value}"));
        }
        ExtensionKind::AudioLevel => &[1],
        ExtensionKind::TransportSequence => &[2],
        ExtensionKind::AbsSendTime | ExtensionKind::PlayoutDelay => &[3],
        ExtensionKind::AbsCaptureTime => &[8, 16],
        ExtensionKind::DependencyDescriptor => return Ok(()),
        other => return Err(format!("a receiver is told {other:?}")),
    };
    match sizes.contains(&value.len()) {
        true => Ok(()),
        false => Err(format!("{kind:?} has {} bytes", value.len())),
    }
}

pub(super) const fn clock_rate(kind: MediaKind) -> u32 {
    match kind {
        MediaKind::Audio => 48_000,
        MediaKind::Video => 90_000,
    }
}

const NTP_UNITS_PER_SECOND: f64 = 4_294_967_296.0;

/// Unwrapped numbers begin here, so that what arrives before the first stays positive.
const FIRST_CYCLE: u64 = 1 << 16;

/// How far back a report looks for the packet that it speaks of.
const REPORT_LOOKBACK: usize = 64;

/// What one may wait for a path that cannot take it at once.
const PACE_TIME: Duration = Duration::from_secs(1);

/// What a packet that was decided on before a mute may take through a pipe to be sent.
const PIPE_TIME: Duration = Duration::from_millis(20);

/// Gaps in the last moments may be packets that are still under way.
const SETTLING: Duration = Duration::from_secs(1);
