//! STUN binding requests, read, and their responses, written (RFC 8489, with the attributes of RFC 8445 §16.1).
//!
//! Reading is by hand because the order of attributes matters: those behind MESSAGE-INTEGRITY are not covered by it, and
//! FINGERPRINT must be the last. Writing is left to the library.

use std::net::SocketAddr;

use arrayvec::ArrayVec;
use hmac::{Hmac, Mac};
use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256,
    ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::error_code::{
    CODE_ROLE_CONFLICT, CODE_UNKNOWN_ATTRIBUTE, ErrorCode, ErrorCodeAttribute,
};
use rtc::stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, MAGIC_COOKIE, Message, MessageType, Setter,
    TransactionId,
};
use rtc::stun::uattrs::UnknownAttributes;
use rtc::stun::xoraddr::XorMappedAddress;
use sha1::Sha1;

use super::IceError;
use crate::parameters::IceParameters;

/// The part of a binding request's USERNAME that is ours, by which its peer is found before anything is checked.
/// `None` if the datagram is no binding request, or has no USERNAME of two parts.
pub fn request_username(datagram: &[u8]) -> Option<&str> {
    let username = Attributes::of_request(datagram)
        .ok()?
        .map_while(Result::ok)
        .find(|attribute| attribute.kind == ATTR_USERNAME)?;
    let (ours, _) = std::str::from_utf8(username.value).ok()?.split_once(':')?;
    Some(ours)
}

/// A binding request with a USERNAME, a MESSAGE-INTEGRITY that is still to be checked, and a right FINGERPRINT.
pub(super) struct Request<'a> {
    /// What the integrity covers: the message up to it.
    covered: &'a [u8],
    integrity: &'a [u8],
    transaction: TransactionId,
    username: &'a str,
    uses_candidate: bool,
    claims_controlled: bool,
    unknown: ArrayVec<AttrType, MAX_UNKNOWN>,
}

impl<'a> Request<'a> {
    /// Reads a request; its contents are claims until [`authenticate`](Self::authenticate) has agreed.
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, IceError> {
        let mut username = None;
        let mut integrity = None;
        let mut fingerprint = None;
        let (mut uses_candidate, mut claims_controlled) = (false, false);
        let mut unknown = ArrayVec::new();
        for attribute in Attributes::of_request(datagram)? {
            let Attribute {
                kind,
                value,
                before,
            } = attribute?;
            if fingerprint.is_some() {
                return Err(IceError::Malformed);
            }
            match kind {
                ATTR_FINGERPRINT => fingerprint = Some((before, value)),
                // Anybody could have added what is behind the integrity (RFC 8489 §14.5).
                _ if integrity.is_some() => {}
                ATTR_MESSAGE_INTEGRITY => integrity = Some((before, value)),
                ATTR_USERNAME if username.is_none() => username = Some(value),
                ATTR_USE_CANDIDATE => uses_candidate = true,
                ATTR_ICE_CONTROLLED => claims_controlled = true,
                ATTR_USERNAME | ATTR_PRIORITY | ATTR_MESSAGE_INTEGRITY_SHA256 => {}
                kind if kind.required() => {
                    // Naming some of them is enough for the peer to see what is wrong.
                    let _ = unknown.try_push(kind);
                }
                _ => {}
            }
        }

        let (before, value) = fingerprint.ok_or(IceError::Unauthenticated)?;
        if value != fingerprint_value(before).to_be_bytes() {
            return Err(IceError::Unauthenticated);
        }
        let (covered, integrity) = integrity.ok_or(IceError::Unauthenticated)?;
        let username = username
            .and_then(|value| std::str::from_utf8(value).ok())
            .ok_or(IceError::UnknownUsername)?;
        let transaction = datagram
            .get(TRANSACTION_ID)
            .and_then(|id| id.try_into().ok())
            .ok_or(IceError::Malformed)?;
        Ok(Self {
            covered,
            integrity,
            transaction: TransactionId(transaction),
            username,
            uses_candidate,
            claims_controlled,
            unknown,
        })
    }

    /// Whether its USERNAME is our fragment, a colon and the peer's (RFC 8445 §7.2.2).
    pub(super) fn is_addressed_to(&self, parameters: &IceParameters) -> bool {
        self.username.split_once(':') == Some((&parameters.local.ufrag, &parameters.remote.ufrag))
    }

