//! The secret with which a session is taken up again: the participant's id and 128 random bits.

use std::fmt;

use rand::Rng;

use crate::id::ParticipantId;

/// Who resumes, and how it proves that it may. `Display` is what the client keeps.
#[derive(Clone, Copy)]
pub(super) struct ResumeToken {
    pub(super) participant: ParticipantId,
    secret: u128,
}

impl ResumeToken {
    /// A new token; `random` must be unpredictable.
    pub(super) fn new(participant: ParticipantId, random: &mut impl rand::CryptoRng) -> Self {
        Self {
            participant,
            secret: random.random(),
        }
    }

    /// Reads what `Display` writes; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (participant, secret) = text.split_once('-')?;
        if secret.len() != 32 || !secret.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        Some(Self {
            participant: ParticipantId::parse(participant)?,
            secret: u128::from_str_radix(secret, 16).ok()?,
        })
    }

    /// Whether the secrets are equal, in a time that does not depend on where they differ.
    pub(super) fn proves(&self, other: &Self) -> bool {
        self.participant == other.participant
            && std::hint::black_box(self.secret ^ other.secret) == 0
    }
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:032x}", self.participant, self.secret)
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResumeToken({})", self.participant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn a_token_reads_back_and_nothing_else_proves_it() {
        let mut random = StdRng::seed_from_u64(7);
        let token = ResumeToken::new(ParticipantId::new(12), &mut random);
        let other = ResumeToken::new(ParticipantId::new(12), &mut random);
        let read = ResumeToken::parse(&token.to_string()).expect("what was written");
        assert!(read.proves(&token));
        assert!(!other.proves(&token));
        let stolen = ResumeToken {
            participant: ParticipantId::new(13),
            ..token
        };
        assert!(!stolen.proves(&token));
    }

    #[test]
    fn other_text_is_no_token() {
        let text = ResumeToken {
            participant: ParticipantId::new(12),
            secret: 1,
        }
        .to_string();
        assert!(ResumeToken::parse(&text).is_some());
        let cases = [
            String::new(),
            "p12".to_owned(),
            text.replace('p', "k"),
            text.replace("p12", ""),
            format!("{text}0"),
            text.replace('1', "+"),
            text.replace("-0", "--"),
        ];
        for case in cases {
            assert!(ResumeToken::parse(&case).is_none(), "{case}");
        }
    }

    #[test]
    fn the_secret_is_not_in_logs() {
        let token = ResumeToken {
            participant: ParticipantId::new(12),
            secret: 0xdead_beef,
        };
        assert_eq!(format!("{token:?}"), "ResumeToken(p12)");
    }
}
