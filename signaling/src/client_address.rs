//! Where a request comes from. Behind a reverse proxy that is the address which the proxy names in
//! `X-Forwarded-For`; from everybody else that header is hearsay.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use crate::node::SharedNode;

/// The address of the client itself, as far as it can be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Middleware: finds it.
pub(crate) async fn find(
    State(node): State<SharedNode>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = client_address(peer.ip(), request.headers(), &node.trusted_proxies);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Every proxy appends the address that it was asked from, so the list is believed from its end, for as
/// long as it was a trusted proxy that said it.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut address = peer.to_canonical();
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut claims = values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    while trusted.contains(&address) {
        match claims.next().and_then(|claim| read(claim.trim())) {
            Some(claimed) => address = claimed.to_canonical(),
            None => break,
        }
    }
    address
}

/// Some proxies add the port.
fn read(claim: &str) -> Option<IpAddr> {
    let with_port = || claim.parse().ok().map(|address: SocketAddr| address.ip());
    claim.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<IpAddr> = ["127.0.0.1", "192.0.2.1"]
            .iter()
            .map(|text| text.parse().expect("address"))
            .collect();
        let table: [(&str, &[&str], &str); 11] = [
            ("198.51.100.1", &[], "198.51.100.1"),
            ("198.51.100.1", &["203.0.113.1"], "198.51.100.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("::ffff:127.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["203.0.113.1:1234"], "203.0.113.1"),
            ("127.0.0.1", &["[2001:db8::1]:1234"], "2001:db8::1"),
            (
                "127.0.0.1",
                &["10.0.0.1, 203.0.113.1, 192.0.2.1"],
                "203.0.113.1",
            ),
            ("127.0.0.1", &["10.0.0.1", "203.0.113.1"], "203.0.113.1"),
            ("127.0.0.1", &["203.0.113.1, nonsense"], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.1"], "192.0.2.1"),
        ];
        for (peer, claims, expected) in table {
            let mut headers = HeaderMap::new();
            for claim in claims {
                headers.append("x-forwarded-for", HeaderValue::from_static(claim));
            }
            let found = client_address(peer.parse().expect("an address"), &headers, &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {claims:?}");
        }
    }
}
