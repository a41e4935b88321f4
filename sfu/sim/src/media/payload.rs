//! What a payload says, whatever its format: the stamp, and what the format's own header tells a receiver of
//! the frame.

use bytes::Bytes;
use sfu::parameters::Codec;

use super::stamp::{Damage, Stamp};
use super::vp8::{self, Vp8Ids};
use super::vp9::{self, Vp9Ids};
use super::{av1, h264, opus, sealed};

/// What a payload was read to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// What it says about itself.
    pub stamp: Stamp,
    /// What its format's header tells.
    pub told: Told,
}

/// What a receiver learns of a frame from the payload's header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// Numbers and layers of VP8.
    Vp8(Vp8Ids),
    /// Numbers and layers of VP9.
    Vp9(Vp9Ids),
    /// Where it begins and ends, no more.
    Nothing,
}

impl Told {
    /// The numbers that run on from picture to picture: a picture id of 15 bits, and TL0PICIDX.
    pub fn ids(&self) -> Option<(u16, u8)> {
        match self {
            Self::Vp8(ids) => Some((ids.picture_id, ids.tl0)),
            Self::Vp9(ids) => Some((ids.picture_id, ids.tl0)),
            Self::Nothing => None,
        }
    }
}

/// Reads a payload of this codec, encrypted from end to end or not.
///
/// # Errors
/// If it is not what was written.
pub fn read(codec: Codec, payload: &Bytes) -> Result<View, Damage> {
    let clear = match codec {
        Codec::Opus => opus::read_opus(payload).map(|stamp| (stamp, Told::Nothing)),
        Codec::Vp8 => vp8::read(payload).map(|(stamp, ids)| (stamp, Told::Vp8(ids))),
        Codec::Vp9 => vp9::read(payload).map(|(stamp, ids)| (stamp, Told::Vp9(ids))),
        Codec::H264 => h264::read(payload).map(|stamp| (stamp, Told::Nothing)),
        Codec::Av1 => av1::read(payload).map(|stamp| (stamp, Told::Nothing)),
    };
    let read = clear.or_else(|damage| match sealed::read(codec, payload) {
        Ok(stamp) => Ok((stamp, Told::Nothing)),
        Err(_) => Err(damage),
    });
    read.map(|(stamp, told)| View { stamp, told })
}
