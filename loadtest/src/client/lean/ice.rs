//! ICE as a browser does it with a server that has one candidate (RFC 8445): checks until one is answered,
//! then checks to keep consent (RFC 7675). Answers the checks of servers that are full agents.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, TransactionId};

use super::stun;

/// `a=ice-ufrag` and `a=ice-pwd` of one side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Credentials {
    /// The username fragment.
    pub(crate) ufrag: String,
    /// The password.
    pub(crate) pwd: String,
}

impl Credentials {
    /// New ones, of the length that browsers use.
    pub(crate) fn random(rng: &mut impl Rng) -> Self {
        let mut text = |len: usize| -> String {
            let letters = (&mut *rng).sample_iter(rand::distr::Alphanumeric).take(len);
            letters.map(char::from).collect()
        };
        Self {
            ufrag: text(8),
            pwd: text(24),
        }
    }
}

/// The agent: in control, always nominating.
pub(super) struct IceClient {
    local: Credentials,
    remote: Credentials,
    username: String,
    tie_breaker: u64,
    /// The checks that may still be answered.
    outstanding: VecDeque<TransactionId>,
    connected: bool,
    next_check: Instant,
    interval: Duration,
    /// When it began, or the last answer came.
    heard_at: Instant,
}

/// What a STUN datagram led to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum IceInput {
    /// The server can be reached: said once.
    Connected,
    /// To be sent back.
    Reply(Vec<u8>),
    /// Nothing to do.
    Fine,
    /// It is not for us, or not authentic.
    Strange,
}

/// The server does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum IceTimeout {
    /// It never did.
    #[error("the server answered no connectivity check within {} s", CONNECTING_TIMEOUT.as_secs())]
    NeverConnected,
    /// It did.
    #[error("the server answered no connectivity check for {} s", CONSENT_TIMEOUT.as_secs())]
    ConsentExpired,
}

impl IceClient {
    /// One whose first check is due.
    pub(super) fn new(
        local: Credentials,
        remote: Credentials,
        tie_breaker: u64,
        now: Instant,
    ) -> Self {
        Self {
            username: format!("{}:{}", remote.ufrag, local.ufrag),
            local,
            remote,
            tie_breaker,
            outstanding: VecDeque::with_capacity(MAX_OUTSTANDING),
            connected: false,
            next_check: now,
            interval: FIRST_INTERVAL,
            heard_at: now,
        }
    }

    /// When to call [`handle_deadline`](Self::handle_deadline).
    pub(super) fn next_deadline(&self) -> Instant {
        self.next_check.min(self.gives_up_at())
    }

    /// The check to send, if one is due.
    ///
    /// # Errors
    /// If the server has been silent for too long.
    pub(super) fn handle_deadline(&mut self, now: Instant) -> Result<Option<Vec<u8>>, IceTimeout> {
        if now >= self.gives_up_at() {
            return Err(match self.connected {
                false => IceTimeout::NeverConnected,
                true => IceTimeout::ConsentExpired,
            });
        }
        if now < self.next_check {
            return Ok(None);
        }
        self.next_check = now + self.interval;
        if !self.connected {
            self.interval = (self.interval * 2).min(LAST_INTERVAL);
        }
        let transaction = TransactionId::new();
        if self.outstanding.len() == MAX_OUTSTANDING {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(transaction);
        Ok(Some(stun::request(&stun::Check {
            username: &self.username,
            password: &self.remote.pwd,
            tie_breaker: self.tie_breaker,
            transaction,
        })))
    }

    /// Takes a datagram that looks like STUN.
    pub(super) fn handle(&mut self, now: Instant, datagram: &[u8], from: SocketAddr) -> IceInput {
        let Some(mut message) = stun::read(datagram) else {
            return IceInput::Strange;
        };
        let kind = message.typ;
        if kind == BINDING_SUCCESS {
            return self.handle_success(now, &mut message);
        }
        if kind == BINDING_REQUEST && stun::is_authentic(&mut message, &self.local.pwd) {
            return IceInput::Reply(stun::response(&message, from, &self.local.pwd));
        }
        IceInput::Strange
    }

    fn handle_success(&mut self, now: Instant, message: &mut Message) -> IceInput {
        let asked = self
            .outstanding
            .iter()
            .position(|transaction| *transaction == message.transaction_id);
        let Some(position) = asked.filter(|_| stun::is_authentic(message, &self.remote.pwd)) else {
            return IceInput::Strange;
        };
        self.outstanding.drain(..=position);
        self.heard_at = now;
        if self.connected {
            return IceInput::Fine;
        }
        self.connected = true;
        self.interval = CONSENT_INTERVAL;
        self.next_check = now + CONSENT_INTERVAL;
        IceInput::Connected
    }

    fn gives_up_at(&self) -> Instant {
        let allowed = match self.connected {
            false => CONNECTING_TIMEOUT,
            true => CONSENT_TIMEOUT,
        };
        self.heard_at + allowed
    }
}

/// RFC 8445 §14: pacing of checks.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);

/// RFC 8445 §14.3: the retransmission timeout of a check.
const LAST_INTERVAL: Duration = Duration::from_millis(500);

/// What browsers do; RFC 7675 §5.1 allows up to 5 s.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2_500);

/// A guess: a server that is busy with a crowd of handshakes may lose some checks.
const CONNECTING_TIMEOUT: Duration = Duration::from_secs(15);

/// RFC 7675 §5.1.
const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer to an older check says nothing that an answer to a newer one will not.
const MAX_OUTSTANDING: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ([u8; 4], u16) = ([127, 0, 0, 1], 7_882);

