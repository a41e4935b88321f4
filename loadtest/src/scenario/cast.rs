//! Who comes, in which role and by which way.

use crate::cli::{Cli, ClientKind};
use crate::client::{Publishing, Role};
use crate::lobby::Build;
use crate::media::{Kind, Mix};
use crate::signaling::{Visitor, Way};
use crate::target::Target;

/// Somebody who is to come.
#[derive(Clone, Debug)]
pub(super) struct Newcomer {
    pub(super) visitor: Visitor,
    pub(super) role: Role,
    pub(super) build: Build,
}

/// What each participant of a room has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RoomSlots {
    pub(super) audio: usize,
    pub(super) video: usize,
}

impl RoomSlots {
    /// For all others in a room of so many, but no more than are shown, and of those no more than are heard.
    pub(super) fn of(mix: &Mix, people: usize, shown: usize, heard: usize) -> Self {
        let others = shown.min(people.saturating_sub(1));
        Self {
            audio: mix.audio.map_or(0, |_| others.min(heard)),
            video: mix.video.map_or(0, |_| others),
        }
    }
}

/// Makes newcomers for the rooms of one run.
pub(super) struct Cast<'a> {
    cli: &'a Cli,
    target: &'a Target,
    /// Not like that of any other run.
    prefix: String,
}

impl<'a> Cast<'a> {
    pub(super) fn new(cli: &'a Cli, target: &'a Target) -> Self {
        Self {
            cli,
            target,
            prefix: format!("loadtest-{:08x}", rand::random::<u32>()),
        }
    }

    /// The people of a room in which everybody publishes and has these slots.
    pub(super) fn room(
        &self,
        mix: Mix,
        room: usize,
        people: usize,
        slots: RoomSlots,
    ) -> Vec<Newcomer> {
        let member = |number: usize| {
            let overall = room * people + number;
            Newcomer {
                visitor: self.visitor(self.websocket(room, number)),
                role: Role {
                    publishes: Some(Publishing {
                        publisher: overall as u32,
                        mix,
                    }),
                    audio_slots: slots.audio,
                    video_slots: slots.video,
                },
                build: self.build(overall),
            }
        };
        (0..people).map(member).collect()
    }

    /// The one who is seen by all viewers.
    pub(super) fn publisher(&self, mix: Mix) -> Newcomer {
        let endpoint = self.cli.common.whip.as_deref();
        Newcomer {
            visitor: self.visitor(self.way(endpoint, "whip", 0)),
            role: Role {
                publishes: Some(Publishing { publisher: 0, mix }),
                audio_slots: 0,
                video_slots: 0,
            },
            build: match self.cli.common.client {
                ClientKind::Lean => Build::Lean,
                ClientKind::Full => Build::Full,
            },
        }
    }

    /// One who sees the publisher.
    pub(super) fn viewer(&self, mix: Mix, number: usize) -> Newcomer {
        let endpoint = self.cli.common.whep.as_deref();
        let slots = |kind| usize::from(mix.kinds().any(|known| known == kind));
        Newcomer {
            visitor: self.visitor(self.way(endpoint, "whep", number + 1)),
            role: Role {
                publishes: None,
                audio_slots: slots(Kind::Audio),
                video_slots: slots(Kind::Video),
            },
            build: self.build(number),
        }
    }

    fn build(&self, number: usize) -> Build {
        match self.cli.common.client {
            ClientKind::Lean if number >= self.cli.common.full => Build::Lean,
            ClientKind::Lean | ClientKind::Full => Build::Full,
        }
    }

    fn visitor(&self, way: Way) -> Visitor {
        Visitor {
            target: self.target.clone(),
            way,
            token: self.cli.common.token.clone(),
        }
    }

    /// By HTTP if there is an endpoint, whose path may be left to us.
    fn way(&self, endpoint: Option<&str>, protocol: &str, number: usize) -> Way {
        match endpoint {
            None => self.websocket(0, number),
            Some("") => Way::Post {
                path: format!("/{protocol}/{}-0", self.prefix),
            },
            Some(path) => Way::Post {
                path: path.to_owned(),
            },
        }
    }

    fn websocket(&self, room: usize, number: usize) -> Way {
        Way::WebSocket {
            room: format!("{}-{room}", self.prefix),
            name: format!("load {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn cli(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).expect("a right line")
    }

    async fn target() -> Target {
        Target::resolve("http://127.0.0.1:1", false)
            .await
            .expect("loopback")
    }

    #[tokio::test]
    async fn people_of_a_room_publish_and_show_the_others() {
        let (cli, target) = (cli("loadtest room --full 1"), target().await);
        let cast = Cast::new(&cli, &target);
        // (mix, people, shown at most, heard at most, audio slots, video slots)
        let cases = [
            (Mix::CAMERA_AND_MICROPHONE, 4, usize::MAX, 16, 3, 3),
            (Mix::CAMERA_AND_MICROPHONE, 4, 2, 16, 2, 2),
            (Mix::CAMERA_AND_MICROPHONE, 20, usize::MAX, 16, 16, 19),
            (Mix::MICROPHONE, 4, usize::MAX, 2, 2, 0),
            (Mix::CAMERA_AND_MICROPHONE, 1, usize::MAX, 16, 0, 0),
        ];
        for (mix, people, shown, heard, audio, video) in cases {
            let slots = RoomSlots::of(&mix, people, shown, heard);
            let room = cast.room(mix, 2, people, slots);
            assert_eq!(room.len(), people);
            for (number, member) in room.iter().enumerate() {
                assert_eq!(
                    (member.role.audio_slots, member.role.video_slots),
                    (audio, video)
                );
                let publisher = member.role.publishes.map(|publishing| publishing.publisher);
                assert_eq!(publisher, Some((2 * people + number) as u32));
            }
        }
        let slots = RoomSlots::of(&Mix::MICROPHONE, 3, 9, 9);
        let builds: Vec<_> = cast
            .room(Mix::MICROPHONE, 0, 3, slots)
            .iter()
            .map(|member| member.build)
            .collect();
        assert_eq!(builds, [Build::Full, Build::Lean, Build::Lean]);
    }

    #[tokio::test]
    async fn whip_and_whep_lead_to_the_room_or_to_where_they_are_told() {
        let target = target().await;
        let cases = [
            ("loadtest broadcast", false, None),
            ("loadtest broadcast --whip --whep", true, None),
            (
                "loadtest broadcast --whip=/in --whep=/out",
                true,
                Some(("/in", "/out")),
            ),
        ];
        for (line, by_http, expected) in cases {
            let cli = cli(line);
            let cast = Cast::new(&cli, &target);
            let (publisher, viewer) = (
                cast.publisher(Mix::MICROPHONE).visitor.way,
                cast.viewer(Mix::MICROPHONE, 0).visitor.way,
            );
            match (publisher, viewer) {
                (Way::Post { path: published }, Way::Post { path: viewed }) => {
                    assert!(by_http, "{line}");
                    match expected {
                        Some(expected) => {
                            assert_eq!((published.as_str(), viewed.as_str()), expected)
                        }
                        None => {
                            let room = published.strip_prefix("/whip/").expect(line);
                            assert_eq!(viewed.strip_prefix("/whep/"), Some(room));
                        }
                    }
                }
                (Way::WebSocket { room: one, .. }, Way::WebSocket { room: other, .. }) => {
                    assert!(!by_http, "{line}");
                    assert_eq!(one, other);
                }
                ways => panic!("{line}: {ways:?}"),
            }
        }
    }
}
