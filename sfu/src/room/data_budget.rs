//! How much data a participant may have passed on to the others: two token buckets, one for messages
//! and one for bytes. Every message is sent to everybody, so a flood of them would hurt them all.

use std::time::Instant;

use super::RoomLimits;
use crate::engine::MAX_DATA_MESSAGE_BYTES;

/// What one participant has left.
#[derive(Debug)]
pub(super) struct DataBudget {
    messages: Bucket,
    bytes: Bucket,
}

impl DataBudget {
    pub(super) fn new(limits: &RoomLimits) -> Self {
        let messages = f64::from(limits.data_messages_per_second);
        let bytes = f64::from(limits.data_bytes_per_second);
        Self {
            messages: Bucket::new(messages, 2.0 * messages),
            bytes: Bucket::new(bytes, bytes.max(MAX_DATA_MESSAGE_BYTES as f64)),
        }
    }

    /// Whether a message of this size may pass now; if so, it is paid for.
    pub(super) fn take(&mut self, now: Instant, bytes: usize) -> bool {
        let bytes = bytes as f64;
        if self.messages.level(now) < 1.0 || self.bytes.level(now) < bytes {
            return false;
        }
        self.messages.level -= 1.0;
        self.bytes.level -= bytes;
        true
    }
}

#[derive(Debug)]
struct Bucket {
    per_second: f64,
    capacity: f64,
    level: f64,
    updated: Option<Instant>,
}

impl Bucket {
    fn new(per_second: f64, capacity: f64) -> Self {
        Self {
            per_second,
            capacity,
            level: capacity,
            updated: None,
        }
    }

    fn level(&mut self, now: Instant) -> f64 {
        if let Some(before) = self.updated {
            let elapsed = now.saturating_duration_since(before).as_secs_f64();
            self.level = (self.level + elapsed * self.per_second).min(self.capacity);
        }
        self.updated = Some(self.updated.map_or(now, |before| before.max(now)));
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn budget(messages: u32, bytes: u32) -> DataBudget {
        DataBudget::new(&RoomLimits {
            data_messages_per_second: messages,
            data_bytes_per_second: bytes,
            ..RoomLimits::default()
        })
    }

    #[test]
    fn twice_the_rate_of_messages_passes_at_once_then_the_rate() {
        let start = Instant::now();
        let mut budget = budget(5, 1_000_000);
        let passed =
            |budget: &mut DataBudget, now| (0..100).filter(|_| budget.take(now, 10)).count();
        assert_eq!(passed(&mut budget, start), 10);
        assert_eq!(passed(&mut budget, start + Duration::from_secs(1)), 5);
        assert_eq!(passed(&mut budget, start + Duration::from_secs(60)), 10);
    }

    #[test]
    fn the_largest_message_passes_even_if_it_is_over_the_rate_then_has_to_be_paid_off() {
        let start = Instant::now();
        let mut budget = budget(100, 1_000);
        assert!(budget.take(start, MAX_DATA_MESSAGE_BYTES));
        assert!(!budget.take(start, 1));
        assert!(!budget.take(start + Duration::from_secs(1), 1_001));
        assert!(budget.take(start + Duration::from_secs(1), 1_000));
    }

    #[test]
    fn a_refused_message_costs_nothing() {
        let start = Instant::now();
        let mut budget = budget(1, 10);
        assert!(!budget.take(start, MAX_DATA_MESSAGE_BYTES + 1));
        assert!(budget.take(start, MAX_DATA_MESSAGE_BYTES));
    }
}
