//! Offers as negotiation leaves them.

use sfu_rtp::{ExtensionMap, Mid, PayloadType, Ssrc};

use crate::parameters::{
    Codec, CodecFormat, DataParameters, EncodingParameters, Fingerprint, IceCredentials,
    IceParameters, MediaKind, NegotiatedCodec, PeerParameters, PublishedMedia, SlotMedia,
};
use crate::room::{TrackDeclaration, TrackSource};

#[derive(Clone, Default)]
pub(super) struct Offer {
    pub(super) published: Vec<PublishedMedia>,
    pub(super) slots: Vec<SlotMedia>,
    pub(super) declarations: Vec<TrackDeclaration>,
    pub(super) without_data: bool,
}

impl Offer {
    /// A camera and a microphone, and this many pairs of slots.
    pub(super) fn conference(pairs: u16) -> Self {
        Self::default()
            .publish("mic", TrackSource::Microphone)
            .publish("cam", TrackSource::Camera)
            .pairs(pairs)
    }

    pub(super) fn viewer(pairs: u16) -> Self {
        Self::default().pairs(pairs)
    }

    pub(super) fn publish(mut self, name: &str, source: TrackSource) -> Self {
        self.published.push(PublishedMedia {
            mid: mid(name),
            kind: source.kind(),
            codecs: vec![codec(source.kind())],
            encodings: vec![EncodingParameters {
                rid: None,
                ssrc: None,
                rtx_ssrc: None,
            }],
            stream_id: None,
        });
        self.declarations.push(TrackDeclaration {
            mid: mid(name),
            source,
            muted: false,
        });
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.published.retain(|media| media.mid != mid(name));
        self.declarations
            .retain(|declared| declared.mid != mid(name));
        self
    }

    pub(super) fn muted(mut self, name: &str) -> Self {
        let mut declared = self.declarations.iter_mut();
        declared
            .find(|d| d.mid == mid(name))
            .expect("published before")
            .muted = true;
        self
    }

    pub(super) fn slot(mut self, kind: MediaKind, pair: u16) -> Self {
        let letter = if kind == MediaKind::Audio { 'a' } else { 'v' };
        self.slots.push(SlotMedia {
            mid: mid(&format!("{letter}{pair}")),
            kind,
            codecs: vec![codec(kind)],
            extensions: ExtensionMap::default(),
            ssrc: Ssrc::new(self.slots.len() as u32 + 1),
            rtx_ssrc: None,
            pair,
        });
        self
    }

    /// Only this many pairs from now on.
    pub(super) fn pairs(mut self, pairs: u16) -> Self {
        self.slots.clear();
        (0..pairs).fold(self, |offer, pair| {
            offer
                .slot(MediaKind::Audio, pair)
                .slot(MediaKind::Video, pair)
        })
    }

    pub(super) fn parameters(&self) -> Box<PeerParameters> {
        let credentials = IceCredentials {
            ufrag: "abcd".into(),
            pwd: "p".repeat(22),
        };
        Box::new(PeerParameters {
            ice: IceParameters {
                local: credentials.clone(),
                remote: credentials,
            },
            fingerprints: vec![Fingerprint([0; 32])],
            receive_extensions: ExtensionMap::default(),
            published: self.published.clone(),
            slots: self.slots.clone(),
            data: (!self.without_data).then_some(DataParameters {
                remote_port: 5000,
                max_message_size: 65_536,
            }),
        })
    }
}

pub(super) fn mid(text: &str) -> Mid {
    Mid::parse(text.as_bytes()).expect("a mid")
}

pub(super) fn codec(kind: MediaKind) -> NegotiatedCodec {
    NegotiatedCodec {
        codec: if kind == MediaKind::Audio {
            Codec::Opus
        } else {
            Codec::Vp8
        },
        format: CodecFormat::Any,
        payload_type: PayloadType::new(96).expect("7 bits"),
        rtx: None,
        red: None,
        feedback: Default::default(),
    }
}
