//! Which SRTP profiles a ClientHello offers (RFC 5764 §4.1.1), read before anything else looks at it: the library takes
//! the first of the client's that it is configured for, and Chromium lists the slow one first.

use crate::transport::srtp::SrtpProtection;

/// The profile to use with the sender of this ClientHello body (RFC 6347 §4.2.1): AES-GCM if it is offered, at whatever
/// place. `None` if the message does not parse or offers no profile that we speak.
pub(super) fn choose_protection(body: &[u8]) -> Option<SrtpProtection> {
    let offered = offered_profiles(body)?;
    [
        SrtpProtection::AeadAes128Gcm,
        SrtpProtection::Aes128CmHmacSha1_80,
    ]
    .into_iter()
    .find(|protection| offered.contains(&profile_id(*protection)))
}

fn offered_profiles(body: &[u8]) -> Option<&[[u8; 2]]> {
    let mut reader = Reader(body);
    reader.take(VERSION_AND_RANDOM_LEN)?;
    let _session_id = reader.take_vector::<1>()?;
    let _cookie = reader.take_vector::<1>()?;
    let _cipher_suites = reader.take_vector::<2>()?;
    let _compression_methods = reader.take_vector::<1>()?;
    let mut extensions = Reader(reader.take_vector::<2>()?);
    loop {
        let kind = extensions.take(2)?;
        let value = extensions.take_vector::<2>()?;
        if kind == USE_SRTP {
            return Some(Reader(value).take_vector::<2>()?.as_chunks().0);
        }
    }
}

/// RFC 5764 §4.1.2, RFC 7714 §14.2.
const fn profile_id(protection: SrtpProtection) -> [u8; 2] {
    match protection {
        SrtpProtection::AeadAes128Gcm => [0, 7],
        SrtpProtection::Aes128CmHmacSha1_80 => [0, 1],
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    /// A vector (RFC 5246 §4.3) whose length has `N` bytes.
    fn take_vector<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let len = self
            .take(N)?
            .iter()
            .fold(0, |len, &byte| len << 8 | usize::from(byte));
        self.take(len)
    }
}

const VERSION_AND_RANDOM_LEN: usize = 2 + 32;

/// The extension's type.
const USE_SRTP: &[u8] = &[0, 14];

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with these SRTP profiles between other extensions.
    fn hello(profiles: Option<&[u16]>) -> Vec<u8> {
        let mut extensions = vec![0, 23, 0, 0, 0, 43, 0, 3, 2, 0xfe, 0xfd];
        if let Some(profiles) = profiles {
            let list: Vec<u8> = profiles.iter().flat_map(|id| id.to_be_bytes()).collect();
            extensions.extend([0, 14, 0, list.len() as u8 + 3, 0, list.len() as u8]);
            extensions.extend(list);
            extensions.push(0);
        }
        extensions.extend([0xff, 1, 0, 1, 0]);
        let mut body = vec![0xfe, 0xfd];
        body.extend([0x55; 32]);
        body.extend([0, 3, 9, 9, 9]);
        body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    #[test]
    fn gcm_is_chosen_wherever_it_stands_and_sha1_80_if_there_is_no_other() {
        use SrtpProtection::{AeadAes128Gcm as Gcm, Aes128CmHmacSha1_80 as Sha1};
        type Case = (&'static str, Option<&'static [u16]>, Option<SrtpProtection>);
        let cases: &[Case] = &[
            ("Chromium", Some(&[1, 8, 7]), Some(Gcm)),
            ("Firefox", Some(&[7, 8, 1, 2]), Some(Gcm)),
            ("GCM only", Some(&[7]), Some(Gcm)),
            ("SHA1_80 only", Some(&[1]), Some(Sha1)),
            ("SHA1_80 among others", Some(&[8, 2, 1]), Some(Sha1)),
            ("none that we speak", Some(&[8, 2, 5]), None),
            ("an empty list", Some(&[]), None),
            ("no SRTP", None, None),
        ];
        for (name, profiles, expected) in cases {
            assert_eq!(choose_protection(&hello(*profiles)), *expected, "{name}");
        }
    }

    #[test]
    fn a_cut_hello_offers_nothing() {
        let whole = hello(Some(&[1, 7]));
        for len in 0..whole.len() {
            assert_eq!(choose_protection(&whole[..len]), None, "{len} bytes");
        }
    }
}
