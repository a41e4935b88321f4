//! Offers as a browser writes them, cut down to what matters.

pub(super) const NODE_FINGERPRINT: [u8; 32] = [0xab; 32];

#[derive(Clone)]
pub(super) struct OfferText {
    pub(super) ufrag: &'static str,
    /// Repeated 32 times it is the fingerprint.
    pub(super) certificate: u8,
    pub(super) media: Vec<(&'static str, Kind, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Video,
}

impl OfferText {
    /// A microphone and a camera, and a pair of slots.
    pub(super) fn conference() -> Self {
        let mut offer = Self::viewer();
        offer.media.insert(0, ("mic", Kind::Audio, "sendonly"));
        offer.media.insert(1, ("cam", Kind::Video, "sendonly"));
        offer
    }

    /// A pair of slots.
    pub(super) fn viewer() -> Self {
        let media = vec![
            ("a0", Kind::Audio, "recvonly"),
            ("v0", Kind::Video, "recvonly"),
        ];
        Self {
            ufrag: "cafe",
            certificate: 0x11,
            media,
        }
    }

    pub(super) fn to_sdp(&self) -> String {
        let mids: Vec<_> = self.media.iter().map(|(mid, ..)| *mid).collect();
        let fingerprint = vec![format!("{:02X}", self.certificate); 32].join(":");
        let mut sdp = format!(
            "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
             a=group:BUNDLE {}\r\na=ice-ufrag:{}\r\na=ice-pwd:0123456789abcdef0123456789abcdef\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\n",
            mids.join(" "),
            self.ufrag,
        );
        for (mid, kind, direction) in &self.media {
            sdp += match kind {
                Kind::Audio => {
                    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\n"
                }
                Kind::Video => {
                    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\n"
                }
            };
            sdp += &format!("a=mid:{mid}\r\na={direction}\r\na=rtcp-mux\r\n");
        }
        sdp
    }
}

/// The values of an attribute in an SDP.
pub(super) fn values<'a>(sdp: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!("a={attribute}:");
    sdp.lines()
        .filter_map(|line| line.strip_prefix(&start))
        .collect()
}
