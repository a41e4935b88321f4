//! Synthetic media: what a camera and a microphone would send, except that every packet says in clear
//! what it is.
//!
//! The RTP payload formats are real, so that a server sees frames, keyframes and layers; behind the
//! format's own bytes comes a [`Stamp`] instead of pictures and sound.

mod av1;
mod bits;
mod descriptor;
mod encoder;
mod filler;
mod h264;
mod opus;
mod payload;
mod sealed;
mod stamp;
mod structure;
mod vp8;
mod vp9;

pub use encoder::{EncodedPacket, EncoderSettings, VideoEncoder};
pub use opus::{read_opus, write_opus};
pub use payload::{Told, View, read};
pub use stamp::{Damage, Label, Stamp};
pub use structure::Scalability;
pub use vp8::Vp8Ids;
pub use vp9::Vp9Ids;
