//! A synthetic browser: a whole WebRTC client without I/O that sends synthetic media and hands what it
//! receives to an oracle.
//!
//! It is put together from the library's STUN, DTLS, SRTP and RTCP and our own offer, so that a
//! scenario decides about every packet. That a complete peer connection of the library gets along
//! with the server is shown elsewhere.

pub mod answer;
mod arrivals;
pub mod clock;
pub mod dialect;
pub mod dtls;
mod feedback;
pub mod ice;
pub mod offer;
pub mod receiver;
pub mod sender;
pub mod srtp;
pub mod stream;
pub mod transport_report;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rtc::shared::marshal::Unmarshal;
use rtp::Packet;
use sfu::parameters::{IceCredentials, MediaKind};
use sfu_rtp::extension::TransportSequence;
use sfu_rtp::{ExtensionKind, NtpTime};

use crate::media::Label;
use crate::oracle::{Oracle, Promise, Transit, Witness};
use crate::person::{PathFeedback, Person};
use answer::Answer;
use arrivals::Arrivals;
use clock::ClientClock;
use dialect::Dialect;
use dtls::{ClientCertificate, DtlsClient, DtlsEvent};
use ice::IceAgent;
use offer::{Offer, OfferedLine};
use receiver::SlotFeedback;
use sender::Sender;
use srtp::Srtp;
use stream::TransportNumbers;
use transport_report::{TransportReports, TransportStatistics};

/// A datagram that a client wants to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// Which of its addresses it leaves from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// The client.
pub struct Client {
    person: Person,
    address: SocketAddr,
    /// Where media leaves from: the last address from which a check was answered.
    media_address: SocketAddr,
    clock: ClientClock,
    rng: SmallRng,

    credentials: IceCredentials,
    certificate: ClientCertificate,
    /// The one whose fingerprint the offer names.
    announced: ClientCertificate,
    lines: Vec<OfferedLine>,
    offers: u32,

    ice: Option<IceAgent>,
    dtls: Option<DtlsClient>,
    srtp: Option<Srtp>,
    outbox: VecDeque<Outgoing>,
    /// The tags of SRTP packets that were taken, by SSRC and number.
    taken: HashMap<(u32, u16), (Instant, [u8; TAG_LEN])>,

    /// The ends of RTCP packets that were taken.
    taken_rtcp: HashSet<[u8; feedback::RTCP_TRAILER]>,

    senders: Vec<Sender>,
    numbers: TransportNumbers,
    transport_reports: TransportReports,
    /// The bitrates that the server has told, and when.
    told_rates: Vec<(Instant, u64)>,
    arrivals: Arrivals,
    oracle: Oracle,
    slots: Vec<SlotFeedback>,
    report_ssrc: u32,
    next_report: Option<Instant>,
    /// Whether a check was ever answered.
    reached: bool,
    connected_at: Option<Instant>,
    closed_by_server: bool,
    running: bool,
}

impl Client {
    /// A client of this person. `number` is its name in stamps, `start` the world's start.
    pub fn new(
        person: &Person,
        number: u32,
        address: SocketAddr,
        witness: Witness,
        mut rng: SmallRng,
    ) -> Self {
        let mut senders = Vec::new();
        let mut lines = Vec::new();
        for (index, source) in person.sources.iter().enumerate() {
            let mid = lines.len().to_string();
            let label = Label {
                publisher: number,
                source: index as u8,
            };
            let mut sender = Sender::new(mid.clone(), label, source, person.dialect, &mut rng);
            sender.set_redundancy(person.redundancy.unwrap_or_default());
            sender.set_guidance(person.guidance);
            lines.push(OfferedLine {
                mid,
                kind: source.media_kind(),
                sends: Some(sender.offered()),
            });
            senders.push(sender);
        }
        let ntp = NtpTime::new(rng.random());
        let mut client = Self {
            clock: ClientClock::new(witness.start(), ntp),
            address,
            media_address: address,
            credentials: credentials(&mut rng),
            certificate: ClientCertificate::shared(number as usize),
            announced: {
                let other = usize::from(person.lies_about_certificate);
                ClientCertificate::shared(number as usize + other)
            },
            lines,
            offers: 0,
            ice: None,
            dtls: None,
            srtp: None,
            outbox: VecDeque::new(),
            taken: HashMap::new(),
            taken_rtcp: HashSet::new(),
            senders,
            numbers: TransportNumbers::new(&mut rng),
            transport_reports: TransportReports::default(),
            told_rates: Vec::new(),
            arrivals: Arrivals::new(witness.start()),
            oracle: Oracle::new(witness),
            slots: Vec::new(),
            report_ssrc: rng.random(),
            next_report: None,
            reached: false,
            connected_at: None,
            closed_by_server: false,
            running: true,
            person: person.clone(),
            rng,
        };
        client.add_slots(person.audio_slots, person.video_slots);
        client
    }

