//! The data channels that a peer has open, and how it opens them (DCEP, RFC 8832).

use std::sync::Arc;

use arrayvec::ArrayVec;
use rtc::datachannel::data_channel::DataChannel;
use rtc::datachannel::message::Message;
use rtc::datachannel::message::message_channel_ack::DataChannelAck;
use rtc::sctp::ReliabilityType;
use rtc::shared::marshal::{Marshal as _, Unmarshal as _};

/// What a peer asks for with DATA_CHANNEL_OPEN (RFC 8832 §5.1).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Open {
    pub(super) label: Arc<str>,
    /// Whether messages may overtake each other.
    pub(super) unordered: bool,
    pub(super) reliability: ReliabilityType,
    /// Retransmissions or milliseconds, as `reliability` has it.
    pub(super) reliability_value: u32,
}

impl Open {
    /// `None` if it is no well-formed DATA_CHANNEL_OPEN, its label is no text, or its label or protocol is too long.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        if message.len() > MAX_OPEN_LEN {
            return None;
        }
        let mut rest = message;
        let Message::DataChannelOpen(open) = Message::unmarshal(&mut rest).ok()? else {
            return None;
        };
        if open.label.len() > MAX_LABEL_BYTES || open.protocol.len() > MAX_LABEL_BYTES {
            return None;
        }
        let (unordered, reliability) = DataChannel::get_reliability_params(open.channel_type);
        Some(Self {
            label: String::from_utf8(open.label).ok()?.into(),
            unordered,
            reliability,
            reliability_value: open.reliability_parameter,
        })
    }
}

/// DATA_CHANNEL_ACK (RFC 8832 §5.2).
pub(super) fn ack() -> Option<bytes::Bytes> {
    let ack = Message::DataChannelAck(DataChannelAck {}).marshal().ok()?;
    Some(ack.freeze())
}

/// The streams of those that are open.
#[derive(Debug, Default)]
pub(super) struct Channels(ArrayVec<u16, MAX_CHANNELS>);

impl Channels {
    pub(super) fn contains(&self, id: u16) -> bool {
        self.0.contains(&id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.is_full()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// Adds a channel that is not open yet. `false` if there are too many.
    pub(super) fn insert(&mut self, id: u16) -> bool {
        self.0.try_push(id).is_ok()
    }

    /// Whether it was open.
    pub(super) fn remove(&mut self, id: u16) -> bool {
        let position = self.0.iter().position(|&open| open == id);
        position.is_some_and(|position| self.0.swap_pop(position).is_some())
    }
}

/// A page needs one or two; this leaves room for applications.
const MAX_CHANNELS: usize = 16;

/// Bytes of a label, and of a protocol.
pub(super) const MAX_LABEL_BYTES: usize = 64;

const MAX_OPEN_LEN: usize = 12 + 2 * MAX_LABEL_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    fn open(kind: u8, label: &[u8], protocol: &[u8]) -> Vec<u8> {
        let mut message = vec![3, kind, 1, 0, 0, 0, 0, 7];
        message.extend((label.len() as u16).to_be_bytes());
        message.extend((protocol.len() as u16).to_be_bytes());
        message.extend(label);
        message.extend(protocol);
        message
    }

    #[test]
    fn the_kind_says_how_reliable_a_channel_is() {
        let cases = [
            (0x00, false, ReliabilityType::Reliable),
            (0x80, true, ReliabilityType::Reliable),
            (0x01, false, ReliabilityType::Rexmit),
            (0x81, true, ReliabilityType::Rexmit),
            (0x02, false, ReliabilityType::Timed),
            (0x82, true, ReliabilityType::Timed),
        ];
        for (kind, unordered, reliability) in cases {
            let parsed = Open::parse(&open(kind, b"chat", b"v1")).expect("an open message");
            assert_eq!(
                (parsed.unordered, parsed.reliability),
                (unordered, reliability),
                "{kind:#x}"
            );
            assert_eq!(&*parsed.label, "chat");
            assert_eq!(parsed.reliability_value, 7);
        }
    }

    #[test]
    fn what_is_malformed_or_too_long_is_refused() {
        let long = [b'a'; 65];
        let cases: &[(&str, Vec<u8>, bool)] = &[
            ("empty", open(0, b"", b""), true),
            ("the longest", open(0, &long[..64], &long[..64]), true),
            ("a label too long", open(0, &long, b""), false),
            ("a protocol too long", open(0, b"", &long), false),
            ("an unknown kind", open(3, b"chat", b""), false),
            ("a label that is no text", open(0, &[0xff], b""), false),
            ("an acknowledgement", vec![2], false),
            ("another message", vec![9; 20], false),
            ("nothing", vec![], false),
            ("cut", open(0, b"chat", b"")[..14].to_vec(), false),
        ];
        for (name, message, expected) in cases {
            assert_eq!(Open::parse(message).is_some(), *expected, "{name}");
        }
    }

    #[test]
    fn channels_are_counted_and_their_ids_used_again() {
        let mut channels = Channels::default();
        for stream in 0..MAX_CHANNELS as u16 {
            assert!(!channels.is_full());
            assert!(channels.insert(stream));
        }
        assert!(channels.is_full() && !channels.insert(99));
        assert!(channels.remove(3));
        assert!(!channels.remove(3));
        assert!(!channels.contains(3));
        assert!(channels.insert(3) && channels.contains(3));
    }
}
