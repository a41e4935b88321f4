//! The viewer's half of a peer: counts every packet that arrives, and authenticates and reads a sample.

use std::time::{Duration, Instant};

use sfu_rtp::RtpHeader;
use sfu_rtp::codec::Vp8Descriptor;

use super::rtcp::{LastSenderReport, Reception};
use super::srtp::SrtpSession;
use crate::client::{Note, StreamAccount, StreamSummary, Tally};
use crate::clock::Stamp;
use crate::media::{Kind, marker_of};

/// Everything that one peer receives.
#[derive(Debug)]
pub(super) struct Receiving {
    /// Few, and looked through from the front.
    streams: Vec<Stream>,
    sample_every: u32,
    /// Latency counts from then on.
    settled_at: Stamp,
}

#[derive(Debug)]
struct Stream {
    ssrc: u32,
    account: StreamAccount,
    /// Packets until the next that is looked into.
    until_sample: u32,
    first_frame: FirstFrame,
    last_sender_report: Option<LastSenderReport>,
    reported_received: u64,
    reported_span: u64,
}

/// How far the first keyframe has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FirstFrame {
    /// It has not begun.
    Awaited,
    /// All of it is here so far; this sequence number comes next.
    Partly { next: u16 },
    /// It is here, or the stream has no frames.
    Complete,
}

/// What a packet was the first of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Firsts {
    /// The first media packet.
    pub(super) media: bool,
    /// The last packet of the first whole keyframe.
    pub(super) frame: bool,
}

/// A packet and what is known of its arrival.
pub(super) struct Arrived<'a> {
    /// The packet, protected.
    pub(super) bytes: &'a [u8],
    /// Its header.
    pub(super) header: RtpHeader,
    /// Sound or picture.
    pub(super) kind: Kind,
    /// When it reached the socket.
    pub(super) at: Stamp,
}

impl Receiving {
    /// One that looks into every `sample_every`th packet of a stream.
    pub(super) fn new(sample_every: u32) -> Self {
        Self {
            streams: Vec::new(),
            sample_every: sample_every.max(1),
            settled_at: Stamp::from_nanos(u64::MAX),
        }
    }

    /// Media can flow from now on. What was sent before comes from the server's cache, and how old that is
    /// says nothing about forwarding; what is sent next may wait for the slot to begin.
    pub(super) fn connected(&mut self, now: Stamp) {
        self.settled_at = Stamp::from_nanos(now.nanos() + SETTLING_NANOS);
    }

    /// Takes a packet.
    pub(super) fn handle(
        &mut self,
        arrived: &Arrived<'_>,
        srtp: &mut SrtpSession,
        tally: &mut Tally,
    ) -> Firsts {
        let ssrc = arrived.header.ssrc().get();
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) else {
            return self.handle_first(arrived, srtp, tally);
        };
        stream.count(arrived, tally);
        let due = stream.until_sample == 0;
        stream.until_sample = if due {
            self.sample_every - 1
        } else {
            stream.until_sample - 1
        };
        let mut firsts = Firsts::default();
        if due || stream.first_frame != FirstFrame::Complete {
            let Some(plaintext) = authenticate(arrived, srtp, tally) else {
                return firsts;
            };
            firsts.frame = stream.look_into(arrived, &plaintext, self.settled_at, tally);
        }
        firsts
    }

    /// A stream begins with a packet that authenticates, or not at all.
    fn handle_first(
        &mut self,
        arrived: &Arrived<'_>,
        srtp: &mut SrtpSession,
        tally: &mut Tally,
    ) -> Firsts {
        if self.streams.len() >= MAX_STREAMS {
            tally.strange += 1;
            return Firsts::default();
        }
        let Some(plaintext) = authenticate(arrived, srtp, tally) else {
            return Firsts::default();
        };
        let mut stream = Stream::new(arrived, self.sample_every - 1);
        stream.count(arrived, tally);
        let firsts = Firsts {
            media: self.streams.is_empty(),
            frame: stream.look_into(arrived, &plaintext, self.settled_at, tally),
        };
        self.streams.push(stream);
        firsts
    }

    /// Notes a sender report of the server.
    pub(super) fn note_sender_report(&mut self, ssrc: u32, report: LastSenderReport) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.last_sender_report = Some(report);
        }
    }

    /// What to report now.
    pub(super) fn receptions(&mut self) -> Vec<Reception> {
        self.streams.iter_mut().map(Stream::reception).collect()
    }

    /// What there is to say in the end.
    pub(super) fn summaries(&self) -> Vec<StreamSummary> {
        self.streams
            .iter()
            .map(|stream| stream.account.summary())
            .collect()
    }
}

