//! Which server is tested, and that it may be: a load test of somebody else's server is an attack.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use anyhow::{Context as _, bail};
use hyper::Uri;

/// A server, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// Host and port, as written.
    authority: String,
    /// Where that is.
    address: SocketAddr,
    /// Whether media may go to other machines.
    anywhere: bool,
}

impl Target {
    /// Reads `http://host:port` and looks the host up. `anywhere` lifts the rule that a target is on this
    /// machine.
    ///
    /// # Errors
    /// If it is no such URL, cannot be found, or is not on loopback although it must be.
    pub(crate) async fn resolve(url: &str, anywhere: bool) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("{url} is not a URL"))?;
        if uri.scheme_str() != Some("http") {
            bail!("{url}: the URL of a server begins with http://, and TLS is not spoken here");
        }
        let authority = uri
            .authority()
            .with_context(|| format!("{url} names no host"))?;
        let port = authority.port_u16().unwrap_or(80);
        let host = authority.host().trim_matches(['[', ']']);
        let mut addresses = tokio::net::lookup_host((host, port))
            .await
            .with_context(|| format!("{host} cannot be looked up"))?;
        let address = addresses
            .next()
            .with_context(|| format!("{host} has no address"))?;
        if !anywhere && !address.ip().to_canonical().is_loopback() {
            bail!(
                "{url} is {}, which is not on loopback. Where a server can be harmed, so can its \
                 neighbours: pass --i-own-this-server if you do, and may",
                address.ip()
            );
        }
        Ok(Self {
            authority: authority.as_str().to_owned(),
            address,
            anywhere,
        })
    }

    /// Host and port, for URLs and `Host`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Where to connect to.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Picks where to send media to among a server's candidates: the address that signaling uses, else one
    /// of the same family on this machine, else, if that is allowed, any of the same family.
    pub(crate) fn choose(&self, candidates: &[SocketAddr]) -> Option<SocketAddr> {
        let family = |candidate: &&SocketAddr| candidate.is_ipv4() == self.address.is_ipv4();
        let same = |candidate: &&SocketAddr| candidate.ip() == self.address.ip();
        let of_family = || candidates.iter().filter(family);
        of_family()
            .find(same)
            .or_else(|| of_family().find(|candidate| is_of_this_machine(candidate.ip())))
            .or_else(|| of_family().next().filter(|_| self.anywhere))
            .copied()
    }
}

/// Only an address of this machine can be bound.
fn is_of_this_machine(ip: IpAddr) -> bool {
    !ip.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_is_on_loopback_unless_its_owner_says_otherwise() {
        let cases = [
            ("http://127.0.0.1:8080", false, true),
            ("http://127.8.9.10:8080/path", false, true),
            ("http://[::1]:8080", false, true),
            ("http://192.0.2.1:8080", false, false),
            ("http://192.0.2.1:8080", true, true),
            ("http://[2001:db8::1]:80", false, false),
            ("http://[::ffff:192.0.2.1]:80", false, false),
            ("http://0.0.0.0:80", false, false),
            ("https://127.0.0.1:8080", true, false),
            ("127.0.0.1:8080", true, false),
            ("ws://127.0.0.1", true, false),
            ("", true, false),
        ];
        for (url, anywhere, expected) in cases {
            let resolved = Target::resolve(url, anywhere).await;
            assert_eq!(resolved.is_ok(), expected, "{url}: {resolved:?}");
        }
    }

    #[tokio::test]
    async fn media_stays_on_this_machine_too() {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
        // (may go anywhere, candidates, the chosen one)
        let cases: [(bool, &[&str], Option<&str>); 7] = [
            (false, &["127.0.0.1:1"], Some("127.0.0.1:1")),
            (false, &["127.0.0.2:2", "127.0.0.1:1"], Some("127.0.0.1:1")),
            (false, &["[::1]:3", "127.0.0.1:1"], Some("127.0.0.1:1")),
            (false, &["127.0.0.2:2"], Some("127.0.0.2:2")),
            (false, &["192.0.2.1:4"], None),
            (true, &["192.0.2.1:4"], Some("192.0.2.1:4")),
            (false, &[], None),
        ];
        for (anywhere, candidates, expected) in cases {
            let url = "http://127.0.0.1:8080";
            let target = Target::resolve(url, anywhere).await.expect("loopback");
            let candidates: Vec<_> = candidates.iter().map(|text| parse(text)).collect();
            assert_eq!(
                target.choose(&candidates),
                expected.map(parse),
                "{candidates:?}"
            );
        }
    }
}
