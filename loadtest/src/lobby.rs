//! Where clients come from: signaling, a socket, and a place on a thread for each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::client::full::{FullClient, Surroundings};
use crate::client::lean::{
    Admission, Credentials, Identity, PeerKey, PeerSetup, Protection, Published, Shard,
    ShardHandle, bind_towards,
};
use crate::client::{ClientFailure, ClientSummary, ReadyWhen, Role, SharedTally, Tally};
use crate::clock::Clock;
use crate::media::{Kind, PacketWriter, SourceId, WriterIdentity};
use crate::signaling::{Answer, OfferedTrack, Session, Transport, Visitor, write_offer};

/// How clients are made.
#[derive(Clone, Debug)]
pub(crate) struct LobbyOptions {
    /// Threads for lean clients.
    pub(crate) threads: usize,
    /// What lean clients offer, the preferred first.
    pub(crate) protections: Vec<Protection>,
    /// Lean clients look into every so manyth packet of a stream.
    pub(crate) sample_every: u32,
    /// Whether lean clients receive runs of datagrams as the kernel got them.
    pub(crate) coalesce: bool,
    /// How long a client may take to arrive.
    pub(crate) patience: Duration,
}

/// Which kind of client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Build {
    /// On a shard.
    Lean,
    /// A peer connection of its own.
    Full,
}

/// The threads, and what all clients share.
pub(crate) struct Lobby {
    options: LobbyOptions,
    identity: Arc<Identity>,
    shards: Vec<Shard>,
    next_shard: AtomicUsize,
    surroundings: Surroundings,
    stop: watch::Sender<bool>,
}

/// A client that has arrived.
pub(crate) struct Client {
    session: Session,
    connection: Connection,
}

enum Connection {
    Lean { shard: ShardHandle, peer: PeerKey },
    Full(Box<FullClient>),
}

impl Lobby {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the machine has no descriptors, threads or randomness left.
    pub(crate) fn open(options: LobbyOptions) -> anyhow::Result<Self> {
        let clock = Clock::new();
        let shards = (0..options.threads.max(1))
            .map(|number| Shard::start(number, clock, options.coalesce))
            .collect::<io::Result<_>>()?;
        let stop = watch::Sender::new(false);
        Ok(Self {
            identity: Arc::new(Identity::generate(&options.protections)?),
            shards,
            next_shard: AtomicUsize::new(0),
            surroundings: Surroundings {
                clock,
                tally: SharedTally::default(),
                stopped: stop.subscribe(),
            },
            stop,
            options,
        })
    }

    /// Lets a client in, and waits until it has arrived.
    ///
    /// # Errors
    /// What failed, in whichever part.
    pub(crate) async fn join(
        &self,
        visitor: &Visitor,
        role: Role,
        build: Build,
        ready_when: ReadyWhen,
    ) -> Result<Client, ClientFailure> {
        let give_up_at = Instant::now() + self.options.patience;
        match build {
            Build::Lean => self.join_lean(visitor, role, ready_when, give_up_at).await,
            Build::Full => {
                let surroundings = &self.surroundings;
                let (session, client) =
                    FullClient::join(surroundings, visitor, role, ready_when, give_up_at).await?;
                Ok(Client {
                    session,
                    connection: Connection::Full(Box::new(client)),
                })
            }
        }
    }

    /// Stops all publishers; nothing new is sent when this returns.
    pub(crate) async fn stop_publishing(&self) {
        self.stop.send_replace(true);
        for shard in &self.shards {
            shard.handle().stop_publishing().await;
        }
    }

    /// What all clients have counted since this was last called.
    pub(crate) fn take_tally(&self) -> Tally {
        let mut tally = self.surroundings.tally.take();
        for shard in &self.shards {
            tally.merge(&shard.handle().tally().take());
        }
        tally
    }

