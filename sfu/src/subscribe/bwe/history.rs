//! What was sent under which transport-wide number, until a report says what became of it.

/// A ring of the packets that were sent last; grows with the rate.
#[derive(Debug)]
pub(super) struct SentHistory {
    /// Empty or a power of two long; a number's place is its lower bits.
    ring: Vec<Sent>,
    /// The number of the next packet.
    next: u16,
    /// How many of the numbers before it were used; no more than the ring holds.
    used: usize,
}

/// A packet that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// The lower bits of the time in microseconds.
    at: u32,
    /// Its length on the wire.
    bytes: u16,
    /// The probe that it belongs to; 0: none.
    pub(super) probe: u8,
    pub(super) fate: Fate,
}

/// What is known of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Unknown,
    /// Reported as missing, which may be taken back.
    Missing,
    Arrived,
}

impl Sent {
    pub(super) fn bytes(self) -> usize {
        usize::from(self.bytes)
    }

    /// When it was sent, given a time no more than an hour later.
    pub(super) fn at(self, now: i64) -> i64 {
        now - i64::from((now as u32).wrapping_sub(self.at))
    }
}

impl SentHistory {
    /// Takes no memory yet.
    pub(super) const fn new() -> Self {
        Self {
            ring: Vec::new(),
            next: 0,
            used: 0,
        }
    }

    /// The number of the next packet.
    pub(super) const fn next(&self) -> u16 {
        self.next
    }

    /// Notes that the packet with the next number was sent.
    #[inline]
    pub(super) fn push(&mut self, now: i64, bytes: usize, probe: u8) {
        if self.used == self.ring.len()
            && self.next.is_multiple_of(JUDGED_AT_ONCE)
            && self.evicts_young(now)
        {
            self.grow();
        }
        let place = self.place(self.next);
        if let Some(sent) = self.ring.get_mut(place) {
            *sent = Sent {
                at: now as u32,
                bytes: u16::try_from(bytes).unwrap_or(u16::MAX),
                probe,
                fate: Fate::Unknown,
            };
        }
        self.next = self.next.wrapping_add(1);
        self.used = (self.used + 1).min(self.ring.len());
    }

    /// The packet that was sent under this number, if it is remembered.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u16) -> Option<&mut Sent> {
        let ago = usize::from(self.next.wrapping_sub(number));
        if ago == 0 || ago > self.used {
            return None;
        }
        let place = self.place(number);
        self.ring.get_mut(place)
    }

    fn place(&self, number: u16) -> usize {
        usize::from(number) & self.ring.len().wrapping_sub(1)
    }

    /// Whether the packets that have to go next may still be reported about.
    fn evicts_young(&self, now: i64) -> bool {
        // Looking at one means waiting for memory, so the next few are judged by the youngest of them.
        let youngest = self.next | (JUDGED_AT_ONCE - 1);
        let going = self.ring.get(self.place(youngest));
        self.ring.len() < MAX_LEN && going.is_none_or(|sent| now - sent.at(now) < REACH)
    }

    fn grow(&mut self) {
        let len = (self.ring.len() * 2).max(MIN_LEN);
        let mut grown = vec![NOTHING; len];
        for ago in 1..=self.used {
            let number = self.next.wrapping_sub(ago as u16);
            let sent = self.ring.get(self.place(number));
            if let (Some(sent), Some(to)) = (sent, grown.get_mut(usize::from(number) & (len - 1))) {
                *to = *sent;
            }
        }
        self.ring = grown;
    }
}

const NOTHING: Sent = Sent {
    at: 0,
    bytes: 0,
    probe: 0,
    fate: Fate::Unknown,
};

/// Receivers report every 50 to 250 ms; the rest is the delay of a bad path.
const REACH: i64 = 600_000;
/// A quarter of the smallest ring; a power of two.
const JUDGED_AT_ONCE: u16 = 16;
/// 512 bytes: a microphone takes no more.
const MIN_LEN: usize = 64;
/// 32 KiB: what 60 Mbit/s are until then.
const MAX_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_by_number_for_as_long_as_reports_may_take() {
        let mut history = SentHistory::new();
        // Ten seconds of 1,000 packets a second: over a wrap of the number, and of the clock's lower bits.
        let start = i64::from(u32::MAX) - 3_000_000;
        for packet in 0..70_000_u32 {
            assert_eq!(history.next(), packet as u16);
            history.push(
                start + i64::from(packet) * 1_000,
                packet as usize % 1_400,
                0,
            );
        }
        let now = start + 70_000_000;
        for packet in 69_400..70_000_u32 {
            let sent = history
                .get_mut(packet as u16)
                .map(|sent| (sent.at(now), sent.bytes()));
            let expected = (start + i64::from(packet) * 1_000, packet as usize % 1_400);
            assert_eq!(sent, Some(expected), "packet {packet}");
        }
        assert_eq!(history.get_mut(70_000_u32 as u16), None, "not sent yet");
        assert_eq!(history.get_mut(60_000), None, "sent long ago");
    }

    #[test]
    fn it_grows_with_the_rate_and_stops_at_its_cap() {
        let mut history = SentHistory::new();
        assert_eq!(history.get_mut(0), None);
        assert_eq!(history.ring.len(), 0, "nothing sent, nothing held");
        for packet in 0..1_000 {
            history.push(packet * 20_000, 100, 0);
        }
        assert_eq!(history.ring.len(), MIN_LEN, "50 packets a second");
        for _ in 0..100_000 {
            history.push(20_000_000, 1_200, 0);
        }
        assert_eq!(history.ring.len(), MAX_LEN);
    }
}
