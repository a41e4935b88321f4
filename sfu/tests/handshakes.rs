//! A thousand viewers arrive together: their handshakes wait, and what those who are there already are
//! sent does not. Turns are counted, no time is measured.

#[path = "support/check.rs"]
mod check;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use check::{connectivity_check, parameters};
use sfu::drop_reason::DropReason;
use sfu::engine::command::Command;
use sfu::engine::{Engine, EngineConfig, WallClock};
use sfu::id::{PeerId, WorkerId};
use sfu::send_batch::{Path, SendBatch};
use sfu::transport::dtls::Identity;
use sfu_rtp::NtpTime;

/// An engine whose first peer is there already and whose others are about to shake hands.
struct Arrival {
    engine: Engine,
    batch: SendBatch,
    now: Instant,
    newcomers: u64,
}

impl Arrival {
    fn of(newcomers: u64) -> Self {
        let now = Instant::now();
        let engine = Engine::new(EngineConfig {
            worker: WorkerId::new(0).expect("the first worker"),
            workers: 1,
            identity: Arc::new(Identity::generate().expect("randomness")),
            clock: WallClock::new(now, NtpTime::from_unix(Duration::from_secs(1_760_000_000))),
            seed: 1,
        });
        let mut arrival = Self {
            engine,
            batch: SendBatch::new(64, 64),
            now,
            newcomers,
        };
        for number in 0..=newcomers {
            let parameters = Box::new(parameters(&ufrag(number)));
            let peer = PeerId::new(number);
            let command = Command::AddPeer { peer, parameters };
            arrival.engine.handle_command(now, command);
            arrival.check(number);
            assert_eq!(arrival.sent_to(), [path(number).remote], "the answer");
        }
        arrival
    }

    fn check(&mut self, number: u64) {
        let mut check = connectivity_check(&ufrag(number));
        self.engine
            .handle_datagram(self.now, path(number), &mut check);
    }

    /// One datagram of a handshake. It is none that DTLS takes, so taking it up is counted.
    fn shake(&mut self, number: u64) {
        let mut record = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
        self.engine
            .handle_datagram(self.now, path(number), &mut record);
    }

    /// To whom something is sent in this turn.
    fn sent_to(&mut self) -> Vec<SocketAddr> {
        let mut sent = Vec::new();
        loop {
            let more = self.engine.poll_transmit(&mut self.batch);
            sent.extend(self.batch.messages().map(|message| message.path.remote));
            self.batch.clear();
            if !more {
                return sent;
            }
        }
    }

    fn taken_up(&self) -> u64 {
        self.dropped(DropReason::DtlsRejected)
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.engine.counters().dropped(reason)
    }

    fn waiting(&self) -> usize {
        self.engine.debug_state().handshakes_waiting
    }
}

fn ufrag(number: u64) -> String {
    format!("newcomer{number}")
}

fn path(number: u64) -> Path {
    let [.., high, low] = number.to_be_bytes();
    Path {
        remote: SocketAddr::from(([10, 0, high, low], 5_000)),
        local: None,
    }
}

#[test]
fn what_arrives_behind_a_thousand_handshakes_leaves_in_the_same_turn_before_any_of_them() {
    let mut arrival = Arrival::of(1_000);
    for number in 1..=arrival.newcomers {
        arrival.shake(number);
    }
    arrival.check(0);
    assert_eq!(arrival.sent_to(), [path(0).remote]);
    assert_eq!((arrival.taken_up(), arrival.waiting()), (0, 1_000));
}

#[test]
fn each_turn_takes_up_one_handshake_in_the_order_of_arrival_and_the_loop_does_not_sleep_until_all_are()
 {
    let mut arrival = Arrival::of(50);
    for number in 1..=arrival.newcomers {
        arrival.shake(number);
    }
    for turn in 1..=50 {
        let due = arrival.engine.next_deadline();
        assert!(due.is_some_and(|due| due <= arrival.now), "turn {turn}");
        arrival.check(0);
        assert_eq!(arrival.sent_to(), [path(0).remote], "turn {turn}");
        arrival.engine.handle_deadline(arrival.now);
        assert_eq!(arrival.taken_up(), turn);
    }
    assert_eq!(arrival.waiting(), 0);
    assert!(arrival.engine.next_deadline() > Some(arrival.now));
}

#[test]
fn what_waits_is_bounded_for_each_peer_and_the_rest_is_counted() {
    let mut arrival = Arrival::of(2);
    for _ in 0..100 {
        arrival.shake(1);
    }
    assert_eq!(arrival.dropped(DropReason::HandshakesFull), 92);
    arrival.shake(2);
    assert_eq!(
        arrival.dropped(DropReason::HandshakesFull),
        92,
        "nobody else loses anything"
    );
    arrival.engine.handle_deadline(arrival.now);
    assert_eq!((arrival.taken_up(), arrival.waiting()), (8, 1));
}

#[test]
fn no_more_than_two_thousand_peers_wait() {
    let mut arrival = Arrival::of(2_100);
    for number in 1..=arrival.newcomers {
        arrival.shake(number);
    }
    assert_eq!(arrival.waiting(), 2_048);
    assert_eq!(arrival.dropped(DropReason::HandshakesFull), 52);
}

#[test]
fn those_who_left_while_they_waited_cost_no_turn() {
    let mut arrival = Arrival::of(20);
    for number in 1..=arrival.newcomers {
        arrival.shake(number);
    }
    for number in 1..20 {
        let peer = PeerId::new(number);
        let command = Command::ClosePeer { peer };
        arrival.engine.handle_command(arrival.now, command);
    }
    arrival.engine.handle_deadline(arrival.now);
    assert_eq!((arrival.taken_up(), arrival.waiting()), (1, 0));
}
