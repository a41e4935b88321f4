//! Probes: short trains of packets at a higher rate than the estimate, to learn whether more fits. Without
//! them a sender that has nothing more to send until the next layer fits would never learn that it does.
//!
//! A train is padding on the RTX stream, and whatever media leaves meanwhile counts for it. When to probe
//! follows libwebrtc's `ProbeController`, how a train is judged its `ProbeBitrateEstimator`.

use std::hint::black_box;

/// Plans, measures and judges probes; one at a time.
#[derive(Debug)]
pub(super) struct Prober {
    state: State,
    /// Tells the packets of one train from those of the next; never 0.
    id: u8,
    /// The next train follows at once, at this rate, as the last one has shown that it may.
    next_rate: Option<f64>,
    /// When the next may begin otherwise; `None`: none was sent yet.
    next_at: Option<i64>,
    /// The estimate was lowered and nothing has shown yet that it had to be.
    recovering: bool,
    /// What was wanted when the last train began; `None`: none was sent, or the path has shown a limit since.
    tried_for: Option<f64>,
    #[cfg(test)]
    sent: u64,
}

#[derive(Debug)]
enum State {
    Idle,
    Sending(Train),
    /// All of it was sent; reports are awaited.
    Awaiting(Train),
}

/// A train of packets, as it left and as it arrived.
#[derive(Clone, Copy, Debug)]
struct Train {
    rate: f64,
    began: i64,
    /// When it was last looked after.
    seen_at: i64,
    packets: u32,
    bytes: usize,
    last_sent: i64,
    /// Of the packets that left last.
    last_bytes: usize,
    arrived: u32,
    arrived_bytes: usize,
    /// Of those that left first: the last arrival and the bytes, from which the rate is measured.
    first_arrival: Option<i64>,
    first_arrived_bytes: usize,
    last_arrival: i64,
}

/// What a train has shown.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Shown {
    /// The path carries so many bits per second.
    pub(super) rate: f64,
    /// And not more: the train arrived slower than it left.
    pub(super) is_slowed: bool,
}

/// What limits a probe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Microseconds.
    pub(super) now: i64,
    /// All in bits per second.
    pub(super) estimate: f64,
    pub(super) sending: f64,
    /// What could be sent if it fitted.
    pub(super) wanted: f64,
    /// The queue does not grow, and has not lately.
    pub(super) calm: bool,
}

