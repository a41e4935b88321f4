//! The client's end of ICE: a full, controlling agent with one host candidate (RFC 8445), which checks
//! the server's candidate until it answers and then keeps its consent fresh (RFC 7675).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::SmallRng;
use rtc::crypto::RTCCryptoProvider as _;
use rtc::crypto::providers::AwsLcRsProvider;
use rtc::stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;
use sfu::parameters::IceCredentials;

/// The agent.
#[derive(Debug)]
pub struct IceAgent {
    local: IceCredentials,
    remote: IceCredentials,
    server: SocketAddr,
    rng: SmallRng,
    tie_breaker: u64,
    /// The requests that may still be answered.
    pending: Vec<([u8; 12], Instant)>,
    round_trip: Option<Duration>,
    next_check: Instant,
    interval: Duration,
    connected: bool,
    /// What the server says our address is.
    mapped: Option<SocketAddr>,
}

impl IceAgent {
    /// An agent that sends its first check at `now`.
    pub fn new(
        now: Instant,
        local: IceCredentials,
        remote: IceCredentials,
        server: SocketAddr,
        mut rng: SmallRng,
    ) -> Self {
        Self {
            local,
            remote,
            server,
            tie_breaker: rng.random(),
            rng,
            pending: Vec::new(),
            round_trip: None,
            next_check: now,
            interval: FIRST_INTERVAL,
            connected: false,
            mapped: None,
        }
    }

    /// Whether the server has answered: DTLS may begin.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Where to send everything.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// How long the last answered check took, there and back.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Whether these are its own credentials: if not, ICE has been restarted.
    pub fn speaks_for(&self, local: &IceCredentials) -> bool {
        self.local == *local
    }

    /// The address under which the server sees us, by its last response.
    pub fn mapped(&self) -> Option<SocketAddr> {
        self.mapped
    }

    /// Our own address is another one: check at once, and as eagerly as in the beginning.
    pub fn address_changed(&mut self, now: Instant) {
        self.next_check = now;
        self.interval = FIRST_INTERVAL;
        self.pending.clear();
    }

    /// When the next check is due.
    pub fn next_deadline(&self) -> Instant {
        self.next_check
    }

    /// The check that is due, if one is.
    pub fn poll_check(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next_check {
            return None;
        }
        self.next_check = now + self.interval;
        self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        let transaction = self.rng.random();
        self.pending.push((transaction, now));
        if self.pending.len() > MAX_PENDING {
            self.pending.remove(0);
        }
        Some(self.check(transaction))
    }

    /// Takes a datagram that is STUN. Returns whether it answers a check.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> bool {
        let mut message = Message::new();
        if message.unmarshal_binary(datagram).is_err() || message.typ != BINDING_SUCCESS {
            return false;
        }
        let transaction = message.transaction_id.0;
        let Some(place) = self.pending.iter().position(|(id, _)| *id == transaction) else {
            return false;
        };
        let provider = AwsLcRsProvider::new();
        let key = self.remote.pwd.as_bytes();
        if MessageIntegrity::check(&mut message, key, provider.crypto()).is_err() {
            return false;
        }
        let (_, sent_at) = self.pending.remove(place);
        self.round_trip = Some(now - sent_at);
        let mut mapped = XorMappedAddress::default();
        if mapped.get_from(&message).is_ok() {
            self.mapped = Some(SocketAddr::new(mapped.ip, mapped.port));
        }
        self.interval = CONSENT_INTERVAL;
        self.next_check = now + self.interval.mul_f64(self.rng.random_range(0.8..1.2));
        self.connected = true;
        true
    }

    fn check(&self, transaction: [u8; 12]) -> Vec<u8> {
        let provider = AwsLcRsProvider::new();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
            self.remote.pwd.clone(),
            provider.crypto(),
        );
        let setters: [Box<dyn Setter + '_>; 8] = [
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId(transaction)),
            Box::new(TextAttribute {
                attr: ATTR_USERNAME,
                text: format!("{}:{}", self.remote.ufrag, self.local.ufrag),
            }),
            Box::new(Raw(ATTR_PRIORITY, HOST_PRIORITY.to_be_bytes().to_vec())),
            Box::new(Raw(
                ATTR_ICE_CONTROLLING,
                self.tie_breaker.to_be_bytes().to_vec(),
            )),
            Box::new(Raw(ATTR_USE_CANDIDATE, Vec::new())),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ];
        let mut message = Message::new();
        message.build(&setters).expect("a request of our own");
        message.raw
    }
}

/// An attribute with these bytes.
struct Raw(AttrType, Vec<u8>);

impl Setter for Raw {
    fn add_to(&self, message: &mut Message) -> rtc::shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

/// RFC 8445 §5.1.2.1 for a peer-reflexive host candidate.
const HOST_PRIORITY: u32 = 0x6e7f_1eff;

/// As Chromium: eager at first, then rarer while nobody answers.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// Chromium checks a working path every 2.5 s.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2_500);

const MAX_PENDING: usize = 16;