    fn side(name: &str) -> Credentials {
        Credentials {
            ufrag: name.to_owned(),
            pwd: format!("{name} has a password of some length"),
        }
    }

    fn client(now: Instant) -> IceClient {
        IceClient::new(side("ours"), side("theirs"), 7, now)
    }

    /// What the server says to this check.
    fn answer(check: &[u8]) -> Vec<u8> {
        let mut request = stun::read(check).expect("a request");
        assert!(stun::is_authentic(&mut request, &side("theirs").pwd));
        stun::response(&request, SERVER.into(), &side("theirs").pwd)
    }

    #[test]
    fn checks_come_faster_first_and_slower_once_answered() {
        let start = Instant::now();
        let mut client = client(start);
        let mut sent = Vec::new();
        let mut last = Vec::new();
        for _ in 0..6 {
            let due = client.next_deadline();
            last = client
                .handle_deadline(due)
                .expect("in time")
                .expect("a check");
            sent.push((due - start).as_millis());
            assert_eq!(client.handle_deadline(due), Ok(None), "one is enough");
        }
        assert_eq!(sent, [0, 50, 150, 350, 750, 1_250]);
        let now = client.next_deadline();
        assert_eq!(
            client.handle(now, &answer(&last), SERVER.into()),
            IceInput::Connected
        );
        assert_eq!(client.next_deadline(), now + CONSENT_INTERVAL);
        assert_eq!(
            client.handle(now, &answer(&last), SERVER.into()),
            IceInput::Strange,
            "nothing was asked that this would answer"
        );
    }

    #[test]
    fn only_an_authentic_answer_to_a_check_of_ours_connects() {
        let now = Instant::now();
        let mut client = client(now);
        let check = client
            .handle_deadline(now)
            .expect("in time")
            .expect("a check");
        let request = stun::read(&check).expect("a request");
        let forged = stun::response(&request, SERVER.into(), "another password than theirs");
        let mut unasked = answer(&check);
        unasked[12] ^= 1;
        for strange in [&forged[..], &unasked, &check, b"nonsense", b""] {
            assert_eq!(
                client.handle(now, strange, SERVER.into()),
                IceInput::Strange
            );
        }
        assert_eq!(
            client.handle(now, &answer(&check), SERVER.into()),
            IceInput::Connected
        );
    }

    #[test]
    fn checks_of_the_server_are_answered() {
        let now = Instant::now();
        let check = stun::request(&stun::Check {
            username: "ours:theirs",
            password: &side("ours").pwd,
            tie_breaker: 1,
            transaction: TransactionId([9; 12]),
        });
        let IceInput::Reply(reply) = client(now).handle(now, &check, SERVER.into()) else {
            panic!("no reply");
        };
        let mut reply = stun::read(&reply).expect("a message");
        assert_eq!(reply.typ, BINDING_SUCCESS);
        assert_eq!(reply.transaction_id, TransactionId([9; 12]));
        assert!(stun::is_authentic(&mut reply, &side("ours").pwd));
    }

    #[test]
    fn a_silent_server_is_given_up() {
        let start = Instant::now();
        let mut client = client(start);
        let mut check = None;
        let never = loop {
            match client.handle_deadline(client.next_deadline()) {
                Ok(sent) => check = sent.or(check),
                Err(error) => break error,
            }
        };
        assert_eq!(never, IceTimeout::NeverConnected);
        assert_eq!(client.next_deadline(), start + CONNECTING_TIMEOUT);

        let answered = start + Duration::from_secs(1);
        client.handle(answered, &answer(&check.expect("checks")), SERVER.into());
        let expired = answered + CONSENT_TIMEOUT;
        assert_eq!(
            client.handle_deadline(expired),
            Err(IceTimeout::ConsentExpired)
        );
    }
}
