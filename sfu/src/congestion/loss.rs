//! The loss-based part of the estimate: many packets lost mean that less must be sent, unless sending less
//! does not help (draft-ietf-rmcat-gcc-02 §6 for the rule, libwebrtc's `LossBasedBweV2` for the idea that a
//! path may lose packets of its own accord).

use super::rate_control::MIN_RATE;

/// Watches loss and caps the rate.
#[derive(Debug)]
pub(crate) struct LossControl {
    /// `None`: loss limits nothing.
    cap: Option<f64>,
    /// The share that the path loses however little is sent.
    inherent: f64,
    window: Window,
    /// The window after which the cap was lowered, to be compared with what came of it.
    experiment: Option<Experiment>,
    lowered_at: Option<i64>,
}

/// What was lost of what was sent, in a stretch of time.
#[derive(Clone, Copy, Default, Debug)]
struct Window {
    began: Option<i64>,
    packets: u32,
    lost: u32,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Experiment {
    /// The rate that was sent at, and the share of it that was lost.
    rate: f64,
    loss: f64,
}

impl LossControl {
    pub(crate) const fn new() -> Self {
        Self {
            cap: None,
            inherent: 0.0,
            window: Window {
                began: None,
                packets: 0,
                lost: 0,
                bytes: 0,
            },
            experiment: None,
            lowered_at: None,
        }
    }

    /// The most that may be sent, in bits per second; `None`: loss does not say.
    pub(crate) const fn cap(&self) -> Option<f64> {
        self.cap
    }

    /// One packet has arrived, or has not.
    #[inline]
    pub(crate) fn on_packet(&mut self, bytes: usize, arrived: bool) {
        self.window.packets += 1;
        self.window.lost += u32::from(!arrived);
        self.window.bytes += bytes as u64;
    }

    /// A packet that was counted as lost has arrived after all.
    pub(crate) fn take_back(&mut self) {
        self.window.lost = self.window.lost.saturating_sub(1);
    }

    /// A probe has shown that the path carries `rate`.
    pub(crate) fn raise_to(&mut self, rate: f64) {
        self.cap = self.cap.map(|cap| cap.max(rate));
    }

    /// Forgets what has been counted since the last look: it tells of what was sent before the rate changed.
    pub(crate) fn skip(&mut self, now: i64) {
        self.window = Window {
            began: Some(now),
            ..Window::default()
        };
    }

    /// Looks at what has been counted, once it is enough. `rate` is the estimate in force. Returns whether the
    /// cap was lowered.
    pub(crate) fn update(&mut self, now: i64, rate: f64) -> bool {
        let began = *self.window.began.get_or_insert(now);
        let elapsed = now - began;
        if elapsed < WINDOW || self.window.packets < MIN_PACKETS {
            return false;
        }
        let window = std::mem::take(&mut self.window);
        self.window.began = Some(now);
        let loss = f64::from(window.lost) / f64::from(window.packets);
        let sent = window.bytes as f64 * 8.0 * 1e6 / elapsed as f64;
        self.conclude(sent, loss);
        // Of random loss no window has exactly its share.
        self.inherent = self.inherent.min(loss.max(self.inherent * FADING));
        let excess = ((loss - self.inherent) / (1.0 - self.inherent)).max(0.0);
        if excess > HIGH_LOSS {
            return self.lower(now, rate, excess, Experiment { rate: sent, loss });
        }
        if let Some(cap) = self.cap {
            let carried = sent * (1.0 - loss);
            // What arrives is carried, whatever was believed.
            let raised = match excess < LOW_LOSS {
                true => carried.max(cap * GROWTH.powf(elapsed as f64 / 1e6)),
                false => cap.max(carried * BELOW_CARRIED),
            };
            // A cap far above the estimate has nothing to say any more.
            self.cap = Some(raised).filter(|&raised| raised < rate * 2.0);
        }
        false
    }

    fn lower(&mut self, now: i64, rate: f64, excess: f64, experiment: Experiment) -> bool {
        let settled = self.lowered_at.is_none_or(|at| now - at >= SETTLING);
        if !settled {
            return false;
        }
        self.lowered_at = Some(now);
        // What arrives is carried; there is no reason to go far below it.
        let carried = experiment.rate * (1.0 - experiment.loss) * BELOW_CARRIED;
        let lowered = (rate * (1.0 - 0.5 * excess)).max(carried.min(rate));
        self.cap = Some(lowered.max(MIN_RATE));
        self.experiment = Some(experiment);
        true
    }

