//! The text of an answer (RFC 8829 §5.3.1 and §5.3.2).
//!
//! Nothing of the peer's is repeated but tokens, numbers and RID restrictions that were read, so that
//! no offer can smuggle a line into an answer.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use sfu_rtp::{Mid, PayloadType};

use super::{Answered, AnsweredMedia, LocalDescription};
use crate::parameters::{
    CNAME, Codec, DataParameters, MAX_DATA_MESSAGE_BYTES, MediaKind, NegotiatedCodec, SlotMedia,
};
use crate::sdp::candidate::Candidate;
use crate::sdp::codecs::OfferedCodec;
use crate::sdp::direction::Direction;
use crate::sdp::extensions::OfferedExtension;
use crate::sdp::media::MIXED_FORMS;
use crate::sdp::offer::{Offer, Section};
use crate::sdp::simulcast::AcceptedRid;

pub(super) fn answer(offer: &Offer, local: &LocalDescription, sections: &[Answered<'_>]) -> String {
    let mut text = Text::default();
    let accepted: Vec<_> = accepted_mids(offer, sections).collect();
    write_session(&mut text, offer, local, &accepted);
    for (section, answered) in offer.sections.iter().zip(sections) {
        let is_tagged = section.mid.is_some() && section.mid == accepted.first().copied();
        match answered {
            Answered::Media(media) => {
                write_head(&mut text, section, local, &formats(media), is_tagged);
                write_media(&mut text, media);
            }
            Answered::Data(_) => {
                write_head(&mut text, section, local, "webrtc-datachannel", is_tagged);
                write_data(&mut text);
            }
            Answered::Refused(_) => write_refused(&mut text, section),
        }
    }
    text.0
}

/// In the order of the offered group: the first is the answerer-tagged one.
fn accepted_mids<'a>(
    offer: &'a Offer,
    sections: &'a [Answered<'_>],
) -> impl Iterator<Item = Mid> + 'a {
    offer
        .bundle
        .iter()
        .filter_map(|&place| match sections.get(place)? {
            Answered::Media(_) | Answered::Data(_) => offer.sections.get(place)?.mid,
            Answered::Refused(_) => None,
        })
}

fn write_session(text: &mut Text, offer: &Offer, local: &LocalDescription, accepted: &[Mid]) {
    let (id, version) = (local.session_id, local.session_version);
    text.line(format_args!("v=0"));
    text.line(format_args!("o=- {id} {version} IN IP4 0.0.0.0"));
    text.line(format_args!("s=-"));
    text.line(format_args!("t=0 0"));
    text.line(format_args!("a=ice-lite"));
    // Trickled candidates are welcome, if of no use: clients that see this need not wait for theirs.
    text.line(format_args!("a=ice-options:trickle ice2"));
    text.line(format_args!("a=group:BUNDLE{}", list(" ", accepted)));
    if offer.mixed_extension_forms {
        text.line(format_args!("a={MIXED_FORMS}"));
    }
}

/// What every accepted m-line has. RFC 9143 §7.1.3 wants the transport in the tagged one only, but
/// clients that look for it in each are still met, and none that minds it; browsers do the same.
fn write_head(
    text: &mut Text,
    section: &Section,
    local: &LocalDescription,
    formats: &str,
    is_tagged: bool,
) {
    let default = local
        .candidates
        .first()
        .map(|candidate| candidate.address());
    let address = default.unwrap_or(NO_ADDRESS);
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let Section {
        media, protocol, ..
    } = section;
    text.line(format_args!(
        "m={media} {} {protocol} {formats}",
        address.port()
    ));
    text.line(format_args!("c=IN {family} {}", address.ip()));
    write_mid(text, section);
    text.line(format_args!("a=ice-ufrag:{}", local.ice.ufrag));
    text.line(format_args!("a=ice-pwd:{}", local.ice.pwd));
    text.line(format_args!("a=fingerprint:sha-256 {}", local.fingerprint));
    text.line(format_args!("a=setup:passive"));
    if is_tagged {
        for line in Candidate::lines(&local.candidates) {
            text.line(format_args!("a=candidate:{line}"));
        }
        text.line(format_args!("a=end-of-candidates"));
    }
}

fn write_refused(text: &mut Text, section: &Section) {
    let Section {
        media,
        protocol,
        format,
        ..
    } = section;
    text.line(format_args!("m={media} 0 {protocol} {format}"));
    text.line(format_args!("c=IN IP4 {}", NO_ADDRESS.ip()));
    write_mid(text, section);
    text.line(format_args!("a=inactive"));
}

fn write_mid(text: &mut Text, section: &Section) {
    if let Some(mid) = section.mid {
        text.line(format_args!("a=mid:{mid}"));
    }
}

fn write_data(text: &mut Text) {
    let port = DataParameters::LOCAL_PORT;
    text.line(format_args!("a=sctp-port:{port}"));
    text.line(format_args!("a=max-message-size:{MAX_DATA_MESSAGE_BYTES}"));
}

