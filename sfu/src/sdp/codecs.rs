//! Which formats of an m-line the server forwards: `a=rtpmap`, `a=fmtp` and `a=rtcp-fb`
//! (RFC 8866 §6.6 and §6.15, RFC 4585 §4.2), retransmission formats (RFC 4588 §8) and
//! redundant ones (RFC 2198 §5) joined to theirs.

mod format;
mod policy;

use sfu_rtp::PayloadType;

pub use policy::CodecPolicy;

use super::lines::{Attributes, Malformed, MediaLine};
use crate::parameters::{Codec, Feedback, MediaKind, NegotiatedCodec};

/// A format that was offered and that the server can forward.
#[derive(Clone, Debug)]
pub(super) struct OfferedCodec {
    pub(super) negotiated: NegotiatedCodec,
    /// What the answer's `a=fmtp` says; empty if there is nothing to say.
    pub(super) fmtp: String,
    /// The peer would rather send and get it with redundancy than without: that format comes first.
    pub(super) prefers_red: bool,
}

/// The formats of an m-line that can be forwarded, in the order of the offer; each payload type once.
pub(super) fn read(
    kind: MediaKind,
    line: &MediaLine<'_>,
    attributes: &Attributes<'_>,
) -> Result<Vec<OfferedCodec>, Malformed> {
    let table = FormatTable::read(attributes)?;
    let mut formats = Vec::with_capacity(line.formats.len());
    for format in &line.formats {
        // A payload type over 127 can be nobody's.
        if let Some(payload_type) = payload_type(format)
            && !formats.contains(&payload_type)
        {
            formats.push(payload_type);
        }
    }
    let codecs = formats.iter().filter_map(|&payload_type| {
        let format = table.get(payload_type)?;
        let codec = format
            .codec(kind)
            .filter(|_| !is_taken_for_rtcp(payload_type))?;
        let (codec_format, fmtp) = format::read(codec, format.fmtp.unwrap_or_default())?;
        let repairs = |&candidate: &PayloadType| {
            let rtx = table.get(candidate);
            rtx.is_some_and(|rtx| rtx.repairs(payload_type, codec)) && !is_taken_for_rtcp(candidate)
        };
        let wraps = |&candidate: &PayloadType| {
            let red = table.get(candidate);
            red.is_some_and(|red| red.wraps(payload_type, codec)) && !is_taken_for_rtcp(candidate)
        };
        let red = formats.iter().copied().find(wraps);
        let place = |format| formats.iter().position(|&other| other == format);
        Some(OfferedCodec {
            negotiated: NegotiatedCodec {
                codec,
                format: codec_format,
                payload_type,
                rtx: formats.iter().copied().find(repairs),
                red,
                feedback: table.feedback(payload_type, kind),
            },
            fmtp,
            prefers_red: red.is_some_and(|red| place(red) < place(payload_type)),
        })
    });
    Ok(codecs.collect())
}

/// What the attributes say about each payload type.
struct FormatTable<'a> {
    formats: Vec<OfferedFormat<'a>>,
    /// `a=rtcp-fb:*`
    feedback_of_all: Feedback,
}

#[derive(Clone, Default)]
struct OfferedFormat<'a> {
    name: &'a str,
    clock_rate: u32,
    channels: Option<&'a str>,
    fmtp: Option<&'a str>,
    feedback: Feedback,
}

impl<'a> FormatTable<'a> {
    fn read(attributes: &Attributes<'a>) -> Result<Self, Malformed> {
        let mut table = Self {
            formats: vec![OfferedFormat::default(); PAYLOAD_TYPES],
            feedback_of_all: Feedback::default(),
        };
        for attribute in attributes.iter() {
            let (format, rest) = attribute.value.split_once(' ').unwrap_or_default();
            match attribute.name {
                "rtpmap" => {
                    let map = payload_type(format).zip(rtpmap(rest));
                    let (payload_type, map) = map.ok_or_else(|| {
                        attribute.malformed("a=rtpmap:<payload type> <name>/<clock rate>")
                    })?;
                    table.map(payload_type, map);
                }
                "fmtp" => {
                    if let Some(format) = table.get_mut(format) {
                        format.fmtp.get_or_insert(rest);
                    }
                }
                "rtcp-fb" => {
                    let feedback = match format {
                        "*" => Some(&mut table.feedback_of_all),
                        _ => table.get_mut(format).map(|format| &mut format.feedback),
                    };
                    if let Some(feedback) = feedback {
                        add_feedback(feedback, rest);
                    }
                }
                _ => {}
            }
        }
        Ok(table)
    }

