//! One lean client: datagrams and time go in, datagrams and what happened come out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use sfu_rtp::{RtpHeader, looks_like_rtcp};

use super::dtls::{DtlsClient, DtlsInput};
use super::feedback::Feedback;
use super::ice::{Credentials, IceClient, IceInput};
use super::identity::{Fingerprint, Identity};
use super::publish::Sender;
use super::receive::{Arrived, Firsts, Receiving, next_report};
use super::rtcp::{self, Heard, LastSenderReport};
use super::srtp::SrtpSession;
use crate::client::{ClientFailure, ClientSummary, Tally};
use crate::clock::{Clock, Stamp};
use crate::media::{Kind, PacketWriter};

/// What a peer needs to know that offer and answer have settled.
pub(crate) struct PeerSetup {
    /// Whose fingerprint the offer has.
    pub(crate) identity: Arc<Identity>,
    /// Of the offer.
    pub(crate) local: Credentials,
    /// Of the answer.
    pub(crate) remote: Credentials,
    /// Those that the server's certificate may have.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// What to publish once connected.
    pub(crate) publishes: Vec<Published>,
    /// What received payload types are; others are not media.
    pub(crate) payload_types: Vec<(u8, Kind)>,
    /// The header extension in which received packets have their transport-wide number, if they have.
    pub(crate) transport_numbers: Option<u8>,
    /// Look into every so manyth packet of a stream.
    pub(crate) sample_every: u32,
    /// How long after being connected to begin to publish.
    pub(crate) phase: Duration,
    /// Random: what is our own in ICE and RTCP comes from it.
    pub(crate) seed: u64,
}

/// A track to publish.
#[derive(Debug)]
pub(crate) struct Published {
    /// Writes its packets.
    pub(crate) writer: PacketWriter,
    /// How often a frame is due.
    pub(crate) frames_per_second: u32,
}

/// The client.
pub(super) struct Peer {
    setup: PeerSetup,
    ice: IceClient,
    dtls: Option<DtlsClient>,
    session: Option<Session>,
    receiving: Receiving,
    feedback: Feedback,
    /// Kept in the end, to say how much was sent.
    sender: Option<Sender>,
    publishing: bool,
}

/// What there is once connected.
struct Session {
    srtp: SrtpSession,
    next_report: Instant,
}

/// What a call is made with.
pub(super) struct Turn<'a> {
    /// Now.
    pub(super) now: Instant,
    /// For what is written into packets.
    pub(super) clock: &'a Clock,
    /// Takes datagrams to be sent.
    pub(super) outbox: &'a mut Vec<BytesMut>,
    /// Takes counts.
    pub(super) tally: &'a mut Tally,
}

/// What came of a call.
#[derive(PartialEq, Eq, Default, Debug)]
pub(super) struct Happened {
    /// Media can flow.
    pub(super) connected: bool,
    /// The first packets of something came.
    pub(super) firsts: Firsts,
    /// There is no connection any more.
    pub(super) ended: Option<ClientFailure>,
}

impl Peer {
    /// A client whose first connectivity check is due.
    pub(super) fn new(setup: PeerSetup, now: Instant) -> Self {
        let (local, remote) = (setup.local.clone(), setup.remote.clone());
        Self {
            ice: IceClient::new(local, remote, setup.seed, now),
            receiving: Receiving::new(setup.sample_every),
            feedback: Feedback::new(setup.transport_numbers),
            setup,
            dtls: None,
            session: None,
            sender: None,
            publishing: false,
        }
    }

    /// Takes a datagram of the server that reached the socket at `at`.
    pub(super) fn handle(
        &mut self,
        turn: &mut Turn<'_>,
        datagram: &[u8],
        from: SocketAddr,
        at: Stamp,
    ) -> Happened {
        // RFC 7983 §7.
        match datagram.first() {
            Some(128..=191) if looks_like_rtcp(datagram) => self.handle_rtcp(turn, datagram),
            Some(128..=191) => self.handle_rtp(turn, datagram, at),
            Some(20..=63) => self.handle_dtls(turn, datagram),
            Some(0..=3) => self.handle_stun(turn, datagram, from),
            _ => strange(turn),
        }
    }

    /// When to call [`handle_deadline`](Self::handle_deadline).
    pub(super) fn next_deadline(&self) -> Instant {
        let dtls = self.dtls.as_ref().and_then(DtlsClient::next_deadline);
        let report = self.session.as_ref().map(|session| session.next_report);
        let sender = self.sender.as_ref().filter(|_| self.publishing);
        let frame = sender.and_then(Sender::next_deadline);
        let feedback = self.feedback.next_deadline();
        let soonest = [dtls, report, frame, feedback].into_iter().flatten().min();
        soonest.map_or(self.ice.next_deadline(), |soonest| {
            soonest.min(self.ice.next_deadline())
        })
    }

    /// Does what is due.
    pub(super) fn handle_deadline(&mut self, turn: &mut Turn<'_>) -> Happened {
        match self.do_what_is_due(turn) {
            Ok(()) => Happened::default(),
            Err(failure) => Happened {
                ended: Some(failure),
                ..Happened::default()
            },
        }
    }

    /// Publishes no more.
    pub(super) fn stop_publishing(&mut self) {
        self.publishing = false;
    }

    /// Says goodbye to the server, as far as DTLS can.
    pub(super) fn close(&mut self, now: Instant, outbox: &mut Vec<BytesMut>) {
        if let Some(dtls) = self.dtls.as_mut().filter(|_| self.session.is_some()) {
            dtls.close(now, outbox);
        }
    }

