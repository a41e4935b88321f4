//! The line grammar of RFC 8866 §5 and §9: type and value, session part and m-lines, attributes.
//!
//! `rtc::sdp` is not used for reading: it refuses the whole description for one media type that it
//! does not know, where RFC 3264 §6 asks for a refused m-line; its errors name no line; and it cannot
//! read the fragments of RFC 8840, which have no session part. Nothing here knows what an attribute
//! means.

use super::error::OfferError;

/// A description cut into attributes, borrowed from its text.
pub(super) struct Description<'a> {
    pub(super) session: Attributes<'a>,
    pub(super) media: Vec<MediaSection<'a>>,
}

impl<'a> Description<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, OfferError> {
        let mut lines = Lines::new(text);
        match lines.next().transpose()? {
            Some(first) if first.kind == b'v' && first.value == "0" => {}
            _ => Err(malformed(1, "v=0"))?,
        }
        let mut description = Self {
            session: Attributes::default(),
            media: Vec::new(),
        };
        let mut session_types = Vec::new();
        for line in lines {
            let line = line?;
            match line.kind {
                b'm' => description.add_media(line)?,
                b'a' => description.attributes().push(line.attribute()),
                kind if description.media.is_empty() => session_types.push(kind),
                _ => {}
            }
        }
        for (kind, line) in [(b'o', "o="), (b's', "s="), (b't', "t=")] {
            if !session_types.contains(&kind) {
                return Err(OfferError::MissingLine { line });
            }
        }
        Ok(description)
    }

    fn add_media(&mut self, line: Line<'a>) -> Result<(), OfferError> {
        if self.media.len() == MAX_MEDIA {
            return Err(OfferError::TooMany {
                line: line.number,
                what: "m-lines",
                limit: MAX_MEDIA,
            });
        }
        self.media.push(MediaSection {
            line: MediaLine::parse(line)?,
            attributes: Attributes::default(),
        });
        Ok(())
    }

    /// Those of the section that is being read.
    fn attributes(&mut self) -> &mut Attributes<'a> {
        match self.media.last_mut() {
            Some(media) => &mut media.attributes,
            None => &mut self.session,
        }
    }
}

/// An m-line and what follows it.
pub(super) struct MediaSection<'a> {
    pub(super) line: MediaLine<'a>,
    pub(super) attributes: Attributes<'a>,
}

/// The `m=` line itself (RFC 8866 §5.14). All texts are tokens, `protocol` with slashes between.
pub(super) struct MediaLine<'a> {
    pub(super) number: usize,
    pub(super) media: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    /// 1 to [`MAX_FORMATS`].
    pub(super) formats: Vec<&'a str>,
}

impl<'a> MediaLine<'a> {
    fn parse(line: Line<'a>) -> Result<Self, OfferError> {
        let mut fields = line.value.split_ascii_whitespace();
        let media = fields.next().filter(|text| is_token(text));
        let port = fields
            .next()
            .and_then(|text| text.split('/').next()?.parse().ok());
        let protocol = fields.next().filter(|text| text.split('/').all(is_token));
        let formats: Vec<&str> = fields.take(MAX_FORMATS + 1).collect();
        if formats.len() > MAX_FORMATS {
            return Err(OfferError::TooMany {
                line: line.number,
                what: "formats of an m-line",
                limit: MAX_FORMATS,
            });
        }
        match (media, port, protocol) {
            (Some(media), Some(port), Some(protocol))
                if !formats.is_empty() && formats.iter().all(|text| is_token(text)) =>
            {
                Ok(Self {
                    number: line.number,
                    media,
                    port,
                    protocol,
                    formats,
                })
            }
            _ => Err(malformed(
                line.number,
                "m=<media> <port> <protocol> <format> ...",
            ))?,
        }
    }
}

/// The attributes of one section, in order.
#[derive(Default)]
pub(super) struct Attributes<'a>(Vec<Attribute<'a>>);

impl<'a> Attributes<'a> {
    pub(super) fn push(&mut self, attribute: Attribute<'a>) {
        self.0.push(attribute);
    }

    /// Whether there is one with this name, with or without a value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The first with this name. For attributes that may occur once only, the later ones are ignored.
    pub(super) fn first(&self, name: &str) -> Option<&Attribute<'a>> {
        self.all(name).next()
    }

    /// Those with this name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Attribute<'a>> {
        self.iter().filter(move |attribute| attribute.name == name)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Attribute<'a>> {
        self.0.iter()
    }
}

/// `a=<name>` or `a=<name>:<value>`.
#[derive(Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    /// Without white space around it; empty if there is none.
    pub(super) value: &'a str,
}

impl Attribute<'_> {
    pub(super) fn malformed(&self, expected: &'static str) -> Malformed {
        malformed(self.line, expected)
    }
}

/// The lines of a text, without the empty ones.
pub(super) struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Split<'a, char>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text.split('\n').enumerate(),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest
            .by_ref()
            .map(|(index, line)| (index + 1, line.strip_suffix('\r').unwrap_or(line)))
            .find(|(_, line)| !line.is_empty())
            .map(|(number, line)| Line::parse(number, line))
    }
}

/// `<type>=<value>`
pub(super) struct Line<'a> {
    pub(super) number: usize,
    /// A letter of RFC 8866 §5.
    pub(super) kind: u8,
    /// Without control characters, so that what is quoted from it in an answer stays on its line.
    value: &'a str,
}

impl<'a> Line<'a> {
    fn parse(number: usize, line: &'a str) -> Result<Self, Malformed> {
        match line.split_at_checked(2) {
            Some((kind, value))
                if TYPES.contains(&kind) && !value.bytes().any(|byte| byte.is_ascii_control()) =>
            {
                Ok(Self {
                    number,
                    kind: kind.as_bytes().first().copied().unwrap_or_default(),
                    value: value.trim_end(),
                })
            }
            _ => Err(malformed(number, "a line of SDP (RFC 8866)")),
        }
    }

    pub(super) fn attribute(&self) -> Attribute<'a> {
        let (name, value) = self.value.split_once(':').unwrap_or((self.value, ""));
        Attribute {
            line: self.number,
            name,
            value: value.trim(),
        }
    }
}

/// A line that does not follow its grammar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed {
    pub(super) line: usize,
    pub(super) expected: &'static str,
}

impl From<Malformed> for OfferError {
    fn from(Malformed { line, expected }: Malformed) -> Self {
        Self::Malformed { line, expected }
    }
}

fn malformed(line: usize, expected: &'static str) -> Malformed {
    Malformed { line, expected }
}

/// `token` of RFC 8866 §9.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~')
        })
}

/// What a line may begin with (RFC 8866 §5); a description with anything else is to be rejected.
const TYPES: [&str; 15] = [
    "v=", "o=", "s=", "i=", "u=", "e=", "p=", "c=", "b=", "t=", "r=", "z=", "k=", "a=", "m=",
];

/// As many as the 7-bit payload types: no m-line can use more.
const MAX_FORMATS: usize = 128;

/// A guess with room to spare: it allows 60 slots for video and 60 for audio beside what is published.
pub(super) const MAX_MEDIA: usize = 128;
