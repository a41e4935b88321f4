//! A participant that is the library's own peer connection: whatever it offers, checks and expects is
//! not of our making. It shows that the server gets along with a complete WebRTC implementation, and it
//! has data channels.
//!
//! Media comes from the same synthetic senders and goes to the same oracle as a
//! [`Client`](crate::client::Client)'s; everything between is the library's.

mod setup;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rand::Rng;
use rand::rngs::SmallRng;
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent, RTCTrackEvent};
use rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::rtp_transceiver::{RTCRtpReceiverId, RTCRtpSenderId};
use rtc::sansio::Protocol;
use rtc::shared::marshal::Unmarshal;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtcp::sender_report::SenderReport;
use rtp::Packet;
use sfu_rtp::{ExtensionKind, NtpTime};

use crate::client::Outgoing;
use crate::client::answer::Answer;
use crate::client::clock::ClientClock;
use crate::client::offer::OfferedLine;
use crate::client::sender::Sender;
use crate::client::stream::TransportNumbers;
use crate::media::Label;
use crate::oracle::{Oracle, Promise, Transit, Witness};
use crate::person::Person;

/// The peer connection and what is around it.
pub struct Browser {
    person: Person,
    address: SocketAddr,
    clock: ClientClock,
    rng: SmallRng,
    connection: RTCPeerConnection,
    senders: Vec<(Sender, RTCRtpSenderId)>,
    numbers: TransportNumbers,
    receivers: HashMap<String, RTCRtpReceiverId>,
    channel: RTCDataChannelId,
    channel_is_open: bool,
    lines: Vec<OfferedLine>,
    oracle: Oracle,
    outbox: VecDeque<Outgoing>,
    messages: Vec<DataReceived>,
    last_keyframe_request: Option<Instant>,
    next_reports: Option<Instant>,
    state: RTCPeerConnectionState,
    running: bool,
}