    /// Has so many more slots in its next offer.
    pub fn add_slots(&mut self, audio: usize, video: usize) {
        for pair in 0..audio.max(video) {
            for (kind, slots) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
                if pair < slots {
                    self.lines.push(OfferedLine {
                        mid: self.lines.len().to_string(),
                        kind,
                        sends: None,
                    });
                }
            }
        }
    }

    /// Begins ICE anew with its next offer.
    pub fn restart_ice(&mut self) {
        self.credentials = credentials(&mut self.rng);
    }

    /// An offer of everything it has.
    pub fn offer(&mut self) -> String {
        self.offers += 1;
        let offer = Offer {
            address: self.address,
            ice: &self.credentials,
            fingerprint: self.announced.fingerprint(),
            dialect: self.person.dialect,
            redundancy: self.person.redundancy,
            guidance: self.person.guidance,
            lines: &self.lines,
            version: self.offers,
        };
        offer.text()
    }

    /// Takes the answer, and begins to connect.
    pub fn accept(&mut self, now: Instant, answer: &str) {
        let answer = Answer::parse(answer);
        for (line, answered) in self.lines.iter().zip(&answer.lines) {
            assert_eq!(
                line.mid, answered.mid,
                "the answer's m-lines are in another order"
            );
            assert!(!answered.refused, "m-line {} was refused", line.mid);
        }
        let promise = Promise::of(&self.lines, &answer);
        let known = self.slots.len();
        let fresh = promise.slots.iter().skip(known);
        self.slots
            .extend(fresh.map(|slot| SlotFeedback::new(slot.kind)));
        self.oracle.promise(now, promise);

        let remote = IceCredentials {
            ufrag: answer.ufrag,
            pwd: answer.pwd,
        };
        let server = answer.candidates.first().copied();
        let server = server.expect("the answer has a candidate");
        let same = self
            .ice
            .as_ref()
            .is_some_and(|ice| ice.speaks_for(&self.credentials));
        if !same {
            let rng = SmallRng::from_rng(&mut self.rng);
            let local = self.credentials.clone();
            self.ice = Some(IceAgent::new(now, local, remote, server, rng));
        }
        self.dtls
            .get_or_insert_with(|| DtlsClient::new(&answer.fingerprint));
        self.pump(now);
    }

    /// Takes a datagram. `false`: it came before the keys, having overtaken the handshake's end, and is lost.
    pub fn handle_datagram(&mut self, transit: Transit, from: SocketAddr, datagram: &[u8]) -> bool {
        let expected = self.ice.as_ref().map(IceAgent::server);
        if !self.running || expected != Some(from) {
            return true;
        }
        let is_early = self.srtp.is_none();
        match datagram {
            [0..=3, ..] => self.handle_stun(transit.at, datagram),
            [20..=63, ..] => self.handle_dtls(transit.at, datagram),
            [128..=191, 192..=223, ..] => self.handle_rtcp(transit, datagram),
            [128..=191, ..] => self.handle_rtp(transit, datagram),
            _ => self.oracle.witness().object(
                transit.at,
                "",
                format_args!("a datagram begins with {:?}", datagram.first()),
            ),
        }
        self.pump(transit.at);
        !is_early
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Instant) {
        if self.running {
            self.pump(now);
        }
    }

    /// When to call [`handle_deadline`](Self::handle_deadline).
    pub fn next_deadline(&self) -> Option<Instant> {
        if !self.running {
            return None;
        }
        let media = self.senders.iter().filter_map(Sender::next_deadline);
        let media = media.min().map(|elapsed| self.clock.at(elapsed));
        let round_trip = self.round_trip();
        let missing = self
            .slots
            .iter()
            .filter_map(|slot| slot.next_deadline(round_trip));
        let connected = self.srtp.is_some();
        [
            self.ice.as_ref().map(IceAgent::next_deadline),
            self.dtls.as_ref().and_then(DtlsClient::next_deadline),
            media.filter(|_| connected),
            missing.min(),
            self.next_report,
            self.arrivals.next_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outbox.pop_front()
    }

    /// Its network gave it another address. It notices, as browsers do, and checks at once; media goes
    /// on from the old address, in vain, until a check is answered.
    pub fn move_to(&mut self, now: Instant, address: SocketAddr) {
        self.address = address;
        if let Some(ice) = &mut self.ice {
            ice.address_changed(now);
        }
        self.pump(now);
    }

    /// Stops without a word, as when a battery is taken out.
    pub fn die(&mut self) {
        self.running = false;
        self.outbox.clear();
    }

    /// Says goodbye and stops.
    pub fn close(&mut self, now: Instant) {
        if let (Some(dtls), Some(ice)) = (&mut self.dtls, &self.ice) {
            dtls.close(now);
            let server = ice.server();
            for bytes in dtls.poll_transmit(now) {
                self.outbox.push_back(Outgoing {
                    from: self.media_address,
                    to: server,
                    bytes,
                });
            }
        }
        self.running = false;
    }

    /// Its address now.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How it numbers things.
    pub fn dialect(&self) -> Dialect {
        self.person.dialect
    }

    /// When DTLS was complete, since the world's start.
    pub fn connected_at(&self) -> Option<Duration> {
        self.connected_at.map(|at| self.clock.elapsed(at))
    }

    /// Whether the server said goodbye.
    pub fn closed_by_server(&self) -> bool {
        self.closed_by_server
    }

    /// Whether its media is protected by AES-GCM; `None` before it is connected.
    pub fn uses_gcm(&self) -> Option<bool> {
        self.srtp.as_ref().map(Srtp::is_gcm)
    }

    /// The oracle behind it.
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }

    /// The oracle behind it, to be told what is true.
    pub fn oracle_mut(&mut self) -> &mut Oracle {
        &mut self.oracle
    }

    /// What it publishes.
    pub fn senders(&self) -> &[Sender] {
        &self.senders
    }

    /// What it publishes, to be changed.
    pub fn senders_mut(&mut self) -> &mut [Sender] {
        &mut self.senders
    }

    /// What transport-wide feedback has told it.
    pub fn transport_statistics(&self) -> TransportStatistics {
        self.transport_reports.statistics()
    }

    /// Sends a packet of padding on every stream, as a bandwidth probe.
    pub fn probe(&mut self, now: Instant) {
        let mut packets = Vec::new();
        let first = self.numbers.peek();
        for sender in &mut self.senders {
            packets.extend(sender.probe(now, &self.clock, &mut self.numbers));
        }
        self.transport_reports.sent(now, first, self.numbers.peek());
        self.send_media(packets);
    }

    /// Encrypts RTCP of the scenario's own making and sends it.
    pub fn send_raw_rtcp(&mut self, compound: &[u8]) {
        if let Some(srtp) = &mut self.srtp {
            let datagram = srtp.protect_rtcp(compound);
            self.send_from_media_address(datagram);
        }
    }

    /// The bitrates that the server has told it by REMB, in bits per second, and when.
    pub fn told_rates(&self) -> &[(Instant, u64)] {
        &self.told_rates
    }

    /// Encrypts an RTP packet of the scenario's own making and sends it.
    pub fn send_raw_rtp(&mut self, packet: &[u8]) {
        if let Some(srtp) = &mut self.srtp {
            let datagram = srtp.protect_rtp(packet);
            self.send_from_media_address(datagram);
        }
    }

    fn handle_stun(&mut self, now: Instant, datagram: &[u8]) {
        let Some(ice) = &mut self.ice else { return };
        if !ice.handle(now, datagram) {
            return;
        }
        self.media_address = self.address;
        if !std::mem::replace(&mut self.reached, true)
            && let Some(dtls) = &mut self.dtls
        {
            dtls.start(now, &self.certificate, self.person.protection);
        }
    }

    fn handle_dtls(&mut self, now: Instant, datagram: &[u8]) {
        let Some(dtls) = &mut self.dtls else { return };
        for event in dtls.handle(now, datagram) {
            match event {
                DtlsEvent::Connected(srtp) => {
                    self.srtp = Some(*srtp);
                    self.connected_at = Some(now);
                    self.next_report = Some(now + REPORT_INTERVAL.mul_f64(self.rng.random()));
                    let elapsed = self.clock.elapsed(now);
                    for sender in &mut self.senders {
                        sender.start(elapsed, &mut self.rng);
                    }
                }
                DtlsEvent::Data(_) => {}
                DtlsEvent::Closed => {
                    self.closed_by_server = true;
                    self.running = false;
                }
            }
        }
    }

    fn handle_rtp(&mut self, transit: Transit, datagram: &[u8]) {
        let Some(srtp) = &mut self.srtp else { return };
        let object = |sentence: &dyn std::fmt::Display| -> ! {
            self.oracle.witness().object(transit.at, "", sentence)
        };
        let Some((name, tag)) = name_and_tag(datagram) else {
            object(&"a packet is too short for SRTP")
        };
        if let Some((at, known)) = self.taken.insert(name, (transit.at, tag))
            && transit.at - at < SAME_INDEX
        {
            if known != tag {
                object(&format_args!("two packets have SRTP index {name:?}"));
            }
            return;
        }
        let plain = match srtp.unprotect_rtp(datagram) {
            Ok(plain) => plain,
            Err(error) => object(&format_args!("a packet does not decrypt: {error}")),
        };
        let packet = match Packet::unmarshal(&mut plain.clone()) {
            Ok(packet) => packet,
            Err(error) => object(&format_args!("a packet does not parse: {error}")),
        };
        let number = transport_number(self.person.dialect, &packet);
        if let Some(number) =
            number.filter(|_| self.person.path_feedback == PathFeedback::Transport)
            && let Err(sentence) = self.arrivals.record(transit.at, number)
        {
            object(&sentence);
        }
        if let Some((slot, accepted)) = self.oracle.on_packet(transit, &packet) {
            self.slots[slot].on_packet(transit.at, accepted);
        }
    }

    fn send_media(&mut self, packets: Vec<Vec<u8>>) {
        for packet in packets {
            self.send_raw_rtp(&packet);
        }
    }

    fn send_from_media_address(&mut self, bytes: Vec<u8>) {
        if let Some(ice) = &self.ice {
            self.outbox.push_back(Outgoing {
                from: self.media_address,
                to: ice.server(),
                bytes,
            });
        }
    }

    /// Lets everything that waits for time go on.
    fn pump(&mut self, now: Instant) {
        let Some(ice) = &mut self.ice else { return };
        if let Some(bytes) = ice.poll_check(now) {
            self.outbox.push_back(Outgoing {
                from: self.address,
                to: ice.server(),
                bytes,
            });
        }
        let dtls = self.dtls.as_mut();
        let datagrams = dtls.map_or_else(Vec::new, |dtls| dtls.poll_transmit(now));
        for datagram in datagrams {
            self.send_from_media_address(datagram);
        }
        if self.srtp.is_some() {
            let mut packets = Vec::new();
            let first = self.numbers.peek();
            for sender in &mut self.senders {
                packets.extend(sender.poll_media(now, &self.clock, &mut self.numbers));
            }
            self.transport_reports.sent(now, first, self.numbers.peek());
            self.send_media(packets);
            self.send_feedback(now);
        }
    }
}

