//! What a person takes part with: a synthetic client, or the library's peer connection.

use std::net::SocketAddr;
use std::time::Instant;

use crate::browser::Browser;
use crate::client::sender::Sender;
use crate::client::{Client, Outgoing};
use crate::oracle::{Oracle, Transit};

/// Either of the two.
pub(super) enum Device {
    Client(Box<Client>),
    Browser(Box<Browser>),
}

impl Device {
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Client(client) => client.address(),
            Self::Browser(browser) => browser.address(),
        }
    }

    pub(super) fn offer(&mut self, now: Instant) -> String {
        match self {
            Self::Client(client) => client.offer(),
            Self::Browser(browser) => browser.offer(now),
        }
    }

    pub(super) fn accept(&mut self, now: Instant, answer: &str) {
        match self {
            Self::Client(client) => client.accept(now, answer),
            Self::Browser(browser) => browser.accept(now, answer),
        }
    }

    /// `false`: it could not be read.
    pub(super) fn handle_datagram(
        &mut self,
        transit: Transit,
        from: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        match self {
            Self::Client(client) => client.handle_datagram(transit, from, datagram),
            Self::Browser(browser) => {
                browser.handle_datagram(transit, from, datagram);
                true
            }
        }
    }

    pub(super) fn handle_deadline(&mut self, now: Instant) {
        match self {
            Self::Client(client) => client.handle_deadline(now),
            Self::Browser(browser) => browser.handle_deadline(now),
        }
    }

    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        match self {
            Self::Client(client) => client.next_deadline(),
            Self::Browser(browser) => browser.next_deadline(),
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Outgoing> {
        match self {
            Self::Client(client) => client.poll_transmit(),
            Self::Browser(browser) => browser.poll_transmit(),
        }
    }

    pub(super) fn close(&mut self, now: Instant) {
        match self {
            Self::Client(client) => client.close(now),
            Self::Browser(browser) => browser.close(),
        }
    }

    pub(super) fn die(&mut self) {
        match self {
            Self::Client(client) => client.die(),
            Self::Browser(browser) => browser.die(),
        }
    }

    pub(super) fn oracle(&self) -> &Oracle {
        match self {
            Self::Client(client) => client.oracle(),
            Self::Browser(browser) => browser.oracle(),
        }
    }

    pub(super) fn oracle_mut(&mut self) -> &mut Oracle {
        match self {
            Self::Client(client) => client.oracle_mut(),
            Self::Browser(browser) => browser.oracle_mut(),
        }
    }

    /// The sender at this place of the offer.
    pub(super) fn sender(&self, place: usize) -> Option<&Sender> {
        match self {
            Self::Client(client) => client.senders().get(place),
            Self::Browser(browser) => browser.senders().nth(place),
        }
    }

    pub(super) fn sender_mut(&mut self, place: usize) -> Option<&mut Sender> {
        match self {
            Self::Client(client) => client.senders_mut().get_mut(place),
            Self::Browser(browser) => browser.senders_mut().nth(place),
        }
    }

    pub(super) fn client(&self) -> &Client {
        match self {
            Self::Client(client) => client,
            Self::Browser(_) => panic!("this person uses the library's peer connection"),
        }
    }

    pub(super) fn client_mut(&mut self) -> &mut Client {
        match self {
            Self::Client(client) => client,
            Self::Browser(_) => panic!("this person uses the library's peer connection"),
        }
    }

    pub(super) fn browser(&self) -> &Browser {
        match self {
            Self::Browser(browser) => browser,
            Self::Client(_) => panic!("this person uses a synthetic client"),
        }
    }

    pub(super) fn browser_mut(&mut self) -> &mut Browser {
        match self {
            Self::Browser(browser) => browser,
            Self::Client(_) => panic!("this person uses a synthetic client"),
        }
    }
}
