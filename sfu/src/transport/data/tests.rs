//! Against the library's own client, on a network of virtual time.

mod hostile;
mod messages;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rtc::datachannel::message::Message;
use rtc::datachannel::message::message_channel_open::{ChannelType, DataChannelOpen};
use rtc::sctp::ClientConfig;
use rtc::shared::marshal::Marshal as _;

use super::*;

/// What the client has read: stream, payload protocol, payload.
type Received = (u16, Ppid, Bytes);

/// A client, as a browser is one.
struct Client {
    endpoint: Endpoint,
    association: Association,
    connected: bool,
    received: Vec<Received>,
    closed: Vec<u16>,
}

impl Client {
    fn new(now: Instant) -> Self {
        let config = Arc::new(EndpointConfig::new());
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, config, None);
        // More than we take.
        let transport = TransportConfig::default().with_max_message_size(1 << 20);
        let (_, association) = endpoint
            .connect(now, ClientConfig::new(transport), LOCAL)
            .expect("an association");
        Self {
            endpoint,
            association,
            connected: false,
            received: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn handle(&mut self, now: Instant, packet: Bytes) {
        if let Some((_, DatagramEvent::AssociationEvent(event))) =
            self.endpoint.handle(now, LOCAL, None, packet)
        {
            self.association.handle_event(event);
        }
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(event) = self.association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::AssociationLost { id, .. } => self.closed.push(id),
                Event::Stream(StreamEvent::Readable { id }) => {
                    while let Ok(mut stream) = self.association.stream(id)
                        && let Ok(Some(message)) = stream.read_sctp()
                    {
                        let payload = message.to_payload(1 << 20).expect("a message");
                        self.received.push((id, message.ppi, payload.freeze()));
                    }
                }
                _ => {}
            }
        }
    }

    fn drain(&mut self, now: Instant) -> Vec<Bytes> {
        let mut packets = Vec::new();
        while let Some(transmit) = self.association.poll_transmit(now) {
            if let Payload::RawEncode(raw) = transmit.message {
                packets.extend(raw);
            }
        }
        packets
    }

    fn write(&mut self, now: Instant, id: u16, ppid: Ppid, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        self.association
            .stream(id)
            .and_then(|mut stream| stream.write_chunk_with_ppi(now, &payload, ppid))
            .expect("an open stream");
    }

    fn close(&mut self, now: Instant, id: u16) {
        self.association
            .stream(id)
            .and_then(|mut stream| stream.close(now))
            .expect("an open stream");
    }

    /// Opens a stream and asks for a channel on it.
    fn open(&mut self, now: Instant, id: u16, label: &[u8], channel_type: ChannelType) {
        self.association
            .open_stream(id, Ppid::Binary)
            .expect("a free stream");
        let open = Message::DataChannelOpen(DataChannelOpen {
            channel_type,
            priority: 256,
            reliability_parameter: 0,
            label: label.to_vec(),
            protocol: Vec::new(),
        });
        self.write(now, id, Ppid::Dcep, &open.marshal().expect("a message"));
    }
}

/// A network with a delay of 20 ms and some loss.
struct Network {
    now: Instant,
    rng: StdRng,
    loss: f64,
    /// By arrival and a running number: whether it goes to the server, and what it is.
    under_way: BTreeMap<(Instant, u64), (bool, Bytes)>,
    sent: u64,
    /// How many packets the server sent.
    from_server: usize,
    rejected: usize,
    events: Vec<DataEvent>,
}

impl Network {
    fn new(seed: u64, loss: f64) -> Self {
        Self {
            now: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
            loss,
            under_way: BTreeMap::new(),
            sent: 0,
            from_server: 0,
            rejected: 0,
            events: Vec::new(),
        }
    }

    fn carry(&mut self, to_server: bool, packet: Bytes) {
        if !self.rng.random_bool(self.loss) {
            let jitter = if self.loss > 0.0 {
                self.rng.random_range(0..5)
            } else {
                0
            };
            let arrives = self.now + Duration::from_millis(20 + jitter);
            self.sent += 1;
            self.under_way
                .insert((arrives, self.sent), (to_server, packet));
        }
    }

    /// Goes to the next thing that happens, unless that is later than `until`. Whether it did.
    fn step(&mut self, server: &mut DataTransport, client: &mut Client, until: Instant) -> bool {
        while let Some(packet) = server.poll_transmit(self.now) {
            self.from_server += 1;
            self.carry(false, packet);
        }
        for packet in client.drain(self.now) {
            self.carry(true, packet);
        }
        let arrival = self.under_way.keys().next().map(|&(at, _)| at);
        let deadlines = [
            arrival,
            server.next_deadline(),
            client.association.poll_timeout(),
        ];
        let Some(next) = deadlines
            .into_iter()
            .flatten()
            .min()
            .filter(|&at| at <= until)
        else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        let later = self.under_way.split_off(&(next, u64::MAX));
        for (to_server, packet) in std::mem::replace(&mut self.under_way, later).into_values() {
            if !to_server {
                client.handle(self.now, packet);
            } else if server.handle(self.now, &packet).is_err() {
                self.rejected += 1;
            }
        }
        server.handle_deadline(self.now);
        client.association.handle_timeout(self.now);
        client.pump();
        self.events
            .extend(std::iter::from_fn(|| server.poll_event()));
        true
    }

    fn run(&mut self, server: &mut DataTransport, client: &mut Client, time: Duration) {
        let until = self.now + time;
        while self.step(server, client, until) {}
    }

    /// The messages that the server has read since the last call.
    fn take_messages(&mut self) -> Vec<(u16, bool, Bytes)> {
        let is_message = |event: &mut DataEvent| matches!(event, DataEvent::Message { .. });
        self.events
            .extract_if(.., is_message)
            .filter_map(|event| match event {
                DataEvent::Message { id, binary, data } => Some((id, binary, data)),
                _ => None,
            })
            .collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn parameters() -> DataParameters {
    DataParameters {
        remote_port: 5_000,
        max_message_size: 262_144,
    }
}

/// A server and a client with a connection, on this network.
fn connect(network: &mut Network) -> (DataTransport, Client) {
    let mut client = Client::new(network.now);
    let mut server = DataTransport::new(parameters());
    let until = network.now + SECOND * 60;
    while !client.connected {
        assert!(
            network.step(&mut server, &mut client, until),
            "not connected in a minute"
        );
    }
    (server, client)
}

/// The same, with a reliable and ordered channel 0 labelled `chat`.
fn with_channel(network: &mut Network) -> (DataTransport, Client) {
    let (mut server, mut client) = connect(network);
    client.open(network.now, 0, b"chat", ChannelType::Reliable);
    let until = network.now + SECOND * 60;
    while client.received.is_empty() {
        assert!(
            network.step(&mut server, &mut client, until),
            "not acknowledged in a minute"
        );
    }
    assert_eq!(network.events.remove(0), opened(0, "chat"));
    assert_eq!(
        client.received.remove(0),
        (0, Ppid::Dcep, Bytes::from_static(&[2]))
    );
    (server, client)
}

fn opened(id: u16, label: &str) -> DataEvent {
    DataEvent::Opened {
        id,
        label: label.into(),
    }
}