/// The transport-wide number of a packet, if it has one.
fn transport_number(dialect: Dialect, packet: &Packet) -> Option<u16> {
    // Within a bundle an id means the same everywhere.
    let extensions = dialect.extensions(MediaKind::Video);
    let (id, _) = extensions
        .iter()
        .find(|(_, kind)| *kind == ExtensionKind::TransportSequence)?;
    let value = packet.header.get_extension(*id)?;
    TransportSequence::parse(&value).map(|TransportSequence(number)| number)
}

fn credentials(rng: &mut SmallRng) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{:08x}", rng.random::<u32>()),
        pwd: format!("{:032x}", rng.random::<u128>()),
    }
}

/// The SSRC and number of a packet, and the end of its authentication tag, which tells packets apart.
fn name_and_tag(datagram: &[u8]) -> Option<((u32, u16), [u8; TAG_LEN])> {
    let &[_, _, s0, s1, _, _, _, _, c0, c1, c2, c3] = datagram.first_chunk()?;
    let name = (
        u32::from_be_bytes([c0, c1, c2, c3]),
        u16::from_be_bytes([s0, s1]),
    );
    Some((name, *datagram.last_chunk()?))
}

/// Of both protections, the tag has at least ten bytes.
const TAG_LEN: usize = 10;

/// Within so little time no number wraps.
const SAME_INDEX: Duration = Duration::from_secs(30);

/// How often a client reports; libwebrtc does so every second for video.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
