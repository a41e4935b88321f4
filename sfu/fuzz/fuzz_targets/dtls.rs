//! A handshake with a client that sends anything: datagrams are cut out of the input by length bytes.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use sfu::parameters::Fingerprint;
use sfu::transport::dtls::{Dtls, Identity};

static IDENTITY: LazyLock<Arc<Identity>> =
    LazyLock::new(|| Arc::new(Identity::generate().expect("a certificate can be made")));

fuzz_target!(|data: &[u8]| {
    let now = Instant::now();
    let mut dtls = Dtls::new(&IDENTITY, vec![Fingerprint([0; 32])], now);
    let mut rest = data;
    while let Some((&len, tail)) = rest.split_first() {
        let (datagram, tail) = tail.split_at(usize::from(len).min(tail.len()));
        let _ = dtls.handle_datagram(now, datagram);
        while dtls.poll_transmit().is_some() {}
        while dtls.poll_event().is_some() {}
        rest = tail;
    }
});