/// A message that came by data channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataReceived {
    /// When, since the world's start.
    pub at: Duration,
    /// Whether it was sent as text.
    pub text: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Browser {
    /// A browser of this person. `number` is its name in stamps.
    pub fn new(
        now: Instant,
        person: &Person,
        number: u32,
        address: SocketAddr,
        witness: Witness,
        mut rng: SmallRng,
    ) -> Self {
        let mut connection = setup::connection(now, address);
        let mut senders = Vec::new();
        for (index, source) in person.sources.iter().enumerate() {
            let label = Label {
                publisher: number,
                source: index as u8,
            };
            let mid = index.to_string();
            let sender = Sender::new(mid, label, source, person.dialect, &mut rng);
            let id = setup::add_sender(&mut connection, source.media_kind(), &sender.offered());
            senders.push((sender, id));
        }
        setup::add_slots(&mut connection, person.audio_slots, person.video_slots);
        let channel = connection.create_data_channel(Self::CHANNEL, None);
        let channel = channel.expect("the connection is new").id();
        let ntp = NtpTime::new(rng.random());
        Self {
            clock: ClientClock::new(witness.start(), ntp),
            person: person.clone(),
            address,
            connection,
            senders,
            numbers: TransportNumbers::new(&mut rng),
            receivers: HashMap::new(),
            channel,
            channel_is_open: false,
            lines: Vec::new(),
            oracle: Oracle::new(witness),
            outbox: VecDeque::new(),
            messages: Vec::new(),
            last_keyframe_request: None,
            next_reports: None,
            state: RTCPeerConnectionState::New,
            running: true,
            rng,
        }
    }

    /// The label of its data channel.
    pub const CHANNEL: &str = "chat";

    /// Its offer.
    pub fn offer(&mut self, now: Instant) -> String {
        let offer = self.connection.create_offer(None);
        let offer = offer.expect("a stable connection can offer");
        let set = self.connection.set_local_description(now, offer.clone());
        set.expect("its own offer");
        self.lines = setup::offered_lines(&offer.sdp);
        offer.sdp
    }

    /// Takes the answer, and begins to connect.
    ///
    /// # Panics
    /// If the library refuses it.
    pub fn accept(&mut self, now: Instant, answer: &str) {
        self.oracle
            .promise(now, Promise::of(&self.lines, &Answer::parse(answer)));
        let description = RTCSessionDescription::answer(answer.to_owned());
        let description = description.expect("the library reads the answer");
        let set = self.connection.set_remote_description(now, description);
        if let Err(error) = set {
            panic!("the library refuses the answer: {error}\n{answer}");
        }
        self.pump(Transit {
            sent_at: now,
            at: now,
        });
    }

    /// Takes a datagram.
    pub fn handle_datagram(&mut self, transit: Transit, from: SocketAddr, datagram: &[u8]) {
        if !self.running {
            return;
        }
        let message = TaggedBytesMut {
            now: transit.at,
            transport: TransportContext {
                local_addr: self.address,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: BytesMut::from(datagram),
        };
        // The library refuses what the network doubled; that is its right.
        let _ = self.connection.handle_read(message);
        self.pump(transit);
    }

    /// Does what is due.
    pub fn handle_deadline(&mut self, now: Instant) {
        if !self.running {
            return;
        }
        let handled = self.connection.handle_timeout(now);
        if let Err(error) = handled {
            self.oracle
                .witness()
                .object(now, "", format_args!("the library fails: {error}"));
        }
        self.send_media(now);
        self.send_reports(now);
        self.pump(Transit {
            sent_at: now,
            at: now,
        });
    }

    /// When to call [`handle_deadline`](Self::handle_deadline).
    pub fn next_deadline(&mut self) -> Option<Instant> {
        if !self.running {
            return None;
        }
        let media = self
            .senders
            .iter()
            .filter_map(|(sender, _)| sender.next_deadline());
        let media = media.min().map(|elapsed| self.clock.at(elapsed));
        let connected = self.state == RTCPeerConnectionState::Connected;
        let library = self.connection.poll_timeout();
        [media.filter(|_| connected), library, self.next_reports]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Outgoing> {
        self.outbox.pop_front()
    }

    /// Sends a text on its data channel.
    ///
    /// # Panics
    /// If the channel is not open.
    pub fn send_text(&mut self, now: Instant, text: &str) {
        let channel = self.connection.data_channel(self.channel);
        let sent = channel.expect("it was made").send_text(now, text);
        sent.expect("the channel is open");
        self.pump(Transit {
            sent_at: now,
            at: now,
        });
    }

    /// Sends bytes on its data channel.
    ///
    /// # Panics
    /// If the channel is not open.
    pub fn send_bytes(&mut self, now: Instant, bytes: &[u8]) {
        let channel = self.connection.data_channel(self.channel);
        let sent = channel
            .expect("it was made")
            .send(now, BytesMut::from(bytes));
        sent.expect("the channel is open");
        self.pump(Transit {
            sent_at: now,
            at: now,
        });
    }

    /// Whether its data channel can be used.
    pub fn channel_is_open(&self) -> bool {
        self.channel_is_open
    }

    /// What came by data channel.
    pub fn messages(&self) -> &[DataReceived] {
        &self.messages
    }

    /// The state of the connection.
    pub fn state(&self) -> RTCPeerConnectionState {
        self.state
    }

    /// Stops without a word.
    pub fn die(&mut self) {
        self.running = false;
        self.outbox.clear();
    }

    /// Says goodbye and stops.
    pub fn close(&mut self) {
        let _ = self.connection.close();
        while let Some(last) = self.connection.poll_write() {
            self.outbox.push_back(outgoing(last));
        }
        self.running = false;
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
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
    pub fn senders(&self) -> impl Iterator<Item = &Sender> {
        self.senders.iter().map(|(sender, _)| sender)
    }

    /// What it publishes, to be changed.
    pub fn senders_mut(&mut self) -> impl Iterator<Item = &mut Sender> {
        self.senders.iter_mut().map(|(sender, _)| sender)
    }

    fn send_media(&mut self, now: Instant) {
        for (sender, id) in &mut self.senders {
            for packet in sender.poll_media(now, &self.clock, &mut self.numbers) {
                let mut packet = Packet::unmarshal(&mut packet.as_slice()).expect("of our own");
                let Some(mut rtp_sender) = self.connection.rtp_sender(*id) else {
                    continue;
                };
                setup::renumber(self.person.dialect, &mut rtp_sender, &mut packet);
                // A connection that is not up yet sends nothing.
                let _ = rtp_sender.write_rtp(now, packet);
            }
        }
    }

    fn send_reports(&mut self, now: Instant) {
        if self.next_reports.is_none_or(|at| at > now) {
            return;
        }
        self.next_reports = Some(now + REPORT_INTERVAL);
        for (sender, id) in &mut self.senders {
            let Some(mut rtp_sender) = self.connection.rtp_sender(*id) else {
                continue;
            };
            for report in sender.reports(now, &self.clock) {
                let _ = rtp_sender.write_rtcp(now, vec![Box::new(report)]);
            }
        }
    }

    /// Takes everything that the library gives out.
    fn pump(&mut self, transit: Transit) {
        let now = transit.at;
        while let Some(event) = self.connection.poll_event() {
            self.handle_event(now, event);
        }
        while let Some(TaggedRTCMessage { message, .. }) = self.connection.poll_read() {
            self.handle_message(transit, message);
        }
        self.ask_for_keyframes(now);
        while let Some(datagram) = self.connection.poll_write() {
            self.outbox.push_back(outgoing(datagram));
        }
    }

    fn handle_event(&mut self, now: Instant, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                self.state = state;
                if state == RTCPeerConnectionState::Connected {
                    self.next_reports = Some(now + REPORT_INTERVAL);
                    let elapsed = self.clock.elapsed(now);
                    for (sender, _) in &mut self.senders {
                        sender.start(elapsed, &mut self.rng);
                    }
                }
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                self.channel_is_open |= id == self.channel;
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id)) => {
                self.channel_is_open &= id != self.channel;
            }
            RTCPeerConnectionEvent::OnTrack(RTCTrackEvent::OnOpen(init)) => {
                self.receivers
                    .insert(init.track_id.clone(), init.receiver_id);
            }
            _ => {}
        }
    }

    fn handle_message(&mut self, transit: Transit, message: RTCMessage) {
        match message {
            RTCMessage::RtpPacket(_, packet) => {
                self.oracle.on_packet(transit, &packet);
            }
            RTCMessage::RtcpPacket(_, packets) => {
                for packet in &packets {
                    self.handle_rtcp(transit, packet.as_ref());
                }
            }
            RTCMessage::DataChannelMessage(_, message) => self.messages.push(DataReceived {
                at: self.clock.elapsed(transit.at),
                text: message.is_string,
                bytes: message.data.to_vec(),
            }),
            _ => {}
        }
    }

    fn handle_rtcp(&mut self, transit: Transit, packet: &dyn rtcp::Packet) {
        let packet = packet.as_any();
        let mut wanted = Vec::new();
        if let Some(report) = packet.downcast_ref::<SenderReport>() {
            self.oracle.on_sender_report(transit, report);
        } else if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
            wanted.push(pli.media_ssrc);
        } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
            wanted.extend(fir.fir.iter().map(|entry| entry.ssrc));
        }
        for ssrc in wanted {
            for (sender, _) in &mut self.senders {
                sender.on_keyframe_request(ssrc);
            }
        }
    }

    /// The library leaves this to the application.
    fn ask_for_keyframes(&mut self, now: Instant) {
        let mut slots = self.oracle.slots().iter();
        let Some(slot) = slots.find(|slot| slot.wants_keyframe(now)) else {
            return;
        };
        if self
            .last_keyframe_request
            .is_some_and(|at| now - at < KEYFRAME_REQUEST_INTERVAL)
        {
            return;
        }
        self.last_keyframe_request = Some(now);
        let media_ssrc = slot.promise().ssrc;
        for id in self.receivers.values() {
            let Some(mut receiver) = self.connection.rtp_receiver(*id) else {
                continue;
            };
            if receiver.track().ssrcs().any(|ssrc| ssrc == media_ssrc) {
                let request = PictureLossIndication {
                    sender_ssrc: 0,
                    media_ssrc,
                };
                let _ = receiver.write_rtcp(now, vec![Box::new(request)]);
            }
        }
    }
}

fn outgoing(datagram: TaggedBytesMut) -> Outgoing {
    Outgoing {
        from: datagram.transport.local_addr,
        to: datagram.transport.peer_addr,
        bytes: datagram.message.to_vec(),
    }
}

const REPORT_INTERVAL: Duration = Duration::from_secs(1);

const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(300);
