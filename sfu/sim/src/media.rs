//! Synthetic media: what a camera and a microphone would send, except that every packet says in clear
//! what it is.
//!
//! The RTP payload formats are real, so that a server sees frames, keyframes and layers; behind the
//! format's own bytes comes a [`Stamp`] instead of pictures and sound.

mod encoder;
mod filler;
mod opus;
mod stamp;
mod vp8;

pub use encoder::{EncodedPacket, EncoderSettings, VideoEncoder};
pub use opus::{read_opus, write_opus};
pub use stamp::{Damage, Label, Stamp};
pub use vp8::{Vp8Ids, Vp8View, read_vp8};
