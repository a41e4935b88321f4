//! Which tracks a participant wants to see, and in which order when its slots are short.

use crate::id::TrackId;

/// What a participant's slots are for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Viewing {
    /// Everybody else's tracks: a conference.
    #[default]
    Everyone,
    /// The tracks of one participant, the one whose camera was published last: a broadcast. Without
    /// a camera in the room it is the newest microphone's.
    Newest,
}

/// What a participant asks for. Ids of tracks that are not in the room are ignored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Subscription {
    /// Tracks to show before all others, the most important first.
    pub pinned: Vec<TrackId>,
    /// Tracks not to show at all.
    pub hidden: Vec<TrackId>,
}

impl Subscription {
    /// Drops the tracks that are gone.
    pub(super) fn forget(&mut self, gone: &[TrackId]) {
        self.pinned.retain(|track| !gone.contains(track));
        self.hidden.retain(|track| !gone.contains(track));
    }
}
