//! Texts that cannot be guessed: session URLs and entity tags.

use rand::TryRngCore;
use rand::rngs::OsRng;

/// 128 random bits as 32 hexadecimal digits.
pub(crate) fn unguessable() -> String {
    let mut bytes = [0; 16];
    OsRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
