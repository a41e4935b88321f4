//! Who takes part in a scenario: what they publish, how many slots they have, and what their network
//! is like. Plain data, made fluently.

use std::time::Duration;

use sfu::parameters::{Codec, MediaKind};
use sfu::room::{Grants, TrackSource, Viewing};
use sfu_rtp::ExtensionKind;

use crate::client::dialect::Dialect;
use crate::media::{EncoderSettings, Scalability};
use crate::network::Link;

/// A person who will join a room.
#[derive(Clone, Debug)]
pub struct Person {
    /// How its browser numbers payload types and extensions.
    pub dialect: Dialect,
    /// The SRTP profiles that its browser offers.
    pub protection: Protection,
    /// What it tells of how packets reach it.
    pub path_feedback: PathFeedback,
    /// How it finds out what its own path carries.
    pub guidance: Guidance,
    /// Whether it offers redundancy for sound (RFC 2198), and how many earlier frames it sends with each.
    pub redundancy: Option<usize>,
    /// Whether it takes part with the library's peer connection instead of a synthetic client.
    pub library: bool,
    /// Whether its offer names the fingerprint of another certificate than its own.
    pub lies_about_certificate: bool,
    /// What it publishes, in the order of its offer.
    pub sources: Vec<Source>,
    /// How many sound slots it offers.
    pub audio_slots: usize,
    /// How many picture slots it offers.
    pub video_slots: usize,
    /// The link by which it sends.
    pub uplink: Link,
    /// The link by which it receives.
    pub downlink: Link,
    /// What it may do.
    pub grants: Grants,
    /// What its slots are for.
    pub viewing: Viewing,
    /// Whether it stops sending what the server says that nobody watches.
    pub heeds_wishes: bool,
    /// The worker that serves it; `None`: the world chooses.
    pub worker: Option<usize>,
}

/// Which SRTP profiles a client offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// AEAD_AES_128_GCM and AES128_CM_HMAC_SHA1_80, the latter first, as Chromium does.
    Both,
    /// AES128_CM_HMAC_SHA1_80 only.
    Sha1Only,
}

/// What a client tells of the path to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PathFeedback {
    /// When each packet arrived, as all browsers do.
    Transport,
    /// Nothing, although it has agreed to.
    None,
}

/// How a client finds out what it may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guidance {
    /// From transport-wide feedback. Its encoders follow the scenario, not that.
    TransportFeedback,
    /// The server tells a bitrate; packets say when they left. It is obeyed.
    TimedRemb,
    /// The server tells a bitrate, and packets say nothing. It is obeyed.
    Remb,
}

impl Guidance {
    /// Whether packets have this extension, where the dialect has it.
    pub const fn allows(self, kind: ExtensionKind) -> bool {
        match (self, kind) {
            (Self::Remb, ExtensionKind::AbsSendTime) => false,
            (Self::TransportFeedback, _) => true,
            (_, kind) => !matches!(kind, ExtensionKind::TransportSequence),
        }
    }
}

/// A track to publish.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    /// What it shows.
    pub kind: TrackSource,
    /// Its encodings; of sound none, of pictures one or, with simulcast, several.
    pub layers: Vec<LayerSettings>,
    /// Whether it begins muted.
    pub muted: bool,
}

/// One encoding of a video track.
#[derive(Clone, PartialEq, Debug)]
pub struct LayerSettings {
    /// Its RID; without one there is no simulcast.
    pub rid: Option<String>,
    /// How it is coded.
    pub encoder: EncoderSettings,
    /// Whether it sends from the beginning.
    pub active: bool,
}

