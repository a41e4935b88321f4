//! What a packet says about itself: who sent it, what it is part of, and what it depends on.

use std::fmt;
use std::time::Duration;

use super::filler::{self, filler};

/// What a track is called in its packets: independent of everything that the server gives out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Label {
    /// The publisher's number in its world.
    pub publisher: u32,
    /// Which of its tracks: the place of the m-line in its offer.
    pub source: u8,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "track {} of person {}", self.source, self.publisher)
    }
}

/// The truth about one media packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The track.
    pub label: Label,
    /// The encoding within the track, from 0.
    pub encoding: u8,
    /// The SSRC that its publisher sent it with.
    pub ssrc: u32,
    /// Its place among all RTP packets of that SSRC, padding included; the low 16 bits are those of
    /// the publisher's header.
    pub sequence: u32,
    /// Its place among the media packets of that SSRC.
    pub number: u32,
    /// The frame within the encoding, all layers counted. Of audio, every packet is a frame.
    pub frame: u32,
    /// The picture within the encoding: the frames of all spatial layers.
    pub picture: u32,
    /// Which packet of the frame this is, from 0.
    pub packet: u16,
    /// How many packets the frame has.
    pub packets: u16,
    /// How many frames back those are that this one refers to; 0: none, both in a keyframe.
    pub refers_back: [u16; 2],
    /// The spatial layer.
    pub spatial: u8,
    /// The temporal layer.
    pub temporal: u8,
    /// How many spatial and how many temporal layers the encoding has.
    pub layers: [u8; 2],
    /// A count of the pictures of the lowest temporal layer: TL0PICIDX where it is sent.
    pub tl0: u8,
    /// When it was captured, since the world began.
    pub captured: Duration,
}

impl Stamp {
    /// Bytes of a written stamp.
    pub const LEN: usize = 53;

    /// Whether the frame can be decoded without any other.
    pub const fn is_keyframe(&self) -> bool {
        matches!(self.refers_back, [0, 0])
    }

    /// Whether some of its encoding may be left out.
    pub const fn is_layered(&self) -> bool {
        !matches!(self.layers, [1, 1])
    }

    /// Whether it is the last of its frame.
    pub const fn ends_frame(&self) -> bool {
        self.packet + 1 == self.packets
    }

    /// Appends the stamp and as much filler as makes the two `len` bytes long; at least the stamp.
    pub fn write(&self, len: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend(MAGIC);
        out.extend([self.label.source, self.encoding]);
        for word in [
            self.label.publisher,
            self.ssrc,
            self.sequence,
            self.number,
            self.frame,
            self.picture,
        ] {
            out.extend(word.to_be_bytes());
        }
        let [earlier, below] = self.refers_back;
        for half in [self.packet, self.packets, earlier, below] {
            out.extend(half.to_be_bytes());
        }
        let [spatial, temporal] = self.layers;
        out.extend([self.spatial, self.temporal, spatial, temporal, self.tl0]);
        out.extend((self.captured.as_nanos() as u64).to_be_bytes());
        let sum = checksum(&out[start..]);
        out.extend(sum.to_be_bytes());
        let rest = len.saturating_sub(Self::LEN).min(filler::MAX_BYTES);
        out.extend(filler(self.number, rest));
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// If as much as a bit is different.
    pub fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let (stamp, rest) = bytes
            .split_first_chunk::<{ Self::LEN }>()
            .ok_or(Damage::TooShort(bytes.len()))?;
        let (content, sum) = stamp.split_at(Self::LEN - 4);
        if content[..2] != MAGIC || checksum(content).to_be_bytes() != sum {
            return Err(Damage::Stamp);
        }
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|n| content[at + n]));
        let half = |at: usize| u16::from_be_bytes([content[at], content[at + 1]]);
        let nanos = u64::from(word(41)) << 32 | u64::from(word(45));
        let stamp = Self {
            label: Label {
                source: content[2],
                publisher: word(4),
            },
            encoding: content[3],
            ssrc: word(8),
            sequence: word(12),
            number: word(16),
            frame: word(20),
            picture: word(24),
            packet: half(28),
            packets: half(30),
            refers_back: [half(32), half(34)],
            spatial: content[36],
            temporal: content[37],
            layers: [content[38], content[39]],
            tl0: content[40],
            captured: Duration::from_nanos(nanos),
        };
        if rest.len() > filler::MAX_BYTES || rest != filler(stamp.number, rest.len()) {
            return Err(Damage::Filler);
        }
        Ok(stamp)
    }
}

/// How a payload differs from what was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// Fewer bytes than a stamp has.
    TooShort(usize),
    /// The stamp is not one, or its checksum is wrong.
    Stamp,
    /// The bytes after the stamp are others.
    Filler,
    /// The codec's own bytes in front of the stamp are not understood.
    Descriptor,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(len) => write!(f, "the payload was cut to {len} bytes"),
            Self::Stamp => f.write_str("the payload's stamp is damaged"),
            Self::Filler => f.write_str("the payload is damaged behind its stamp"),
            Self::Descriptor => f.write_str("the payload descriptor does not parse"),
        }
    }
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, &byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

const MAGIC: [u8; 2] = *b"Sw";

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            label: Label {
                publisher: 7,
                source: 2,
            },
            encoding: 1,
            ssrc: 0xdead_beef,
            sequence: 70_000,
            number: 69_000,
            frame: 1_234,
            picture: 617,
            packet: 3,
            packets: 9,
            refers_back: [4, 1],
            spatial: 1,
            temporal: 2,
            layers: [2, 3],
            tl0: 200,
            captured: Duration::from_millis(5_050),
        }
    }

    #[test]
    fn a_stamp_reads_back_whatever_the_length() {
        for len in [0, Stamp::LEN, Stamp::LEN + 1, 1_200] {
            let mut bytes = vec![9; 3];
            stamp().write(len, &mut bytes);
            assert_eq!(bytes.len(), 3 + len.max(Stamp::LEN));
            assert_eq!(Stamp::read(&bytes[3..]), Ok(stamp()));
        }
    }

    #[test]
    fn every_flipped_bit_shows() {
        let mut bytes = Vec::new();
        stamp().write(200, &mut bytes);
        for at in 0..bytes.len() {
            bytes[at] ^= 0x10;
            assert!(Stamp::read(&bytes).is_err(), "byte {at}");
            bytes[at] ^= 0x10;
        }
    }
}