    fn map(&mut self, payload_type: PayloadType, (name, clock_rate, channels): RtpMap<'a>) {
        let format = self.formats.get_mut(usize::from(payload_type.get()));
        if let Some(format) = format.filter(|format| format.name.is_empty()) {
            format.name = name;
            format.clock_rate = clock_rate;
            format.channels = channels;
        }
    }

    fn get(&self, payload_type: PayloadType) -> Option<&OfferedFormat<'a>> {
        self.formats.get(usize::from(payload_type.get()))
    }

    fn get_mut(&mut self, format: &str) -> Option<&mut OfferedFormat<'a>> {
        let payload_type = payload_type(format)?;
        self.formats.get_mut(usize::from(payload_type.get()))
    }

    /// What both sides know and what makes sense for this kind of media.
    fn feedback(&self, payload_type: PayloadType, kind: MediaKind) -> Feedback {
        let own = self
            .get(payload_type)
            .map(|format| format.feedback)
            .unwrap_or_default();
        let all = self.feedback_of_all;
        let video = kind == MediaKind::Video;
        Feedback {
            nack: own.nack || all.nack,
            pli: video && (own.pli || all.pli),
            fir: video && (own.fir || all.fir),
            transport_cc: own.transport_cc || all.transport_cc,
            remb: video && (own.remb || all.remb),
        }
    }
}

impl OfferedFormat<'_> {
    fn codec(&self, kind: MediaKind) -> Option<Codec> {
        FORWARDED.into_iter().find(|codec| {
            codec.kind() == kind
                && self.name.eq_ignore_ascii_case(codec.name())
                && self.clock_rate == codec.clock_rate()
                // RFC 7587 §7: Opus is always announced with two channels.
                && (kind == MediaKind::Video || self.channels == Some("2"))
        })
    }

    fn repairs(&self, payload_type: PayloadType, codec: Codec) -> bool {
        let associated = || format::parameter(self.fmtp?, "apt").and_then(self::payload_type);
        self.name.eq_ignore_ascii_case("rtx")
            && self.clock_rate == codec.clock_rate()
            && associated() == Some(payload_type)
    }
}

impl OfferedFormat<'_> {
    /// Whether its blocks are all of this format. Of other mixtures receivers make nothing.
    fn wraps(&self, payload_type: PayloadType, codec: Codec) -> bool {
        let blocks = self.fmtp.unwrap_or_default().split('/');
        let ours = |block: &str| self::payload_type(block.trim()) == Some(payload_type);
        self.name.eq_ignore_ascii_case("red")
            && codec == Codec::Opus
            && self.clock_rate == codec.clock_rate()
            && self.channels == Some("2")
            && blocks.clone().count() >= 2
            && blocks.clone().all(ours)
    }
}

type RtpMap<'a> = (&'a str, u32, Option<&'a str>);

/// `<name>/<clock rate>[/<channels>]`
fn rtpmap(value: &str) -> Option<RtpMap<'_>> {
    let mut parts = value.trim().split('/');
    let name = parts.next().filter(|name| !name.is_empty())?;
    Some((name, parts.next()?.parse().ok()?, parts.next()))
}

fn add_feedback(feedback: &mut Feedback, value: &str) {
    let mut words = value.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("nack"), None) => feedback.nack = true,
        (Some("nack"), Some("pli")) => feedback.pli = true,
        (Some("ccm"), Some("fir")) => feedback.fir = true,
        (Some("transport-cc"), None) => feedback.transport_cc = true,
        (Some("goog-remb"), None) => feedback.remb = true,
        _ => {}
    }
}

fn payload_type(text: &str) -> Option<PayloadType> {
    text.parse().ok().and_then(PayloadType::new)
}

/// RFC 5761 §4: with RTP and RTCP on one port, these cannot be told from RTCP packet types.
fn is_taken_for_rtcp(payload_type: PayloadType) -> bool {
    (64..=95).contains(&payload_type.get())
}

const PAYLOAD_TYPES: usize = 128;

const FORWARDED: [Codec; 5] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::Av1];
