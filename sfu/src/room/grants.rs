//! What a participant may do, as its token says; signaling reads tokens, the room obeys grants.

use std::fmt;

use crate::parameters::MediaKind;

/// What a participant may do. The names are those of LiveKit's token grants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grants {
    /// May publish tracks of [`sources`](Self::sources).
    pub can_publish: bool,
    /// May have tracks shown in its slots.
    pub can_subscribe: bool,
    /// May send data messages to the others.
    pub can_publish_data: bool,
    /// May remove others and mute their tracks.
    pub room_admin: bool,
    /// Is not listed and not announced, and so may not publish: viewers of a broadcast, recorders.
    pub hidden: bool,
    /// Which sources it may publish.
    pub sources: SourceSet,
}

impl Grants {
    /// What a participant of an open conference has: everything but `room_admin`.
    pub const CONFERENCE: Self = Self {
        can_publish: true,
        can_subscribe: true,
        can_publish_data: true,
        room_admin: false,
        hidden: false,
        sources: SourceSet::ALL,
    };

    /// Publishes only: a WHIP session.
    pub const PUBLISH_ONLY: Self = Self {
        can_subscribe: false,
        can_publish_data: false,
        ..Self::CONFERENCE
    };

    /// Watches only, unseen: a WHEP session.
    pub const VIEW_ONLY: Self = Self {
        can_publish: false,
        can_publish_data: false,
        hidden: true,
        sources: SourceSet::NONE,
        ..Self::CONFERENCE
    };
}

/// What a track shows, as its publisher declares it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TrackSource {
    /// A camera, or a picture in its place.
    Camera,
    /// A microphone, or a sound in its place.
    Microphone,
    /// A shared screen or window.
    Screen,
    /// The sound of a shared screen.
    ScreenAudio,
}

impl TrackSource {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Camera,
        Self::Microphone,
        Self::Screen,
        Self::ScreenAudio,
    ];

    /// What a track without a declaration is taken for.
    pub const fn default_for(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Microphone,
            MediaKind::Video => Self::Camera,
        }
    }

    /// Sound or pictures.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Camera | Self::Screen => MediaKind::Video,
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
        }
    }

    /// Whether it belongs to a shared screen.
    pub const fn is_screen(self) -> bool {
        matches!(self, Self::Screen | Self::ScreenAudio)
    }

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Screen => "screen",
            Self::ScreenAudio => "screen-audio",
        }
    }

    /// Reads what [`as_str`](Self::as_str) writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

impl fmt::Display for TrackSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of [`TrackSource`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceSet(u8);

impl SourceSet {
    /// Every source.
    pub const ALL: Self = Self(0b1111);
    /// No source.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, source: TrackSource) -> Self {
        Self(self.0 | 1 << source as u8)
    }

    /// Whether the source is in it.
    pub const fn contains(self, source: TrackSource) -> bool {
        self.0 & (1 << source as u8) != 0
    }
}

impl FromIterator<TrackSource> for SourceSet {
    fn from_iter<T: IntoIterator<Item = TrackSource>>(sources: T) -> Self {
        sources.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for SourceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = TrackSource::ALL
            .into_iter()
            .filter(|source| self.contains(*source));
        f.debug_set().entries(members).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_names_read_back() {
        for source in TrackSource::ALL {
            assert_eq!(TrackSource::parse(source.as_str()), Some(source));
        }
        assert_eq!(TrackSource::parse("Camera"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = SourceSet::from_iter([TrackSource::Camera, TrackSource::ScreenAudio]);
        let held: Vec<_> = TrackSource::ALL
            .into_iter()
            .filter(|s| set.contains(*s))
            .collect();
        assert_eq!(held, [TrackSource::Camera, TrackSource::ScreenAudio]);
        assert_eq!(SourceSet::from_iter(TrackSource::ALL), SourceSet::ALL);
    }
}