    /// Checks MESSAGE-INTEGRITY, keyed with our password (RFC 8489 §14.5), in constant time.
    pub(super) fn authenticate(&self, password: &str) -> Result<(), IceError> {
        let (start, rest) = self
            .covered
            .split_at_checked(2)
            .ok_or(IceError::Malformed)?;
        let rest = rest.get(2..).ok_or(IceError::Malformed)?;
        // The length in the header is taken as if the message ended behind the integrity.
        let end = self.covered.len() + ATTRIBUTE_HEADER_LEN + self.integrity.len();
        let length = (end - HEADER_LEN) as u16;
        let mut mac: Hmac<Sha1> =
            Mac::new_from_slice(password.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(start);
        mac.update(&length.to_be_bytes());
        mac.update(rest);
        mac.verify_slice(self.integrity)
            .map_err(|_| IceError::Unauthenticated)
    }

    pub(super) fn uses_candidate(&self) -> bool {
        self.uses_candidate
    }

    /// Whether the sender takes itself to be the controlled agent.
    pub(super) fn claims_controlled(&self) -> bool {
        self.claims_controlled
    }

    /// Attributes that must be understood and are not.
    pub(super) fn unknown_attributes(&self) -> &[AttrType] {
        &self.unknown
    }

    /// Success, with the address that the request came from.
    pub(super) fn success_response(&self, remote: SocketAddr, password: &str) -> Vec<u8> {
        let mapped = XorMappedAddress {
            // A socket for both families sees IPv4 as mapped addresses; the peer knows nothing of that.
            ip: remote.ip().to_canonical(),
            port: remote.port(),
        };
        self.response(BINDING_SUCCESS, vec![Box::new(mapped)], password)
    }

    /// 487: the sender must take the controlling role (RFC 8445 §7.3.1.1).
    pub(super) fn role_conflict_response(&self, password: &str) -> Vec<u8> {
        let code = error_code(CODE_ROLE_CONFLICT, "Role Conflict");
        self.response(BINDING_ERROR, vec![Box::new(code)], password)
    }

    /// 420, with the attributes in question (RFC 8489 §6.3.1).
    pub(super) fn unknown_attributes_response(&self, password: &str) -> Vec<u8> {
        let code = error_code(CODE_UNKNOWN_ATTRIBUTE, "Unknown Attribute");
        let unknown = UnknownAttributes(self.unknown.to_vec());
        self.response(
            BINDING_ERROR,
            vec![Box::new(code), Box::new(unknown)],
            password,
        )
    }

    /// A response with these attributes, authenticated like the request.
    fn response(
        &self,
        kind: MessageType,
        attributes: Vec<Box<dyn Setter>>,
        password: &str,
    ) -> Vec<u8> {
        let provider = AwsLcRsProvider::new();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            password.to_owned(),
            provider.crypto(),
        );
        let mut setters: Vec<Box<dyn Setter + '_>> =
            vec![Box::new(kind), Box::new(self.transaction)];
        setters.extend(attributes);
        setters.push(Box::new(integrity));
        setters.push(Box::new(FINGERPRINT));
        let mut message = Message::new();
        message
            .build(&setters)
            .expect("attributes that are made here fit a message");
        message.raw
    }
}

fn error_code(code: ErrorCode, reason: &str) -> ErrorCodeAttribute {
    ErrorCodeAttribute {
        code,
        reason: reason.into(),
    }
}

struct Attribute<'a> {
    kind: AttrType,
    value: &'a [u8],
    /// The message before this attribute.
    before: &'a [u8],
}

/// The attributes of a message, in order; ends after the first that is malformed.
struct Attributes<'a> {
    message: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// Checks the header (RFC 8489 §5).
    fn of_request(datagram: &'a [u8]) -> Result<Self, IceError> {
        let &[t0, t1, l0, l1, c0, c1, c2, c3] =
            datagram.first_chunk().ok_or(IceError::Malformed)?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let well_formed = u16::from_be_bytes([t0, t1]) == BINDING_REQUEST.value()
            && u32::from_be_bytes([c0, c1, c2, c3]) == MAGIC_COOKIE
            && length.is_multiple_of(4)
            && HEADER_LEN + length == datagram.len();
        if !well_formed {
            return Err(IceError::Malformed);
        }
        Ok(Self {
            message: datagram,
            offset: HEADER_LEN,
        })
    }

    fn read(&mut self) -> Option<Attribute<'a>> {
        let (before, rest) = self.message.split_at_checked(self.offset)?;
        let (&[k0, k1, l0, l1], rest) = rest.split_first_chunk::<ATTRIBUTE_HEADER_LEN>()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        // Values are padded to four bytes, and the padding is there for the last, too.
        let padded = rest.get(..len.next_multiple_of(4))?;
        self.offset += ATTRIBUTE_HEADER_LEN + padded.len();
        Some(Attribute {
            kind: AttrType(u16::from_be_bytes([k0, k1])),
            value: &padded[..len],
            before,
        })
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, IceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.message.len() {
            return None;
        }
        let attribute = self.read().ok_or(IceError::Malformed);
        if attribute.is_err() {
            self.offset = self.message.len();
        }
        Some(attribute)
    }
}

const HEADER_LEN: usize = 20;
const ATTRIBUTE_HEADER_LEN: usize = 4;

/// Where the transaction id is in a message.
const TRANSACTION_ID: std::ops::Range<usize> = 8..HEADER_LEN;

/// How many unknown attributes a response names.
const MAX_UNKNOWN: usize = 8;
