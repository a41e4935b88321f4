//! The TOML file.

use std::path::Path;

use super::{ConfigError, Settings};

/// Reads the file.
///
/// # Errors
/// If it cannot be read, is not TOML, or has a key or a value that it may not have.
pub fn read_file(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|(line, message)| ConfigError::File {
        path: path.to_owned(),
        line,
        message,
    })
}

/// Reads the text; an error is the line, from 1, and what is wrong there.
pub(super) fn parse(text: &str) -> Result<Settings, (usize, String)> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = 1 + text
            .bytes()
            .take(start)
            .filter(|byte| *byte == b'\n')
            .count();
        (
            line,
            error
                .message()
                .lines()
                .next()
                .unwrap_or("not TOML")
                .to_owned(),
        )
    })
}
