//! Receiving: `recvmmsg` into buffers taken once, coalesced runs cut into datagrams.
//!
//! With `UDP_GRO` the kernel hands over a run of equal datagrams of one sender as one message, which
//! is 4 to 10 times cheaper per datagram than one message each. Nothing is allocated per call.

use std::io;
use std::os::fd::AsFd;

use super::MediaSocket;
use super::syscall::{self, RECEIVE_MESSAGES, ReceiveSlot};
use crate::send_batch::Path;

/// The buffers into which sockets are read, one after the other.
#[derive(Debug)]
pub struct Receiver {
    slots: Box<[ReceiveSlot]>,
    buffer: Box<[u8]>,
}

/// What one [`Receiver::receive`] did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Received {
    /// Messages taken from the kernel: single datagrams and coalesced runs.
    pub messages: usize,
    /// Datagrams in them.
    pub datagrams: usize,
    /// Their bytes, without IP and UDP headers.
    pub bytes: usize,
    /// Datagrams that the kernel lost since the last message, because the receive buffer was full.
    pub lost: u32,
    /// Whether there may be more to receive at once.
    pub more: bool,
}

impl Receiver {
    /// Takes its memory, 2 MiB of address space of which only what traffic needs is ever touched.
    pub fn new() -> Self {
        Self {
            slots: vec![ReceiveSlot::EMPTY; RECEIVE_MESSAGES].into_boxed_slice(),
            buffer: vec![0; RECEIVE_MESSAGES * STRIDE].into_boxed_slice(),
        }
    }

    /// Receives what is there, 32 messages at most, without waiting, and hands each
    /// datagram with its path to `take`, which may write into it. Nothing there is not an error.
    ///
    /// # Errors
    /// What `recvmmsg` says, apart from `EAGAIN` and `EINTR`. Nothing was received then, and it is
    /// worth trying again.
    pub fn receive(
        &mut self,
        socket: &mut MediaSocket,
        mut take: impl FnMut(Path, &mut [u8]),
    ) -> io::Result<Received> {
        let mut received = Received::default();
        let result =
            syscall::receive_messages(socket.as_fd(), &mut self.slots, &mut self.buffer, STRIDE);
        received.messages = match result {
            Ok(messages) => messages,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        received.more = received.messages == RECEIVE_MESSAGES;
        let buffers = self.buffer.chunks_exact_mut(STRIDE);
        for (slot, buffer) in self.slots.iter().zip(buffers).take(received.messages) {
            let ancillary = slot.control.parse();
            if let Some(lost) = ancillary.lost {
                received.lost = received.lost.wrapping_add(lost.wrapping_sub(socket.lost));
                socket.lost = lost;
            }
            // Neither can happen on a UDP socket: it knows two families, and no payload is longer than
            // the buffer.
            let Some(remote) = slot.address.decode() else {
                continue;
            };
            let Some(bytes) = buffer.get_mut(..slot.len) else {
                continue;
            };
            let path = Path {
                remote,
                local: ancillary.local,
            };
            received.bytes += bytes.len();
            if bytes.is_empty() {
                received.datagrams += 1;
                take(path, bytes);
                continue;
            }
            let segment_size = ancillary.segment_size.unwrap_or(bytes.len());
            for datagram in bytes.chunks_mut(segment_size) {
                received.datagrams += 1;
                take(path, datagram);
            }
        }
        Ok(received)
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

/// From one buffer to the next: more than the longest message (65,527 bytes), so that nothing is ever
/// cut, and no multiple of a page, so that the beginnings of the buffers, which is all that single
/// datagrams touch, do not compete for the same few lines of the cache.
const STRIDE: usize = 64 * 1024 + 21 * 64;