impl Stream {
    fn new(arrived: &Arrived<'_>, until_sample: u32) -> Self {
        Self {
            ssrc: arrived.header.ssrc().get(),
            account: StreamAccount::new(arrived.kind, arrived.header.sequence()),
            until_sample,
            first_frame: match arrived.kind {
                Kind::Video => FirstFrame::Awaited,
                Kind::Audio => FirstFrame::Complete,
            },
            last_sender_report: None,
            reported_received: 0,
            reported_span: 0,
        }
    }

    fn count(&mut self, arrived: &Arrived<'_>, tally: &mut Tally) {
        match self.account.note(arrived.header.sequence()) {
            Note::New { skipped } => tally.lost += skipped as i64,
            Note::Late => tally.lost -= 1,
            Note::Duplicate => {
                tally.duplicates += 1;
                return;
            }
        }
        tally.packets += 1;
        tally.bytes += arrived.bytes.len() as u64;
    }

    /// Learns from a packet that is authentic. Whether it completes the first keyframe.
    fn look_into(
        &mut self,
        arrived: &Arrived<'_>,
        plaintext: &[u8],
        settled_at: Stamp,
        tally: &mut Tally,
    ) -> bool {
        let Some(payload) = plaintext.get(arrived.header.header_len()..) else {
            return false;
        };
        if let Some(marker) = marker_of(self.account.kind(), payload) {
            self.account.learn(arrived.header.sequence(), &marker);
            if marker.sent_at >= settled_at
                && let Some(nanos) = arrived.at.nanos_since(marker.sent_at)
            {
                tally.latency.record_nanos(nanos);
            }
        }
        self.watch_for_frame(&arrived.header, payload)
    }

    fn watch_for_frame(&mut self, header: &RtpHeader, payload: &[u8]) -> bool {
        let sequence = header.sequence();
        let begins = || Vp8Descriptor::parse(payload).is_some_and(|vp8| vp8.keyframe);
        let has_all = match self.first_frame {
            FirstFrame::Complete => return false,
            FirstFrame::Partly { next } if next == sequence => true,
            FirstFrame::Partly { .. } | FirstFrame::Awaited => begins(),
        };
        self.first_frame = match (has_all, header.marker()) {
            (false, _) => FirstFrame::Awaited,
            (true, true) => FirstFrame::Complete,
            (true, false) => FirstFrame::Partly {
                next: sequence.wrapping_add(1),
            },
        };
        self.first_frame == FirstFrame::Complete
    }

    fn reception(&mut self) -> Reception {
        let (received, span) = (self.account.received(), self.account.span());
        let expected_now = span.saturating_sub(self.reported_span);
        let received_now = received.saturating_sub(self.reported_received);
        (self.reported_received, self.reported_span) = (received, span);
        let lost_now = expected_now.saturating_sub(received_now);
        Reception {
            ssrc: self.ssrc,
            fraction_lost: (lost_now * 256)
                .checked_div(expected_now)
                .unwrap_or(0)
                .min(255) as u8,
            total_lost: span.saturating_sub(received),
            extended_highest: self.account.extended_highest(),
            last_sender_report: self.last_sender_report,
        }
    }
}

fn authenticate(
    arrived: &Arrived<'_>,
    srtp: &mut SrtpSession,
    tally: &mut Tally,
) -> Option<bytes::BytesMut> {
    match srtp.unprotect_rtp(arrived.bytes) {
        Ok(plaintext) => {
            tally.authenticated += 1;
            Some(plaintext)
        }
        Err(_) => {
            tally.unauthenticated += 1;
            None
        }
    }
}

/// How often to report (RFC 3550 §6.2; browsers report about once a second).
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// When the next report is due, not at the same moment for all (RFC 3550 §6.3.1): `spread` is random.
pub(super) fn next_report(now: Instant, spread: u8) -> Instant {
    now + REPORT_INTERVAL.mul_f64(0.8 + 0.4 * f64::from(spread) / 255.0)
}

/// Longer than a server that is busy with a crowd takes from the handshake to a picture.
const SETTLING_NANOS: u64 = 500_000_000;

/// A server that sends more streams than this is not showing slots.
const MAX_STREAMS: usize = 1_024;
