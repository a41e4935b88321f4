//! Names of streams and the unit of bitrates, each a type of its own so that none is mistaken for
//! another.
//!
//! SSRC and payload type: RFC 3550 §5.1. MID: RFC 9143 §15 with the token grammar of RFC 8866. RID:
//! RFC 8851 §10 and RFC 8852 §3.

mod label;

use core::fmt;
use core::time::Duration;

use label::Label;

/// A synchronisation source: the name of one RTP stream within a transport (RFC 3550 §5.1). Every
/// value is legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(u32);

impl Ssrc {
    /// Names a stream by its value on the wire.
    #[inline]
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The value on the wire.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// An RTP payload type, 0 to 127 (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(u8);

impl PayloadType {
    /// The largest payload type; the field has seven bits.
    pub const MAX: Self = Self(127);

    /// `None` for a value over 127.
    #[inline]
    pub const fn new(value: u8) -> Option<Self> {
        if value <= Self::MAX.0 {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The payload type in the second byte of an RTP header, whose top bit is the marker.
    #[inline]
    pub const fn from_header_byte(byte: u8) -> Self {
        Self(byte & Self::MAX.0)
    }

    /// The value on the wire, 0 to 127.
    #[inline]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A media identification: the `a=mid` of an m-line and the MID header extension (RFC 9143). 1 to
/// 16 token characters, 16 being what a one-byte header extension can carry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mid(Label);

impl Mid {
    /// `None` if empty, over 16 bytes, or not a `token` of RFC 8866 §9.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Label::new(bytes, is_token_char).map(Self)
    }

    /// The text as it appears in SDP.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The bytes a header extension carries.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mid({:?})", self.as_str())
    }
}

/// An RTP stream id: the name of one simulcast encoding, in `a=rid` and in the RID header
/// extensions. 1 to 16 letters, digits, `-` or `_`: RFC 8851 §10 allows the last two, RFC 8852 §3.1
/// does not, and applications use them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rid(Label);

impl Rid {
    /// `None` if empty, over 16 bytes, or holding any other character.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Label::new(bytes, is_rid_char).map(Self)
    }

    /// The text as it appears in SDP.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The bytes a header extension carries.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rid({:?})", self.as_str())
    }
}

/// A rate in bits per second. Arithmetic saturates: a rate is never negative and never wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing flows.
    pub const ZERO: Self = Self(0);

    /// From bits per second.
    #[inline]
    pub const fn from_bps(bits_per_second: u64) -> Self {
        Self(bits_per_second)
    }

    /// From kilobits (1000 bits) per second.
    #[inline]
    pub const fn from_kbps(kilobits_per_second: u64) -> Self {
        Self(kilobits_per_second.saturating_mul(1000))
    }

    /// The mean rate of `bytes` sent over `elapsed`; zero when no time has passed.
    pub fn from_bytes_over(bytes: u64, elapsed: Duration) -> Self {
        let bits = u128::from(bytes) * 8 * NANOS_PER_SECOND;
        let rate = bits.checked_div(elapsed.as_nanos()).unwrap_or(0);
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Bits per second.
    #[inline]
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// How many whole bytes this rate allows in `elapsed`.
    pub fn bytes_in(self, elapsed: Duration) -> u64 {
        let bytes = u128::from(self.0).saturating_mul(elapsed.as_nanos()) / (8 * NANOS_PER_SECOND);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// The sum, at most `u64::MAX`.
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit/s", self.0)
    }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// `token-char` of RFC 8866 §9.
fn is_token_char(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x27 | 0x2a..=0x2b | 0x2d..=0x2e | 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7e)
}

/// `rid-id` of RFC 8851 §10.
fn is_rid_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_have_seven_bits() {
        assert_eq!(PayloadType::new(127).map(PayloadType::get), Some(127));
        assert_eq!(PayloadType::new(128), None);
        assert_eq!(PayloadType::from_header_byte(0xe0).get(), 0x60);
    }

    #[test]
    fn labels_accept_exactly_their_grammar() {
        let cases: &[(&[u8], bool, bool)] = &[
            (b"", false, false),
            (b"0", true, true),
            (b"hi-res_2", true, true),
            (b"0123456789abcdef", true, true),
            (b"0123456789abcdefg", false, false),
            (b"audio+video", true, false),
            (b"~", true, false),
            (b"a b", false, false),
            (b"a\0", false, false),
            (b"a;b", false, false),
            (b"\"", false, false),
            (b"\x7f", false, false),
            ("é".as_bytes(), false, false),
        ];
        for &(bytes, mid, rid) in cases {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(Mid::parse(bytes).is_some(), mid, "mid {text:?}");
            assert_eq!(Rid::parse(bytes).is_some(), rid, "rid {text:?}");
        }
    }

    #[test]
    fn labels_compare_and_print_like_their_text() {
        let texts = ["10", "2", "a", "aa", "ab", "b"];
        for a in texts {
            for b in texts {
                let (x, y) = (
                    Rid::parse(a.as_bytes()).unwrap(),
                    Rid::parse(b.as_bytes()).unwrap(),
                );
                assert_eq!(x.cmp(&y), a.cmp(b), "{a} against {b}");
                assert_eq!(x == y, a == b);
            }
        }
        let mid = Mid::parse(b"video").unwrap();
        assert_eq!(
            (mid.to_string(), format!("{mid:?}")),
            ("video".into(), "Mid(\"video\")".into())
        );
        assert_eq!(mid.as_bytes(), b"video");
    }

    #[test]
    fn bitrates_convert_to_bytes_and_back_without_overflow() {
        let second = Duration::from_secs(1);
        assert_eq!(Bitrate::from_kbps(800).bytes_in(second), 100_000);
        assert_eq!(
            Bitrate::from_kbps(800).bytes_in(Duration::from_micros(15)),
            1
        );
        assert_eq!(
            Bitrate::from_bytes_over(100_000, second),
            Bitrate::from_bps(800_000)
        );
        assert_eq!(Bitrate::from_bytes_over(100, Duration::ZERO), Bitrate::ZERO);
        assert_eq!(
            Bitrate::from_bytes_over(u64::MAX, Duration::from_nanos(1)).bps(),
            u64::MAX
        );
        assert_eq!(
            Bitrate::from_bps(u64::MAX).bytes_in(Duration::MAX),
            u64::MAX
        );
        assert_eq!(
            Bitrate::from_bps(1).saturating_sub(Bitrate::from_bps(2)),
            Bitrate::ZERO
        );
    }
}
