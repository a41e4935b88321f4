//! The sockets of one worker: one for each address that is listened on, all with one port.
//!
//! `::` stands for every address of both families, or of IPv4 alone on a machine without IPv6. One
//! socket is the rule. There are more when an operator names several addresses, and then a datagram
//! leaves through the socket that its peer speaks to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use super::address::Family;
use super::{MediaSocket, Segmentation, SocketOptions};
use crate::send_batch::Path;

/// The sockets of one worker; at least one.
#[derive(Debug)]
pub struct SocketSet {
    sockets: Vec<MediaSocket>,
}

/// Why the sockets could not be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else has the port.
    #[error("UDP port {} is already in use{}", .0.port(), on(.0.ip()))]
    PortTaken(SocketAddr),
    /// The address does not belong to this machine.
    #[error("{0} is not an address of this machine")]
    NotOurAddress(IpAddr),
    /// Only privileged processes may listen on such a port.
    #[error("this process may not listen on UDP port {0}")]
    NotPermitted(u16),
    /// There are more addresses than [`MAX_ADDRESSES`].
    #[error("{0} addresses to listen on are more than the {MAX_ADDRESSES} that there may be")]
    TooManyAddresses(usize),
    /// The kernel says something else.
    #[error("cannot listen on {address} (UDP)")]
    Io {
        /// Where.
        address: SocketAddr,
        /// What it says.
        source: io::Error,
    },
}

/// The most addresses to listen on. Each is one more socket to look at in every turn of a worker.
pub const MAX_ADDRESSES: usize = 8;

impl SocketSet {
    /// Opens a socket on `port` of each address in `listen`; of none means `::`, every address. With
    /// port 0 the kernel chooses one port for all of them.
    ///
    /// # Errors
    /// If any of them cannot be opened; see [`BindError`].
    pub fn bind(listen: &[IpAddr], port: u16, options: SocketOptions) -> Result<Self, BindError> {
        Self::bind_with(listen, port, options, |domain| {
            Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        })
    }

    /// [`bind`](Self::bind) with the way in which a socket of a family comes about.
    pub(super) fn bind_with(
        listen: &[IpAddr],
        port: u16,
        options: SocketOptions,
        open: impl Fn(Domain) -> io::Result<Socket>,
    ) -> Result<Self, BindError> {
        let listen = distinct(listen);
        if listen.len() > MAX_ADDRESSES {
            return Err(BindError::TooManyAddresses(listen.len()));
        }
        let mut attempt = 1;
        loop {
            match Self::bind_all(&listen, port, options, &open) {
                // The port that the kernel chose on the first address is somebody's on another.
                Err(BindError::PortTaken(_)) if port == 0 && attempt < PORT_ATTEMPTS => {
                    attempt += 1
                }
                result => return result,
            }
        }
    }

    fn bind_all(
        listen: &[IpAddr],
        port: u16,
        options: SocketOptions,
        open: &impl Fn(Domain) -> io::Result<Socket>,
    ) -> Result<Self, BindError> {
        let mut set = Self {
            sockets: Vec::with_capacity(listen.len()),
        };
        for (position, &ip) in listen.iter().enumerate() {
            let port = set
                .sockets
                .first()
                .map_or(port, |socket| socket.local.port());
            let is_last = position + 1 == listen.len();
            match MediaSocket::bind(SocketAddr::new(ip, port), options, open) {
                Ok(socket) => set.sockets.push(socket),
                Err(error) if ip == UNSPECIFIED_V6 && means_no_ipv6(ip, &error) => {
                    tracing::debug!(%error, "no IPv6 on this machine: media uses IPv4 alone");
                    set.add(SocketAddr::new(UNSPECIFIED_V4, port), options, open)?;
                }
                // A machine without IPv6 may still be told to listen on both loopback addresses.
                Err(error) if means_no_ipv6(ip, &error) && !(is_last && set.sockets.is_empty()) => {
                    tracing::debug!(%error, %ip, "no IPv6 on this machine: not listening there");
                }
                Err(error) => return Err(BindError::new(SocketAddr::new(ip, port), error)),
            }
        }
        Ok(set)
    }

