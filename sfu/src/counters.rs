//! Plain integers owned by one worker; snapshots of them go to the control plane.
//!
//! Incrementing one is an addition in memory that the worker's core owns: no atomics, no lock.

use crate::drop_reason::DropReason;

/// What one worker has counted since it started.
#[derive(Clone, Debug)]
pub struct Counters {
    /// Media packets received and authenticated, retransmissions included.
    pub received_packets: u64,
    /// Their bytes on the wire, without IP and UDP headers.
    pub received_bytes: u64,
    /// Media packets handed to the socket, retransmissions included.
    pub sent_packets: u64,
    /// Their bytes on the wire, without IP and UDP headers.
    pub sent_bytes: u64,
    /// Of these bytes, those of RTP padding that make packets of a run equal in size.
    pub padding_sent_bytes: u64,
    /// Retransmissions received from publishers over RTX.
    pub rtx_received_packets: u64,
    /// Retransmissions sent to subscribers.
    pub rtx_sent_packets: u64,
    /// Packets of padding sent to subscribers to probe their path.
    pub probe_packets: u64,
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
    /// Data-channel messages that a receiver's buffer had no room for.
    pub data_messages_dropped: u64,
    /// Handshakes completed.
    pub handshakes_completed: u64,
    drops: [u64; DropReason::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received_packets: 0,
            received_bytes: 0,
            sent_packets: 0,
            sent_bytes: 0,
            padding_sent_bytes: 0,
            rtx_received_packets: 0,
            rtx_sent_packets: 0,
            probe_packets: 0,
            nack_received: 0,
            nack_sent: 0,
            keyframe_requests_received: 0,
            keyframe_requests_sent: 0,
            cached_starts: 0,
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
