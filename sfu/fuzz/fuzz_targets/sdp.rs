//! Offers and fragments from strangers, and the same offer again on the connection that it made.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu::parameters::{Fingerprint, IceCredentials};
use sfu::sdp::{Candidate, CodecPolicy, LocalDescription, Offer, TrickleFragment, answer};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = TrickleFragment::parse(text);
    let Ok(offer) = Offer::parse(text) else {
        return;
    };
    let local = LocalDescription {
        ice: IceCredentials {
            ufrag: "here".into(),
            pwd: "a-password-of-22-chars".into(),
        },
        fingerprint: Fingerprint([0; 32]),
        candidates: vec![Candidate::host(([127, 0, 0, 1], 7882).into())],
        session_id: 1,
        session_version: 1,
        codecs: CodecPolicy::default(),
    };
    let first = answer(&offer, &local, None, &mut || 1).expect("something in it can be used");
    let again = answer(&offer, &local, Some(&first.parameters), &mut || 2);
    let again = again.expect("the same can be used again");
    assert_eq!(first.sdp, again.sdp, "the same offer keeps its slots");
});
