//! Whether anybody needs what a publisher sends of one encoding.
//!
//! An encoding that nobody has watched for a while is *paused*: its publisher is told and may stop sending
//! it. As soon as somebody is to see it, it is wanted again. A publisher that cannot be told, or does not
//! listen, goes on sending, and nothing is lost but the bits.

use std::time::{Duration, Instant};

/// The state of one encoding.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upstream {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Somebody watches.
    #[default]
    Watched,
    /// Nobody has since then.
    Unwatched(Instant),
    /// Nobody has for long: the publisher may stop.
    Paused,
    /// Somebody watches again, since then.
    Resumed(Instant),
}

impl Upstream {
    /// Somebody is to see the encoding. Returns whether its publisher must be told.
    pub(crate) fn watch(&mut self, now: Instant) -> bool {
        match self.state {
            State::Paused => {
                self.state = State::Resumed(now);
                true
            }
            State::Unwatched(_) => {
                self.state = State::Watched;
                false
            }
            State::Watched | State::Resumed(_) => false,
        }
    }

    /// Nobody sees the encoding. Returns whether its publisher must be told: once it has been so for a while.
    pub(crate) fn leave(&mut self, now: Instant) -> bool {
        match self.state {
            State::Watched | State::Resumed(_) => {
                self.state = State::Unwatched(now);
                false
            }
            State::Unwatched(since) if now.saturating_duration_since(since) >= LINGER => {
                self.state = State::Paused;
                true
            }
            State::Unwatched(_) | State::Paused => false,
        }
    }

    /// Whether the publisher should send it.
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self.state, State::Paused)
    }

    /// Whether it can be counted on although it does not flow: it was only paused, and would come back.
    pub(crate) fn may_return(&self, now: Instant) -> bool {
        match self.state {
            State::Paused => true,
            State::Resumed(since) => now.saturating_duration_since(since) < PATIENCE,
            State::Watched | State::Unwatched(_) => false,
        }
    }
}

/// So long people switch to and fro between tiles and tabs; what is saved by being faster is little, and
/// each pause that was a mistake costs a keyframe.
const LINGER: Duration = Duration::from_secs(5);

/// A publisher whose own path is too narrow for the layer does not send it, however much it is wanted.
/// Chromium takes about a second to find that it is wide enough.
const PATIENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_unwatched_is_paused_and_what_is_watched_resumes_at_once() {
        // (second, whether somebody watches, whether the publisher is told, whether it is wanted then,
        //  whether it would return)
        let cases = [
            (0, true, false, true, false),
            (1, false, false, true, false),
            (4, true, false, true, false),
            (5, false, false, true, false),
            (9, false, false, true, false),
            (10, false, true, false, true),
            (11, false, false, false, true),
            (600, false, false, false, true),
            (601, true, true, true, true),
            (604, true, false, true, true),
            (605, true, false, true, false),
            (606, false, false, true, false),
            (611, false, true, false, true),
        ];
        let start = Instant::now();
        let mut upstream = Upstream::default();
        for (second, watched, told, wanted, returns) in cases {
            let now = start + Duration::from_secs(second);
            let tell = match watched {
                true => upstream.watch(now),
                false => upstream.leave(now),
            };
            assert_eq!(tell, told, "told at {second} s");
            assert_eq!(upstream.is_wanted(), wanted, "wanted at {second} s");
            assert_eq!(upstream.may_return(now), returns, "returns at {second} s");
        }
    }
}