    /// Compares what is lost now with what a full path, and what a lossy one, would lose at the lower rate.
    fn conclude(&mut self, rate: f64, loss: f64) {
        let Some(before) = self.experiment else {
            return;
        };
        let sent_less = rate <= before.rate * SENT_LESS;
        let sent_more = rate >= before.rate * SENT_MORE;
        if !sent_less && !sent_more {
            return;
        }
        self.experiment = None;
        let carried = before.rate * (1.0 - before.loss);
        let of_a_full_path = (1.0 - carried / rate).max(0.0);
        let between = (before.loss + of_a_full_path) / 2.0;
        if sent_less && loss > between || sent_more && loss < between {
            self.inherent = loss.min(before.loss).min(MAX_INHERENT);
            self.cap = None;
        }
    }
}

/// Long enough that bursts of loss do not fill it.
const WINDOW: i64 = 500_000;
const MIN_PACKETS: u32 = 20;
/// draft-ietf-rmcat-gcc-02 §6
const HIGH_LOSS: f64 = 0.10;
const LOW_LOSS: f64 = 0.02;
const GROWTH: f64 = 1.08;
/// Before the next step down the last must have shown its effect: layers are switched at keyframes.
const SETTLING: i64 = 1_000_000;
const BELOW_CARRIED: f64 = 0.85;
/// How much less must have been sent for a comparison to mean something.
const SENT_LESS: f64 = 0.95;
/// And how much more: that a full path loses all of it must stand out from chance.
const SENT_MORE: f64 = 1.25;
/// A path that loses more is no path.
const MAX_INHERENT: f64 = 0.3;
/// How fast it is forgotten that the path is lossy, per window.
const FADING: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends at the lower of cap and `rate` for so many seconds, losing `loss` of it by the rate sent.
    fn run(
        control: &mut LossControl,
        from: i64,
        seconds: i64,
        rate: f64,
        loss: impl Fn(f64) -> f64,
    ) -> f64 {
        let mut owed = 0.0;
        for step in 0..seconds * 20 {
            let sending = control.cap().map_or(rate, |cap| cap.min(rate));
            let packets = (sending / 20.0 / 8.0 / 1_000.0).round() as usize;
            for _ in 0..packets {
                owed += loss(sending);
                let lost = owed >= 1.0;
                owed -= f64::from(u8::from(lost));
                control.on_packet(1_000, !lost);
            }
            control.update(from + step * 50_000, sending);
        }
        control.cap().map_or(rate, |cap| cap.min(rate))
    }

    #[test]
    fn a_full_path_is_backed_off_from() {
        let mut control = LossControl::new();
        let full = |rate: f64| (1.0 - 1e6 / rate).max(0.0);
        let rate = run(&mut control, 0, 20, 2e6, full);
        assert!((0.8e6..1.2e6).contains(&rate), "{rate}");
    }

    #[test]
    fn a_lossy_path_is_not_starved() {
        for share in [0.05, 0.12, 0.2] {
            let mut control = LossControl::new();
            let rate = run(&mut control, 0, 20, 2e6, |_| share);
            assert!(rate > 1.5e6, "{rate} at a loss of {share}");
        }
    }

    #[test]
    fn where_less_cannot_be_sent_sending_more_tells_a_lossy_path_from_a_full_one() {
        // What is lost of 250 and of 450 kbit/s, and whether that limits what is sent.
        for (slow, fast, is_limited) in [(0.16, 0.16, false), (0.16, 0.53, true)] {
            let mut control = LossControl::new();
            let mut owed = 0.0;
            for step in 0..200 {
                control.update(step * 50_000, 300e3);
                let (packets, loss) = match step < 100 {
                    true => (8, slow),
                    false => (14, fast),
                };
                for _ in 0..packets {
                    owed += loss;
                    let lost = owed >= 1.0;
                    owed -= f64::from(u8::from(lost));
                    control.on_packet(200, !lost);
                }
                if step == 99 {
                    assert!(control.cap().is_some(), "{slow} are lost at first");
                }
            }
            assert_eq!(control.cap().is_some(), is_limited, "{slow}, then {fast}");
        }
    }

    #[test]
    fn once_the_loss_is_over_the_cap_rises_and_goes() {
        let mut control = LossControl::new();
        let full = |rate: f64| (1.0 - 1e6 / rate).max(0.0);
        let low = run(&mut control, 0, 20, 2e6, full);
        let later = run(&mut control, 20_000_000, 20, 2e6, |_| 0.0);
        assert!(low < 1.2e6 && later == 2e6, "{low}, then {later}");
        control.raise_to(3e6);
        run(&mut control, 40_000_000, 5, 2e6, |_| 0.0);
        assert_eq!(control.cap(), None);
    }
}
