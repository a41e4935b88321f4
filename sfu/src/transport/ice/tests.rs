//! Requests are made by the library's STUN and responses read by it.

mod requests;
mod selection;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::*;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;

use super::*;
use crate::parameters::IceCredentials;

/// Credentials whose passwords follow from the fragments.
fn parameters(local: &str, remote: &str) -> IceParameters {
    let credentials = |ufrag: &str| IceCredentials {
        ufrag: ufrag.to_owned(),
        pwd: format!("a password of {ufrag}"),
    };
    IceParameters {
        local: credentials(local),
        remote: credentials(remote),
    }
}

fn agent(now: Instant) -> IceLite {
    IceLite::new(parameters("ours", "peer"), now)
}

fn path(remote: &str) -> Path {
    Path {
        remote: remote.parse().expect("an address"),
        local: Some(IpAddr::from([192, 0, 2, 1])),
    }
}

/// An attribute with these bytes.
struct Raw(AttrType, Vec<u8>);

impl Setter for Raw {
    fn add_to(&self, message: &mut Message) -> rtc::shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// How a request is made; the default is a plain check of a controlling agent.
struct Check {
    username: &'static str,
    password: &'static str,
    extra: Vec<(AttrType, Vec<u8>)>,
    behind_integrity: Vec<(AttrType, Vec<u8>)>,
    role: AttrType,
    integrity: bool,
    fingerprint: bool,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            username: "ours:peer",
            password: "a password of ours",
            extra: vec![],
            behind_integrity: vec![],
            role: ATTR_ICE_CONTROLLING,
            integrity: true,
            fingerprint: true,
        }
    }
}

impl Check {
    fn nominating() -> Self {
        Self {
            extra: vec![(ATTR_USE_CANDIDATE, vec![])],
            ..Self::default()
        }
    }

    fn build(&self) -> Vec<u8> {
        let provider = AwsLcRsProvider::new();
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([7; 12])),
            Box::new(TextAttribute {
                attr: ATTR_USERNAME,
                text: self.username.to_owned(),
            }),
            Box::new(Raw(ATTR_PRIORITY, vec![0x6e, 0, 1, 0xff])),
            Box::new(Raw(self.role, vec![9; 8])),
        ];
        for (kind, value) in &self.extra {
            setters.push(Box::new(Raw(*kind, value.clone())));
        }
        if self.integrity {
            setters.push(Box::new(
                MessageIntegrity::new_short_term_integrity_with_provider(
                    self.password.to_owned(),
                    provider.crypto(),
                ),
            ));
        }
        for (kind, value) in &self.behind_integrity {
            setters.push(Box::new(Raw(*kind, value.clone())));
        }
        if self.fingerprint {
            setters.push(Box::new(FINGERPRINT));
        }
        let mut message = Message::new();
        message.build(&setters).expect("a request of this test");
        message.raw
    }
}
