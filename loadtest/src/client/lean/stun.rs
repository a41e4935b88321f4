//! The two STUN messages of ICE (RFC 8489, RFC 8445 §7): binding requests and their success responses.

use std::net::SocketAddr;

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::shared::error::Error;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;

/// What a request says.
pub(super) struct Check<'a> {
    /// The server's fragment, a colon and ours.
    pub(super) username: &'a str,
    /// The server's password.
    pub(super) password: &'a str,
    /// Settles who is in control, if both want to be (RFC 8445 §7.3.1.1).
    pub(super) tie_breaker: u64,
    /// Recognises the response.
    pub(super) transaction: TransactionId,
}

/// A binding request that also nominates (RFC 8445 §8.1.1): there is one candidate pair.
pub(super) fn request(check: &Check<'_>) -> Vec<u8> {
    build(
        BINDING_REQUEST,
        check.transaction,
        vec![
            Box::new(TextAttribute::new(ATTR_USERNAME, check.username.to_owned())),
            Box::new(Raw(
                ATTR_PRIORITY,
                PEER_REFLEXIVE_PRIORITY.to_be_bytes().to_vec(),
            )),
            Box::new(Raw(
                ATTR_ICE_CONTROLLING,
                check.tie_breaker.to_be_bytes().to_vec(),
            )),
            Box::new(Raw(ATTR_USE_CANDIDATE, Vec::new())),
        ],
        check.password,
    )
}

/// The answer to a check of the server, which only servers send that are full ICE agents.
pub(super) fn response(request: &Message, from: SocketAddr, password: &str) -> Vec<u8> {
    let mapped = XorMappedAddress {
        ip: from.ip().to_canonical(),
        port: from.port(),
    };
    build(
        BINDING_SUCCESS,
        request.transaction_id,
        vec![Box::new(mapped)],
        password,
    )
}

/// Reads a message. `None` if it is none.
pub(super) fn read(datagram: &[u8]) -> Option<Message> {
    let mut message = Message::new();
    message.unmarshal_binary(datagram).ok()?;
    Some(message)
}

/// Whether its MESSAGE-INTEGRITY was made with this password.
pub(super) fn is_authentic(message: &mut Message, password: &str) -> bool {
    let provider = AwsLcRsProvider::new();
    MessageIntegrity::check(message, password.as_bytes(), provider.crypto()).is_ok()
}

fn build(
    kind: MessageType,
    transaction: TransactionId,
    attributes: Vec<Box<dyn Setter>>,
    password: &str,
) -> Vec<u8> {
    let provider = AwsLcRsProvider::new();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    );
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(kind), Box::new(transaction)];
    setters.extend(attributes);
    setters.push(Box::new(integrity));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message
        .build(&setters)
        .expect("attributes that are made here fit a message");
    message.raw
}

/// An attribute of these bytes.
struct Raw(AttrType, Vec<u8>);

impl Setter for Raw {
    fn add_to(&self, message: &mut Message) -> Result<(), Error> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// Of a peer-reflexive candidate, the only one, of component 1 (RFC 8445 §5.1.2.1 and §7.1.1).
const PEER_REFLEXIVE_PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
