//! What people do: join, offer, mute, move, leave. What signaling does in production, without its
//! transport.

use std::collections::HashMap;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use sfu::demand::Display;
use sfu::id::{ParticipantId, PeerId, TrackId};
use sfu::parameters::{IceCredentials, PeerParameters};
use sfu::room::{
    DisplayName, LeaveReason, Profile, Refusal, Subscription, TrackDeclaration, TrackSource,
};
use sfu::sdp::{CodecPolicy, LocalDescription, Offer, answer};
use sfu_rtp::Mid;

use super::World;
use super::crowd::PersonId;
use super::device::Device;
use super::node::{Applied, worker_id};
use crate::browser::Browser;
use crate::census;
use crate::client::Client;
use crate::media::Label;
use crate::network::Link;
use crate::oracle::Witness;
use crate::person::Person;

/// The names that the control plane has given out.
#[derive(Default)]
pub(super) struct Names {
    next: u64,
    tracks: HashMap<TrackId, Label>,
    /// What the last answer of each peer meant.
    negotiated: HashMap<PeerId, Negotiation>,
}

struct Negotiation {
    parameters: PeerParameters,
    version: u64,
}

/// How somebody goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departed {
    /// Says goodbye to the room and closes the connection.
    Politely,
    /// Closes the connection; the room hears of it from the media server.
    ByClosing,
    /// Falls silent.
    Silently,
}

impl World {
    /// Somebody joins and connects.
    ///
    /// # Panics
    /// If the room refuses.
    pub fn join(&mut self, person: Person) -> PersonId {
        self.try_join(person).expect("the room lets people in")
    }

    /// Somebody joins and connects.
    ///
    /// # Errors
    /// Why the room refuses.
    pub fn try_join(&mut self, person: Person) -> Result<PersonId, Refusal> {
        let id = self.crowd.next_id();
        let participant = ParticipantId::new(self.fresh());
        let name = DisplayName::parse(&format!("person {}", id.0))?;
        let profile = Profile {
            name,
            grants: person.grants,
            viewing: person.viewing,
        };
        census::server(|| self.room.join(participant, profile))?;

        let address = self.crowd.next_address();
        self.network.set_uplink(address, person.uplink);
        self.network.set_downlink(address, person.downlink);
        let witness = Witness::new(self.seed, self.start, format!("person {}", id.0));
        let rng = SmallRng::from_rng(&mut self.rng);
        let number = id.0 as u32;
        let mut device = match person.library {
            false => {
                let client = Client::new(&person, number, address, witness, rng);
                Device::Client(Box::new(client))
            }
            true => {
                let browser = Browser::new(self.now, &person, number, address, witness, rng);
                Device::Browser(Box::new(browser))
            }
        };
        device.oracle_mut().receives_by(&person.downlink);
        let peer = PeerId::new(self.fresh());
        let worker = person.worker.unwrap_or(id.0 % self.node.workers());
        let id = self.crowd.add(person, device, participant, peer, worker);
        self.negotiate(id)?;
        Ok(id)
    }

    /// Offers again on the same connection, as it is now.
    ///
    /// # Panics
    /// If the offer is refused.
    pub fn reoffer(&mut self, id: PersonId) {
        self.negotiate(id).expect("the offer is like the last one");
    }

    /// Offers so many more slots of each kind.
    pub fn add_slots(&mut self, id: PersonId, pairs: usize) {
        self.client_mut(id).add_slots(pairs, pairs);
        self.reoffer(id);
    }

    /// Restarts ICE.
    pub fn restart_ice(&mut self, id: PersonId) {
        self.client_mut(id).restart_ice();
        self.reoffer(id);
    }

    /// Mutes or unmutes a track of one's own; the client goes on sending all the same, so that it is
    /// the server that must hold it back.
    pub fn set_muted(&mut self, id: PersonId, source: TrackSource, muted: bool) {
        let (participant, track) = (self.crowd.member(id).participant, self.track(id, source));
        let done = self.room.set_muted(participant, track, muted);
        done.expect("it is the participant's own track");
        let sources = &mut self.crowd.member_mut(id).muted;
        match muted {
            true => sources.insert(source),
            false => sources.remove(&source),
        };
        self.drain_room();
    }

