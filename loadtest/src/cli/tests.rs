use super::*;
use crate::media::Mix;
use clap::CommandFactory as _;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("loadtest").chain(line.split(' ')))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn scenarios_have_defaults_and_flags_may_stand_on_either_side_of_them() {
    let before = parse("--server http://127.0.0.1:9 --duration 5s broadcast").expect("right");
    let after = parse("broadcast --duration 5s --server http://127.0.0.1:9").expect("right");
    assert_eq!(before.common, after.common);
    assert_eq!(before.scenario, Scenario::Broadcast { viewers: 100 });
    assert_eq!(before.mix.mix(), Mix::CAMERA_AND_MICROPHONE);
    assert_eq!(before.common.srtp, [Protection::Gcm, Protection::Sha1]);
    assert!(!before.common.i_own_this_server);
    let room = parse("room -n 8 --rooms 3 --no-video").expect("right");
    let expected = Scenario::Room {
        participants: 8,
        rooms: 3,
        slots: None,
        heard: 16,
    };
    assert_eq!(room.scenario, expected);
    assert_eq!(room.mix.mix(), Mix::MICROPHONE);
}

#[test]
fn whip_whep_and_bare_may_have_a_value() {
    let cli = parse("broadcast --whip --whep=/endpoint --bare").expect("right");
    assert_eq!(cli.common.whip.as_deref(), Some(""));
    assert_eq!(cli.common.whep.as_deref(), Some("/endpoint"));
    assert_eq!(cli.common.bare, Some(Duration::from_secs(5)));
    assert_eq!(parse("broadcast").expect("right").common.bare, None);
}

#[test]
fn nonsense_is_refused() {
    let cases = [
        "",
        "party",
        "broadcast --viewers 0",
        "room --participants 100000",
        "broadcast --duration never",
        "broadcast --join-rate 0",
        "broadcast --video-bytes 20",
        "broadcast --video-bytes 1400",
        "broadcast --packets-per-frame 100",
        "broadcast --no-video --no-audio",
        "broadcast --sample 0",
        "broadcast --client lazy",
        "broadcast --srtp rot13",
        "broadcast --max-loss much",
    ];
    for line in cases {
        assert!(parse(line).is_err(), "{line}");
    }
}
