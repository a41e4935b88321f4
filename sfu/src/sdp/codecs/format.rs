//! `a=fmtp`: what two sides must agree on for each codec, and what the answer says about it.
//!
//! Opus: RFC 7587 §6.1; VP9: RFC 9628 §6; H.264: RFC 6184 §8.1 and §8.2.2; AV1: "RTP Payload Format
//! For AV1" §7.2. What limits only the decoder of whoever wrote it (`max-fs`, `maxaveragebitrate`) is
//! not said back: the server decodes nothing.

use std::fmt::Write;
use std::str::FromStr;

use crate::parameters::{Codec, CodecFormat, H264Profile};

/// The format, and the answer's parameters. `None` for one that cannot be forwarded.
pub(super) fn read(codec: Codec, fmtp: &str) -> Option<(CodecFormat, String)> {
    let mut answer = Parameters::default();
    let format = match codec {
        Codec::Opus => {
            opus(fmtp, &mut answer)?;
            CodecFormat::Any
        }
        Codec::Vp8 => CodecFormat::Any,
        Codec::Vp9 => CodecFormat::Vp9Profile(answer.echo(fmtp, "profile-id", 3)?.unwrap_or(0)),
        Codec::H264 => h264(fmtp, &mut answer)?,
        Codec::Av1 => {
            answer.echo(fmtp, "level-idx", 31)?;
            let profile = answer.echo(fmtp, "profile", 2)?.unwrap_or(0);
            answer.echo(fmtp, "tier", 1)?;
            CodecFormat::Av1Profile(profile)
        }
    };
    Some((format, answer.0))
}

/// The value of a parameter (`a=fmtp:96 key=value;key=value`); names ignore case.
pub(super) fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// In-band FEC, DTX and stereo are wishes of the receiver. Here the receivers are the other peers,
/// which mostly are of the same make, so what this one wishes to get it is also asked to send.
fn opus(fmtp: &str, answer: &mut Parameters) -> Option<()> {
    answer.echo(fmtp, "minptime", 120)?;
    for flag in ["useinbandfec", "usedtx", "stereo"] {
        if parameter(fmtp, flag) == Some("1") {
            answer.push(flag, "1");
        }
    }
    Some(())
}

/// The level is echoed with `level-asymmetry-allowed`, which makes it a plain statement of each side.
fn h264(fmtp: &str, answer: &mut Parameters) -> Option<CodecFormat> {
    answer.echo(fmtp, "level-asymmetry-allowed", 1)?;
    let packetization_mode = answer.echo(fmtp, "packetization-mode", 1)?.unwrap_or(0);
    let profile = match parameter(fmtp, "profile-level-id") {
        Some(text) => {
            let profile = h264_profile(text)?;
            answer.push("profile-level-id", text);
            profile
        }
        // RFC 6184 §8.1: Baseline at level 1 is inferred.
        None => H264Profile::Baseline,
    };
    Some(CodecFormat::H264 {
        profile,
        packetization_mode,
    })
}

/// Reads `profile_idc`, `profile_iop` and `level_idc` as six hexadecimal digits (RFC 6184 table 5).
fn h264_profile(text: &str) -> Option<H264Profile> {
    if text.len() != 6 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, idc, iop, _] = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    // The constraint_set flags 0 to 5 from the top; the last two bits are reserved and zero.
    match (idc, iop) {
        (0x42, iop) if iop & 0b0100_1111 == 0b0100_0000 => Some(H264Profile::ConstrainedBaseline),
        (0x4d, iop) if iop & 0b1000_1111 == 0b1000_0000 => Some(H264Profile::ConstrainedBaseline),
        (0x58, iop) if iop & 0b1100_1111 == 0b1100_0000 => Some(H264Profile::ConstrainedBaseline),
        (0x42, iop) if iop & 0b0100_1111 == 0 => Some(H264Profile::Baseline),
        (0x58, iop) if iop & 0b1100_1111 == 0b1000_0000 => Some(H264Profile::Baseline),
        (0x4d, iop) if iop & 0b1010_1111 == 0 => Some(H264Profile::Main),
        (0x64, 0) => Some(H264Profile::High),
        (0x64, 0b0000_1100) => Some(H264Profile::ConstrainedHigh),
        (0xf4, 0) => Some(H264Profile::HighPredictive444),
        _ => None,
    }
}

/// The parameters of an answer, as they are written.
#[derive(Default)]
struct Parameters(String);

impl Parameters {
    fn push(&mut self, name: &str, value: &str) {
        let separator = if self.0.is_empty() { "" } else { ";" };
        write!(self.0, "{separator}{name}={value}").expect("a string takes everything");
    }

    /// Says a number back as it was offered. `Some(None)` if it was not, `None` if it is no number up
    /// to `largest`.
    fn echo(&mut self, fmtp: &str, name: &str, largest: u8) -> Option<Option<u8>> {
        let Some(text) = parameter(fmtp, name) else {
            return Some(None);
        };
        let value = u8::from_str(text).ok().filter(|&value| value <= largest)?;
        self.push(name, &value.to_string());
        Some(Some(value))
    }
}
