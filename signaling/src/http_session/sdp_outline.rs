//! What WHIP and WHEP want to know of an offer before the room sees it: how many m-lines of which kind
//! go which way. Not a parser of SDP: what is wrong with an offer otherwise is for `sfu` to say.

/// The way of an m-line's media (RFC 8866 §6.7), as its author sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// Both ways; what is meant if nothing is said.
    SendRecv,
    /// From the offerer.
    SendOnly,
    /// To the offerer.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// The m-lines of an offer in outline.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct SdpOutline {
    /// The way of each m=audio.
    pub(crate) audio: Vec<Direction>,
    /// The way of each m=video.
    pub(crate) video: Vec<Direction>,
}

enum Section {
    Session,
    Audio,
    Video,
    Other,
}

impl SdpOutline {
    /// Reads the lines that matter and skips the others.
    pub(crate) fn read(sdp: &str) -> Self {
        let mut outline = Self::default();
        let mut section = Section::Session;
        let mut default = Direction::SendRecv;
        for line in sdp.lines() {
            if let Some(media) = line.strip_prefix("m=") {
                section = match media.split(' ').next() {
                    Some("audio") => Section::Audio,
                    Some("video") => Section::Video,
                    _ => Section::Other,
                };
                match section {
                    Section::Audio => outline.audio.push(default),
                    Section::Video => outline.video.push(default),
                    Section::Session | Section::Other => {}
                }
            } else if let Some(direction) = Direction::read(line) {
                match section {
                    Section::Session => default = direction,
                    Section::Audio => outline
                        .audio
                        .last_mut()
                        .into_iter()
                        .for_each(|last| *last = direction),
                    Section::Video => outline
                        .video
                        .last_mut()
                        .into_iter()
                        .for_each(|last| *last = direction),
                    Section::Other => {}
                }
            }
        }
        outline
    }

    /// The ways of all m-lines.
    pub(crate) fn directions(&self) -> impl Iterator<Item = Direction> {
        self.audio.iter().chain(&self.video).copied()
    }
}

impl Direction {
    fn read(line: &str) -> Option<Self> {
        match line.trim_end().strip_prefix("a=")? {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};

    #[test]
    fn directions_are_those_of_the_m_line_or_of_the_session() {
        type Ways = &'static [Direction];
        let table: [(&str, Ways, Ways); 7] = [
            ("", &[], &[]),
            ("v=0\r\nm=audio 9 X 0\r\na=sendonly\r\n", &[SendOnly], &[]),
            (
                "m=audio 9 X 0\nm=video 9 X 96\na=recvonly\n",
                &[SendRecv],
                &[RecvOnly],
            ),
            (
                "a=inactive\r\nm=audio 9 X 0\r\nm=video 9 X 96\r\na=sendrecv\r\n",
                &[Inactive],
                &[SendRecv],
            ),
            (
                "m=application 9 X\r\na=sendonly\r\nm=video 9 X 1\r\n",
                &[],
                &[SendRecv],
            ),
            (
                "m=video 9 X 1\r\na=sendonly\r\na=recvonly\r\n",
                &[],
                &[RecvOnly],
            ),
            ("m=video 9 X 1\r\na=sendonly2\r\n", &[], &[SendRecv]),
        ];
        for (sdp, audio, video) in table {
            let outline = SdpOutline::read(sdp);
            assert_eq!(
                (&outline.audio[..], &outline.video[..]),
                (audio, video),
                "{sdp:?}"
            );
        }
    }
}
