//! One worker's UDP sockets: opening them, and batched receiving and sending on them (Linux).
//!
//! There is one socket, dual-stack where the machine has IPv6, or one for each address that is to be
//! listened on. It never blocks, tells to which of our addresses each datagram came (answers must
//! leave from there) and hands runs of datagrams to and from the kernel whole (`UDP_GRO`,
//! `UDP_SEGMENT`; Linux `udp(7)`). What a datagram means is not known here. All unsafe code of the
//! workspace is in `syscall`.

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Switchyard's media socket needs Linux: recvmmsg, sendmmsg and UDP segmentation offload"
);

mod address;
mod control;
mod receive;
mod send;
mod set;
mod syscall;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::sockopt;
use socket2::{Domain, Socket};

use address::Family;
pub use receive::{Received, Receiver};
pub use send::{Refused, Segmentation, SendTally, Sender};
pub use set::{BindError, MAX_ADDRESSES, SocketSet};

/// A bound, non-blocking UDP socket.
#[derive(Debug)]
pub struct MediaSocket {
    socket: Socket,
    family: Family,
    local: SocketAddr,
    /// What the kernel said last about datagrams that found the receive buffer full.
    lost: u32,
    buffers: BufferSizes,
    segmentation: Segmentation,
}

/// What to ask of the kernel for a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// The buffers to ask for, in bytes.
    pub buffers: BufferSizes,
    /// Whether runs of datagrams may travel whole between us and the kernel.
    pub offload: Offload,
}

/// The sizes of a socket's buffers as the kernel counts them, overhead included, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BufferSizes {
    /// `SO_RCVBUF`
    pub receive: usize,
    /// `SO_SNDBUF`
    pub send: usize,
}

/// Whether runs of datagrams may travel whole between us and the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offload {
    /// Where the kernel can.
    Automatic,
    /// Never: for networks whose offload is broken, and for tests.
    Off,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            buffers: DEFAULT_BUFFERS,
            offload: Offload::Automatic,
        }
    }
}

impl MediaSocket {
    /// Opens a socket on `address`; port 0 lets the kernel choose. `[::]` takes IPv4 too.
    ///
    /// # Errors
    /// `AddrInUse` if the port is taken, `AddrNotAvailable` if the address is not one of this machine,
    /// `PermissionDenied` for a port below the machine's limit, or whatever else the kernel says.
    fn bind(
        address: SocketAddr,
        options: SocketOptions,
        open: &impl Fn(Domain) -> io::Result<Socket>,
    ) -> io::Result<Self> {
        let socket = open(Domain::for_address(address))?;
        socket.set_nonblocking(true)?;
        let family = match address {
            SocketAddr::V4(_) => Family::V4,
            SocketAddr::V6(_) => Family::V6,
        };
        match family {
            Family::V4 => set_ipv4_options(&socket)?,
            Family::V6 => set_ipv6_options(&socket)?,
        }
        let fd = socket.as_fd();
        // Without it, datagrams that the kernel has no room for disappear uncounted.
        syscall::set_option(fd, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, ON)?;
        let segmentation = set_offload(fd, options.offload);
        let buffers = set_buffers(&socket, options.buffers)?;
        socket.bind(&address.into())?;
        let local = socket.local_addr()?.as_socket().unwrap_or(address);
        Ok(Self {
            socket,
            family,
            local,
            lost: 0,
            buffers,
            segmentation,
        })
    }

    /// Where it is bound. `[::]` stands for IPv4 too.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The buffers that the kernel granted.
    pub fn buffers(&self) -> BufferSizes {
        self.buffers
    }
}

impl AsFd for MediaSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn set_ipv4_options(socket: &Socket) -> io::Result<()> {
    syscall::set_option(socket.as_fd(), libc::IPPROTO_IP, libc::IP_PKTINFO, ON)?;
    let_routers_fragment(socket)
}

/// IPv4 guarantees no path more than 68 bytes, and video comes in packets of 1,200. Over a path that
/// carries less, routers may fragment them (`INTERFACE` leaves DF off); with DF they would vanish, and
/// the peer would hear and not see. No ICMP about path MTUs is believed: whoever could forge it could
/// cut off a peer, or make runs fail for all.
fn let_routers_fragment(socket: &Socket) -> io::Result<()> {
    sockopt::set_ip_mtu_discover(socket, sockopt::Ipv4PathMtuDiscovery::INTERFACE)?;
    Ok(())
}

/// No ICMP is believed here either (`PROBE`). Every IPv6 path carries 1280 bytes (RFC 8200 §5), and
/// packets of browsers fit in them.
fn set_ipv6_options(socket: &Socket) -> io::Result<()> {
    sockopt::set_ipv6_v6only(socket, false)?;
    syscall::set_option(
        socket.as_fd(),
        libc::IPPROTO_IPV6,
        libc::IPV6_RECVPKTINFO,
        ON,
    )?;
    sockopt::set_ipv6_mtu_discover(socket, sockopt::Ipv6PathMtuDiscovery::PROBE)?;
    let_routers_fragment(socket)
}

/// Turns coalescing on for receiving and finds out whether sending can cut. A kernel older than 4.18
/// or 5.0 can do neither, which costs speed and nothing else.
fn set_offload(fd: BorrowedFd<'_>, offload: Offload) -> Segmentation {
    if offload == Offload::Off {
        return Segmentation::None;
    }
    if let Err(error) = syscall::set_option(fd, libc::SOL_UDP, libc::UDP_GRO, ON) {
        tracing::info!(%error, "this kernel cannot coalesce received datagrams");
    }
    match syscall::option(fd, libc::SOL_UDP, libc::UDP_SEGMENT) {
        Ok(_) => Segmentation::Kernel,
        Err(error) => {
            tracing::info!(%error, "this kernel cannot cut runs of datagrams");
            Segmentation::None
        }
    }
}

/// Asks for the buffers, past the machine's limit if we may (`CAP_NET_ADMIN`), else up to it.
fn set_buffers(socket: &Socket, wanted: BufferSizes) -> io::Result<BufferSizes> {
    // The kernel doubles what it is asked for, to account for its own overhead.
    let (receive, send) = (wanted.receive / 2, wanted.send / 2);
    if sockopt::set_socket_recv_buffer_size_force(socket, receive).is_err() {
        socket.set_recv_buffer_size(receive)?;
    }
    if sockopt::set_socket_send_buffer_size_force(socket, send).is_err() {
        socket.set_send_buffer_size(send)?;
    }
    Ok(BufferSizes {
        receive: socket.recv_buffer_size()?,
        send: socket.send_buffer_size()?,
    })
}

const ON: libc::c_int = 1;

/// A received packet of 1,200 bytes counts for about 2,300, so 8 MiB hold some 3,600: a tenth of a
/// second of thirty publishers' video, or the burst with which all of them answer a keyframe request.
/// Sending needs less, because the network card empties it at line rate: 4 MiB are 30 ms of 1 Gbit/s.
const DEFAULT_BUFFERS: BufferSizes = BufferSizes {
    receive: 8 << 20,
    send: 4 << 20,
};