    fn add(
        &mut self,
        address: SocketAddr,
        options: SocketOptions,
        open: &impl Fn(Domain) -> io::Result<Socket>,
    ) -> Result<(), BindError> {
        let socket = MediaSocket::bind(address, options, open);
        self.sockets
            .push(socket.map_err(|error| BindError::new(address, error))?);
        Ok(())
    }

    /// The socket through which a datagram leaves on `path`: the one on the address that it is to
    /// leave from, else one that covers it, else one of the right family. `None`: no socket can.
    #[inline]
    pub(super) fn route(&self, path: &Path) -> Option<&MediaSocket> {
        let reaches = |socket: &&MediaSocket| match socket.family {
            Family::V4 => path.remote.is_ipv4(),
            Family::V6 => path.remote.is_ipv6() || socket.local.ip() == UNSPECIFIED_V6,
        };
        if let [socket] = self.sockets.as_slice() {
            return Some(socket).filter(reaches);
        }
        let capable = || self.sockets.iter().filter(reaches);
        capable()
            .find(|socket| Some(socket.local.ip()) == path.local)
            .or_else(|| capable().find(|socket| socket.local.ip().is_unspecified()))
            .or_else(|| capable().next())
    }

    /// Whether the kernel can cut runs, as far as it says.
    pub(super) fn segmentation(&self) -> Segmentation {
        let all = self
            .sockets
            .iter()
            .all(|socket| socket.segmentation == Segmentation::Kernel);
        if all {
            Segmentation::Kernel
        } else {
            Segmentation::None
        }
    }

    /// The port that all of them have.
    pub fn port(&self) -> u16 {
        self.sockets.first().map_or(0, |socket| socket.local.port())
    }

    /// The sockets.
    pub fn as_slice(&self) -> &[MediaSocket] {
        &self.sockets
    }

    /// The sockets, to receive from.
    pub fn as_mut_slice(&mut self) -> &mut [MediaSocket] {
        &mut self.sockets
    }
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken(address),
            io::ErrorKind::AddrNotAvailable => Self::NotOurAddress(address.ip()),
            io::ErrorKind::PermissionDenied => Self::NotPermitted(address.port()),
            _ => Self::Io { address, source },
        }
    }
}

/// Where a port is in use, unless that is everywhere.
fn on(ip: IpAddr) -> String {
    if ip.is_unspecified() {
        String::new()
    } else {
        format!(" on {ip}")
    }
}

/// The addresses without those that another one includes; `::` if there are none.
fn distinct(listen: &[IpAddr]) -> Vec<IpAddr> {
    if listen.is_empty() || listen.contains(&UNSPECIFIED_V6) {
        return vec![UNSPECIFIED_V6];
    }
    let all_ipv4 = listen.contains(&UNSPECIFIED_V4);
    let mut distinct = Vec::new();
    for &ip in listen {
        let included = all_ipv4 && ip.is_ipv4() && ip != UNSPECIFIED_V4;
        if !included && !distinct.contains(&ip) {
            distinct.push(ip);
        }
    }
    distinct
}

/// Whether a failure to listen on `ip` says that the machine has no IPv6. Where it is switched off
/// rather than absent, it is the addresses that every machine has which are not available.
fn means_no_ipv6(ip: IpAddr, error: &io::Error) -> bool {
    let everywhere = ip == UNSPECIFIED_V6 || ip == IpAddr::V6(Ipv6Addr::LOCALHOST);
    match error.raw_os_error() {
        Some(libc::EAFNOSUPPORT | libc::EPFNOSUPPORT) => ip.is_ipv6(),
        Some(libc::EADDRNOTAVAIL) => everywhere,
        _ => false,
    }
}

const UNSPECIFIED_V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const UNSPECIFIED_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// How often the kernel may choose a port that is not free on all addresses. A guess: it takes bad
/// luck for two.
const PORT_ATTEMPTS: usize = 16;