impl Person {
    /// Somebody with Chromium, a link of 10 ms each way, and nothing to show or to see.
    pub fn nobody() -> Self {
        Self {
            dialect: Dialect::Chromium,
            protection: Protection::Both,
            path_feedback: PathFeedback::Transport,
            guidance: Guidance::TransportFeedback,
            redundancy: None,
            library: false,
            lies_about_certificate: false,
            sources: Vec::new(),
            audio_slots: 0,
            video_slots: 0,
            uplink: Link::delayed(LINK_DELAY),
            downlink: Link::delayed(LINK_DELAY),
            grants: Grants::CONFERENCE,
            viewing: Viewing::Everyone,
            heeds_wishes: true,
            worker: None,
        }
    }

    /// Somebody in a conference: microphone, camera and four slots of each kind.
    pub fn talker() -> Self {
        Self::nobody().microphone().camera(300_000).slots(4)
    }

    /// Somebody who only watches, through four slots of each kind.
    pub fn viewer() -> Self {
        Self::nobody().slots(4)
    }

    /// This, with a microphone.
    #[must_use]
    pub fn microphone(self) -> Self {
        self.source(TrackSource::Microphone, Vec::new())
    }

    /// This, with a camera that sends one encoding of so many bits per second.
    #[must_use]
    pub fn camera(self, bitrate: u32) -> Self {
        let layer = LayerSettings {
            rid: None,
            encoder: encoder(bitrate, (640, 360)),
            active: true,
        };
        self.source(TrackSource::Camera, vec![layer])
    }

    /// This, with a camera that sends simulcast of so many bits per second each, the lowest first.
    #[must_use]
    pub fn simulcast(self, bitrates: &[u32]) -> Self {
        let layers = bitrates.iter().enumerate().map(|(index, &bitrate)| {
            let scale = 1 << index;
            LayerSettings {
                rid: Some(RIDS[index].to_owned()),
                encoder: encoder(bitrate, (320 * scale, 180 * scale)),
                active: true,
            }
        });
        let layers = layers.collect();
        self.source(TrackSource::Camera, layers)
    }

    /// This, with a shared screen.
    #[must_use]
    pub fn screen(self, bitrate: u32) -> Self {
        let layer = LayerSettings {
            rid: None,
            encoder: EncoderSettings {
                frame_rate: 10,
                ..encoder(bitrate, (1_920, 1_080))
            },
            active: true,
        };
        self.source(TrackSource::Screen, vec![layer])
    }

    /// This, with one more track.
    #[must_use]
    pub fn source(mut self, kind: TrackSource, layers: Vec<LayerSettings>) -> Self {
        self.sources.push(Source {
            kind,
            layers,
            muted: false,
        });
        self
    }

    /// This, with `layers` temporal layers in every encoding.
    #[must_use]
    pub fn temporal_layers(self, layers: u8) -> Self {
        self.encodings(|encoder| encoder.scalability.temporal = layers)
    }

    /// This, with `layers` spatial layers in every encoding.
    #[must_use]
    pub fn spatial_layers(self, layers: u8) -> Self {
        self.encodings(|encoder| encoder.scalability.spatial = layers)
    }

    /// This, with spatial layers that refer to one another in keyframes only.
    #[must_use]
    pub fn key_only(self) -> Self {
        self.encodings(|encoder| encoder.scalability.key = true)
    }

    /// This, coding all its pictures so. AV1 comes with dependency descriptors.
    #[must_use]
    pub fn codec(self, codec: Codec) -> Self {
        self.encodings(|encoder| {
            encoder.codec = codec;
            encoder.described |= codec == Codec::Av1;
        })
    }

    /// This, with dependency descriptors.
    #[must_use]
    pub fn described(self) -> Self {
        self.encodings(|encoder| encoder.described = true)
    }

    /// This, with pictures that are encrypted from end to end; dependency descriptors tell what servers must
    /// know.
    #[must_use]
    pub fn sealed(self) -> Self {
        self.described().encodings(|encoder| encoder.sealed = true)
    }

    /// This, with other names for the layers of its simulcast, the lowest first.
    #[must_use]
    pub fn rids(mut self, rids: &[&str]) -> Self {
        for source in &mut self.sources {
            for (layer, rid) in source.layers.iter_mut().zip(rids) {
                layer.rid = Some((*rid).to_owned());
            }
        }
        self
    }

