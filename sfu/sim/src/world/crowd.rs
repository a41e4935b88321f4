//! The people of a world, found by address, participant or peer, and woken when they are due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use sfu::id::{ParticipantId, PeerId};
use sfu::room::{AnsweredTrack, LeaveReason, Notification, TrackSource};

use super::device::Device;
use crate::network::Arrival;
use crate::oracle::{Oracle, Transit};
use crate::person::Person;

/// A person, by the order of joining, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PersonId(pub(super) usize);

/// A person who is, or was, in the world.
pub(super) struct Member {
    pub(super) person: Person,
    pub(super) device: Device,
    pub(super) participant: ParticipantId,
    pub(super) peer: PeerId,
    pub(super) worker: usize,
    /// Its tracks, in the order of its offer.
    pub(super) tracks: Vec<AnsweredTrack>,
    /// Of those, the muted ones.
    pub(super) muted: HashSet<TrackSource>,
    pub(super) notifications: Vec<Notification>,
    /// Set when the room has let it go.
    pub(super) closed: Option<LeaveReason>,
    /// Whether it has left, or its device is dead.
    pub(super) gone: bool,
    due: Option<Instant>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Crowd {
    members: Vec<Member>,
    by_address: HashMap<SocketAddr, usize>,
    by_participant: HashMap<ParticipantId, usize>,
    by_peer: HashMap<PeerId, usize>,
    /// When members are due; entries that a member knows nothing of any more are ignored.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Members who may have something to send.
    touched: Vec<usize>,
    moves: u16,
}

impl Crowd {
    /// The address of the next person to come: of the loopback network, so that a benchmark can put a socket
    /// there.
    pub(super) fn next_address(&self) -> SocketAddr {
        let number = self.members.len() as u16;
        let [high, low] = number.to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, high, low, 1)), 50_000)
    }

    /// The number of the next person to come.
    pub(super) fn next_id(&self) -> PersonId {
        PersonId(self.members.len())
    }

    pub(super) fn add(
        &mut self,
        person: Person,
        device: Device,
        participant: ParticipantId,
        peer: PeerId,
        worker: usize,
    ) -> PersonId {
        let id = self.next_id();
        self.by_address.insert(device.address(), id.0);
        self.by_participant.insert(participant, id.0);
        self.by_peer.insert(peer, id.0);
        self.members.push(Member {
            person,
            device,
            participant,
            peer,
            worker,
            tracks: Vec::new(),
            muted: HashSet::new(),
            notifications: Vec::new(),
            closed: None,
            gone: false,
            due: None,
        });
        id
    }

    pub(super) fn member(&self, id: PersonId) -> &Member {
        &self.members[id.0]
    }

    /// A member to do something with; it is looked after at the end of the turn.
    pub(super) fn member_mut(&mut self, id: PersonId) -> &mut Member {
        self.touched.push(id.0);
        &mut self.members[id.0]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PersonId, &Member)> {
        self.members
            .iter()
            .enumerate()
            .map(|(index, member)| (PersonId(index), member))
    }

    /// Those who have neither left nor died nor been let go.
    pub(super) fn present(&self) -> Vec<PersonId> {
        let present = self
            .iter()
            .filter(|(_, member)| !member.gone && member.closed.is_none());
        present.map(|(id, _)| id).collect()
    }

    /// The oracles of everybody, to be told something.
    pub(super) fn oracles_mut(&mut self) -> impl Iterator<Item = &mut Oracle> {
        self.members
            .iter_mut()
            .map(|member| member.device.oracle_mut())
    }

    pub(super) fn with_peer(&mut self, peer: PeerId) -> Option<&mut Member> {
        self.by_peer
            .get(&peer)
            .map(|&index| &mut self.members[index])
    }

    /// A new address for a member.
    pub(super) fn relocate(&mut self, now: Instant, id: PersonId) -> (SocketAddr, SocketAddr) {
        self.moves += 1;
        let before = self.members[id.0].device.address();
        let after = SocketAddr::new(before.ip(), before.port() + self.moves);
        self.by_address.remove(&before);
        self.by_address.insert(after, id.0);
        self.member_mut(id).device.client_mut().move_to(now, after);
        (before, after)
    }

    /// Hands a datagram to the client that it is addressed to. `false`: there is none, or it cannot
    /// be read.
    pub(super) fn handle_arrival(&mut self, transit: Transit, arrival: &Arrival) -> bool {
        let Some(&index) = self.by_address.get(&arrival.to) else {
            return false;
        };
        let device = &mut self.members[index].device;
        let is_read = device.handle_datagram(transit, arrival.from, &arrival.bytes);
        self.touched.push(index);
        is_read
    }

    /// Serves whoever is due. Returns whether anybody was.
    pub(super) fn handle_due(&mut self, now: Instant) -> bool {
        let mut busy = false;
        while let Some(&Reverse((at, index))) = self.due.peek() {
            if at > now {
                break;
            }
            self.due.pop();
            let member = &mut self.members[index];
            if member.due == Some(at) {
                member.due = None;
                member.device.handle_deadline(now);
                self.touched.push(index);
                busy = true;
            }
        }
        busy
    }

    /// Takes what members want to send, and notes when they are due again.
    pub(super) fn flush(&mut self, send: &mut impl FnMut(SocketAddr, SocketAddr, Vec<u8>)) {
        let mut touched = std::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            let member = &mut self.members[index];
            while let Some(outgoing) = member.device.poll_transmit() {
                send(outgoing.from, outgoing.to, outgoing.bytes);
            }
            let due = member.device.next_deadline();
            if due != member.due {
                member.due = due;
                self.due.extend(due.map(|at| Reverse((at, index))));
            }
        }
        self.touched = touched;
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn notify(&mut self, now: Instant, to: ParticipantId, notification: Notification) {
        if let Some(&index) = self.by_participant.get(&to) {
            let member = &mut self.members[index];
            if let Notification::Closed { reason } = &notification {
                member.closed = Some(*reason);
            }
            if let Notification::SlotsChanged(view) = &notification {
                for paused in view.slots.iter().filter(|slot| slot.paused) {
                    let oracle = member.device.oracle_mut();
                    oracle.demanded(now, paused.slot.as_str());
                }
            }
            if let Notification::EncodingsWanted { track, encodings } = &notification
                && member.person.heeds_wishes
            {
                let place = member.tracks.iter().position(|own| own.track == *track);
                let sender = place.and_then(|place| member.device.sender_mut(place));
                if let Some(sender) = sender {
                    for (index, encoding) in encodings.iter().enumerate() {
                        sender.set_wanted(index, encoding.wanted);
                    }
                }
            }
            // A copy is the world's; the room's own is given back, as signaling does.
            member.notifications.push(notification.clone());
        }
    }
}
