//! What an offer says about its transport: ICE credentials (RFC 8839 §5.4), certificate fingerprints
//! (RFC 8122 §5) and the DTLS role (RFC 8842 §5.1).
//!
//! All of it may stand at the m-line or, for all m-lines that lack it, in the session part.
//! Candidates are not read: a lite agent learns addresses from the requests that arrive.

use super::lines::{Attributes, Malformed};
use crate::parameters::{Fingerprint, IceCredentials};

/// The transport attributes of one section.
#[derive(Clone, Default)]
pub(super) struct TransportAttributes {
    pub(super) ufrag: Option<String>,
    pub(super) pwd: Option<String>,
    /// Those by SHA-256; at most [`MAX_FINGERPRINTS`], the rest is ignored.
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) setup: Option<Setup>,
}

/// The DTLS role that a peer offers to take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Setup {
    /// `active` or `actpass`: it can be the client.
    MayBeClient,
    /// `passive` or `holdconn`: it cannot.
    NotClient,
}

impl TransportAttributes {
    pub(super) fn read(attributes: &Attributes<'_>) -> Result<Self, Malformed> {
        let mut transport = Self {
            ufrag: credential(
                attributes,
                "ice-ufrag",
                4,
                "a=ice-ufrag with 4 to 256 characters",
            )?,
            pwd: credential(
                attributes,
                "ice-pwd",
                22,
                "a=ice-pwd with 22 to 256 characters",
            )?,
            ..Self::default()
        };
        for attribute in attributes.all("fingerprint") {
            let fingerprint = fingerprint(attribute.value)
                .ok_or_else(|| attribute.malformed("a=fingerprint:<hash> <octets>"))?;
            transport.fingerprints.extend(fingerprint);
        }
        transport.fingerprints.truncate(MAX_FINGERPRINTS);
        if let Some(attribute) = attributes.first("setup") {
            transport.setup = Some(match attribute.value {
                "active" | "actpass" => Setup::MayBeClient,
                "passive" | "holdconn" => Setup::NotClient,
                _ => Err(attribute.malformed("a=setup with active, passive, actpass or holdconn"))?,
            });
        }
        Ok(transport)
    }

    /// These, completed by those of the session part.
    pub(super) fn or(self, session: &Self) -> Self {
        let own_fingerprints = !self.fingerprints.is_empty();
        Self {
            ufrag: self.ufrag.or_else(|| session.ufrag.clone()),
            pwd: self.pwd.or_else(|| session.pwd.clone()),
            fingerprints: if own_fingerprints {
                self.fingerprints
            } else {
                session.fingerprints.clone()
            },
            setup: self.setup.or(session.setup),
        }
    }

    pub(super) fn credentials(&self) -> Option<IceCredentials> {
        Some(IceCredentials {
            ufrag: self.ufrag.clone()?,
            pwd: self.pwd.clone()?,
        })
    }
}

/// `None` if there is no such attribute.
fn credential(
    attributes: &Attributes<'_>,
    name: &str,
    shortest: usize,
    expected: &'static str,
) -> Result<Option<String>, Malformed> {
    let Some(attribute) = attributes.first(name) else {
        return Ok(None);
    };
    let length = (shortest..=LONGEST_CREDENTIAL).contains(&attribute.value.len());
    if length && attribute.value.bytes().all(is_credential_char) {
        Ok(Some(attribute.value.to_owned()))
    } else {
        Err(attribute.malformed(expected))
    }
}

/// `ice-char` of RFC 8839 §5.4 (letters, digits, `+`, `/`), and what libwebrtc tolerates besides.
fn is_credential_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'#')
}

/// `None` if it does not parse, `Some(None)` if it is by another hash than SHA-256.
fn fingerprint(value: &str) -> Option<Option<Fingerprint>> {
    let (hash, octets) = value.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return Some(None);
    }
    let mut digest = [0; 32];
    let mut octets = octets.trim().split(':');
    for byte in &mut digest {
        let octet = octets.next().filter(|octet| octet.len() == 2)?;
        // `from_str_radix` alone would take "+f".
        if !octet.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(octet, 16).ok()?;
    }
    octets.next().is_none().then_some(Some(Fingerprint(digest)))
}

/// RFC 8839 §5.4
const LONGEST_CREDENTIAL: usize = 256;

/// A guess: peers announce one certificate, or two while they replace one.
const MAX_FINGERPRINTS: usize = 4;