    /// This, with the layer of this RID silent until the scenario starts it.
    #[must_use]
    pub fn without_layer(mut self, rid: &str) -> Self {
        let sources = self.sources.iter_mut();
        for layer in sources.flat_map(|source| &mut source.layers) {
            layer.active &= layer.rid.as_deref() != Some(rid);
        }
        self
    }

    fn encodings(mut self, change: impl Fn(&mut EncoderSettings)) -> Self {
        let sources = self.sources.iter_mut();
        for layer in sources.flat_map(|source| &mut source.layers) {
            change(&mut layer.encoder);
        }
        self
    }

    /// This, with so many slots of each kind.
    #[must_use]
    pub fn slots(self, pairs: usize) -> Self {
        Self {
            audio_slots: pairs,
            video_slots: pairs,
            ..self
        }
    }

    /// This, with so many slots for sound.
    #[must_use]
    pub fn audio_slots(self, audio_slots: usize) -> Self {
        Self {
            audio_slots,
            ..self
        }
    }

    /// This, with Firefox.
    #[must_use]
    pub fn firefox(self) -> Self {
        Self {
            dialect: Dialect::Firefox,
            ..self
        }
    }

    /// This, with a complete peer connection of the library, data channel included.
    #[must_use]
    pub fn with_library(self) -> Self {
        Self {
            library: true,
            ..self
        }
    }

    /// This, taking sound with redundancy, and sending it with so many earlier frames in each packet.
    #[must_use]
    pub fn redundant(self, frames: usize) -> Self {
        Self {
            redundancy: Some(frames),
            ..self
        }
    }

    /// This, sending what the server tells by REMB: it knows no transport-wide feedback.
    #[must_use]
    pub fn guided_by_remb(self, tells_departure: bool) -> Self {
        let guidance = match tells_departure {
            true => Guidance::TimedRemb,
            false => Guidance::Remb,
        };
        Self { guidance, ..self }
    }

    /// This, offering no AES-GCM.
    #[must_use]
    pub fn sha1_only(self) -> Self {
        Self {
            protection: Protection::Sha1Only,
            ..self
        }
    }

    /// This, telling nothing of the path to it.
    #[must_use]
    pub fn without_path_feedback(self) -> Self {
        Self {
            path_feedback: PathFeedback::None,
            ..self
        }
    }

    /// This, sending all it has whether or not anybody watches: somebody who came by WHIP.
    #[must_use]
    pub fn heedless(self) -> Self {
        Self {
            heeds_wishes: false,
            ..self
        }
    }

    /// This, receiving by this link.
    #[must_use]
    pub fn downlink(self, link: Link) -> Self {
        Self {
            downlink: link,
            ..self
        }
    }

    /// This, with the same link both ways.
    #[must_use]
    pub fn link(self, link: Link) -> Self {
        Self {
            uplink: link,
            downlink: link,
            ..self
        }
    }

    /// This, on the worker with this index.
    #[must_use]
    pub fn on_worker(self, worker: usize) -> Self {
        Self {
            worker: Some(worker),
            ..self
        }
    }
}

impl Source {
    /// Sound or pictures.
    pub fn media_kind(&self) -> MediaKind {
        self.kind.kind()
    }
}

fn encoder(bitrate: u32, size: (u16, u16)) -> EncoderSettings {
    EncoderSettings {
        codec: Codec::Vp8,
        bitrate,
        frame_rate: 30,
        size,
        scalability: Scalability::NONE,
        described: false,
        sealed: false,
    }
}

/// The names that applications commonly give, the lowest first.
const RIDS: [&str; 4] = ["q", "h", "f", "u"];

/// Each way: a server in the same region.
const LINK_DELAY: Duration = Duration::from_millis(10);
