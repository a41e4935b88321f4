//! The yardstick: the least that sending so many packets to so many receivers can cost on this machine.
//!
//! A bare loop copies each packet for each receiver, rewrites its header, seals it in place with AES-GCM
//! and hands it to the kernel, a frame for a receiver as one GSO message and 32 receivers with a
//! `sendmmsg`. It has no clients, no state to look after and nothing to decide. What a server costs more
//! than this is the server; what this costs is the machine. Sends at the pace of the mix, not as fast as
//! it can, because that is when a server has to do it.

mod fan_out;
mod receivers;
mod seal;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::media::Mix;
use fan_out::FanOut;
use receivers::Receivers;

/// What is sent to whom.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plan {
    /// What each publisher sends.
    pub(crate) mix: Mix,
    /// For each publisher, which receivers get it.
    pub(crate) audiences: Vec<Vec<usize>>,
    /// How many receivers there are.
    pub(crate) receivers: usize,
    /// For how long.
    pub(crate) duration: Duration,
    /// Whether the receivers take runs of datagrams as the kernel got them.
    pub(crate) coalesce: bool,
}

/// Whether packets are sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealing {
    /// AEAD_AES_128_GCM, with a key for each receiver.
    Gcm,
    /// Not at all.
    Plain,
}

/// What it cost.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct BareCost {
    /// Whether packets were sealed.
    pub sealing: Sealing,
    /// Packets that the kernel took.
    pub packets: u64,
    /// Packets that the receivers got.
    pub received: u64,
    /// CPU time of the sending thread for each packet, in microseconds.
    pub cpu_us_per_packet: f64,
}

impl Plan {
    /// One publisher for everybody.
    pub(crate) fn broadcast(mix: Mix, receivers: usize) -> Self {
        Self {
            mix,
            audiences: vec![(0..receivers).collect()],
            receivers,
            duration: Duration::from_secs(5),
            coalesce: false,
        }
    }

    /// Rooms in which everybody publishes, and each is received by at most so many of the others.
    pub(crate) fn rooms(mix: Mix, rooms: usize, participants: usize, audience: usize) -> Self {
        let audience = |publisher: usize| {
            let room = publisher / participants * participants;
            let others = (room..room + participants)
                .cycle()
                .skip(publisher - room + 1);
            others.take(audience.min(participants - 1)).collect()
        };
        Self {
            audiences: (0..rooms * participants).map(audience).collect(),
            ..Self::broadcast(mix, rooms * participants)
        }
    }

    /// Runs the loop on the calling thread; ends early once `stop` is set.
    ///
    /// # Errors
    /// If there are no sockets or threads to be had.
    pub(crate) fn run(&self, sealing: Sealing, stop: &Arc<AtomicBool>) -> io::Result<BareCost> {
        let mut fan_out = FanOut::bind(self, sealing)?;
        let receivers = Receivers::start(self.receivers, fan_out.address()?, self.coalesce)?;
        fan_out.aim_at(receivers.addresses());
        let sent = fan_out.run(self.duration, || stop.load(Ordering::Relaxed));
        Ok(BareCost {
            sealing,
            packets: sent.packets,
            received: receivers.stop(),
            cpu_us_per_packet: sent.cpu.as_secs_f64() * 1e6 / sent.packets.max(1) as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(plan: &Plan, sealing: Sealing) -> BareCost {
        plan.run(sealing, &Arc::default()).expect("sockets")
    }

    #[test]
    fn everybody_gets_everything() {
        let short = Plan {
            duration: Duration::from_millis(300),
            ..Plan::broadcast(Mix::CAMERA_AND_MICROPHONE, 40)
        };
        for sealing in [Sealing::Gcm, Sealing::Plain] {
            for coalesce in [false, true] {
                let plan = Plan {
                    coalesce,
                    ..short.clone()
                };
                let cost = run(&plan, sealing);
                // 10 frames of 5 and 15 of audio, give or take the moments at the ends.
                assert!((40 * 55..=40 * 75).contains(&cost.packets), "{cost:?}");
                assert_eq!(cost.packets % 40, 0, "{cost:?}");
                assert_eq!(cost.received, cost.packets, "{cost:?}");
                assert!(cost.cpu_us_per_packet > 0.0, "{cost:?}");
            }
        }
    }

    #[test]
    fn in_rooms_nobody_hears_themselves_or_other_rooms() {
        let plan = Plan::rooms(Mix::MICROPHONE, 2, 3, 9);
        let expected: [&[usize]; 6] = [&[1, 2], &[2, 0], &[0, 1], &[4, 5], &[5, 3], &[3, 4]];
        assert_eq!(plan.audiences, expected);
        let fewer = Plan::rooms(Mix::MICROPHONE, 1, 3, 1);
        assert_eq!(fewer.audiences, [[1], [2], [0]]);
        assert_eq!(plan.receivers, 6);
        let cost = run(
            &Plan {
                duration: Duration::from_millis(200),
                ..plan
            },
            Sealing::Gcm,
        );
        assert_eq!(cost.received, cost.packets, "{cost:?}");
        assert_eq!(cost.packets % 2, 0, "{cost:?}");
    }

    #[test]
    fn it_ends_when_it_is_told_to() {
        let plan = Plan {
            duration: Duration::from_secs(3_600),
            ..Plan::broadcast(Mix::MICROPHONE, 1)
        };
        let cost = plan
            .run(Sealing::Plain, &Arc::new(AtomicBool::new(true)))
            .expect("sockets");
        assert_eq!(cost.packets, 0);
    }
}
