use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use sfu_rtp::{ExtensionMap, NtpTime};

use super::*;
use crate::publish::samples::{audio, publisher, video};

/// What packets tell of when they leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tells {
    SendTime,
    Timestamp,
    Nothing,
}

/// A publisher that obeys, behind a link with a queue.
struct Path {
    start: Instant,
    now: Instant,
    rate: RemoteRate,
    /// What it sends, in bits per second, and what it was told and when.
    sends: f64,
    told: Vec<(Instant, f64)>,
    /// When the link has sent all that waits.
    free_at: Instant,
    /// Those that are under way: when they arrive, and when they left.
    under_way: std::collections::VecDeque<(Instant, Instant)>,
    tells: Tells,
    /// Loses one of so many, whatever is sent.
    loses_one_of: u64,
    packets: u64,
    sent: u64,
    lost: u64,
    reported_at: Instant,
}

impl Path {
    fn new(sends: f64, tells: Tells) -> Self {
        let now = Instant::now();
        Self {
            start: now,
            now,
            rate: RemoteRate::new(),
            sends,
            told: Vec::new(),
            free_at: now,
            under_way: Default::default(),
            tells,
            loses_one_of: u64::MAX,
            packets: 0,
            sent: 0,
            lost: 0,
            reported_at: now,
        }
    }

    /// Time goes by on a link of `capacity` bits per second, whose queue holds 300 ms. Returns the longest that
    /// a packet has waited.
    fn run(&mut self, seconds: u64, capacity: f64) -> Duration {
        let end = self.now + Duration::from_secs(seconds);
        let mut longest = Duration::ZERO;
        let mut next_packet = self.now;
        while self.now < end {
            if self.now >= next_packet {
                next_packet += Duration::from_secs_f64(BYTES as f64 * 8.0 / self.sends);
                longest = longest.max(self.send(capacity));
            }
            self.arrive();
            if let Some(told) = self.rate.poll(self.now, Duration::from_millis(50)) {
                self.sends = (told.bps() as f64).min(MOST);
                self.told.push((self.now, told.bps() as f64));
            }
            self.now += Duration::from_millis(1);
        }
        longest
    }

    fn send(&mut self, capacity: f64) -> Duration {
        self.sent += 1;
        self.packets += 1;
        let waits = self.free_at.saturating_duration_since(self.now);
        if waits > Duration::from_millis(300) || self.packets.is_multiple_of(self.loses_one_of) {
            self.lost += 1;
            return waits;
        }
        let takes = Duration::from_secs_f64(BYTES as f64 * 8.0 / capacity);
        self.free_at = self.now + waits + takes;
        self.under_way.push_back((self.free_at, self.now));
        waits
    }

    fn arrive(&mut self) {
        while let Some(&(at, left)) = self.under_way.front()
            && at <= self.now
        {
            let elapsed = left - self.start;
            let leaving = match self.tells {
                Tells::SendTime => Leaving::At(abs_send_time(elapsed)),
                Tells::Timestamp => Leaving::Captured(SSRC, timestamp(elapsed)),
                Tells::Nothing => Leaving::Unknown,
            };
            self.rate.on_packet(at, leaving, BYTES);
            self.under_way.pop_front();
        }
        if self.now - self.reported_at >= Duration::from_secs(1) {
            self.reported_at = self.now;
            self.rate.on_loss(self.now, self.sent, self.lost);
            (self.sent, self.lost) = (0, 0);
        }
    }

    fn told_last(&self) -> f64 {
        self.told.last().expect("it is told").1
    }
}

fn abs_send_time(elapsed: Duration) -> AbsSendTime {
    AbsSendTime::from_ntp(NtpTime::new(0).plus(elapsed))
}

/// At 90 kHz, for the frame of that moment: there are 30 a second.
fn timestamp(elapsed: Duration) -> RtpTime {
    let frame = elapsed.as_millis() * 30 / 1_000;
    RtpTime::new((frame as u32).wrapping_mul(3_000).wrapping_sub(100_000))
}

const SSRC: Ssrc = Ssrc::new(7);
const ALL: [Tells; 3] = [Tells::SendTime, Tells::Timestamp, Tells::Nothing];
const BYTES: usize = 1_000;
const MOST: f64 = 8_000_000.0;

#[test]
fn a_publisher_is_told_what_its_path_carries() {
    for tells in ALL {
        let mut path = Path::new(1_000_000.0, tells);
        for (capacity, seconds) in [(3_000_000.0, 40), (500_000.0, 30), (2_000_000.0, 60)] {
            path.run(seconds, capacity);
            for _ in 0..10 {
                path.run(1, capacity);
                let share = path.told_last() / capacity;
                assert!(
                    (0.6..1.3).contains(&share),
                    "{tells:?}: told {share} of {capacity}"
                );
            }
        }
        let queue = path.run(10, 2_000_000.0);
        if tells != Tells::Nothing {
            assert!(queue < Duration::from_millis(150), "a queue of {queue:?}");
        }
    }
}

