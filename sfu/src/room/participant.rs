//! One participant of a room: who it is, what it may do, its connection and what it wants to see.

use std::collections::BTreeMap;
use std::time::Instant;

use super::data_budget::DataBudget;
use super::notification::{DataRefusal, SlotsView};
use super::slot_pool::SlotPool;
use super::{DisplayName, Grants, RoomLimits, Subscription, TrackSource, Viewing};
use crate::demand::Display;
use crate::engine::event::SrtpProtection;
use crate::id::{ParticipantId, PeerId, TrackId, WorkerId};

/// Who joins, and as what.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name that the others see.
    pub name: DisplayName,
    /// What it may do.
    pub grants: Grants,
    /// Which tracks its slots show.
    pub viewing: Viewing,
}

#[derive(Debug)]
pub(super) struct Participant {
    pub(super) id: ParticipantId,
    pub(super) profile: Profile,
    pub(super) subscription: Subscription,
    /// How large it shows tracks, as far as it has said.
    pub(super) displays: BTreeMap<TrackId, Display>,
    pub(super) connection: Option<Connection>,
    /// Its tracks, in the order of publishing.
    pub(super) tracks: Vec<TrackId>,
    pub(super) slots: SlotPool,
    /// What it was last told about its slots.
    pub(super) told: SlotsView,
    data: DataBudget,
    data_refusals: Vec<DataRefusal>,
}

/// A participant's transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Connection {
    pub(super) peer: PeerId,
    pub(super) worker: WorkerId,
    /// Known once it is connected.
    pub(super) protection: Option<SrtpProtection>,
    /// Whether data channels were negotiated.
    pub(super) data: bool,
}

impl Participant {
    pub(super) fn new(id: ParticipantId, profile: Profile, limits: &RoomLimits) -> Self {
        Self {
            id,
            profile,
            subscription: Subscription::default(),
            displays: BTreeMap::new(),
            connection: None,
            tracks: Vec::new(),
            slots: SlotPool::default(),
            told: SlotsView::default(),
            data: DataBudget::new(limits),
            data_refusals: Vec::new(),
        }
    }

    pub(super) fn is_hidden(&self) -> bool {
        self.profile.grants.hidden
    }

    pub(super) fn may_publish(&self) -> bool {
        self.profile.grants.can_publish && !self.is_hidden()
    }

    pub(super) fn may_publish_source(&self, source: TrackSource) -> bool {
        self.profile.grants.sources.contains(source)
    }

    /// Whether it may send a data message of this size now.
    pub(super) fn check_data(&mut self, now: Instant, bytes: usize) -> Result<(), DataRefusal> {
        if !self.profile.grants.can_publish_data {
            Err(DataRefusal::NotGranted)
        } else if !self.data.take(now, bytes) {
            Err(DataRefusal::TooFast)
        } else {
            Ok(())
        }
    }

    /// Whether this refusal has not been told on this connection yet; from now on it has.
    pub(super) fn is_news(&mut self, refusal: DataRefusal) -> bool {
        let news = !self.data_refusals.contains(&refusal);
        if news {
            self.data_refusals.push(refusal);
        }
        news
    }

    /// A new connection begins: with it, everything about slots and refusals is news again, even where
    /// it is what was true of the one before.
    pub(super) fn connect(&mut self, connection: Connection) {
        self.connection = Some(connection);
        self.told = SlotsView::default();
        self.data_refusals.clear();
    }
}
