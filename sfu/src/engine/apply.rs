//! Carries out commands of the control plane.
//!
//! A command that names something that is gone is ignored: a peer may vanish while it is under way.

use std::time::Instant;

use rand::Rng;
use sfu_rtp::{Mid, RtpTime, Ssrc};

use super::Engine;
use super::command::Command;
use super::deadlines::Due;
use super::event::{CloseReason, Event};
use super::peer::Peer;
use super::pipe::Notice;
use super::route::{Origin, Route};
use crate::id::{PeerId, TrackId, WorkerId};
use crate::key::{PeerKey, SlotKey, TrackKey};
use crate::parameters::{MediaKind, PeerParameters, PublishedMedia, SlotMedia};
use crate::publish::track::Track;
use crate::subscribe::slot::Slot;

impl Engine {
    /// Applies one command.
    pub fn handle_command(&mut self, now: Instant, command: Command) {
        self.decide();
        self.now = now;
        match command {
            Command::AddPeer { peer, parameters } => self.add_peer(now, peer, &parameters),
            Command::UpdatePeer { peer, parameters } => self.update_peer(now, peer, &parameters),
            Command::ClosePeer { peer } => {
                if let Some(key) = self.directory.with_id(peer) {
                    self.close_peer(now, key, CloseReason::Requested);
                }
            }
            Command::Publish { peer, mid, track } => self.publish(peer, mid, track),
            Command::Unpublish { track } => {
                if let Some(&key) = self.track_ids.get(&track) {
                    self.remove_track(key);
                }
            }
            Command::SetMuted { track, muted } => self.set_muted(now, track, muted),
            Command::ImportTrack { track, from, media } => {
                self.add_track(track, *media, Origin::Worker(from));
            }
            Command::ExportTrack { track, to } => self.set_export(now, track, to, true),
            Command::StopExport { track, to } => self.set_export(now, track, to, false),
            Command::Assign { peer, slot, track } => self.assign(now, peer, slot, track),
            Command::SetDemand { peer, slot, demand } => self.set_demand(now, peer, slot, demand),
            Command::SendData {
                peer,
                label,
                message,
            } => self.send_data(now, peer, &label, &message),
        }
    }

    fn add_peer(&mut self, now: Instant, id: PeerId, parameters: &PeerParameters) {
        if self.directory.with_id(id).is_some() {
            return;
        }
        let feedback_ssrc = Ssrc::new(self.rng.random());
        let peer = Peer::new(id, parameters, feedback_ssrc, now);
        let key = self.peers.insert(peer);
        self.directory.add_peer(id, key);
        self.directory.add_ufrag(&parameters.ice.local.ufrag, key);
        for media in &parameters.slots {
            self.add_slot(now, key, media);
        }
        self.schedule_peer(key);
    }

    fn update_peer(&mut self, now: Instant, id: PeerId, parameters: &PeerParameters) {
        let Some(key) = self.directory.with_id(id) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let (ended_tracks, ended_streams) = peer.uplink.update(parameters);
        // Or a publisher that adds and removes media for hours would run out of SSRCs.
        if let Some(srtp) = &mut peer.srtp {
            for ssrc in ended_streams {
                srtp.receive.forget(ssrc);
            }
        }
        peer.data_parameters = parameters.data;
        let current = |ufrag: &str| ufrag == parameters.ice.local.ufrag;
        if !peer.ice.local_ufrags().any(current) {
            if let Some(unused) = peer.ice.restart(parameters.ice.clone()) {
                self.directory.remove_ufrag(&unused);
            }
            self.directory.add_ufrag(&parameters.ice.local.ufrag, key);
        }
        for track in ended_tracks {
            self.remove_track(track);
        }
        self.update_slots(now, key, parameters);
        self.start_data(now, key);
        self.schedule_peer(key);
    }

