//! Servers and clients for the tests.

pub(crate) mod http;
pub(crate) mod peer;
pub(crate) mod vp8;
pub(crate) mod websocket;

use std::net::{IpAddr, Ipv4Addr};

use signaling::config::{Config, Settings};
use signaling::server::Server;

/// A secret that is long enough.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A setting line that makes the server want tokens of the key `test`.
pub(crate) const WITH_KEY: &str = "key = [\"test:0123456789abcdef0123456789abcdef\"]";

/// What these settings come to, on free ports of loopback.
pub(crate) fn config(settings: &str) -> Config {
    let settings: Settings =
        toml::from_str(settings).unwrap_or_else(|error| panic!("{settings}: {error}"));
    let loopback = Settings {
        listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        udp_port: Some(0),
        media_bind: Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        workers: Some(1),
        ..Settings::default()
    };
    Config::resolve(settings.or(loopback)).expect("good settings")
}

/// A server with these settings.
pub(crate) async fn server(settings: &str) -> Server {
    start(config(settings)).await
}

/// A server with this configuration.
pub(crate) async fn start(config: Config) -> Server {
    Server::start(config).await.expect("a server on loopback")
}

/// A token of the key `test` with these grants, for an hour.
pub(crate) fn token(video: serde_json::Value) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let claims = serde_json::json!({
        "iss": "test", "sub": "ada", "name": "Ada by token", "exp": now + 3600, "video": video,
    });
    let secret = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &secret).expect("a token")
}

/// Offers of real browsers.
pub(crate) mod offers {
    /// Chromium: one microphone, one simulcast camera, both `sendrecv`, and a data channel.
    pub(crate) const CHROMIUM: &str = include_str!("../../../sfu/tests/offers/chromium.sdp");
    /// Firefox: the same.
    pub(crate) const FIREFOX: &str = include_str!("../../../sfu/tests/offers/firefox.sdp");
    /// Chromium: one camera.
    pub(crate) const CHROMIUM_SENDONLY: &str =
        include_str!("../../../sfu/tests/offers/chromium-sendonly.sdp");
    /// Firefox: three audio and three video slots.
    pub(crate) const FIREFOX_RECVONLY: &str =
        include_str!("../../../sfu/tests/offers/firefox-recvonly.sdp");

    /// The offer with only its first m-lines: those with these MIDs.
    pub(crate) fn only(offer: &str, mids: &[&str]) -> String {
        let mut sections = Vec::new();
        for line in offer.lines() {
            if line.starts_with("m=") || sections.is_empty() {
                sections.push(String::new());
            }
            let section = sections.last_mut().expect("pushed above");
            section.push_str(line);
            section.push_str("\r\n");
        }
        let bundle = format!("a=group:BUNDLE {}", mids.join(" "));
        let head: String = sections[0]
            .lines()
            .map(|line| {
                if line.starts_with("a=group:BUNDLE") {
                    bundle.as_str()
                } else {
                    line
                }
            })
            .flat_map(|line| [line, "\r\n"])
            .collect();
        let kept = sections[1..].iter().filter(|section| {
            mids.iter()
                .any(|mid| section.lines().any(|line| line == format!("a=mid:{mid}")))
        });
        std::iter::once(head.as_str())
            .chain(kept.map(String::as_str))
            .collect()
    }
}
