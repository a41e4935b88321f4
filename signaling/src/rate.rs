//! How often somebody may do something: a token bucket, and one for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::config::Rate;

/// A bucket that fills at a rate and holds a burst. It starts full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: f64::from(rate.burst),
            filled_at: now,
        }
    }

    /// Takes one token; false if there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.take_many(1, now)
    }

    /// Takes as many tokens; false, and none, if there are fewer.
    pub(crate) fn take_many(&mut self, count: u32, now: Instant) -> bool {
        self.fill(now);
        let count = f64::from(count);
        if self.tokens < count {
            return false;
        }
        self.tokens -= count;
        true
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        let filled = self.tokens + elapsed * f64::from(self.rate.per_second);
        self.tokens = filled.min(f64::from(self.rate.burst));
        self.filled_at = now;
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= f64::from(self.rate.burst)
    }
}

/// A bucket for each address that was heard of lately.
pub(crate) struct AddressBuckets {
    rate: Rate,
    state: Mutex<State>,
}

struct State {
    known: HashMap<IpAddr, TokenBucket>,
    /// For all who come while the map is full of busy addresses: an attack from many addresses
    /// shares one bucket, and those who are known already keep theirs.
    others: TokenBucket,
}

/// The most addresses that are told apart; some 100 bytes each.
const MAX_ADDRESSES: usize = 16_384;

impl AddressBuckets {
    /// Full buckets for everybody.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let others = TokenBucket::new(rate, now);
        Self {
            rate,
            state: Mutex::new(State {
                known: HashMap::new(),
                others,
            }),
        }
    }

    /// Takes one token of this address; false if there is none.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> bool {
        let address = network(address);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = state.known.get_mut(&address) {
            return bucket.take(now);
        }
        if state.known.len() >= MAX_ADDRESSES {
            // A full bucket says nothing that a new one would not.
            state.known.retain(|_, bucket| !bucket.is_full(now));
        }
        if state.known.len() >= MAX_ADDRESSES {
            return state.others.take(now);
        }
        let mut bucket = TokenBucket::new(self.rate, now);
        let taken = bucket.take(now);
        state.known.insert(address, bucket);
        taken
    }
}

/// An IPv6 host has a whole /64 to choose addresses from (RFC 4291 §2.5.4), so that counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 20,
    };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(RATE, start);
        let table = [
            (0, 30, 20),
            (50, 1, 0),
            (100, 5, 1),
            (1_100, 30, 10),
            (60_000, 30, 20),
            (59_000, 1, 0),
        ];
        for (milliseconds, asked, expected) in table {
            let now = start + Duration::from_millis(milliseconds);
            let given = (0..asked).filter(|_| bucket.take(now)).count();
            assert_eq!(given, expected, "at {milliseconds} ms");
        }
    }

    #[test]
    fn addresses_have_buckets_of_their_own_and_ipv6_networks_share_one() {
        let now = Instant::now();
        let buckets = AddressBuckets::new(RATE, now);
        let take = |address: &str, asked: usize| {
            let address = address.parse().expect("an address");
            (0..asked).filter(|_| buckets.take(address, now)).count()
        };
        assert_eq!(take("192.0.2.1", 30), 20);
        assert_eq!(take("192.0.2.2", 30), 20);
        assert_eq!(
            take("::ffff:192.0.2.1", 30),
            0,
            "an IPv4 address in IPv6 form is that address"
        );
        assert_eq!(take("2001:db8::1", 15), 15);
        assert_eq!(take("2001:db8::2", 15), 5);
        assert_eq!(take("2001:db8:0:1::2", 15), 15);
    }

    #[test]
    fn a_crowd_of_addresses_shares_one_bucket_until_others_fall_silent() {
        let start = Instant::now();
        let buckets = AddressBuckets::new(RATE, start);
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        let first = MAX_ADDRESSES as u32;
        assert!((0..first).all(|number| buckets.take(address(number), start)));
        let given = (first..first + 100)
            .filter(|number| buckets.take(address(*number), start))
            .count();
        assert_eq!(given, 20, "newcomers share a burst");
        assert!(
            buckets.take(address(0), start),
            "those who are known keep their own"
        );

        let later = start + Duration::from_secs(10);
        let given = (first..first + 100)
            .filter(|number| buckets.take(address(*number), later))
            .count();
        assert_eq!(given, 100);
        assert!(buckets.state.lock().expect("not poisoned").known.len() <= MAX_ADDRESSES);
    }
}
