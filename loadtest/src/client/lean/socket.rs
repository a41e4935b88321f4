//! The socket of one lean client, and buffers that all clients of a thread receive into.
//!
//! `quinn-udp` receives in batches, has runs of datagrams coalesced where that is wanted, and tells when
//! the kernel received each.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

/// Opens a socket on the address of this machine from which `target` is reached.
///
/// # Errors
/// If there is none, or no port or descriptor is left.
pub(crate) fn bind_towards(target: IpAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match target {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting sends nothing; it only asks the routing table.
    let probe = UdpSocket::bind((any, 0))?;
    probe.connect((target, DISCARD_PORT))?;
    UdpSocket::bind((probe.local_addr()?.ip(), 0))
}

/// A socket that exchanges datagrams with one address.
pub(crate) struct ClientSocket {
    socket: UdpSocket,
    state: UdpSocketState,
    remote: SocketAddr,
}

impl ClientSocket {
    /// Connects it. With `coalesce`, the kernel may hand over runs of datagrams as it got them.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn connect(
        socket: UdpSocket,
        remote: SocketAddr,
        coalesce: bool,
    ) -> io::Result<Self> {
        socket.connect(remote)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        if !coalesce {
            setsockopt(&socket, sockopt::UdpGroSegment, &false)?;
        }
        // As much as we may; by default some 90 packets of 1,200 bytes fit.
        let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
        Ok(Self {
            socket,
            state,
            remote,
        })
    }

    /// Where datagrams come from.
    pub(super) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Sends a datagram. One that cannot be sent now is lost, as on any network.
    pub(super) fn send(&self, datagram: &[u8]) {
        let _ = self.socket.send(datagram);
    }
}

impl AsFd for ClientSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Where datagrams are received into.
pub(crate) struct Buffers {
    memory: Box<[u8]>,
    metas: Box<[RecvMeta]>,
    stride: usize,
}

/// How a batch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// There may be more.
    Full,
    /// That was all.
    All,
}

impl Buffers {
    /// Room for a batch; with `coalesce`, of runs.
    pub(crate) fn new(coalesce: bool) -> Self {
        let stride = if coalesce {
            LARGEST_RUN
        } else {
            LARGEST_DATAGRAM
        };
        Self {
            memory: vec![0; stride * BATCH].into_boxed_slice(),
            metas: vec![RecvMeta::default(); BATCH].into_boxed_slice(),
            stride,
        }
    }

    /// Receives a batch without waiting and hands each datagram over with the time of its arrival.
    pub(crate) fn receive(
        &mut self,
        socket: &ClientSocket,
        mut take: impl FnMut(&[u8], Option<Duration>),
    ) -> Received {
        let mut slices: [IoSliceMut<'_>; BATCH] = {
            let mut chunks = self.memory.chunks_exact_mut(self.stride);
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()))
        };
        let socket_ref = UdpSockRef::from(&socket.socket);
        // An error that was pending on the socket (a port that nobody listens on) is gone once told.
        let messages = socket
            .state
            .recv(socket_ref, &mut slices, &mut self.metas)
            .unwrap_or(0);
        for (slice, meta) in slices.iter().zip(&self.metas).take(messages) {
            let run = slice.get(..meta.len).unwrap_or_default();
            for datagram in run.chunks(meta.stride.max(1)) {
                take(datagram, meta.timestamp);
            }
        }
        match messages {
            BATCH => Received::Full,
            _ => Received::All,
        }
    }
}

/// Nothing is sent there.
const DISCARD_PORT: u16 = 9;

/// Messages of one call: a few frames.
const BATCH: usize = 16;

const LARGEST_DATAGRAM: usize = 2_048;
const LARGEST_RUN: usize = 65_536;

/// Two seconds of the default mix.
const RECEIVE_BUFFER: usize = 1 << 20;
