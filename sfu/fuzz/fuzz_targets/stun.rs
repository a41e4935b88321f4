//! Connectivity checks from strangers.

#![no_main]

use std::net::SocketAddr;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use sfu::parameters::{IceCredentials, IceParameters};
use sfu::send_batch::Path;
use sfu::transport::ice::{IceLite, request_username};

fuzz_target!(|data: &[u8]| {
    let credentials = |ufrag: &str| IceCredentials {
        ufrag: ufrag.into(),
        pwd: "a-password-of-22-chars".into(),
    };
    let parameters = IceParameters {
        local: credentials("here"),
        remote: credentials("there"),
    };
    let path = Path {
        remote: SocketAddr::from(([127, 0, 0, 1], 5000)),
        local: None,
    };
    let now = Instant::now();
    let _ = request_username(data);
    let _ = IceLite::new(parameters, now).handle_request(now, path, data);
});
