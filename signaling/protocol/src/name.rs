//! Names that people choose: of rooms and of themselves.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest room name, in bytes of UTF-8.
pub const MAX_ROOM_BYTES: usize = 128;

/// The longest display name, in Unicode scalar values.
pub const MAX_NAME_CHARS: usize = 64;

/// The name of a room: 1 to [`MAX_ROOM_BYTES`] bytes of UTF-8, no control characters, no white space
/// at either end. Compared byte by byte.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

/// What a person is called in a room: 0 to [`MAX_NAME_CHARS`] characters, none of them a control or
/// one that reorders the text around it, no white space at either end. Not unique.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

/// Why a name was refused; the text ends a sentence that begins with the field's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// A room must have a name.
    #[error("a room name must not be empty")]
    Empty,
    /// Longer than [`MAX_ROOM_BYTES`].
    #[error("a room name has at most {MAX_ROOM_BYTES} bytes")]
    RoomTooLong,
    /// Longer than [`MAX_NAME_CHARS`].
    #[error("a name has at most {MAX_NAME_CHARS} characters")]
    NameTooLong,
    /// A control character, or one that changes the direction of text.
    #[error("a name must not contain control characters")]
    ForbiddenCharacter,
    /// White space at the start or the end.
    #[error("a name must not start or end with white space")]
    SurroundingSpace,
}

impl RoomName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DisplayName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RoomName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_ROOM_BYTES {
            return Err(NameError::RoomTooLong);
        }
        check_characters(&text)?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for DisplayName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.chars().count() > MAX_NAME_CHARS {
            return Err(NameError::NameTooLong);
        }
        check_characters(&text)?;
        Ok(Self(text))
    }
}

/// A name is shown beside other people's: it must not hide, or reorder what stands next to it
/// (Unicode TR36 §2.5 on bidirectional spoofing).
fn check_characters(text: &str) -> Result<(), NameError> {
    let reorders = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if text.chars().any(|c| c.is_control() || reorders(c)) {
        return Err(NameError::ForbiddenCharacter);
    }
    if text.trim().len() != text.len() {
        return Err(NameError::SurroundingSpace);
    }
    Ok(())
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_names_are_refused_for_one_reason_each() {
        let table = [
            ("standup", Ok(())),
            ("Café à deux", Ok(())),
            ("a/b", Ok(())),
            ("", Err(NameError::Empty)),
            (" a", Err(NameError::SurroundingSpace)),
            ("a\u{a0}", Err(NameError::SurroundingSpace)),
            ("a\nb", Err(NameError::ForbiddenCharacter)),
            ("a\u{202e}b", Err(NameError::ForbiddenCharacter)),
        ];
        for (text, expected) in table {
            assert_eq!(
                RoomName::try_from(text.to_owned()).map(drop),
                expected,
                "{text:?}"
            );
        }
        assert!(RoomName::try_from("r".repeat(MAX_ROOM_BYTES)).is_ok());
        assert_eq!(
            RoomName::try_from("r".repeat(MAX_ROOM_BYTES + 1)),
            Err(NameError::RoomTooLong)
        );
    }

    #[test]
    fn display_names_are_counted_in_characters_not_bytes() {
        assert!(DisplayName::try_from("é".repeat(MAX_NAME_CHARS)).is_ok());
        assert_eq!(
            DisplayName::try_from("e".repeat(MAX_NAME_CHARS + 1)),
            Err(NameError::NameTooLong)
        );
        assert!(DisplayName::try_from(String::new()).is_ok());
    }
}
