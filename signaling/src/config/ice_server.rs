//! STUN and TURN servers that clients are told of.

use super::ConfigError;

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:`, `stuns:`, `turn:` or `turns:` and what follows (RFC 7064, RFC 7065).
    pub url: String,
    /// For TURN.
    pub credential: Option<IceCredential>,
}

/// What a TURN server asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredential {
    /// The user name.
    pub username: String,
    /// The password; clients get it, logs do not.
    pub password: String,
}

impl IceServer {
    /// Reads `url`, or `url username password`.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let url = words.first().copied().unwrap_or_default();
        let refuse = |problem| {
            Err(ConfigError::IceServer {
                url: url.to_owned(),
                problem,
            })
        };
        // All of it goes into a Link header: the URL between angle brackets, the rest between quotes.
        if !text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
            || text.contains(['<', '>', '"', '\\'])
        {
            return refuse("it has a character that it may not have");
        }
        let is_turn = match url.split_once(':') {
            Some(("stun" | "stuns", host)) if !host.is_empty() => false,
            Some(("turn" | "turns", host)) if !host.is_empty() => true,
            _ => return refuse("it is no stun:, stuns:, turn: or turns: URL"),
        };
        let credential = match (is_turn, words.get(1..).unwrap_or_default()) {
            (false, []) => None,
            (true, [username, password]) => Some(IceCredential {
                username: (*username).to_owned(),
                password: (*password).to_owned(),
            }),
            (true, _) => return refuse("after a TURN URL come a user name and a password"),
            (false, _) => return refuse("nothing follows a STUN URL"),
        };
        Ok(Self {
            url: url.to_owned(),
            credential,
        })
    }

    /// The value of the `Link` header that announces it (RFC 9725 §4.6).
    pub fn link(&self) -> String {
        let mut link = format!("<{}>; rel=\"ice-server\"", self.url);
        if let Some(credential) = &self.credential {
            link += &format!(
                "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                credential.username, credential.password
            );
        }
        link
    }
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IceServer({})", self.url)
    }
}
