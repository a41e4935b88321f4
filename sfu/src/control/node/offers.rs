//! Answering offers. SDP is read and written outside of any lock; a room is locked to learn what there
//! is and then to carry out what was agreed.

use std::sync::Arc;
use std::time::Instant;

use super::{Node, PeerEntry, SessionKey};
use crate::control::negotiation::Negotiation;
use crate::control::placement::{PlacementRequest, choose_worker};
use crate::control::{Answer, OfferRefusal};
use crate::id::{ParticipantId, PeerId, WorkerId};
use crate::room::{Refusal, Room, TrackDeclaration};
use crate::sdp::Offer;

impl Node {
    /// Answers an offer of a session. The caller sees to it that a session answers one at a time.
    pub(in crate::control) fn offer(
        &self,
        key: &SessionKey,
        sdp: &str,
        tracks: &[TrackDeclaration],
    ) -> Result<Answer, OfferRefusal> {
        self.check_load()?;
        let mut offer = Offer::parse(sdp)?;
        let course = self.with_session(key, |hosted| {
            let grants = hosted.room.profile(key.participant)?.grants;
            offer.narrow(grants.can_publish && !grants.hidden, grants.can_subscribe);
            let former = hosted
                .member(key.participant, key.epoch)?
                .negotiation
                .clone();
            Ok(match former {
                Some(former) if former.is_continued_by(&offer) => Course::GoOn(former),
                _ => Course::Begin(self.place(&hosted.room, key.participant)?),
            })
        })?;
        match course {
            Course::GoOn(former) => self.renegotiate(key, &former, &offer, tracks),
            Course::Begin(worker) => self.connect(key, worker, &offer, tracks),
        }
    }

    fn connect(
        &self,
        key: &SessionKey,
        worker: WorkerId,
        offer: &Offer,
        tracks: &[TrackDeclaration],
    ) -> Result<Answer, OfferRefusal> {
        // Placement prefers any other worker to one that has failed.
        if !self.workers.takes_peers(worker) {
            return Err(Refusal::Overloaded.into());
        }
        let peer = PeerId::new(self.fresh_id());
        let negotiated = Negotiation::begin(&self.local, offer, peer, worker, &mut rand::rng())?;
        // Before the worker hears of the peer, so that no event of it can be about a stranger.
        self.peers.insert(
            peer,
            PeerEntry {
                room: key.room.clone(),
                worker,
                since: Instant::now(),
            },
        );
        self.workers.count_peer(worker);
        let connected = self.with_session(key, |hosted| {
            let member = hosted.member(key.participant, key.epoch)?;
            let former = member.negotiation.replace(negotiated.negotiation.clone());
            let parameters = Box::new(negotiated.negotiation.parameters.clone());
            let room = &mut hosted.room;
            let new_track = || self.fresh_track();
            let answered =
                room.connect(key.participant, peer, worker, parameters, tracks, new_track);
            if answered.is_err() {
                hosted.member(key.participant, key.epoch)?.negotiation = former;
            }
            answered
        });
        if connected.is_err() {
            self.forget_peer(peer);
        }
        Ok(Answer {
            sdp: negotiated.answer,
            tracks: connected?,
        })
    }

    fn renegotiate(
        &self,
        key: &SessionKey,
        current: &Negotiation,
        offer: &Offer,
        tracks: &[TrackDeclaration],
    ) -> Result<Answer, OfferRefusal> {
        let negotiated = current.go_on(&self.local, offer, &mut rand::rng())?;
        let answered = self.with_session(key, |hosted| {
            hosted.member(key.participant, key.epoch)?;
            let parameters = Box::new(negotiated.negotiation.parameters.clone());
            let new_track = || self.fresh_track();
            let answered =
                hosted
                    .room
                    .renegotiate(key.participant, parameters, tracks, new_track)?;
            hosted.member(key.participant, key.epoch)?.negotiation = Some(negotiated.negotiation);
            Ok(answered)
        })?;
        Ok(Answer {
            sdp: negotiated.answer,
            tracks: answered,
        })
    }

    /// Where a new peer of this participant goes.
    fn place(&self, room: &Room, participant: ParticipantId) -> Result<WorkerId, Refusal> {
        room.profile(participant)?;
        let request = PlacementRequest {
            load: &self.workers.load(),
            room: &room.shares(),
        };
        Ok(choose_worker(self.config.gathered, &request))
    }
}

/// What an offer asks for.
enum Course {
    /// A new connection, on this worker.
    Begin(WorkerId),
    /// A change of the connection that there is.
    GoOn(Arc<Negotiation>),
}
