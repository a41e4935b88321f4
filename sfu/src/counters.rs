//! Plain integers owned by one worker; snapshots of them go to the control plane.
//!
//! Incrementing one is an addition in memory that the worker's core owns: no atomics, no lock.

use crate::drop_reason::DropReason;
use crate::parameters::MediaKind;

/// What one worker has counted since it started.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Media packets received and authenticated.
    pub received: Traffic,
    /// Media packets handed to the socket.
    pub sent: Traffic,
    /// Of these bytes, those of RTP padding that make packets of a run equal in size.
    pub padding_sent_bytes: u64,
    /// Sequence numbers that subscribers asked for again.
    pub nack_received: u64,
    /// Sequence numbers that we asked publishers for.
    pub nack_sent: u64,
    /// Keyframe requests (PLI or FIR) from subscribers.
    pub keyframe_requests_received: u64,
    /// Keyframe requests sent to publishers.
    pub keyframe_requests_sent: u64,
    /// Slots that began with pictures from the cache, for which no publisher had to be asked.
    pub cached_starts: u64,
    /// Frames of sound that were lost on the way from a publisher and that a later packet brought back (RFC 2198).
    pub audio_recovered: u64,
    /// Data-channel messages that a receiver's buffer had no room for.
    pub data_messages_dropped: u64,
    /// Handshakes completed.
    pub handshakes_completed: u64,
    drops: [u64; DropReason::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: Traffic::default(),
            sent: Traffic::default(),
            padding_sent_bytes: 0,
            nack_received: 0,
            nack_sent: 0,
            keyframe_requests_received: 0,
            keyframe_requests_sent: 0,
            cached_starts: 0,
            audio_recovered: 0,
            data_messages_dropped: 0,
            handshakes_completed: 0,
            drops: [0; DropReason::COUNT],
        }
    }
}

impl Counters {
    /// Counts one dropped packet.
    #[inline]
    pub fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    /// Counts `packets` dropped packets.
    #[inline]
    pub fn drop_many(&mut self, reason: DropReason, packets: u64) {
        self.drops[reason as usize] += packets;
    }

    /// How many packets were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }
}

/// What a media packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum PacketKind {
    /// Sound, as it was sent first.
    Audio,
    /// A picture, as it was sent first.
    Video,
    /// A retransmission (RFC 4588).
    Rtx,
    /// Padding, to probe the path to a subscriber.
    Probe,
    /// Nothing that was negotiated: no m-line claims its SSRC.
    Unclaimed,
}

impl PacketKind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Audio,
        Self::Video,
        Self::Rtx,
        Self::Probe,
        Self::Unclaimed,
    ];

    /// Of a stream that carries `media`, or retransmissions of it.
    #[inline]
    pub const fn of(media: MediaKind, is_rtx: bool) -> Self {
        match (is_rtx, media) {
            (true, _) => Self::Rtx,
            (false, MediaKind::Audio) => Self::Audio,
            (false, MediaKind::Video) => Self::Video,
        }
    }

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Rtx => "rtx",
            Self::Probe => "probe",
            Self::Unclaimed => "unclaimed",
        }
    }
}

/// Packets and their bytes on the wire, without IP and UDP headers, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    packets: [u64; PacketKind::ALL.len()],
    bytes: [u64; PacketKind::ALL.len()],
}

impl Traffic {
    /// Counts one packet of so many bytes.
    #[inline]
    pub fn add(&mut self, kind: PacketKind, bytes: usize) {
        self.packets[kind as usize] += 1;
        self.bytes[kind as usize] += bytes as u64;
    }

    /// How many packets of this kind there were.
    pub fn packets(&self, kind: PacketKind) -> u64 {
        self.packets[kind as usize]
    }

    /// How many bytes these had.
    pub fn bytes(&self, kind: PacketKind) -> u64 {
        self.bytes[kind as usize]
    }

    /// How many packets there were.
    pub fn all_packets(&self) -> u64 {
        self.packets.iter().sum()
    }

    /// How many bytes these had.
    pub fn all_bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }
}
