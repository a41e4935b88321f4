//! Who gets what of a subscriber's bandwidth: when it is divided anew, and what becomes of the decisions.
//!
//! How it is divided is in [`allocator`](crate::subscribe::allocator). Nothing here is done per packet: a peer is
//! looked at when what it is to see has changed, at most once a turn, and every [`PERIOD`] while its
//! estimate may change. What nobody is given for a while is paused at its publisher.

use std::time::{Duration, Instant};

use sfu_rtp::{Bitrate, Mid};

use super::Engine;
use super::event::Event;
use super::pipe::Notice;
use super::route::Origin;
use crate::demand::Demand;
use crate::id::{PeerId, WorkerId};
use crate::key::{PeerKey, SlotKey, TrackKey};
use crate::parameters::{MAX_ENCODINGS, MediaKind};
use crate::publish::layers::Choices;
use crate::subscribe::allocator::{Allocator, Budget, Movement, Request};
use crate::subscribe::share::Shown;

/// Memory that is kept from one allocation to the next.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    allocator: Allocator,
    slots: Vec<(SlotKey, Choices)>,
    requests: Vec<Request>,
    /// Peers that show a track which has changed.
    peers: Vec<PeerKey>,
    /// What slots are to show now and have not shown before.
    woken: Vec<(SlotKey, TrackKey, usize)>,
    /// Slots that are paused.
    paused: Vec<Mid>,
}

/// What a peer remembers of its last allocation.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// When the next one is due.
    pub(super) at: Option<Instant>,
    /// What was divided then; `None`: no limit was known.
    estimate: Option<Bitrate>,
    /// The slots that were said to be paused.
    paused: Vec<Mid>,
}

impl Standing {
    /// Whether the path carries so much less than what was divided that the next round is too far off.
    pub(super) fn is_outdated(&self, estimate: Option<Bitrate>) -> bool {
        let (Some(before), Some(now)) = (self.estimate, estimate) else {
            return false;
        };
        falls_short(now, before)
    }
}

impl Engine {
    /// A room wants something else of a slot.
    pub(super) fn set_demand(&mut self, now: Instant, id: PeerId, mid: Mid, demand: Demand) {
        let key = self.directory.with_id(id);
        let Some((key, peer)) = key.and_then(|key| Some((key, self.peers.get(key)?))) else {
            return;
        };
        let slot = peer.downlink.slot_with_mid(mid);
        let share = slot
            .and_then(|slot| self.slots.get_mut(slot))
            .and_then(|slot| slot.share.as_mut());
        if share.is_some_and(|share| share.set_demand(demand)) {
            self.allocate_soon(now, key);
        }
    }