impl Prober {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            id: 1,
            next_rate: None,
            next_at: None,
            recovering: false,
            tried_for: None,
            #[cfg(test)]
            sent: 0,
        }
    }

    /// Has the processor fetch what a packet that leaves is held against.
    #[inline]
    pub(super) fn prefetch(&self) {
        black_box(matches!(self.state, State::Idle));
    }

    /// How many trains have begun.
    #[cfg(test)]
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// The estimate was lowered: look whether that was right, soon but not at once.
    pub(super) fn on_decrease(&mut self, now: i64) {
        self.next_rate = None;
        self.next_at = Some(now + RECOVERY);
        self.recovering = true;
        self.tried_for = None;
    }

    /// Begins a train if it is time to, and gives up on one that was not answered.
    pub(super) fn poll(&mut self, situation: &Situation) {
        let Situation { now, estimate, .. } = *situation;
        match &mut self.state {
            // One that cannot be sent must not keep the others waiting either.
            State::Sending(train) if now - train.began <= PATIENCE => train.seen_at = now,
            State::Awaiting(train) if now - train.last_sent <= PATIENCE => {}
            _ => self.state = State::Idle,
        }
        let idle = matches!(self.state, State::Idle);
        let useful = situation.wanted > estimate * WORTH_PROBING;
        if !idle || !situation.calm || !useful {
            return;
        }
        let limited = situation.sending < estimate * LIMITED;
        let more_wanted = self
            .tried_for
            .is_some_and(|tried_for| situation.wanted > tried_for * WORTH_ANOTHER);
        let rate = match (self.next_rate, self.next_at) {
            (Some(rate), _) => rate,
            (None, None) => estimate * FIRST,
            (None, Some(at))
                if now >= at && (limited || self.recovering || now >= at + INTERVAL)
                    || more_wanted =>
            {
                estimate * STEP
            }
            _ => return,
        };
        self.recovering = false;
        let most = (situation.wanted * ROOM).max(estimate * WORTH_PROBING);
        self.next_rate = None;
        self.next_at = Some(now + INTERVAL);
        self.tried_for = Some(situation.wanted);
        self.id = self.id.checked_add(1).unwrap_or(1);
        #[cfg(test)]
        {
            self.sent += 1;
        }
        self.state = State::Sending(Train::new(now, rate.min(most)));
    }

    /// When [`padding`](Self::padding) is wanted next; `None`: no train is being sent.
    pub(super) fn next_at(&self) -> Option<i64> {
        match &self.state {
            State::Sending(train) => Some(train.last_sent.max(train.seen_at) + TICK),
            State::Idle | State::Awaiting(_) => None,
        }
    }

    /// How many bytes of padding to send now, to keep the train at its rate.
    pub(super) fn padding(&self, now: i64) -> usize {
        let State::Sending(train) = &self.state else {
            return 0;
        };
        // With the first tick the train is one tick long already.
        let elapsed = now - train.began + TICK;
        let due = (train.rate / 8.0 * elapsed as f64 / 1e6) as usize;
        let owed = due.min(train.len()).saturating_sub(train.bytes);
        // A few large packets of media do not make a train.
        let unfinished = owed == 0 && train.bytes >= train.len() && now - train.last_sent >= TICK;
        owed.max(usize::from(unfinished))
    }

    /// A packet leaves. Returns the train that it belongs to, or 0.
    #[inline]
    pub(super) fn on_sent(&mut self, now: i64, bytes: usize) -> u8 {
        let bytes = bytes + HEADERS;
        let State::Sending(train) = &mut self.state else {
            return 0;
        };
        train.on_sent(now, bytes);
        let id = self.id;
        if train.bytes >= train.len() && train.packets >= MIN_PACKETS && now > train.began {
            self.state = State::Awaiting(*train);
        }
        id
    }

    /// A packet of train `id` that left at `sent` has arrived.
    pub(super) fn on_arrival(&mut self, id: u8, sent: i64, arrived: i64, bytes: usize) {
        if let State::Sending(train) | State::Awaiting(train) = &mut self.state
            && id == self.id
        {
            train.on_arrival(sent, arrived, bytes + HEADERS);
        }
    }

    /// The rate that a train has shown to be carried, if one is complete. `estimate` is what is believed now,
    /// `wanted` what could be sent.
    pub(super) fn take_result(&mut self, estimate: f64, wanted: f64) -> Option<Shown> {
        let State::Awaiting(train) = &self.state else {
            return None;
        };
        if !train.is_answered() {
            return None;
        }
        let (asked, shown) = (train.rate, train.rate_shown());
        self.state = State::Idle;
        let shown = shown?;
        if shown.is_slowed {
            self.tried_for = None;
        }
        if shown.rate >= asked * SUCCESS && wanted > shown.rate.max(estimate) {
            self.next_rate = Some(shown.rate * STEP);
        }
        Some(shown)
    }
}

impl Train {
    fn new(now: i64, rate: f64) -> Self {
        Self {
            rate,
            began: now,
            seen_at: now - TICK,
            packets: 0,
            bytes: 0,
            last_sent: now,
            last_bytes: 0,
            arrived: 0,
            arrived_bytes: 0,
            first_arrival: None,
            first_arrived_bytes: 0,
            last_arrival: i64::MIN,
        }
    }

    /// How many bytes it takes.
    fn len(&self) -> usize {
        (self.rate / 8.0 * DURATION as f64 / 1e6) as usize
    }

    fn on_sent(&mut self, now: i64, bytes: usize) {
        if self.packets == 0 {
            self.began = now;
        }
        if now > self.last_sent {
            self.last_bytes = 0;
        }
        self.last_sent = now;
        self.last_bytes += bytes;
        self.packets += 1;
        self.bytes += bytes;
    }

    fn on_arrival(&mut self, sent: i64, arrived: i64, bytes: usize) {
        self.arrived += 1;
        self.arrived_bytes += bytes;
        self.last_arrival = self.last_arrival.max(arrived);
        if sent <= self.began {
            self.first_arrival = self.first_arrival.max(Some(arrived));
            self.first_arrived_bytes += bytes;
        }
    }

    /// Whether enough has arrived to judge by.
    fn is_answered(&self) -> bool {
        let enough = |part: f64, whole: f64| part >= whole * MIN_ARRIVED;
        enough(f64::from(self.arrived), f64::from(self.packets))
            && enough(self.arrived_bytes as f64, self.bytes as f64)
    }

