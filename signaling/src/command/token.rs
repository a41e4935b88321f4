//! `switchyard token`: a token for trying things out.

use std::time::{Duration, SystemTime};

use clap::Args;

use crate::config::{Config, Settings};
use crate::tokens::{Claims, VideoGrants};

/// What the token says.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The room that it is for; an admin's without one is for all of them, but not for joining
    #[arg(long, required_unless_present = "admin")]
    room: Option<String>,
    /// Who it is for
    #[arg(long)]
    identity: String,
    /// The name that others see [default: the identity]
    #[arg(long)]
    name: Option<String>,
    /// For how many minutes it holds
    #[arg(long, default_value_t = 360, value_parser = clap::value_parser!(u64).range(1..=5_256_000))]
    minutes: u64,
    /// Do not allow to publish
    #[arg(long)]
    no_publish: bool,
    /// Do not allow to subscribe
    #[arg(long)]
    no_subscribe: bool,
    /// Allow the admin API, and to mute others
    #[arg(long)]
    admin: bool,
}

/// Prints a token made with the first key.
pub(super) fn run(arguments: &Arguments, settings: Settings) -> anyhow::Result<()> {
    // Where the server would listen does not matter here, nor whether that would be open.
    let keys = Config::keys(&settings)?;
    let Some(key) = keys.iter().next() else {
        anyhow::bail!("there is no key to make a token with: give --key, --key-file or --config");
    };
    let until = SystemTime::now() + Duration::from_secs(arguments.minutes * 60);
    let claims = Claims {
        iss: key.name.clone(),
        sub: arguments.identity.clone(),
        name: arguments.name.clone(),
        exp: until.duration_since(SystemTime::UNIX_EPOCH)?.as_secs(),
        nbf: None,
        video: VideoGrants {
            room: arguments.room.clone(),
            room_join: arguments.room.is_some(),
            room_admin: arguments.admin,
            can_publish: arguments.no_publish.then_some(false),
            can_subscribe: arguments.no_subscribe.then_some(false),
            ..VideoGrants::default()
        },
    };
    println!("{}", claims.sign(key)?);
    Ok(())
}
