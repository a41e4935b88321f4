//! The values of the header extensions that a forwarder reads or writes. `parse` takes the
//! element's value, `to_bytes` gives it back; a value of another length than its specification says
//! is refused.

use crate::NtpTime;

/// How loud the audio in a packet is, and whether it is thought to be speech (RFC 6464 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioLevel {
    /// The sender's opinion that the packet holds voice. Senders that do not tell always set it, or
    /// never do.
    pub voice: bool,
    /// Decibels relative to overload: 0 is as loud as can be, −127 is silence.
    pub level_dbov: i8,
}

impl AudioLevel {
    /// `None` unless one byte long.
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        Some(Self {
            voice: byte & 0x80 != 0,
            level_dbov: -((byte & 0x7f) as i8),
        })
    }

    /// The value on the wire; levels above 0 and below −127 are sent as those.
    #[inline]
    pub fn to_bytes(self) -> [u8; 1] {
        let level = self.level_dbov.clamp(-127, 0).unsigned_abs();
        [u8::from(self.voice) << 7 | level]
    }
}

/// The transport-wide sequence number (draft-holmer-rmcat-transport-wide-cc-extensions-01 §2), 16
/// bits that wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportSequence(pub u16);

impl TransportSequence {
    /// `None` unless two bytes long.
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        Some(Self(u16::from_be_bytes(value.try_into().ok()?)))
    }

    /// The value on the wire.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

/// When a packet left its sender: 24 bits of 2^-18 s, wrapping every 64 s (webrtc.org,
/// abs-send-time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsSendTime(u32);

impl AbsSendTime {
    /// The 6 low bits of the seconds and the 18 high bits of the fraction.
    #[inline]
    pub const fn from_ntp(time: NtpTime) -> Self {
        Self((time.get() >> 14) as u32 & 0x00ff_ffff)
    }

    /// The value in units of 2^-18 s, less than 2^24.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// `None` unless three bytes long.
    #[inline]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let &[b0, b1, b2] = value else { return None };
        Some(Self(u32::from_be_bytes([0, b0, b1, b2])))
    }

    /// The value on the wire.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 3] {
        let [_, b0, b1, b2] = self.0.to_be_bytes();
        [b0, b1, b2]
    }
}

/// When the frame in a packet was captured (webrtc.org, abs-capture-time).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// By the clock of the machine that captured it.
    pub captured: NtpTime,
    /// The capturing machine's clock less the sender's, in units of 2^-32 s, if the sender knows
    /// it.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    /// `None` unless 8 or 16 bytes long.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (captured, offset) = value.split_first_chunk()?;
        let clock_offset = match offset {
            [] => None,
            offset => Some(i64::from_be_bytes(offset.try_into().ok()?)),
        };
        Some(Self {
            captured: NtpTime::new(u64::from_be_bytes(*captured)),
            clock_offset,
        })
    }

    /// Writes the value into `buffer` and returns the part of it to send, 8 or 16 bytes.
    pub fn write(self, buffer: &mut [u8; 16]) -> &[u8] {
        let offset = self.clock_offset.unwrap_or_default();
        let both = u128::from(self.captured.get()) << 64 | u128::from(offset as u64);
        *buffer = both.to_be_bytes();
        &buffer[..if self.clock_offset.is_some() { 16 } else { 8 }]
    }
}

/// What the sender wishes of the receiver's jitter buffer, in units of 10 ms, 0 to 4095 each
/// (webrtc.org, playout-delay). Zero for both asks for frames to be shown as soon as they are
/// decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutDelay {
    /// The least delay.
    pub min: u16,
    /// The greatest delay.
    pub max: u16,
}

impl PlayoutDelay {
    /// `None` unless three bytes long.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let &[b0, b1, b2] = value else { return None };
        let both = u32::from_be_bytes([0, b0, b1, b2]);
        Some(Self {
            min: (both >> 12) as u16,
            max: (both & 0x0fff) as u16,
        })
    }

    /// The value on the wire; delays over 4095 are sent as that.
    pub fn to_bytes(self) -> [u8; 3] {
        let [min, max] = [self.min, self.max].map(|delay| u32::from(delay.min(0x0fff)));
        let [_, b0, b1, b2] = (min << 12 | max).to_be_bytes();
        [b0, b1, b2]
    }
}

/// How the receiver is to turn a picture before it shows it (3GPP TS 26.114 §7.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoOrientation {
    /// Whether it comes from the camera on the back of the device.
    pub back_camera: bool,
    /// Whether to mirror it left to right.
    pub flip: bool,
    /// How far to turn it clockwise.
    pub rotation: Rotation,
}

/// A quarter turn or several, clockwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Upright.
    None,
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