    /// The rate at which it went through. What left in one burst is one point in time, so both rates are
    /// measured from the end of the first burst to the end of the last.
    fn rate_shown(&self) -> Option<Shown> {
        let took = self.last_arrival - self.first_arrival?;
        let sending = self.last_sent - self.began;
        if took <= 0 || sending <= 0 {
            return None;
        }
        let per_second = |bytes: usize, micros: i64| bytes as f64 * 8.0 * 1e6 / micros as f64;
        let sent = per_second(self.bytes - self.last_bytes, sending);
        let arrived = per_second(self.arrived_bytes - self.first_arrived_bytes, took);
        if arrived > sent * MAX_SPEEDUP {
            // Something on the way held it back and let it go.
            return None;
        }
        let is_slowed = arrived < sent * SLOWED;
        let rate = if is_slowed {
            // This is what the path carries; all of it would be too much.
            arrived * BELOW_CAPACITY
        } else {
            sent.min(arrived)
        };
        Some(Shown {
            rate: rate * WITHOUT_HEADERS,
            is_slowed,
        })
    }
}

/// Of IP and UDP. A path carries them too, and trains are of small packets: they are a tenth of a train and a
/// fortieth of a picture, which is what a train asks for.
const HEADERS: usize = 28;
const WITHOUT_HEADERS: f64 = 1_172.0 / 1_200.0;

