//! The keys that tokens are signed with.

use std::fmt;
use std::path::Path;

use super::ConfigError;

/// The shortest secret: RFC 7518 §3.2 asks for as many bits as HMAC-SHA-256 gives.
pub(super) const MIN_SECRET_BYTES: usize = 32;

/// A key: what a token's `iss` names, and the secret it is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// The secret; never logged.
    pub secret: String,
}

/// All keys, no two of the same name, in the order in which they were given.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// Takes those given one by one, then those of the file.
    pub(super) fn collect(given: &[String], file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut lines = given.to_vec();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
            let has_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
            lines.extend(
                text.lines()
                    .map(str::trim)
                    .filter(has_key)
                    .map(str::to_owned),
            );
        }
        let mut keys = Self::default();
        for (index, line) in lines.iter().enumerate() {
            keys.add(Key::parse(line).ok_or(ConfigError::MalformedKey {
                position: index + 1,
            })?)?;
        }
        Ok(keys)
    }

    fn add(&mut self, key: Key) -> Result<(), ConfigError> {
        if key.secret.len() < MIN_SECRET_BYTES {
            return Err(ConfigError::ShortSecret { name: key.name });
        }
        if self.0.iter().any(|known| known.name == key.name) {
            return Err(ConfigError::DuplicateKey { name: key.name });
        }
        self.0.push(key);
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }
}

impl Key {
    /// Reads `name:secret`, with white space around either.
    fn parse(text: &str) -> Option<Self> {
        let (name, secret) = text.split_once(':')?;
        let (name, secret) = (name.trim(), secret.trim());
        if name.is_empty() || secret.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}
