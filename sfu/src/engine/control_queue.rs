//! Finished datagrams that are no media: STUN, DTLS, RTCP. They wait here until the turn's end.

use crate::send_batch::{Path, SendBatch};

/// A queue of datagrams in one buffer, which is kept.
#[derive(Debug, Default)]
pub(super) struct ControlQueue {
    bytes: Vec<u8>,
    datagrams: Vec<(Path, usize)>,
    sent: usize,
    sent_bytes: usize,
}

impl ControlQueue {
    /// Adds a datagram. `false`: the queue is full and it was dropped, as the network might have.
    pub(super) fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        self.push_with(path, datagram.len(), |space| {
            space.copy_from_slice(datagram);
            Some(datagram.len())
        })
    }

    /// Adds a datagram of at most `room` bytes that `write` puts into the space it is given; it returns
    /// the length, or `None` to add nothing. `false`: nothing was added.
    pub(super) fn push_with(
        &mut self,
        path: Path,
        room: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let start = self.bytes.len();
        if start + room > MAX_BYTES {
            return false;
        }
        self.bytes.resize(start + room, 0);
        let len = write(&mut self.bytes[start..]);
        self.bytes.truncate(start + len.unwrap_or(0));
        if let Some(len) = len {
            self.datagrams.push((path, len));
        }
        len.is_some()
    }

    /// Moves what it holds into `batch`. `true`: the batch is full, there is more.
    pub(super) fn drain_into(&mut self, batch: &mut SendBatch) -> bool {
        while let Some(&(path, len)) = self.datagrams.get(self.sent) {
            let datagram = &self.bytes[self.sent_bytes..self.sent_bytes + len];
            if !batch.push(path, datagram) {
                return true;
            }
            self.sent += 1;
            self.sent_bytes += len;
        }
        self.bytes.clear();
        self.datagrams.clear();
        self.sent = 0;
        self.sent_bytes = 0;
        false
    }
}

/// A thousand full datagrams in one turn: the handshakes of hundreds of peers that arrive together.
const MAX_BYTES: usize = 1_500 * 1_024;
