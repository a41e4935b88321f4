//! What a scenario may ask of its world.

use std::time::Duration;

use sfu::counters::Counters;
use sfu::engine::DebugState;
use sfu::room::{LeaveReason, Notification, TrackSource};

use super::World;
use super::crowd::PersonId;
use crate::browser::Browser;
use crate::client::Client;
use crate::client::sender::{Sender, SenderStatistics};
use crate::oracle::{Oracle, Watch};

impl World {
    /// What `viewer` has shown of a track of `publisher`.
    pub fn watch(&self, viewer: PersonId, publisher: PersonId, source: TrackSource) -> Watch {
        let label = self.label(publisher, source);
        self.oracle(viewer).watch(label)
    }

    /// What `viewer` has shown of the camera of `publisher`.
    pub fn camera(&self, viewer: PersonId, publisher: PersonId) -> Watch {
        self.watch(viewer, publisher, TrackSource::Camera)
    }

    /// What `viewer` has heard of the microphone of `publisher`.
    pub fn microphone(&self, viewer: PersonId, publisher: PersonId) -> Watch {
        self.watch(viewer, publisher, TrackSource::Microphone)
    }

    /// Somebody's synthetic client.
    ///
    /// # Panics
    /// If that person has a peer connection of the library.
    pub fn client(&self, id: PersonId) -> &Client {
        self.crowd.member(id).device.client()
    }

    /// Somebody's synthetic client, to do something with.
    ///
    /// # Panics
    /// If that person has a peer connection of the library.
    pub fn client_mut(&mut self, id: PersonId) -> &mut Client {
        self.crowd.member_mut(id).device.client_mut()
    }

    /// Somebody's peer connection of the library.
    ///
    /// # Panics
    /// If that person has a synthetic client.
    pub fn browser(&self, id: PersonId) -> &Browser {
        self.crowd.member(id).device.browser()
    }

    /// Has somebody send a packet of padding on every media stream, as senders without RTX probe their path.
    ///
    /// # Panics
    /// If that person has a peer connection of the library.
    pub fn probe(&mut self, id: PersonId) {
        let now = self.now;
        self.client_mut(id).probe(now);
    }

    /// Sends a text on somebody's data channel.
    ///
    /// # Panics
    /// If there is none, or it is not open.
    pub fn send_text(&mut self, id: PersonId, text: &str) {
        let now = self.now;
        self.crowd
            .member_mut(id)
            .device
            .browser_mut()
            .send_text(now, text);
    }

    /// Sends bytes on somebody's data channel.
    ///
    /// # Panics
    /// If there is none, or it is not open.
    pub fn send_bytes(&mut self, id: PersonId, bytes: &[u8]) {
        let now = self.now;
        self.crowd
            .member_mut(id)
            .device
            .browser_mut()
            .send_bytes(now, bytes);
    }

    /// The oracle behind somebody.
    pub fn oracle(&self, id: PersonId) -> &Oracle {
        self.crowd.member(id).device.oracle()
    }

    /// The sender of a track.
    pub fn sender_mut(&mut self, id: PersonId, source: TrackSource) -> &mut Sender {
        let place = usize::from(self.label(id, source).source);
        let sender = self.crowd.member_mut(id).device.sender_mut(place);
        sender.expect("every label has a sender")
    }

    /// Somebody's microphone hears so much from now on, in dBov: −127 is silence, speech about −30.
    pub fn set_level(&mut self, id: PersonId, level_dbov: i8) {
        self.sender_mut(id, TrackSource::Microphone)
            .set_level(level_dbov);
    }

    fn sender(&self, id: PersonId, source: TrackSource) -> &Sender {
        let place = usize::from(self.label(id, source).source);
        let sender = self.crowd.member(id).device.sender(place);
        sender.expect("every label has a sender")
    }

    /// What the sender of a track has seen and done.
    pub fn sender_statistics(&self, id: PersonId, source: TrackSource) -> SenderStatistics {
        self.sender(id, source).statistics()
    }

    /// Those who are in the room and well.
    pub fn present(&self) -> Vec<PersonId> {
        self.crowd.present()
    }

    /// What somebody publishes.
    pub fn sources(&self, id: PersonId) -> Vec<TrackSource> {
        let sources = self.crowd.member(id).person.sources.iter();
        sources.map(|source| source.kind).collect()
    }

    /// How many slots somebody has.
    pub fn slots(&self, id: PersonId) -> usize {
        self.oracle(id).slots().len()
    }

    /// The tracks that the slots of somebody show now.
    pub fn shown_to(&self, id: PersonId) -> Vec<(PersonId, TrackSource)> {
        self.shown_for(id, Duration::ZERO)
    }

    /// Those that they have shown for so long without a change.
    pub fn shown_for(&self, id: PersonId, time: Duration) -> Vec<(PersonId, TrackSource)> {
        let slots = self.oracle(id).slots().iter();
        let lasting = |at| self.now.saturating_duration_since(at) >= time;
        let slots = slots.filter(|slot| slot.changed_at().is_none_or(lasting));
        let labels = slots.filter_map(|slot| slot.shows());
        let shown = labels.map(|label| {
            let publisher = PersonId(label.publisher as usize);
            let sources = &self.crowd.member(publisher).person.sources;
            (publisher, sources[usize::from(label.source)].kind)
        });
        shown.collect()
    }

    /// Whether something of this track should arrive: its publisher is there and connected, has not
    /// muted it, and has an encoding on.
    pub fn sends(&self, id: PersonId, source: TrackSource) -> bool {
        let sender = self.sender(id, source);
        let there = self.crowd.present().contains(&id) && sender.has_begun();
        let active = sender.is_active();
        there && active && !self.crowd.member(id).muted.contains(&source)
    }

    /// How many temporal layers there are in what somebody publishes.
    pub fn temporal_layers(&self, id: PersonId, source: TrackSource) -> u8 {
        let mut sources = self.crowd.member(id).person.sources.iter();
        let published = sources.find(|published| published.kind == source);
        let layer = published.and_then(|published| published.layers.first());
        layer.map_or(1, |layer| layer.encoder.scalability.temporal)
    }

    /// Everything that somebody was told by the room.
    pub fn notifications(&self, id: PersonId) -> &[Notification] {
        &self.crowd.member(id).notifications
    }

    /// Why the room has let somebody go, if it has.
    pub fn let_go(&self, id: PersonId) -> Option<LeaveReason> {
        self.crowd.member(id).closed
    }

    /// What a worker has counted.
    pub fn counters(&self, worker: usize) -> &Counters {
        self.node.counters(worker)
    }

    /// What the engines hold, by worker.
    pub fn debug_states(&self) -> Vec<DebugState> {
        self.node.debug_states().collect()
    }
}