    /// Says what to show first and what not at all.
    pub fn subscribe(
        &mut self,
        id: PersonId,
        pinned: &[(PersonId, TrackSource)],
        hidden: &[(PersonId, TrackSource)],
    ) {
        let tracks = |list: &[(PersonId, TrackSource)]| {
            let tracks = list.iter().map(|&(who, source)| self.track(who, source));
            tracks.collect()
        };
        let subscription = Subscription {
            pinned: tracks(pinned),
            hidden: tracks(hidden),
        };
        let participant = self.crowd.member(id).participant;
        let done = self.room.set_subscription(participant, subscription);
        done.expect("a viewer may choose");
        self.drain_room();
    }

    /// Says how large tracks are shown; those that are not named, at full size.
    pub fn view(&mut self, id: PersonId, shown: &[(PersonId, TrackSource, Display)]) {
        let displays: Vec<_> = shown
            .iter()
            .map(|&(who, source, display)| (self.track(who, source), display))
            .collect();
        let participant = self.crowd.member(id).participant;
        let done = self.room.set_displays(participant, displays);
        done.expect("a viewer may choose");
        self.drain_room();
    }

    /// An admin removes somebody.
    pub fn remove(&mut self, admin: PersonId, who: PersonId) {
        let (by, who) = (
            self.crowd.member(admin).participant,
            self.crowd.member(who).participant,
        );
        self.room.remove(by, who).expect("an admin may");
        self.drain_room();
    }

    /// Somebody's network gives it another address.
    pub fn change_address(&mut self, id: PersonId) {
        let (before, after) = self.crowd.relocate(self.now, id);
        self.network.move_host(before, after);
        self.network.set_uplink(before, Link::PERFECT.dead());
        self.flush();
    }

    /// Somebody leaves, politely.
    pub fn leave(&mut self, id: PersonId) {
        self.depart(id, Departed::Politely);
    }

    /// Somebody goes, one way or another. Its oracle speaks its verdict.
    pub fn depart(&mut self, id: PersonId, how: Departed) {
        let now = self.now;
        let member = self.crowd.member_mut(id);
        if std::mem::replace(&mut member.gone, true) {
            return;
        }
        let (participant, peer) = (member.participant, member.peer);
        self.names.negotiated.remove(&peer);
        match how {
            Departed::Politely | Departed::ByClosing => member.device.close(now),
            Departed::Silently => member.device.die(),
        }
        self.crowd
            .member(id)
            .device
            .oracle()
            .finish(now, &self.mishaps);
        self.flush();
        if how == Departed::Politely {
            census::server(|| self.room.leave(participant, LeaveReason::Left));
            self.drain_room();
        }
    }

    /// The track that shows this.
    ///
    /// # Panics
    /// If there is none.
    pub fn track(&self, id: PersonId, source: TrackSource) -> TrackId {
        let member = self.crowd.member(id);
        let place = place_of(&member.person, source);
        member.tracks[place].track
    }

    /// What the packets of the track that shows this are stamped with.
    ///
    /// # Panics
    /// If there is none.
    pub fn label(&self, id: PersonId, source: TrackSource) -> Label {
        Label {
            publisher: id.0 as u32,
            source: place_of(&self.crowd.member(id).person, source) as u8,
        }
    }

