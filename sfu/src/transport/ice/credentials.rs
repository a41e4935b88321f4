//! Our side's credentials.

use rand::{CryptoRng, Rng};

use crate::parameters::IceCredentials;

/// Fresh credentials: a fragment of 48 bits, which also tells peers on one port apart, and a password of 144, where
/// RFC 8445 §5.3 asks for 24 and 128.
pub fn generate_credentials(rng: &mut (impl Rng + CryptoRng)) -> IceCredentials {
    let mut text = |len| {
        (0..len)
            .map(|_| char::from(ICE_CHARS[usize::from(rng.random::<u8>() % 64)]))
            .collect()
    };
    IceCredentials {
        ufrag: text(UFRAG_LEN),
        pwd: text(PASSWORD_LEN),
    }
}

const UFRAG_LEN: usize = 8;
const PASSWORD_LEN: usize = 24;

/// `ice-char` of RFC 8839 §5.4: 64 of them, six bits each.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    #[test]
    fn credentials_follow_the_grammar_and_the_seed() {
        let mut rng = StdRng::seed_from_u64(1);
        let first = generate_credentials(&mut rng);
        let second = generate_credentials(&mut rng);
        assert_ne!(first, second);
        assert_eq!(first, generate_credentials(&mut StdRng::seed_from_u64(1)));
        for text in [&first.ufrag, &first.pwd, &second.ufrag, &second.pwd] {
            assert!(text.bytes().all(|byte| ICE_CHARS.contains(&byte)), "{text}");
        }
        assert_eq!((first.ufrag.len(), first.pwd.len()), (8, 24));
    }
}