    /// What a peer is to be sent has changed: it is divided anew before the next turn.
    pub(super) fn allocate_soon(&mut self, now: Instant, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.standing.at = Some(now);
        }
        self.schedule_peer(key);
    }

    /// There is something else to choose from of a track: everybody who shows it is looked at.
    pub(super) fn retarget(&mut self, now: Instant, key: TrackKey) {
        let Some(route) = self.routes.get(key) else {
            return;
        };
        if self.tracks.get(key).map(|track| track.kind()) == Some(MediaKind::Audio) {
            return self.retarget_sound(key);
        }
        let mut peers = std::mem::take(&mut self.workspace.peers);
        let shown_by = route.slots.iter().filter_map(|&slot| self.slots.get(slot));
        peers.extend(shown_by.map(|slot| slot.peer));
        for peer in peers.drain(..) {
            self.allocate(now, peer);
        }
        self.workspace.peers = peers;
    }

    fn retarget_sound(&mut self, key: TrackKey) {
        let (Some(track), Some(route)) = (self.tracks.get(key), self.routes.get(key)) else {
            return;
        };
        for &slot in &route.slots {
            if let Some(slot) = self.slots.get_mut(slot) {
                slot.forwarder.set_target(track.best_encoding());
            }
        }
    }

    /// Divides a peer's bandwidth anew, if that is due.
    pub(super) fn allocate_if_due(&mut self, now: Instant, key: PeerKey) {
        let due = |at: Instant| at <= now;
        if self
            .peers
            .get(key)
            .is_some_and(|peer| peer.standing.at.is_some_and(due))
        {
            self.allocate(now, key);
        }
    }

    /// Divides a peer's bandwidth over its slots and sets their targets.
    fn allocate(&mut self, now: Instant, key: PeerKey) {
        let budget = self.gather(now, key);
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let Workspace {
            allocator,
            slots: showing,
            requests,
            woken,
            paused,
            ..
        } = &mut self.workspace;
        let allocation = allocator.allocate(budget, requests);
        let periodic = budget.estimate.is_some() && !requests.is_empty();
        peer.standing.at = periodic.then(|| now + PERIOD);
        peer.standing.estimate = budget.estimate;
        paused.clear();
        woken.clear();
        let flowing = showing.iter().filter_map(|(slot_key, choices)| {
            let slot = self.slots.get(*slot_key)?;
            let current = slot.forwarder.current()?;
            Some(slot.share.as_ref()?.bitrate_of(current, choices))
        });
        let flowing = flowing.fold(budget.audio, Bitrate::saturating_add);
        // What has shown no limit is only guessed to be narrow.
        let is_buried = peer
            .downlink
            .limit()
            .is_some_and(|limit| falls_short(limit, flowing));
        for ((slot_key, choices), (decision, movement)) in showing.iter().zip(allocation.iter()) {
            let Some(slot) = self.slots.get_mut(*slot_key) else {
                continue;
            };
            let (Some(share), Some(track_key)) = (&mut slot.share, slot.track) else {
                continue;
            };
            let shown = share.take(now, choices, decision, movement);
            let target = shown.map(|shown| shown.encoding);
            if share.is_paused() {
                paused.push(slot.mid);
            }
            let is_news = target != slot.forwarder.target();
            match shown {
                Some(Shown { encoding, layers }) => {
                    if is_buried && movement == Movement::Fall {
                        // What goes on of the old layer until the new one is there would only keep the queue full.
                        slot.forwarder.retreat(encoding, layers);
                    } else {
                        slot.forwarder.set_target(target);
                        slot.forwarder.set_layers(layers);
                    }
                    if is_news {
                        woken.push((*slot_key, track_key, encoding));
                    }
                }
                None if is_news => slot.forwarder.detach(None),
                None => {}
            }
        }
        peer.downlink
            .want(allocation.wanted.saturating_add(HEADROOM));
        peer.downlink.give(allocation.given);
        if *paused != peer.standing.paused {
            peer.standing.paused.clone_from(paused);
            self.events.push_back(Event::SlotsPaused {
                peer: peer.id,
                slots: paused.clone(),
            });
        }
        self.schedule_peer(key);
        self.fetch_targets(now);
    }

    /// Puts together what is asked for: one request for each slot that shows a picture.
    fn gather(&mut self, now: Instant, key: PeerKey) -> Budget {
        let Workspace {
            slots, requests, ..
        } = &mut self.workspace;
        slots.clear();
        requests.clear();
        let mut budget = Budget {
            estimate: None,
            audio: Bitrate::ZERO,
        };
        let Some(peer) = self.peers.get(key) else {
            return budget;
        };
        budget.estimate = peer.downlink.estimate();
        for slot_key in peer.downlink.slots() {
            let Some(slot) = self.slots.get(slot_key) else {
                continue;
            };
            let track = slot.track.and_then(|track| self.tracks.get_mut(track));
            let Some(track) = track.filter(|track| !track.is_muted()) else {
                continue;
            };
            match &slot.share {
                Some(share) => {
                    let choices = track.choices(now);
                    let mut request = share.request(now, &choices);
                    // Damping is against a path that sways; of this one no limit is known.
                    request.may_rise |= budget.estimate.is_none();
                    requests.push(request);
                    slots.push((slot_key, choices));
                }
                None => budget.audio = budget.audio.saturating_add(track.bitrate(now)),
            }
        }
        budget
    }

    /// Asks publishers for what slots have been told to show: to send it, if they had stopped, and a keyframe.
    fn fetch_targets(&mut self, now: Instant) {
        let mut woken = std::mem::take(&mut self.workspace.woken);
        for (slot, track_key, encoding) in woken.drain(..) {
            let track = self.tracks.get_mut(track_key);
            if track.is_some_and(|track| track.watch(now, encoding)) {
                self.tell_publisher(track_key);
            }
            self.start_slot(now, slot);
        }
        self.workspace.woken = woken;
    }

    /// Looks which encodings of a track anybody watches. While a slot waits for the keyframe of one, it still
    /// shows another: both count.
    pub(super) fn review_upstream(&mut self, now: Instant, key: TrackKey) {
        let (Some(track), Some(route)) = (self.tracks.get_mut(key), self.routes.get(key)) else {
            return;
        };
        if track.kind() != MediaKind::Video || track.is_muted() {
            return;
        }
        let mut watched = [false; MAX_ENCODINGS];
        for slot in route.slots.iter().filter_map(|&slot| self.slots.get(slot)) {
            let forwarder = &slot.forwarder;
            for encoding in [forwarder.current(), forwarder.target()]
                .into_iter()
                .flatten()
            {
                if let Some(watched) = watched.get_mut(encoding) {
                    *watched = true;
                }
            }
        }
        let seen = |encoding: usize| {
            watched.get(encoding).copied().unwrap_or(false)
                || route.exports_of(encoding).next().is_some()
        };
        if track.review(now, seen) {
            self.tell_publisher(key);
        }
    }

    /// Says which encodings of a track are wanted: to the room, or to the worker where it is published.
    fn tell_publisher(&mut self, key: TrackKey) {
        let (Some(track), Some(route)) = (self.tracks.get(key), self.routes.get(key)) else {
            return;
        };
        let encodings = track.wanted();
        match route.origin {
            Origin::Peer(peer) => {
                let peer = self.peers.get(peer).map(|peer| peer.id);
                self.events.extend(peer.map(|peer| Event::EncodingsWanted {
                    peer,
                    track: track.id(),
                    encodings,
                }));
            }
            Origin::Worker(worker) => {
                if let Some(outbox) = self.outboxes.get_mut(worker.index()) {
                    for (encoding, &wanted) in encodings.iter().enumerate() {
                        let notice = Notice::Wanted(wanted);
                        outbox.push_notice(track.id(), encoding as u8, notice);
                    }
                }
            }
        }
    }

    /// A worker that imports a track says whether anybody watches this encoding over there.
    pub(super) fn set_watched_by(
        &mut self,
        now: Instant,
        key: TrackKey,
        encoding: usize,
        worker: WorkerId,
        watched: bool,
    ) {
        let (Some(track), Some(route)) = (self.tracks.get_mut(key), self.routes.get_mut(key))
        else {
            return;
        };
        route.set_watched(worker, encoding, watched);
        if watched && track.watch(now, encoding) {
            self.tell_publisher(key);
        }
    }
}

/// Whether a path that carries `estimate` takes so much longer for what is sent that a queue of half a second builds up
/// in two: longer than a keyframe takes to come.
fn falls_short(estimate: Bitrate, sent: Bitrate) -> bool {
    estimate.bps().saturating_mul(5) < sent.bps().saturating_mul(4)
}

/// What the estimate should have room for beyond what is wanted: one more camera. Otherwise everybody who
/// comes would have to wait for a probe.
const HEADROOM: Bitrate = Bitrate::from_kbps(400);

/// How often an estimate is looked at. Its own period is about a tenth of a second; three of them tell a trend
/// from noise, and a path that is full for so long has not yet lost anything.
const PERIOD: Duration = Duration::from_millis(300);
