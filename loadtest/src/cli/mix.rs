//! What publishers send.

use clap::Args;

use crate::media::{AudioShape, MAX_PACKET_BYTES, MIN_PACKET_BYTES, Mix, VideoShape};

/// The flags.
#[derive(Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(next_help_heading = "Media of each publisher")]
pub struct MixArgs {
    /// Video frames a second
    #[arg(long, value_name = "NUMBER", default_value_t = VideoShape::DEFAULT.frames_per_second, value_parser = clap::value_parser!(u32).range(1..=1_000), global = true)]
    pub fps: u32,
    /// RTP packets in each video frame
    #[arg(long, value_name = "NUMBER", default_value_t = VideoShape::DEFAULT.packets_per_frame, value_parser = clap::value_parser!(u32).range(1..=50), global = true)]
    pub packets_per_frame: u32,
    /// Bytes of each RTP packet of video
    #[arg(long, value_name = "BYTES", default_value_t = VideoShape::DEFAULT.packet_bytes, value_parser = parse_bytes, global = true)]
    pub video_bytes: usize,
    /// RTP packets of audio a second
    #[arg(long, value_name = "NUMBER", default_value_t = AudioShape::DEFAULT.packets_per_second, value_parser = clap::value_parser!(u32).range(1..=1_000), global = true)]
    pub audio_rate: u32,
    /// Bytes of each RTP packet of audio
    #[arg(long, value_name = "BYTES", default_value_t = AudioShape::DEFAULT.packet_bytes, value_parser = parse_bytes, global = true)]
    pub audio_bytes: usize,
    /// Publish no video
    #[arg(long, global = true, conflicts_with = "no_audio")]
    pub no_video: bool,
    /// Publish no audio
    #[arg(long, global = true)]
    pub no_audio: bool,
}

impl MixArgs {
    /// What they come to.
    pub fn mix(&self) -> Mix {
        Mix {
            video: (!self.no_video).then_some(VideoShape {
                frames_per_second: self.fps,
                packets_per_frame: self.packets_per_frame,
                packet_bytes: self.video_bytes,
            }),
            audio: (!self.no_audio).then_some(AudioShape {
                packets_per_second: self.audio_rate,
                packet_bytes: self.audio_bytes,
            }),
        }
    }
}

fn parse_bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bytes) if (MIN_PACKET_BYTES..=MAX_PACKET_BYTES).contains(&bytes) => Ok(bytes),
        _ => Err(format!(
            "not a number from {MIN_PACKET_BYTES} to {MAX_PACKET_BYTES}"
        )),
    }
}
