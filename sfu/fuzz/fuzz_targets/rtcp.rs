//! RTCP compounds, as the engine reads them: walked by us, transport-wide feedback parsed by us, every other
//! packet by the `rtcp` crate.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::rtcp::TransportFeedback;

fuzz_target!(|data: &[u8]| {
    for packet in sfu_rtp::rtcp::packets(data) {
        if let Some(report) = TransportFeedback::parse(packet.body) {
            assert_eq!(report.packets().count(), report.len());
        }
        let mut bytes = packet.bytes;
        let _ = rtcp::packet::unmarshal(&mut bytes);
    }
});