    async fn join_lean(
        &self,
        visitor: &Visitor,
        role: Role,
        ready_when: ReadyWhen,
        give_up_at: Instant,
    ) -> Result<Client, ClientFailure> {
        let began = Instant::now();
        let socket = bind_towards(visitor.target.address().ip()).map_err(no_socket)?;
        let local = Credentials::random(&mut rand::rng());
        let transport = Transport {
            credentials: local.clone(),
            fingerprint: self.identity.fingerprint(),
            candidate: socket.local_addr().map_err(no_socket)?,
        };
        let publishes = tracks_of(role);
        let offered: Vec<_> = publishes.iter().map(offered).collect();
        let offer = write_offer(&transport, &offered, role.audio_slots, role.video_slots);
        let named: Vec<_> = (0..)
            .map(|mid: usize| mid.to_string())
            .zip(kinds(&offered))
            .collect();
        let (session, answer) = Session::negotiate(visitor, &offer, &named, give_up_at).await?;

        let admission = match visitor.target.choose(&answer.candidates) {
            Some(remote) => Admission {
                socket,
                remote,
                setup: self.setup(local, &answer, publishes),
                began,
                ready_when,
            },
            None => {
                session.end().await;
                let offered = &answer.candidates;
                let what = format_args!("none of the server's candidates may be used: {offered:?}");
                return Err(ClientFailure::new(what));
            }
        };
        let turn = self.next_shard.fetch_add(1, Ordering::Relaxed);
        let shard = self
            .shards
            .iter()
            .cycle()
            .nth(turn % self.shards.len())
            .map(Shard::handle);
        let shard = shard.ok_or_else(|| ClientFailure::new("there is no thread"))?;
        let (peer, ready) = shard.admit(admission).await?;
        let client = Client {
            session,
            connection: Connection::Lean { shard, peer },
        };
        let failure = match tokio::time::timeout_at(give_up_at.into(), ready).await {
            Ok(Ok(Ok(()))) => return Ok(client),
            Ok(Ok(Err(failure))) => failure,
            Ok(Err(_)) => ClientFailure::new("the thread of the client is gone"),
            Err(_) => ClientFailure::new(match ready_when {
                ReadyWhen::Connected => "the client was not connected in time",
                ReadyWhen::FirstMedia => "no media came in time",
            }),
        };
        client.leave().await;
        Err(failure)
    }

    fn setup(&self, local: Credentials, answer: &Answer, publishes: Vec<Published>) -> PeerSetup {
        let answered = answer.media.iter();
        let known = answered.filter_map(|media| Some((media.payload_type?, media.kind?)));
        let mut payload_types: Vec<(u8, Kind)> = known.collect();
        payload_types.sort_unstable();
        payload_types.dedup();
        PeerSetup {
            identity: Arc::clone(&self.identity),
            local,
            remote: answer.credentials.clone(),
            fingerprints: answer.fingerprints.clone(),
            publishes: publishes
                .into_iter()
                .zip(&answer.media)
                .filter_map(|(mut track, media)| {
                    track.writer.set_payload_type(media.payload_type?);
                    Some(track)
                })
                .collect(),
            payload_types,
            transport_numbers: answer
                .media
                .iter()
                .find_map(|media| media.transport_numbers),
            sample_every: self.options.sample_every,
            phase: Duration::from_micros(rand::random_range(0..FRAME_MICROSECONDS)),
            seed: rand::random(),
        }
    }
}

impl Client {
    /// Leaves; says what it sent and received.
    pub(crate) async fn leave(self) -> ClientSummary {
        let summary = match self.connection {
            Connection::Lean { shard, peer } => shard.dismiss(peer).await.unwrap_or_default(),
            Connection::Full(mut client) => client.leave().await,
        };
        self.session.end().await;
        summary
    }
}

fn tracks_of(role: Role) -> Vec<Published> {
    let kinds = role.publishes.into_iter().flat_map(|publishing| {
        let mix = publishing.mix;
        let bursts = mix
            .kinds()
            .filter_map(move |kind| Some((kind, mix.bursts(kind)?)));
        bursts.map(move |(kind, bursts)| (publishing.publisher, kind, bursts))
    });
    let tracks = kinds.map(|(publisher, kind, bursts)| {
        let identity = WriterIdentity {
            source: SourceId { publisher, kind },
            ssrc: rand::random_range(1..u32::MAX),
            first_sequence: rand::random(),
        };
        Published {
            writer: PacketWriter::new(identity, bursts),
            frames_per_second: bursts.per_second,
        }
    });
    tracks.collect()
}

fn offered(track: &Published) -> OfferedTrack {
    OfferedTrack {
        kind: track.writer.source().kind,
        ssrc: track.writer.ssrc(),
    }
}

fn kinds(tracks: &[OfferedTrack]) -> impl Iterator<Item = Kind> {
    tracks.iter().map(|track| track.kind)
}

fn no_socket(error: io::Error) -> ClientFailure {
    ClientFailure::new(format_args!("there is no UDP socket to be had: {error}"))
}

/// Publishers begin somewhere within a frame of 30 a second.
const FRAME_MICROSECONDS: u64 = 33_333;
