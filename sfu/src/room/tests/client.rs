//! A participant that knows only what it is told.

use crate::engine::event::SrtpProtection;
use crate::id::TrackId;
use crate::room::{DataRefusal, LeaveReason, Notification, RoomView, SlotsView, TrackView};

pub(super) struct ClientModel {
    pub(super) view: RoomView,
    pub(super) connected: Option<SrtpProtection>,
    pub(super) refused: Vec<DataRefusal>,
    pub(super) closed: Option<LeaveReason>,
    /// How often something in its slots changed.
    pub(super) slot_changes: usize,
}

impl ClientModel {
    pub(super) fn new(view: RoomView) -> Self {
        Self {
            view,
            connected: None,
            refused: Vec::new(),
            closed: None,
            slot_changes: 0,
        }
    }

    /// Begins a connection: the slots of the former one are gone, and what they showed with them.
    pub(super) fn begin_connection(&mut self) {
        self.view.slots = SlotsView::default();
    }

    /// Applies a notification; panics if it makes no sense.
    pub(super) fn apply(&mut self, notification: Notification) {
        assert_eq!(self.closed, None, "{notification:?} after the end");
        match notification {
            Notification::ParticipantJoined(participant) => {
                assert!(participant.tracks.is_empty());
                assert_ne!(participant.participant, self.view.own.participant);
                self.view.others.push(participant);
            }
            Notification::ParticipantLeft { participant, .. } => {
                let others = &mut self.view.others;
                let place = others
                    .iter()
                    .position(|other| other.participant == participant);
                let left = others.remove(place.expect("somebody known left"));
                assert!(left.tracks.is_empty(), "left with {:?}", left.tracks);
            }
            Notification::TrackPublished { participant, track } => {
                let mut others = self.view.others.iter_mut();
                let publisher = others.find(|other| other.participant == participant);
                publisher
                    .expect("somebody known publishes")
                    .tracks
                    .push(track);
            }
            Notification::TrackUnpublished { participant, track } => {
                let mut others = self.view.others.iter_mut();
                let publisher = others.find(|other| other.participant == participant);
                let tracks = &mut publisher.expect("somebody known").tracks;
                let place = tracks.iter().position(|known| known.track == track);
                tracks.remove(place.expect("a known track"));
            }
            Notification::TrackStarted { track } => self.track(track).started = true,
            Notification::TrackMuted { track, muted } => {
                assert_ne!(
                    std::mem::replace(&mut self.track(track).muted, muted),
                    muted
                );
            }
            Notification::SpeakersChanged { speakers } => {
                assert_ne!(self.view.speakers, speakers, "told what it knew");
                self.view.speakers = speakers;
            }
            Notification::SlotsChanged(slots) => {
                assert_ne!(self.view.slots, slots, "told what it knew");
                self.view.slots = slots;
                self.slot_changes += 1;
            }
            Notification::EncodingsWanted { track, encodings } => {
                self.track(track);
                self.view.unwanted.retain(|(known, _)| *known != track);
                if encodings.iter().any(|encoding| !encoding.wanted) {
                    self.view.unwanted.push((track, encodings));
                }
            }
            Notification::Connected { protection } => self.connected = Some(protection),
            Notification::DataRefused { reason } => self.refused.push(reason),
            Notification::Closed { reason } => self.closed = Some(reason),
        }
    }

    fn track(&mut self, track: TrackId) -> &mut TrackView {
        let own = std::iter::once(&mut self.view.own);
        let mut tracks = own.chain(&mut self.view.others).flat_map(|p| &mut p.tracks);
        tracks
            .find(|known| known.track == track)
            .expect("a known track")
    }
}