    /// Tells the oracles what a command has changed.
    pub(super) fn tell_oracles(&mut self, applied: &Applied) {
        let (now, labels) = (self.now, &self.names.tracks);
        match *applied {
            Applied::Assigned { peer, slot, track } => {
                if let Some(member) = self.crowd.with_peer(peer) {
                    let label = track.and_then(|track| labels.get(&track)).copied();
                    member
                        .device
                        .oracle_mut()
                        .assigned(now, slot.as_str(), label);
                }
            }
            Applied::Demanded { peer, slot } => {
                if let Some(member) = self.crowd.with_peer(peer) {
                    member.device.oracle_mut().demanded(now, slot.as_str());
                }
            }
            Applied::Muted { track, muted } => {
                let Some(&label) = labels.get(&track) else {
                    return;
                };
                for oracle in self.crowd.oracles_mut() {
                    oracle.muted(now, label, muted);
                }
            }
            Applied::Other => {}
        }
    }

    fn negotiate(&mut self, id: PersonId) -> Result<(), Refusal> {
        let now = self.now;
        let member = self.crowd.member_mut(id);
        let offer = Offer::parse(&member.device.offer(now)).expect("an offer of our own");
        let (participant, peer, worker) = (member.participant, member.peer, member.worker);
        let declarations: Vec<_> = declarations(&member.person).collect();
        let previous = self.names.negotiated.get(&peer);
        let known = previous.filter(|last| last.parameters.ice.remote == *offer.ice());
        let local = LocalDescription {
            ice: match known {
                Some(last) => last.parameters.ice.local.clone(),
                None => credentials(&mut self.rng),
            },
            fingerprint: self.node.identity().fingerprint(),
            candidates: self.node.candidates(worker),
            session_id: peer.get(),
            session_version: previous.map_or(0, |last| last.version + 1),
            codecs: CodecPolicy::default(),
        };
        let first = previous.is_none();
        let mut random = || self.rng.random();
        let previous = previous.map(|last| &last.parameters);
        let negotiated = census::server(|| answer(&offer, &local, previous, &mut random));
        let negotiated = negotiated.expect("an offer of our own");
        let parameters = Box::new(negotiated.parameters.clone());
        let next = &mut self.names.next;
        let new_track = || TrackId::new(fresh(next));
        let tracks = match first {
            true => {
                let (room, worker) = (&mut self.room, worker_id(worker));
                census::server(|| {
                    room.connect(
                        participant,
                        peer,
                        worker,
                        parameters,
                        &declarations,
                        new_track,
                    )
                })?
            }
            false => census::server(|| {
                self.room
                    .renegotiate(participant, parameters, &declarations, new_track)
            })?,
        };
        for (place, answered) in tracks.iter().enumerate() {
            let label = Label {
                publisher: id.0 as u32,
                source: place as u8,
            };
            self.names.tracks.insert(answered.track, label);
        }
        self.names.negotiated.insert(
            peer,
            Negotiation {
                parameters: negotiated.parameters,
                version: local.session_version,
            },
        );
        let now = self.now;
        let member = self.crowd.member_mut(id);
        if first {
            let sources = member.person.sources.iter().filter(|source| source.muted);
            member.muted = sources.map(|source| source.kind).collect();
        }
        member.tracks = tracks;
        member.device.accept(now, &negotiated.sdp);
        self.drain_room();
        self.flush();
        Ok(())
    }

    fn fresh(&mut self) -> u64 {
        fresh(&mut self.names.next)
    }
}

fn fresh(next: &mut u64) -> u64 {
    *next += 1;
    *next
}

fn declarations(person: &Person) -> impl Iterator<Item = TrackDeclaration> {
    let sources = person.sources.iter().enumerate();
    sources.map(|(place, source)| TrackDeclaration {
        mid: Mid::parse(place.to_string().as_bytes()).expect("a number is a token"),
        source: source.kind,
        muted: source.muted,
    })
}

fn place_of(person: &Person, source: TrackSource) -> usize {
    let mut sources = person.sources.iter();
    let place = sources.position(|published| published.kind == source);
    place.unwrap_or_else(|| panic!("this person publishes no {source}"))
}

fn credentials(rng: &mut SmallRng) -> IceCredentials {
    IceCredentials {
        ufrag: format!("{:016x}", rng.random::<u64>()),
        pwd: format!("{:032x}", rng.random::<u128>()),
    }
}