    /// What there is to say in the end.
    pub(super) fn summary(&self) -> ClientSummary {
        ClientSummary {
            streams: self.receiving.summaries(),
            sent: self.sender.as_ref().map(Sender::sent).unwrap_or_default(),
        }
    }

    fn do_what_is_due(&mut self, turn: &mut Turn<'_>) -> Result<(), ClientFailure> {
        let check = self
            .ice
            .handle_deadline(turn.now)
            .map_err(ClientFailure::new)?;
        turn.outbox
            .extend(check.map(|check| BytesMut::from(check.as_slice())));
        if let Some(dtls) = &mut self.dtls {
            dtls.handle_deadline(turn.now, turn.outbox)
                .map_err(ClientFailure::new)?;
        }
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        if let Some(sender) = self.sender.as_mut().filter(|_| self.publishing) {
            sender.send_due(
                turn.now,
                turn.clock,
                &mut session.srtp,
                turn.outbox,
                turn.tally,
            );
        }
        let own = self.setup.seed as u32;
        while let Some(report) = self.feedback.report(turn.now, own) {
            turn.outbox.extend(session.srtp.protect_rtcp(&report));
        }
        if turn.now >= session.next_report {
            session.next_report = next_report(turn.now, rand::random());
            let reports = rtcp::receiver_reports(own, &self.receiving.receptions(), turn.now);
            let reports = reports.and_then(|reports| session.srtp.protect_rtcp(&reports).ok());
            turn.outbox.extend(reports);
            if let Some(sender) = &self.sender {
                sender.report(turn.clock, &mut session.srtp, turn.outbox);
            }
        }
        Ok(())
    }

    fn handle_stun(&mut self, turn: &mut Turn<'_>, datagram: &[u8], from: SocketAddr) -> Happened {
        match self.ice.handle(turn.now, datagram, from) {
            IceInput::Fine => Happened::default(),
            IceInput::Strange => strange(turn),
            IceInput::Reply(reply) => {
                turn.outbox.push(reply.as_slice().into());
                Happened::default()
            }
            IceInput::Connected => {
                let (identity, fingerprints) = (&self.setup.identity, &self.setup.fingerprints);
                match DtlsClient::start(identity, fingerprints.clone(), turn.now, turn.outbox) {
                    Ok(dtls) => {
                        self.dtls = Some(dtls);
                        Happened::default()
                    }
                    Err(error) => ended(error),
                }
            }
        }
    }

    fn handle_dtls(&mut self, turn: &mut Turn<'_>, datagram: &[u8]) -> Happened {
        let Some(dtls) = &mut self.dtls else {
            return strange(turn);
        };
        match dtls.handle(turn.now, datagram, turn.outbox) {
            Ok(DtlsInput::Fine) => Happened::default(),
            Ok(DtlsInput::Closed) => ended("the server ended the DTLS connection"),
            Ok(DtlsInput::Connected(srtp)) => {
                self.receiving.connected(turn.clock.stamp(turn.now));
                self.connect(turn.now, *srtp);
                Happened {
                    connected: true,
                    ..Happened::default()
                }
            }
            Err(error) => ended(error),
        }
    }

    fn connect(&mut self, now: Instant, srtp: SrtpSession) {
        self.session = Some(Session {
            srtp,
            next_report: next_report(now, rand::random()),
        });
        let tracks = std::mem::take(&mut self.setup.publishes);
        let tracks = tracks
            .into_iter()
            .map(|track| (track.writer, track.frames_per_second));
        self.sender = Some(Sender::start(tracks, now, self.setup.phase));
        self.publishing = true;
    }

    fn handle_rtp(&mut self, turn: &mut Turn<'_>, datagram: &[u8], at: Stamp) -> Happened {
        let Some(session) = &mut self.session else {
            return strange(turn);
        };
        let Ok(header) = RtpHeader::parse(datagram) else {
            return strange(turn);
        };
        let payload_type = header.payload_type().get();
        let known = self.setup.payload_types.iter();
        let Some(&(_, kind)) = known.clone().find(|(known, _)| *known == payload_type) else {
            return strange(turn);
        };
        self.feedback.record(turn.now, &header, datagram, at);
        let arrived = Arrived {
            bytes: datagram,
            header,
            kind,
            at,
        };
        Happened {
            firsts: self
                .receiving
                .handle(&arrived, &mut session.srtp, turn.tally),
            ..Happened::default()
        }
    }

    fn handle_rtcp(&mut self, turn: &mut Turn<'_>, datagram: &[u8]) -> Happened {
        let Some(session) = &mut self.session else {
            return strange(turn);
        };
        let Ok(compound) = session.srtp.unprotect_rtcp(datagram) else {
            turn.tally.unauthenticated += 1;
            return Happened::default();
        };
        for heard in rtcp::read(&compound) {
            match heard {
                Heard::KeyframeRequest { ssrc } => {
                    if let Some(sender) = &mut self.sender {
                        sender.request_keyframe(ssrc, turn.tally);
                    }
                }
                Heard::SenderReport { ssrc, compact_ntp } => {
                    let report = LastSenderReport {
                        compact_ntp,
                        at: turn.now,
                    };
                    self.receiving.note_sender_report(ssrc, report);
                }
            }
        }
        Happened::default()
    }
}

fn strange(turn: &mut Turn<'_>) -> Happened {
    turn.tally.strange += 1;
    Happened::default()
}

fn ended(why: impl std::fmt::Display) -> Happened {
    Happened {
        ended: Some(ClientFailure::new(why)),
        ..Happened::default()
    }
}