    /// Adds, changes and removes slots so that they are what was negotiated.
    fn update_slots(&mut self, now: Instant, key: PeerKey, parameters: &PeerParameters) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let kept = |mid| parameters.slots.iter().any(|media| media.mid == mid);
        for slot in peer.downlink.retain_slots(kept) {
            self.remove_slot(slot);
        }
        for media in &parameters.slots {
            let Some(peer) = self.peers.get_mut(key) else {
                return;
            };
            let known = peer.downlink.slot_with_mid(media.mid);
            match known.and_then(|slot| self.slots.get_mut(slot)) {
                Some(slot) => {
                    slot.update(media);
                    peer.downlink.update_estimator(now, media);
                }
                None => self.add_slot(now, key, media),
            }
        }
    }

    fn add_slot(&mut self, now: Instant, key: PeerKey, media: &SlotMedia) {
        let first = (
            self.rng.random_range(0..FIRST_SEQUENCE_LIMIT),
            RtpTime::new(self.rng.random()),
            self.rng.random_range(0..FIRST_SEQUENCE_LIMIT),
        );
        let slot = self.slots.insert(Slot::new(key, media, first));
        if let Some(peer) = self.peers.get_mut(key) {
            peer.downlink.add_slot(now, media, slot);
        }
    }

    fn remove_slot(&mut self, key: SlotKey) {
        let Some(slot) = self.slots.remove(key) else {
            return;
        };
        self.held.assigned_slots -= usize::from(slot.track.is_some());
        if let Some(route) = slot.track.and_then(|track| self.routes.get_mut(track)) {
            route.remove_slot(key);
        }
    }

    /// Forgets a peer and everything of it.
    pub(super) fn close_peer(&mut self, now: Instant, key: PeerKey, reason: CloseReason) {
        self.say_goodbye(now, key);
        let Some(mut peer) = self.peers.remove(key) else {
            return;
        };
        self.directory.remove_peer(peer.id, key);
        self.held.connected_peers -= usize::from(peer.srtp.is_some());
        for slot in peer.downlink.retain_slots(|_| false) {
            self.remove_slot(slot);
        }
        for track in peer.uplink.tracks().collect::<Vec<_>>() {
            self.remove_track(track);
        }
        self.events.push_back(Event::PeerClosed {
            peer: peer.id,
            reason,
        });
    }

    fn publish(&mut self, id: PeerId, mid: Mid, track: TrackId) {
        let Some(peer_key) = self.directory.with_id(id) else {
            return;
        };
        let Some(media) = self
            .peers
            .get(peer_key)
            .and_then(|peer| peer.uplink.media(mid))
            .cloned()
        else {
            return;
        };
        let added = self.add_track(track, media, Origin::Peer(peer_key));
        let replaced = self
            .peers
            .get_mut(peer_key)
            .and_then(|peer| peer.uplink.bind(mid, added));
        if let Some(replaced) = replaced {
            self.remove_track(replaced);
        }
    }

    fn add_track(
        &mut self,
        id: TrackId,
        media: PublishedMedia,
        origin: Origin,
    ) -> Option<TrackKey> {
        if self.track_ids.contains_key(&id) {
            return None;
        }
        let key = self.tracks.insert(Track::new(id, media));
        self.track_ids.insert(id, key);
        self.track_due.insert(key, Due::default());
        self.routes.insert(key, Route::new(origin));
        Some(key)
    }

    fn remove_track(&mut self, key: TrackKey) {
        let Some(track) = self.tracks.remove(key) else {
            return;
        };
        self.held.cached_bytes -= track.memory_bytes();
        self.track_ids.remove(&track.id());
        self.track_due.remove(key);
        let Some(route) = self.routes.remove(key) else {
            return;
        };
        for slot in route.slots {
            if let Some(slot) = self.slots.get_mut(slot) {
                self.held.assigned_slots -= usize::from(slot.track.is_some());
                slot.clear();
            }
        }
        if let Origin::Peer(peer) = route.origin
            && let Some(peer) = self.peers.get_mut(peer)
        {
            peer.uplink.unbind(key);
        }
    }

    fn set_muted(&mut self, now: Instant, id: TrackId, muted: bool) {
        let Some(&key) = self.track_ids.get(&id) else {
            return;
        };
        let Some(track) = self.tracks.get_mut(key) else {
            return;
        };
        track.set_muted(muted);
        if muted {
            for encoding in 0..track.encodings().len() {
                self.notify_importers(key, encoding, Notice::Muted);
            }
        }
        self.retarget(now, key);
        if !muted {
            self.want_all_keyframes(now, key);
        }
    }

    /// The worker over there gets the newest pictures to begin with, and asks for keyframes itself, once
    /// somebody there can show one.
    fn set_export(&mut self, now: Instant, id: TrackId, to: WorkerId, wanted: bool) {
        let Some(&key) = self.track_ids.get(&id) else {
            return;
        };
        if let Some(route) = self.routes.get_mut(key) {
            route.set_export(to, wanted);
        }
        if wanted {
            self.export_group(now, key, to);
        }
    }

    /// Somebody begins to watch who may get any of the layers.
    fn want_all_keyframes(&mut self, now: Instant, key: TrackKey) {
        let encodings = self
            .tracks
            .get(key)
            .filter(|track| track.kind() == MediaKind::Video)
            .map_or(0, |track| track.encodings().len());
        for encoding in 0..encodings {
            self.want_keyframe(now, key, encoding);
        }
    }

    fn assign(&mut self, now: Instant, id: PeerId, mid: Mid, track: Option<TrackId>) {
        let Some(key) = self.directory.with_id(id) else {
            return;
        };
        let peer = self.peers.get(key);
        let Some(slot_key) = peer.and_then(|peer| peer.downlink.slot_with_mid(mid)) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(slot_key) else {
            return;
        };
        let wanted = track.and_then(|track| self.track_ids.get(&track)).copied();
        if slot.track == wanted {
            return;
        }
        self.held.assigned_slots -= usize::from(slot.track.is_some());
        if let Some(route) = slot.track.and_then(|before| self.routes.get_mut(before)) {
            route.remove_slot(slot_key);
        }
        match wanted.and_then(|key| Some((key, self.tracks.get(key)?))) {
            Some((track_key, track)) => {
                slot.assign(track_key, track.codecs(), track.best_encoding());
                self.held.assigned_slots += 1;
                if let Some(route) = self.routes.get_mut(track_key) {
                    route.add_slot(slot_key);
                }
            }
            None => slot.clear(),
        }
        self.allocate_soon(now, key);
    }

    /// Lets the slots of a peer begin: it is connected now.
    pub(super) fn start_slots(&mut self, now: Instant, key: PeerKey) {
        let slots: Vec<SlotKey> = match self.peers.get(key) {
            Some(peer) => peer.downlink.slots().collect(),
            None => return,
        };
        for slot in slots {
            self.start_slot(now, slot);
        }
    }

    /// Whether media can be sent to the peer. If it cannot, a keyframe would come too early, and the one
    /// that is asked for when it can would come too late: requests keep a distance.
    pub(super) fn is_connected(&self, key: PeerKey) -> bool {
        self.peers.get(key).is_some_and(|peer| peer.srtp.is_some())
    }
}

/// A stream's first sequence number stays below this, so that a receiver which misses the first packets
/// cannot take a wrap for none (RFC 3711 §3.3.1).
const FIRST_SEQUENCE_LIMIT: u16 = 1 << 15;
