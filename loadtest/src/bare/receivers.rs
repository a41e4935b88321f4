//! Sockets that take what comes, on a thread of their own, as lean clients take it: the same socket
//! options, the same calls, and no look at what is inside.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::client::lean::{Buffers, ClientSocket};

/// The thread and where its sockets are.
pub(super) struct Receivers {
    addresses: Vec<SocketAddrV4>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Receivers {
    /// Opens `count` sockets that receive from `sender` and starts the thread.
    ///
    /// # Errors
    /// If there are no sockets or threads to be had.
    pub(super) fn start(count: usize, sender: SocketAddr, coalesce: bool) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut sockets = Vec::with_capacity(count);
        let mut addresses = Vec::with_capacity(count);
        for number in 0..count {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            if let SocketAddr::V4(address) = socket.local_addr()? {
                addresses.push(address);
            }
            let socket = ClientSocket::connect(socket, sender, coalesce)?;
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            sockets.push(socket);
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("receivers".to_owned())
            .spawn(move || receive(&epoll, &sockets, coalesce, &told))?;
        Ok(Self {
            addresses,
            stopping,
            thread,
        })
    }

    /// Where to send to.
    pub(super) fn addresses(&self) -> &[SocketAddrV4] {
        &self.addresses
    }

    /// Ends it when nothing more comes. How many datagrams came.
    pub(super) fn stop(self) -> u64 {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(0)
    }
}

fn receive(epoll: &Epoll, sockets: &[ClientSocket], coalesce: bool, stopping: &AtomicBool) -> u64 {
    let mut buffers = Buffers::new(coalesce);
    let mut events = vec![EpollEvent::empty(); 256];
    let mut received = 0;
    loop {
        // What was sent before the order to stop is in the sockets by then: this is loopback.
        let last = stopping.load(Ordering::Relaxed);
        let count = epoll
            .wait(&mut events, EpollTimeout::from(IDLE_MILLISECONDS))
            .unwrap_or(0);
        for event in events.iter().take(count) {
            let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
            if let Some(socket) = sockets.get(number) {
                buffers.receive(socket, |_, _| received += 1);
            }
        }
        if count == 0 && last {
            return received;
        }
    }
}

/// How long to wait before looking whether it is over.
const IDLE_MILLISECONDS: u8 = 50;
