//! Which tracks a participant wants to see, best first.
//!
//! Order: what it pinned, as it said; shared screens; who has the floor; the microphones of others who
//! talk; the rest of cameras and microphones, of those first who talked last, and of the silent in the order
//! in which they joined; last, whatever is muted. The same order serves bandwidth allocation.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::participant::Participant;
use super::slot_pool::{Level, SyncGroup, Wish};
use super::speakers::Speakers;
use super::track::Track;
use super::{TrackSource, Viewing};
use crate::id::TrackId;
use crate::parameters::MediaKind;

/// The tracks of a room in the order that holds for everybody who pinned nothing. Made anew whenever a
/// track comes, goes or is muted, and when somebody begins to talk or takes the floor.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    wishes: Vec<Wish>,
    /// What a [`Viewing::Newest`] participant sees.
    newest: Option<SyncGroup>,
}

impl Ranking {
    pub(super) fn of(tracks: &BTreeMap<TrackId, Track>, speakers: &Speakers) -> Self {
        let live = || tracks.values().filter(|track| !track.ending);
        let mut wishes: Vec<_> = live().filter_map(|track| wish(track, speakers)).collect();
        wishes.sort_by_cached_key(|wish| rank(wish, speakers));
        let newest = live()
            .max_by_key(|track| (stardom(track.source), track.id))
            .map(group);
        Self { wishes, newest }
    }

    /// What this participant wants.
    pub(super) fn wishes_of(&self, participant: &Participant) -> Vec<Wish> {
        if !participant.profile.grants.can_subscribe {
            return Vec::new();
        }
        let subscription = &participant.subscription;
        let wanted = |wish: &&Wish| {
            wish.group.publisher != participant.id
                && !subscription.hidden.contains(&wish.track)
                && match participant.profile.viewing {
                    Viewing::Everyone => true,
                    Viewing::Newest => Some(wish.group) == self.newest,
                }
        };
        let mut wishes: Vec<_> = self.wishes.iter().filter(wanted).copied().collect();
        if !subscription.pinned.is_empty() {
            pin(&mut wishes, &subscription.pinned);
        }
        wishes
    }
}

/// Puts the pinned tracks first, in the order of the list. A muted one takes no slot from others even
/// when it is pinned, for there is nothing to see.
fn pin(wishes: &mut [Wish], pinned: &[TrackId]) {
    let place = |wish: &Wish| pinned.iter().position(|track| *track == wish.track);
    for wish in wishes.iter_mut() {
        if wish.level < Level::Muted && place(wish).is_some() {
            wish.level = Level::Pinned;
        }
    }
    // Stable: the rest keeps its order.
    wishes.sort_by_cached_key(|wish| (wish.level, place(wish).unwrap_or(usize::MAX)));
}

fn wish(track: &Track, speakers: &Speakers) -> Option<Wish> {
    let level = match track.source {
        _ if track.muted => Level::Muted,
        TrackSource::Screen | TrackSource::ScreenAudio => Level::Screen,
        _ if speakers.has_floor(track.publisher) => Level::Floor,
        TrackSource::Microphone if speakers.talks(track.publisher) => Level::Talking,
        TrackSource::Camera | TrackSource::Microphone => Level::Person,
    };
    Some(Wish {
        track: track.id,
        kind: track.media.kind,
        format: track.format()?,
        group: group(track),
        level,
    })
}

/// Ids of participants and tracks grow, so that they are the order of joining and publishing.
fn rank(wish: &Wish, speakers: &Speakers) -> impl Ord + use<> {
    let recent = match wish.kind {
        _ if wish.group.screen => 0,
        MediaKind::Audio => speakers.heard(wish.group.publisher),
        MediaKind::Video => speakers.seen(wish.group.publisher),
    };
    (
        wish.level,
        !wish.group.screen,
        Reverse(recent),
        wish.group.publisher,
        wish.track,
    )
}

fn group(track: &Track) -> SyncGroup {
    SyncGroup {
        publisher: track.publisher,
        screen: track.source.is_screen(),
    }
}

/// A broadcast shows a camera if there is any, else a screen, and is heard in any case.
const fn stardom(source: TrackSource) -> u8 {
    match source {
        TrackSource::Camera => 2,
        TrackSource::Screen => 1,
        TrackSource::Microphone | TrackSource::ScreenAudio => 0,
    }
}
