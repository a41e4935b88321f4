//! Packets and parameters for the tests of `publish` and `subscribe`.

use std::time::Instant;

use sfu_rtp::{
    ExtensionElement, ExtensionMap, HeaderWriter, Mid, PayloadType, Rid, RtpHeader, RtpTime, Ssrc,
};

mod scalable;

pub(crate) use scalable::{Mode, Scalable, ScalableFrame, layers};

use super::track::{Arrival, Received, Refusal, Track};
use crate::parameters::{
    Codec, CodecFormat, EncodingParameters, Feedback, IceCredentials, IceParameters, MediaKind,
    NegotiatedCodec, PeerParameters, PublishedMedia,
};

pub(crate) const VP8: u8 = 96;
pub(crate) const VP8_RTX: u8 = 97;
pub(crate) const OPUS: u8 = 111;
pub(crate) const RED: u8 = 63;

pub(crate) fn payload_type(value: u8) -> PayloadType {
    PayloadType::new(value).expect("seven bits")
}

pub(crate) fn mid(text: &str) -> Mid {
    Mid::parse(text.as_bytes()).expect("a token")
}

pub(crate) fn rid(text: &str) -> Rid {
    Rid::parse(text.as_bytes()).expect("a rid")
}

/// An m-line for VP8 with these RIDs, or one encoding without.
pub(crate) fn video(name: &str, rids: &[&str]) -> PublishedMedia {
    let encoding = |rid| EncodingParameters {
        rid,
        ssrc: None,
        rtx_ssrc: None,
    };
    PublishedMedia {
        mid: mid(name),
        kind: MediaKind::Video,
        codecs: vec![NegotiatedCodec {
            codec: Codec::Vp8,
            format: CodecFormat::Any,
            payload_type: payload_type(VP8),
            rtx: Some(payload_type(VP8_RTX)),
            red: None,
            feedback: Feedback {
                nack: true,
                pli: true,
                ..Feedback::default()
            },
        }],
        encodings: if rids.is_empty() {
            vec![encoding(None)]
        } else {
            rids.iter().map(|name| encoding(Some(rid(name)))).collect()
        },
        stream_id: None,
    }
}

/// An m-line for Opus.
pub(crate) fn audio(name: &str) -> PublishedMedia {
    let mut media = video(name, &[]);
    media.kind = MediaKind::Audio;
    media.codecs[0].codec = Codec::Opus;
    media.codecs[0].payload_type = payload_type(OPUS);
    media.codecs[0].rtx = None;
    media
}

/// An m-line for Opus, with redundancy.
pub(crate) fn redundant_audio(name: &str) -> PublishedMedia {
    let mut media = audio(name);
    media.codecs[0].red = Some(payload_type(RED));
    media
}

/// A peer that publishes these and numbers its header extensions by `extensions`.
pub(crate) fn publisher(
    published: Vec<PublishedMedia>,
    extensions: ExtensionMap,
) -> PeerParameters {
    let credentials = || IceCredentials {
        ufrag: "frag".into(),
        pwd: "a-password-of-22-chars".into(),
    };
    PeerParameters {
        ice: IceParameters {
            local: credentials(),
            remote: credentials(),
        },
        fingerprints: Vec::new(),
        receive_extensions: extensions,
        published,
        slots: Vec::new(),
        data: None,
    }
}

/// One RTP packet to be built.
pub(crate) struct Sample<'a> {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) extensions: &'a [ExtensionElement<'a>],
    pub(crate) payload: &'a [u8],
}

impl Sample<'_> {
    pub(crate) fn build(&self) -> (RtpHeader, Vec<u8>) {
        let mut packet = vec![0; 256];
        let writer = HeaderWriter {
            marker: self.marker,
            padding: false,
            payload_type: payload_type(self.payload_type),
            sequence: self.sequence,
            timestamp: RtpTime::new(self.timestamp),
            ssrc: Ssrc::new(self.ssrc),
        };
        let len = writer
            .write(self.extensions, &mut packet)
            .expect("the header fits");
        packet.truncate(len);
        packet.extend_from_slice(self.payload);
        let header = RtpHeader::parse(&packet).expect("what was just written");
        (header, packet)
    }

    /// Offers it to `track` as a packet that has come on `encoding`, with header extensions as `extension_ids` has them.
    pub(crate) fn offer_to(
        &self,
        track: &mut Track,
        now: Instant,
        encoding: usize,
        extension_ids: &ExtensionMap,
    ) -> Result<Arrival, Refusal> {
        let (header, packet) = self.build();
        let received = Received {
            header,
            plaintext: &packet,
            retransmitted: false,
            extension_ids,
        };
        track.accept(now, encoding, &received)
    }
}

/// A VP8 payload with a 15-bit picture id: a keyframe of the given height, or an inter frame.
pub(crate) fn vp8(picture_id: u16, keyframe_height: Option<u16>) -> Vec<u8> {
    let [high, low] = (picture_id | 0x8000).to_be_bytes();
    let mut payload = vec![0x90, 0x80, high, low];
    match keyframe_height {
        Some(height) => {
            payload.extend([0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x01]);
            payload.extend(height.to_le_bytes());
        }
        None => payload.extend([0x01, 0x00, 0x00]),
    }
    payload
}
