//! Groups packets that left together, and compares how far groups lie apart at both ends
//! (draft-ietf-rmcat-gcc-02 §5.2).
//!
//! A sender emits bursts, and what the network does to the packets within one tells nothing about its
//! queue: the signal is between bursts.

/// Collects packets into groups and compares each with the one before.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
    /// How many groups in a row arrived before their predecessors.
    reordered: u8,
}

/// How two groups that follow each other lie apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spacing {
    /// Between their last packets when they left, in microseconds.
    pub(crate) sent: i64,
    /// Between their last packets when they arrived, in microseconds.
    pub(crate) arrived: i64,
    /// When the later group had left.
    pub(crate) sent_at: i64,
    /// When the later group had arrived.
    pub(crate) arrived_at: i64,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrival: i64,
    last_arrival: i64,
}

impl Groups {
    pub(crate) const fn new() -> Self {
        Self {
            current: None,
            previous: None,
            reordered: 0,
        }
    }

    /// Takes a packet that left at `sent` and arrived at `arrived`. If it begins a new group, the one before it
    /// is complete and is compared with its predecessor.
    pub(crate) fn add(&mut self, sent: i64, arrived: i64) -> Option<Spacing> {
        let Some(current) = &mut self.current else {
            self.current = Some(Group::new(sent, arrived));
            return None;
        };
        if sent < current.first_sent {
            // Reordered on its way to us, as retransmissions of a publisher are.
            return None;
        }
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrival = current.last_arrival.max(arrived);
            return None;
        }
        let complete = *current;
        *current = Group::new(sent, arrived);
        let previous = self.previous.replace(complete)?;
        self.compare(previous, complete)
    }

    fn compare(&mut self, previous: Group, complete: Group) -> Option<Spacing> {
        let sent = complete.last_sent - previous.last_sent;
        let arrived = complete.last_arrival - previous.last_arrival;
        if arrived - sent > MAX_STALL {
            // The receiver slept, or changed its network: what was is of no use.
            *self = Self::default();
            return None;
        }
        if arrived < 0 {
            self.reordered += 1;
            if self.reordered >= MAX_REORDERED {
                *self = Self::default();
            }
            return None;
        }
        self.reordered = 0;
        Some(Spacing {
            sent,
            arrived,
            sent_at: complete.last_sent,
            arrived_at: complete.last_arrival,
        })
    }
}

impl Group {
    fn new(sent: i64, arrived: i64) -> Self {
        Self {
            first_sent: sent,
            last_sent: sent,
            first_arrival: arrived,
            last_arrival: arrived,
        }
    }

    /// Whether a packet belongs to it: it left with it, or it waited somewhere (a radio link, mostly) and was
    /// let through together with it.
    fn takes(&self, sent: i64, arrived: i64) -> bool {
        if sent - self.first_sent <= BURST {
            return true;
        }
        let apart = arrived - self.last_arrival;
        let delay_shrinks = apart < sent - self.last_sent;
        delay_shrinks && apart <= BURST && arrived - self.first_arrival < MAX_BURST
    }
}

/// 5 ms: draft-ietf-rmcat-gcc-02 §5.2.
const BURST: i64 = 5_000;
/// 100 ms, as libwebrtc (`kMaxBurstDuration`).
const MAX_BURST: i64 = 100_000;
/// 3 s, as libwebrtc (`kArrivalTimeOffsetThreshold`).
const MAX_STALL: i64 = 3_000_000;
/// As libwebrtc (`kReorderedResetThreshold`).
const MAX_REORDERED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    /// The (sent, arrived) distances in ms that come of packets (sent, arrived) in ms.
    fn spacings(packets: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let mut groups = Groups::default();
        packets
            .iter()
            .filter_map(|&(sent, arrived)| groups.add(sent * 1_000, arrived * 1_000))
            .map(|spacing| (spacing.sent / 1_000, spacing.arrived / 1_000))
            .collect()
    }

    #[test]
    fn groups_are_compared_once_the_next_begins() {
        /// Packets as (sent, arrived), and the distances, all in milliseconds.
        type Case = (&'static str, &'static [(i64, i64)], &'static [(i64, i64)]);
        let cases: &[Case] = &[
            ("one group", &[(0, 10), (0, 11), (5, 12)], &[]),
            ("two groups, the second is open", &[(0, 10), (20, 30)], &[]),
            (
                "even",
                &[(0, 10), (20, 30), (40, 50), (60, 70)],
                &[(20, 20), (20, 20)],
            ),
            (
                "a queue grows",
                &[(0, 10), (20, 35), (40, 60), (60, 85)],
                &[(20, 25), (20, 25)],
            ),
            (
                "released together by a radio link",
                &[(0, 10), (20, 50), (30, 51), (40, 52), (60, 70), (80, 90)],
                &[(40, 42), (20, 18)],
            ),
            (
                "a packet from before the group",
                &[(0, 10), (20, 30), (10, 31), (40, 50), (60, 70)],
                &[(20, 20), (20, 20)],
            ),
        ];
        for (name, packets, expected) in cases {
            assert_eq!(spacings(packets), *expected, "{name}");
        }
    }

    #[test]
    fn a_stall_of_seconds_begins_anew() {
        let packets = [
            (0, 10),
            (20, 30),
            (40, 4_000),
            (60, 4_020),
            (80, 4_040),
            (100, 4_060),
        ];
        assert_eq!(
            spacings(&packets),
            [(20, 20)],
            "nothing reaches over the stall"
        );
    }
}