fn write_media(text: &mut Text, media: &AnsweredMedia<'_>) {
    let offered = media.offered;
    text.line(format_args!("a=rtcp-mux"));
    if offered.reduced_size_rtcp {
        text.line(format_args!("a=rtcp-rsize"));
    }
    text.line(format_args!("a={}", offered.direction().reversed().name()));
    if offered.mixed_extension_forms {
        text.line(format_args!("a={MIXED_FORMS}"));
    }
    for extension in &offered.extensions {
        write_extension(text, extension);
    }
    for codec in &media.codecs {
        write_codec(text, codec);
    }
    write_rids(text, &media.rids);
    if let Some(slot) = &media.slot {
        write_slot(text, slot);
    }
}

fn write_extension(text: &mut Text, extension: &OfferedExtension) {
    let (id, uri) = (extension.id, extension.kind.uri());
    match extension.direction.map(Direction::reversed) {
        Some(direction) => {
            text.line(format_args!("a=extmap:{id}/{} {uri}", direction.name()));
        }
        None => text.line(format_args!("a=extmap:{id} {uri}")),
    }
}

fn write_codec(text: &mut Text, codec: &OfferedCodec) {
    let NegotiatedCodec {
        codec: name,
        payload_type,
        rtx,
        red,
        feedback,
        ..
    } = codec.negotiated;
    let channels = match name.kind() {
        MediaKind::Audio => "/2",
        MediaKind::Video => "",
    };
    let (clock_rate, name) = (name.clock_rate(), Codec::name(name));
    text.line(format_args!(
        "a=rtpmap:{payload_type} {name}/{clock_rate}{channels}"
    ));
    if !codec.fmtp.is_empty() {
        text.line(format_args!("a=fmtp:{payload_type} {}", codec.fmtp));
    }
    let feedback = [
        (feedback.transport_cc, "transport-cc"),
        (feedback.remb, "goog-remb"),
        (feedback.fir, "ccm fir"),
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
    ];
    for (_, kind) in feedback.into_iter().filter(|&(agreed, _)| agreed) {
        text.line(format_args!("a=rtcp-fb:{payload_type} {kind}"));
    }
    if let Some(rtx) = rtx {
        text.line(format_args!("a=rtpmap:{rtx} rtx/{clock_rate}"));
        text.line(format_args!("a=fmtp:{rtx} apt={payload_type}"));
    }
    if let Some(red) = red {
        text.line(format_args!("a=rtpmap:{red} red/{clock_rate}{channels}"));
        text.line(format_args!("a=fmtp:{red} {payload_type}/{payload_type}"));
    }
}

fn write_rids(text: &mut Text, rids: &[AcceptedRid<'_>]) {
    for accepted in rids {
        let formats = list(",", &accepted.formats);
        let formats = formats
            .strip_prefix(',')
            .map(|formats| format!("pt={formats}"));
        let restrictions: Vec<_> = formats
            .iter()
            .chain(accepted.restrictions)
            .map(String::as_str)
            .collect();
        let space = if restrictions.is_empty() { "" } else { " " };
        let restrictions = restrictions.join(";");
        text.line(format_args!(
            "a=rid:{} recv{space}{restrictions}",
            accepted.rid
        ));
    }
    if !rids.is_empty() {
        let rids: Vec<_> = rids.iter().map(|accepted| accepted.rid.as_str()).collect();
        text.line(format_args!("a=simulcast:recv {}", rids.join(";")));
    }
}

/// The track is named like its m-line; the stream makes receivers play a pair in sync.
fn write_slot(text: &mut Text, slot: &SlotMedia) {
    let (stream, mid, ssrc) = (slot.stream_id(), slot.mid, slot.ssrc);
    text.line(format_args!("a=msid:{stream} {mid}"));
    if let Some(rtx) = slot.rtx_ssrc {
        text.line(format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
    }
    text.line(format_args!("a=ssrc:{ssrc} cname:{CNAME}"));
    if let Some(rtx) = slot.rtx_ssrc {
        text.line(format_args!("a=ssrc:{rtx} cname:{CNAME}"));
    }
}

/// Each codec is followed by its retransmissions, and by its redundant form or after it, as the peer prefers:
/// browsers send what comes first.
fn formats(media: &AnsweredMedia<'_>) -> String {
    let types = media.codecs.iter().flat_map(|codec| {
        let NegotiatedCodec {
            payload_type,
            rtx,
            red,
            ..
        } = codec.negotiated;
        let (first, last) = match codec.prefers_red {
            true => (red, None),
            false => (None, red),
        };
        [first, Some(payload_type), rtx, last]
    });
    let types = types.flatten();
    let types: Vec<PayloadType> = types.collect();
    list(" ", &types).trim_start().to_owned()
}

/// Each item with the separator before it.
fn list(separator: &str, items: &[impl fmt::Display]) -> String {
    items
        .iter()
        .map(|item| format!("{separator}{item}"))
        .collect()
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        fmt::Write::write_fmt(&mut self.0, line).expect("a string takes everything");
        self.0.push_str("\r\n");
    }
}

/// RFC 8829 §5.2.1: for want of a candidate.
const NO_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9);
