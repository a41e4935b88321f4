//! What the network did to RTP packets: the excuses that a gap may have.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::network::{Arrival, Mishap};

/// All RTP packets that were lost or held back, on any link, by the SSRC and number they had there.
#[derive(Clone, Default, Debug)]
pub struct Mishaps {
    by_name: HashMap<(u32, u16), Vec<Instant>>,
}

impl Mishaps {
    /// Notes a mishap; of other datagrams than RTP nothing is remembered.
    pub fn note(&mut self, mishap: &Mishap) {
        self.note_datagram(mishap.sent_at, &mishap.head);
    }

    /// Notes a datagram that arrived where nobody is any more, or nobody can read it yet.
    pub fn note_undelivered(&mut self, arrival: &Arrival) {
        self.note_datagram(arrival.sent_at, &arrival.bytes);
    }

    fn note_datagram(&mut self, sent_at: Instant, datagram: &[u8]) {
        let Some(&[b0, b1, s0, s1, _, _, _, _, c0, c1, c2, c3]) = datagram.first_chunk() else {
            return;
        };
        if b0 >> 6 != 2 || (192..=223).contains(&b1) {
            return;
        }
        let name = (
            u32::from_be_bytes([c0, c1, c2, c3]),
            u16::from_be_bytes([s0, s1]),
        );
        self.by_name.entry(name).or_default().push(sent_at);
    }

    /// Whether a packet of this name met with a mishap at about this time. Numbers come back after
    /// some minutes, hence the time.
    pub fn befell(&self, ssrc: u32, sequence: u16, about: Instant) -> bool {
        let times = self.by_name.get(&(ssrc, sequence));
        times.is_some_and(|times| {
            times.iter().any(|&at| {
                let apart = at.max(about) - at.min(about);
                apart < SAME_PACKET
            })
        })
    }
}

/// Far less than a wrap takes, and far more than a packet is on its way.
const SAME_PACKET: Duration = Duration::from_secs(20);