impl VideoOrientation {
    /// `None` unless one byte long.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let &[byte] = value else { return None };
        let rotation = match byte & 0x03 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        Some(Self {
            back_camera: byte & 0x08 != 0,
            flip: byte & 0x04 != 0,
            rotation,
        })
    }

    /// The value on the wire.
    pub const fn to_bytes(self) -> [u8; 1] {
        [(self.back_camera as u8) << 3 | (self.flip as u8) << 2 | self.rotation as u8]
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn audio_levels_are_read_and_written() {
        let cases = [
            (0x00, false, 0),
            (0x80, true, 0),
            (0x7f, false, -127),
            (0xff, true, -127),
            (0xa5, true, -37),
        ];
        for (byte, voice, level_dbov) in cases {
            let level = AudioLevel { voice, level_dbov };
            assert_eq!(AudioLevel::parse(&[byte]), Some(level));
            assert_eq!(level.to_bytes(), [byte]);
        }
        assert_eq!(
            AudioLevel {
                voice: false,
                level_dbov: 10
            }
            .to_bytes(),
            [0]
        );
        assert_eq!(
            AudioLevel {
                voice: false,
                level_dbov: -128
            }
            .to_bytes(),
            [0x7f]
        );
    }

    #[test]
    fn send_times_are_six_bits_of_seconds_and_eighteen_of_fraction() {
        let cases = [
            (Duration::ZERO, 0),
            (Duration::from_millis(500), 1 << 17),
            (Duration::from_millis(63_500), (63 << 18) + (1 << 17)),
            (Duration::from_secs(64), 0),
            (Duration::from_nanos(3_815), 1),
        ];
        for (elapsed, expected) in cases {
            let time = AbsSendTime::from_ntp(NtpTime::new(0).plus(elapsed));
            assert_eq!(time.get(), expected, "{elapsed:?}");
            assert_eq!(AbsSendTime::parse(&time.to_bytes()), Some(time));
        }
        assert_eq!(
            AbsSendTime::parse(&[1, 2, 3]).map(AbsSendTime::get),
            Some(0x010203)
        );
    }

    #[test]
    fn capture_times_come_with_and_without_an_offset() {
        let mut buffer = [0; 16];
        for clock_offset in [None, Some(0), Some(-1), Some(i64::MIN)] {
            let time = AbsCaptureTime {
                captured: NtpTime::new(0x0102_0304_0506_0708),
                clock_offset,
            };
            let value = time.write(&mut buffer);
            assert_eq!(value.len(), if clock_offset.is_some() { 16 } else { 8 });
            assert_eq!(value[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
            assert_eq!(AbsCaptureTime::parse(value), Some(time));
        }
        for len in [0, 7, 9, 15, 17] {
            assert_eq!(AbsCaptureTime::parse(&vec![0; len]), None, "{len} bytes");
        }
    }

    #[test]
    fn playout_delays_are_twelve_bits_each() {
        let delay = PlayoutDelay {
            min: 0x123,
            max: 0xabc,
        };
        assert_eq!(delay.to_bytes(), [0x12, 0x3a, 0xbc]);
        assert_eq!(PlayoutDelay::parse(&[0x12, 0x3a, 0xbc]), Some(delay));
        assert_eq!(
            PlayoutDelay {
                min: 5000,
                max: u16::MAX
            }
            .to_bytes(),
            [0xff; 3]
        );
    }

    #[test]
    fn every_orientation_survives_a_round_trip() {
        for byte in 0..=255_u8 {
            let orientation = VideoOrientation::parse(&[byte]).unwrap();
            assert_eq!(orientation.to_bytes(), [byte & 0x0f]);
        }
        let sideways = VideoOrientation {
            back_camera: true,
            flip: false,
            rotation: Rotation::ThreeQuarters,
        };
        assert_eq!(sideways.to_bytes(), [0x0b]);
    }

    #[test]
    fn values_of_another_length_are_refused() {
        for len in 0..=20 {
            let value = vec![0; len];
            assert_eq!(AudioLevel::parse(&value).is_some(), len == 1);
            assert_eq!(TransportSequence::parse(&value).is_some(), len == 2);
            assert_eq!(AbsSendTime::parse(&value).is_some(), len == 3);
            assert_eq!(PlayoutDelay::parse(&value).is_some(), len == 3);
            assert_eq!(VideoOrientation::parse(&value).is_some(), len == 1);
            assert_eq!(
                AbsCaptureTime::parse(&value).is_some(),
                len == 8 || len == 16
            );
        }
        assert_eq!(
            TransportSequence::parse(&[0x12, 0x34]),
            Some(TransportSequence(0x1234))
        );
        assert_eq!(TransportSequence(0x1234).to_bytes(), [0x12, 0x34]);
    }
}
