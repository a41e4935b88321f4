//! Identities that cross a thread: they are handed out by the control plane, never reused within a
//! process, and carried in commands, events, logs and the signaling protocol.
//!
//! Keys that never leave an engine (arena keys) are not here; they live beside their arena.

use std::fmt;

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// Wraps a number that the caller guarantees to be unused so far.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The bare number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Reads what `Display` writes; `None` for anything else.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix)?;
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                digits.parse().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

identity!(
    /// Who, as signaling knows them. One participant has at most one [`PeerId`] at a time.
    ParticipantId,
    "p"
);
identity!(
    /// One participant's transport on a worker.
    PeerId,
    "t"
);
identity!(
    /// One published source: a camera, a microphone, a screen.
    TrackId,
    "k"
);

/// A worker of this node: its index, `0 .. workers`. Its UDP port is the base port plus this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkerId(u8);

impl WorkerId {
    /// The most workers a node may have; a worker's inboxes and outboxes are tables of this size.
    pub const MAX: usize = 64;

    /// The worker with this index, if it is below [`Self::MAX`].
    pub const fn new(index: usize) -> Option<Self> {
        if index < Self::MAX {
            Some(Self(index as u8))
        } else {
            None
        }
    }

    /// The index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
