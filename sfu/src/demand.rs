//! What a subscriber wants of one slot: how important it is, and how large it is shown.
//!
//! Rooms decide it, from what participants ask for; engines divide bandwidth by it.

/// How much what a slot shows matters to its subscriber; less is more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Importance {
    /// The subscriber asked for it by name.
    Pinned,
    /// A shared screen.
    Screen,
    /// Who speaks, or spoke last.
    Speaker,
    /// Anybody else.
    Other,
}

/// How large a picture is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Display {
    /// The client has not said: as if it were shown at full size.
    Unknown,
    /// This many device pixels high.
    Height(u16),
    /// Not at all: nothing of it needs to be sent.
    Hidden,
}

/// What a subscriber wants of one slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Demand {
    /// Goes before rank.
    pub importance: Importance,
    /// Among slots that are equally important: 0 is the most wanted.
    pub rank: u64,
    /// How large it is shown.
    pub display: Display,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            importance: Importance::Other,
            rank: u64::MAX,
            display: Display::Unknown,
        }
    }
}