#[test]
fn it_is_told_every_second_and_at_once_when_it_is_less() {
    for tells in ALL {
        let mut path = Path::new(800_000.0, tells);
        path.run(10, 10_000_000.0);
        assert!((9..=11).contains(&path.told.len()), "{:?}", path.told.len());
        let (narrowed_at, before) = (path.now, path.told_last());
        path.run(5, 300_000.0);
        let lower = path.told.iter().find(|(_, told)| *told < before * 0.9);
        let after = lower.expect("less is told").0 - narrowed_at;
        // Without departures only loss tells, and that is counted once a second after the queue has filled.
        let patience = if tells == Tells::Nothing { 2_500 } else { 500 };
        assert!(
            after < Duration::from_millis(patience),
            "{tells:?}: {after:?}"
        );
        let pairs = path.told.windows(2);
        let early = pairs.filter(|pair| pair[1].0 - pair[0].0 < Duration::from_millis(990));
        for pair in early {
            assert!(
                pair[1].1 < pair[0].1,
                "sooner than in a second, and not less"
            );
        }
    }
}

#[test]
fn a_path_that_loses_whatever_is_sent_is_not_starved() {
    for tells in ALL {
        for one_of in [50, 8] {
            let mut path = Path::new(1_000_000.0, tells);
            path.loses_one_of = one_of;
            path.run(60, 20_000_000.0);
            let told = path.told_last();
            assert!(told > 1_500_000.0, "{tells:?}, one of {one_of}: {told}");
        }
    }
}

#[test]
fn whoever_pauses_is_told_nothing_and_goes_on_as_before() {
    let pauses = [10, 40, 64, 100, 3_600, 50_000].into_iter();
    let cases = pauses.flat_map(|pause| [(pause, Tells::SendTime), (pause, Tells::Timestamp)]);
    for (pause, tells) in cases {
        let mut path = Path::new(800_000.0, tells);
        path.run(10, 10_000_000.0);
        path.now += Duration::from_secs(pause);
        path.free_at = path.now;
        assert_eq!(path.rate.poll(path.now, Duration::ZERO), None);
        assert_eq!(path.rate.next_at(), None, "nobody is woken for it");
        let (before, told) = (path.told_last(), path.told.len());
        path.run(5, 10_000_000.0);
        assert!(path.told.len() > told, "after {pause} s");
        assert!(path.told_last() >= before, "after {pause} s");
        let queue = path.run(10, 500_000.0);
        assert!(path.told_last() < 600_000.0, "after {pause} s: {queue:?}");
    }
}

#[test]
fn departures_are_unwrapped_by_what_has_passed_meanwhile() {
    // In milliseconds: since the last packet by our clock, and by the sender's; whether the clock has jumped.
    let steps = [
        (0, 0, false),
        (20, 20, false),
        (300, 20, false),
        (10, 290, false),
        (63_990, 63_990, false),
        (200_000, 200_000, false),
        (20, 10_000, true),
        (20, 20, false),
        (20, -10_000, true),
    ];
    let mut clock = DepartureClock { last: None };
    let (mut arrived, mut left, mut before) = (0_i64, 100_000_i64, None);
    for (step, (here, there, jumps)) in steps.into_iter().enumerate() {
        arrived += here * 1_000;
        left += there;
        let value = abs_send_time(Duration::from_millis(left as u64));
        let departure = clock.unwrap(micros_of(value), SEND_TIME_CYCLE, arrived);
        assert_eq!(departure.jumps, jumps, "step {step}");
        if let Some(before) = before {
            let passed: i64 = departure.at - before;
            assert!((passed - there * 1_000).abs() < 10, "step {step}: {passed}");
        }
        before = Some(departure.at);
    }
}

#[test]
fn whatever_a_publisher_says_of_its_clock_the_rate_stays_within_bounds() {
    for seed in 0..50 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (mut now, mut rate) = (Instant::now(), RemoteRate::new());
        for _ in 0..3_000 {
            now += Duration::from_micros(rng.random_range(0..20_000));
            let value: [u8; 3] = rng.random();
            let leaving = match (rng.random_range(0..3), AbsSendTime::parse(&value)) {
                (0, Some(time)) => Leaving::At(time),
                (1, _) => {
                    let ssrc = Ssrc::new(rng.random_range(0..3));
                    Leaving::Captured(ssrc, RtpTime::new(rng.random()))
                }
                _ => Leaving::Unknown,
            };
            rate.on_packet(now, leaving, rng.random_range(0..1_500));
            if rng.random_bool(0.05) {
                rate.on_loss(now, rng.random(), rng.random());
            }
            if let Some(told) = rate.poll(now, Duration::from_millis(rng.random_range(0..500))) {
                // Some 600 kbit/s arrive on average.
                assert!(
                    (30_000..20_000_000).contains(&told.bps()),
                    "seed {seed}: {told:?}"
                );
            }
        }
    }
}

#[test]
fn only_publishers_of_pictures_that_know_nothing_better_are_told() {
    // Whether each is agreed for pictures, and whether packets have numbers; whether the peer is told.
    for (remb, transport_cc, numbered, expected) in [
        (true, false, false, true),
        (true, true, true, false),
        (true, false, true, true),
        (true, true, false, true),
        (false, true, true, false),
        (false, false, false, false),
    ] {
        let mut media = video("0", &[]);
        media.codecs[0].feedback.remb = remb;
        media.codecs[0].feedback.transport_cc = transport_cc;
        let mut extensions = ExtensionMap::new();
        if numbered {
            let id = extensions.insert(3, ExtensionKind::TransportSequence);
            id.expect("it is free");
        }
        let parameters = publisher(vec![audio("1"), media], extensions);
        assert_eq!(
            RemoteRate::is_wanted(&parameters),
            expected,
            "{remb} {transport_cc} {numbered}"
        );
    }
}
