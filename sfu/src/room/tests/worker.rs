//! A worker that only keeps the books. Unlike an engine, it ignores nothing: a command about something
//! that it does not know fails the test.

use std::collections::{BTreeMap, BTreeSet};

use sfu_rtp::Mid;

use crate::demand::Demand;
use crate::engine::command::{Command, DataMessage};
use crate::id::{PeerId, TrackId, WorkerId};
use crate::parameters::PeerParameters;

#[derive(Default)]
pub(super) struct WorkerModel {
    pub(super) peers: BTreeMap<PeerId, PeerModel>,
    /// Tracks published here.
    pub(super) tracks: BTreeMap<TrackId, TrackModel>,
    pub(super) imports: BTreeMap<TrackId, WorkerId>,
    /// Messages that were sent to peers here: receiver, label, message.
    pub(super) data: Vec<(PeerId, String, DataMessage)>,
}

pub(super) struct PeerModel {
    pub(super) parameters: Box<PeerParameters>,
    pub(super) slots: BTreeMap<Mid, TrackId>,
    pub(super) demands: BTreeMap<Mid, Demand>,
}

pub(super) struct TrackModel {
    pub(super) peer: PeerId,
    pub(super) mid: Mid,
    pub(super) muted: bool,
    pub(super) exports: BTreeSet<WorkerId>,
}

impl WorkerModel {
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.tracks.is_empty() && self.imports.is_empty()
    }

    /// The transport failed: the engine forgets the peer and what it published.
    pub(super) fn lose(&mut self, peer: PeerId) {
        self.peers.remove(&peer).expect("a peer that was there");
    }

    pub(super) fn apply(&mut self, command: Command) {
        match command {
            Command::AddPeer { peer, parameters } => {
                let model = PeerModel {
                    parameters,
                    slots: BTreeMap::new(),
                    demands: BTreeMap::new(),
                };
                assert!(
                    self.peers.insert(peer, model).is_none(),
                    "{peer} added twice"
                );
            }
            Command::UpdatePeer { peer, parameters } => {
                let known = self
                    .peers
                    .get_mut(&peer)
                    .expect("an update of a known peer");
                known
                    .slots
                    .retain(|mid, _| parameters.slots.iter().any(|slot| slot.mid == *mid));
                known
                    .demands
                    .retain(|mid, _| parameters.slots.iter().any(|slot| slot.mid == *mid));
                known.parameters = parameters;
                let published = &known.parameters.published;
                for (id, track) in &self.tracks {
                    assert!(
                        track.peer != peer || published.iter().any(|media| media.mid == track.mid),
                        "{id} is left on an m-line that is gone"
                    );
                }
            }
            Command::ClosePeer { peer } => {
                assert!(
                    self.peers.remove(&peer).is_some(),
                    "{peer} closed, but unknown"
                );
                assert!(
                    self.tracks.values().all(|track| track.peer != peer),
                    "{peer} closed before its tracks were unpublished"
                );
            }
            Command::Publish { peer, mid, track } => {
                let published = &self
                    .peers
                    .get(&peer)
                    .expect("a known publisher")
                    .parameters
                    .published;
                assert!(
                    published.iter().any(|media| media.mid == mid),
                    "{peer} sends no {mid}"
                );
                assert!(
                    self.tracks
                        .values()
                        .all(|other| (other.peer, other.mid) != (peer, mid)),
                    "two tracks on {mid} of {peer}"
                );
                let model = TrackModel {
                    peer,
                    mid,
                    muted: false,
                    exports: BTreeSet::new(),
                };
                assert!(
                    self.tracks.insert(track, model).is_none(),
                    "{track} published twice"
                );
            }
            Command::Unpublish { track } => self.unpublish(track),
            Command::SetMuted { track, muted } => {
                let track = self.tracks.get_mut(&track).expect("a track to mute");
                assert_ne!(track.muted, muted, "muted as it was already");
                track.muted = muted;
            }
            Command::ImportTrack { track, from, media } => {
                assert!(!media.codecs.is_empty());
                assert!(
                    !self.tracks.contains_key(&track),
                    "{track} imported at home"
                );
                assert!(
                    self.imports.insert(track, from).is_none(),
                    "{track} imported twice"
                );
            }
            Command::ExportTrack { track, to } => {
                let track = self.tracks.get_mut(&track).expect("a track to export");
                assert!(track.exports.insert(to), "exported twice to {to}");
            }
            Command::StopExport { track, to } => {
                let track = self.tracks.get_mut(&track).expect("an exported track");
                assert!(
                    track.exports.remove(&to),
                    "an export to {to} that there is not"
                );
            }
            Command::Assign { peer, slot, track } => self.assign(peer, slot, track),
            Command::SetDemand { peer, slot, demand } => {
                let known = self.peers.get_mut(&peer).expect("a known subscriber");
                let mut offered = known.parameters.slots.iter();
                assert!(
                    offered.any(|media| media.mid == slot),
                    "{peer} has no {slot}"
                );
                let before = known.demands.insert(slot, demand);
                assert_ne!(before, Some(demand), "told again about {slot}");
            }
            Command::SendData {
                peer,
                label,
                message,
            } => {
                let known = self.peers.get(&peer).expect("a known receiver");
                assert!(
                    known.parameters.data.is_some(),
                    "{peer} has no data channels"
                );
                self.data.push((peer, label.to_string(), message));
            }
        }
    }

    fn unpublish(&mut self, track: TrackId) {
        let shown = self
            .peers
            .values()
            .any(|peer| peer.slots.values().any(|shown| *shown == track));
        assert!(!shown, "{track} unpublished while it is shown");
        match self.tracks.remove(&track) {
            Some(model) => assert!(
                model.exports.is_empty(),
                "{track} ends while it is exported"
            ),
            None => assert!(self.imports.remove(&track).is_some(), "{track} is unknown"),
        }
    }

    fn assign(&mut self, peer: PeerId, slot: Mid, track: Option<TrackId>) {
        let peer = self
            .peers
            .get_mut(&peer)
            .expect("an assignment for a known peer");
        let media = peer.parameters.slots.iter().find(|media| media.mid == slot);
        assert!(media.is_some(), "there is no slot {slot}");
        match track {
            Some(track) => {
                let known = self.tracks.contains_key(&track) || self.imports.contains_key(&track);
                assert!(known, "{track} assigned before it is known");
                assert_ne!(
                    peer.slots.insert(slot, track),
                    Some(track),
                    "assigned as it was"
                );
            }
            None => assert!(
                peer.slots.remove(&slot).is_some(),
                "{slot} was free already"
            ),
        }
    }
}
