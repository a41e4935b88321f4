//! RTP headers, their extensions, and every payload format behind them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sfu_rtp::codec::Vp8Descriptor;
use sfu_rtp::{PayloadFormat, PayloadInfo, RtpHeader, Ssrc, rtx};

fuzz_target!(|data: &[u8]| {
    let Ok(header) = RtpHeader::parse(data) else {
        return;
    };
    for (_, value) in header.extensions(data) {
        assert!(value.len() <= data.len());
    }
    let Ok(payload) = header.payload(data) else {
        return;
    };
    for format in [
        PayloadFormat::Audio,
        PayloadFormat::Vp8,
        PayloadFormat::Vp9,
        PayloadFormat::H264,
        PayloadFormat::Av1,
    ] {
        if let Some(info) = PayloadInfo::parse(format, payload) {
            let _ = (info.is_keyframe_start(), info.resolution());
        }
    }
    if let Some(vp8) = Vp8Descriptor::parse(payload) {
        let mut copy = payload.to_vec();
        vp8.numbers().overwrite(&mut copy, 0x7fff, 0xff);
        let renumbered = Vp8Descriptor::parse(&copy).expect("renumbering changes no length");
        assert_eq!(renumbered.len(), vp8.len());
    }
    if let Some(blocks) = sfu_rtp::red::blocks(payload) {
        let _ = blocks.count();
    }
    let _ = sfu_rtp::red::primary(payload);
    let mut copy = data.to_vec();
    if let Some(restored) = rtx::restore(&mut copy, &header, Ssrc::new(1), header.payload_type()) {
        assert_eq!(restored.ssrc(), Ssrc::new(1));
    }
});
