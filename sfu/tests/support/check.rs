//! A peer and its connectivity checks (RFC 8445 §7.2), made by the library's STUN.

use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USERNAME, AttrType};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;
use sfu::parameters::{Fingerprint, IceCredentials, IceParameters, PeerParameters};

fn credentials(ufrag: &str) -> IceCredentials {
    IceCredentials {
        ufrag: ufrag.to_owned(),
        pwd: format!("a password of {ufrag} that is long enough"),
    }
}

/// A peer that has offered neither media nor data, and to which we are known as `ufrag`.
pub(crate) fn parameters(ufrag: &str) -> PeerParameters {
    PeerParameters {
        ice: IceParameters {
            local: credentials(ufrag),
            remote: credentials("peer"),
        },
        fingerprints: vec![Fingerprint([7; 32])],
        receive_extensions: Default::default(),
        published: vec![],
        slots: vec![],
        data: None,
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

/// A check of the peer that knows us as `ufrag`.
pub(crate) fn connectivity_check(ufrag: &str) -> Vec<u8> {
    let provider = AwsLcRsProvider::new();
    let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
        credentials(ufrag).pwd,
        provider.crypto(),
    );
    let setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId([7; 12])),
        Box::new(TextAttribute {
            attr: ATTR_USERNAME,
            text: format!("{ufrag}:peer"),
        }),
        Box::new(Raw(ATTR_PRIORITY, vec![0x6e, 0, 1, 0xff])),
        Box::new(Raw(ATTR_ICE_CONTROLLING, vec![9; 8])),
        Box::new(integrity),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&setters).expect("a request of this test");
    message.raw
}
