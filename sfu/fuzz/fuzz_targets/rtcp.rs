//! RTCP compounds, as the engine reads them: walked by us, each packet parsed by the `rtcp` crate.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for packet in sfu_rtp::rtcp::packets(data) {
        let mut bytes = packet.bytes;
        let _ = rtcp::packet::unmarshal(&mut bytes);
    }
});
