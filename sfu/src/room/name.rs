//! The names of rooms and people: what is allowed in them, checked once, when they come in.

use std::fmt;
use std::sync::Arc;

use super::Refusal;

/// The name of a room: 1 to [`RoomName::MAX_BYTES`] bytes of text without control characters or
/// surrounding white space. Compared byte by byte. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// The longest name, in bytes of UTF-8. A guess at "plenty": any hash or UUID fits.
    pub const MAX_BYTES: usize = 128;

    /// Refuses a name that is empty, too long or not clean: see `is_clean`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() || text.len() > Self::MAX_BYTES || !is_clean(text) {
            return Err(Refusal::BadRoomName);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomName({:?})", self.as_str())
    }
}

/// The name that the others in a room see: up to [`DisplayName::MAX_CHARS`] characters without control
/// characters or surrounding white space; may be empty. Not unique. Cheap to clone; never logged above
/// `debug`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DisplayName(Arc<str>);

impl DisplayName {
    /// The longest name, in characters. A guess at what a tile can show.
    pub const MAX_CHARS: usize = 64;

    /// Refuses a name that is too long or not clean: see `is_clean`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        // No character has more than four bytes: the first test bounds the counting in the second.
        if text.len() > 4 * Self::MAX_CHARS
            || text.chars().count() > Self::MAX_CHARS
            || !is_clean(text)
        {
            return Err(Refusal::BadDisplayName);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DisplayName({:?})", self.as_str())
    }
}

/// A name stands beside other text: it must not hide, break a line, or reorder its neighbours (Unicode
/// TR36 §2.5 on bidirectional spoofing).
fn is_clean(text: &str) -> bool {
    let reorders = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.trim().len() == text.len() && !text.chars().any(|c| c.is_control() || reorders(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_no_characters_that_hide_or_reorder() {
        let cases: &[(&str, bool)] = &[
            ("daily", true),
            ("Café à deux 🦀", true),
            ("a/b", true),
            (" a", false),
            ("a\u{a0}", false),
            ("a\nb", false),
            ("a\0", false),
            ("a\u{202e}b", false),
        ];
        for &(text, accepted) in cases {
            assert_eq!(RoomName::parse(text).is_ok(), accepted, "room {text:?}");
            assert_eq!(
                DisplayName::parse(text).is_ok(),
                accepted,
                "person {text:?}"
            );
        }
    }

    #[test]
    fn names_have_a_length() {
        assert!(RoomName::parse("").is_err());
        assert!(RoomName::parse(&"a".repeat(RoomName::MAX_BYTES)).is_ok());
        assert!(RoomName::parse(&"a".repeat(RoomName::MAX_BYTES + 1)).is_err());
        assert!(DisplayName::parse("").is_ok());
        assert!(DisplayName::parse(&"é".repeat(DisplayName::MAX_CHARS)).is_ok());
        assert!(DisplayName::parse(&"é".repeat(DisplayName::MAX_CHARS + 1)).is_err());
    }
}