/// Of a train: at six times the start rate, on a path that carries as little as one layer, it is a queue of a quarter of
/// a second once.
const DURATION: i64 = 25_000;
/// The worker's timers are as fine as milliseconds; a train of five steps can be measured.
const TICK: i64 = 5_000;
/// As libwebrtc.
const MIN_PACKETS: u32 = 5;
const MIN_ARRIVED: f64 = 0.8;
const MAX_SPEEDUP: f64 = 2.0;
const SLOWED: f64 = 0.9;
const BELOW_CAPACITY: f64 = 0.95;
const SUCCESS: f64 = 0.7;
/// How much faster than the estimate the first train is, and those after it. The first asks for what most viewers
/// want, so that they need not wait for another; libwebrtc begins with three times and six times in a row.
const FIRST: f64 = 6.0;
const STEP: f64 = 2.0;
/// Beyond what is wanted a little is asked for, so that what is wanted fits well.
const ROOM: f64 = 1.2;
const WORTH_PROBING: f64 = 1.05;
/// The last train went through, or its answer is still on the way, and only asked for what was wanted then: a
/// larger layer should not wait. libwebrtc probes as well when the sum of what may be sent grows.
const WORTH_ANOTHER: f64 = 1.25;
/// Who uses more of the estimate than this grows without probes, and is probed half as often.
const LIMITED: f64 = 0.8;
/// libwebrtc probes every five seconds while it has too little to send; a viewer's layer should be back sooner.
const INTERVAL: i64 = 3_000_000;
/// After a decrease.
const RECOVERY: i64 = 2_000_000;
/// How long reports of a train are waited for.
const PATIENCE: i64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Situation = Situation {
        now: 0,
        estimate: 500_000.0,
        sending: 150_000.0,
        wanted: 2_000_000.0,
        calm: true,
    };

    /// Sends a train over a path of so many bits per second, and returns (asked, shown).
    fn send_over(prober: &mut Prober, begin: i64, capacity: f64) -> (f64, Option<Shown>) {
        let State::Sending(Train { rate, .. }) = prober.state else {
            panic!("no train is being sent");
        };
        let (mut now, mut free_at) = (begin, begin as f64);
        let mut arrivals = Vec::new();
        while matches!(prober.state, State::Sending(_)) {
            while prober.padding(now) > 0 {
                let id = prober.on_sent(now, 250);
                free_at = free_at.max(now as f64) + 278.0 * 8.0 * 1e6 / capacity;
                arrivals.push((id, now, free_at as i64 + 10_000));
            }
            now += TICK;
            assert!(now < begin + 100_000, "the train does not end");
        }
        for (id, sent, arrived) in arrivals {
            prober.on_arrival(id, sent, arrived, 250);
        }
        (rate, prober.take_result(500_000.0, 20e6))
    }

    #[test]
    fn a_train_shows_its_own_rate_or_what_the_path_carries() {
        // (capacity, shown at least, at most), in kbit/s, of a train at 2,400.
        for (capacity, least, most) in [
            (100_000.0, 2_250.0, 2_450.0),
            (4_000.0, 2_250.0, 2_450.0),
            (1_000.0, 900.0, 950.0),
            (400.0, 360.0, 380.0),
        ] {
            let mut prober = Prober::new();
            prober.poll(&CALM);
            let (asked, shown) = send_over(&mut prober, 0, capacity * 1e3);
            let shown = shown.expect("it arrived");
            let kbps = shown.rate / 1e3;
            assert_eq!(shown.is_slowed, capacity < 2_400.0, "{capacity}");
            assert_eq!(asked, 2_400_000.0, "a fifth more than is wanted");
            assert!((least..=most).contains(&kbps), "{kbps} of {capacity}");
        }
    }

    #[test]
    fn success_is_followed_up_at_once_and_failure_after_a_while() {
        let mut prober = Prober::new();
        prober.poll(&CALM);
        let (_, shown) = send_over(&mut prober, 0, 100e6);
        let estimate = shown.expect("it arrived").rate;
        let wide = Situation {
            now: 100_000,
            estimate,
            wanted: 20e6,
            ..CALM
        };
        prober.poll(&wide);
        let (asked, _) = send_over(&mut prober, 100_000, 1.5e6);
        assert!((4.5e6..4.8e6).contains(&asked), "{asked}");

        let later = |now| Situation { now, ..wide };
        prober.poll(&later(200_000));
        assert_eq!(prober.sent(), 2, "the last one failed");
        prober.poll(&later(100_000 + INTERVAL));
        assert_eq!(prober.sent(), 3);
    }

    #[test]
    fn a_larger_layer_is_probed_for_at_once_unless_the_path_has_shown_its_limit() {
        // (capacity of the path, wanted then, trains)
        for (capacity, wanted, trains) in [
            (100e6, 2.0e6, 1),
            (100e6, 2.4e6, 1),
            (100e6, 2.6e6, 2),
            (1e6, 2.6e6, 1),
        ] {
            let mut prober = Prober::new();
            prober.poll(&CALM);
            let (_, shown) = send_over(&mut prober, 0, capacity);
            let estimate = shown.expect("it arrived").rate;
            prober.next_rate = None;
            prober.poll(&Situation {
                now: 100_000,
                estimate,
                wanted,
                ..CALM
            });
            assert_eq!(prober.sent(), trains, "{wanted} over {capacity}");
        }
    }

    #[test]
    fn there_is_no_probe_that_would_tell_nothing_or_do_harm() {
        let cases: &[(&str, Situation, u64)] = &[
            ("more is wanted", CALM, 1),
            (
                "all that is wanted fits",
                Situation {
                    wanted: 500_000.0,
                    ..CALM
                },
                0,
            ),
            (
                "the queue grows",
                Situation {
                    calm: false,
                    ..CALM
                },
                0,
            ),
        ];
        for (name, situation, expected) in cases {
            let mut prober = Prober::new();
            prober.poll(situation);
            assert_eq!(prober.sent(), *expected, "{name}");
        }
        let mut prober = Prober::new();
        prober.poll(&CALM);
        send_over(&mut prober, 0, 500e3);
        let busy = Situation {
            now: INTERVAL,
            sending: 480_000.0,
            ..CALM
        };
        prober.poll(&busy);
        assert_eq!(prober.sent(), 1, "the estimate is used and grows without");
    }

    #[test]
    fn a_train_whose_packets_are_lost_is_given_up() {
        let mut prober = Prober::new();
        prober.poll(&CALM);
        let mut now = 0;
        while matches!(prober.state, State::Sending(_)) {
            while prober.padding(now) > 0 {
                let id = prober.on_sent(now, 250);
                if now > 10_000 {
                    prober.on_arrival(id, now, now + 10_000, 250);
                }
            }
            now += TICK;
        }
        assert_eq!(prober.take_result(500_000.0, 2e6), None);
        prober.poll(&Situation {
            now: now + PATIENCE + 1,
            ..CALM
        });
        assert_eq!(prober.take_result(500_000.0, 2e6), None);
        prober.poll(&Situation {
            now: now + INTERVAL,
            ..CALM
        });
        assert_eq!(prober.sent(), 2);
    }
}
