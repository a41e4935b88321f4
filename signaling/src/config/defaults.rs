//! The values of what nobody sets.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{LogFormat, Settings};
use sfu::id::WorkerId;
use sfu::room::RoomLimits;

/// In the worst case each holds a message that is all but complete: some 600 MB together. And a
/// fraction of the usual hard limit of open files.
pub(super) const MAX_STRANGERS: usize = 1_024;

/// Every setting that has a default, with it.
pub(super) fn settings() -> Settings {
    let rooms = RoomLimits::default();
    Settings {
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        // Proxies usually run on the same machine; nobody else can send from these addresses.
        trusted_proxy: Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        // The page is some 20 files; a hundred people behind one address load it within seconds.
        http_rate: Some(50),
        // A person clicking wildly makes 5 messages a second; joining makes some 10 at once.
        message_rate: Some(20),
        // Long enough to change from Wi-Fi to mobile; short enough not to talk to a ghost for long.
        resume_seconds: Some(30),
        udp_port: Some(7882),
        workers: Some(one_for_each_core()),
        // A guess: a conference fits one core, an audience does not.
        spread_above: Some(32),
        // Guesses, far above what one node of today's size carries.
        max_rooms: Some(10_000),
        max_participants: Some(50_000),
        room_participants: Some(rooms.participants),
        participant_tracks: Some(rooms.tracks_per_participant),
        participant_slots: Some(rooms.slots_per_participant),
        participant_audio: Some(rooms.audio_per_participant),
        log: Some("info".to_owned()),
        log_format: Some(LogFormat::Text),
        ..Settings::default()
    }
}

fn one_for_each_core() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(WorkerId::MAX)
}
