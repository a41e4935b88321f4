//! Outgoing datagrams of one loop turn, contiguous and grouped into GSO messages.
//!
//! The engine writes and encrypts each datagram in place here; the worker hands the messages to the
//! kernel and clears the batch. A message is a run of datagrams to one path, all of one size except
//! that the last may be shorter, which is what `UDP_SEGMENT` (Linux `udp(7)`) sends in one trip down
//! the stack. That trip is what costs (about 2 µs whatever it carries), so longer runs are the point.
//! This module knows neither sockets nor RTP.

use std::net::{IpAddr, SocketAddr};

/// Where a datagram goes, and from which of our addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The peer's address.
    pub remote: SocketAddr,
    /// The local address that the peer sent to, if the socket told us. Answers must leave from it, or
    /// a host with several addresses would answer from the wrong one.
    pub local: Option<IpAddr>,
}

/// One GSO message: `bytes` is cut into datagrams of `segment_size` bytes, the last maybe shorter.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where it goes.
    pub path: Path,
    /// The datagrams, back to back; never empty.
    pub bytes: &'a [u8],
    /// The size of each datagram but the last, in bytes; at least 1.
    pub segment_size: usize,
}

impl Message<'_> {
    /// How many datagrams it holds; at least 1.
    pub fn segments(&self) -> usize {
        self.bytes.len().div_ceil(self.segment_size)
    }
}

/// The batch. Memory is taken once, in [`SendBatch::new`].
#[derive(Debug)]
pub struct SendBatch {
    buffer: Box<[u8]>,
    used: usize,
    runs: Vec<Run>,
    max_runs: usize,
    max_segments: usize,
    /// Whether the last run still takes datagrams.
    open: bool,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    path: Path,
    start: usize,
    len: usize,
    segment_size: usize,
    segments: usize,
}

impl SendBatch {
    /// A batch for at most `max_runs` messages of at most `max_segments` datagrams each.
    /// `max_segments` is 1 where the kernel has no GSO.
    pub fn new(max_runs: usize, max_segments: usize) -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            used: 0,
            runs: Vec::with_capacity(max_runs),
            max_runs,
            max_segments: max_segments.clamp(1, MAX_SEGMENTS),
            open: false,
        }
    }

    /// Room for a datagram of at most `len` bytes, to be written and then [committed](Self::commit).
    /// `None`: the batch is full; send and [clear](Self::clear) it first. `len` is at most
    /// [`MAX_DATAGRAM_BYTES`].
    #[inline]
    pub fn space(&mut self, len: usize) -> Option<&mut [u8]> {
        if self.runs.len() == self.max_runs {
            return None;
        }
        self.buffer.get_mut(self.used..self.used + len)
    }

    /// Whether a message may hold more than one datagram.
    pub fn takes_runs(&self) -> bool {
        self.max_segments > 1
    }

    /// The size of the datagrams of the last message, if it still takes one to `path`.
    #[inline]
    pub fn open_run(&self, path: Path) -> Option<usize> {
        let run = self.runs.last()?;
        let takes_more = self.open
            && run.path == path
            && run.segments < self.max_segments
            && run.len + run.segment_size <= MAX_MESSAGE_BYTES;
        takes_more.then_some(run.segment_size)
    }

    /// Appends the datagram of `len` bytes that was written at the start of the last
    /// [space](Self::space) to the last run if it goes the same way and the sizes allow it, or else
    /// starts a run with it. A `len` of 0 commits nothing.
    #[inline]
    pub fn commit(&mut self, path: Path, len: usize) {
        if len == 0 {
            return;
        }
        let start = self.used;
        self.used += len;
        if self.open
            && let Some(run) = self.runs.last_mut()
            && run.path == path
            && len <= run.segment_size
            && run.segments < self.max_segments
            && run.len + len <= MAX_MESSAGE_BYTES
        {
            run.len += len;
            run.segments += 1;
            self.open = len == run.segment_size;
            return;
        }
        self.runs.push(Run {
            path,
            start,
            len,
            segment_size: len,
            segments: 1,
        });
        self.open = true;
    }

    /// Copies a finished datagram in. `false`: the batch is full, nothing was taken.
    pub fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        let Some(space) = self.space(datagram.len()) else {
            return false;
        };
        space.copy_from_slice(datagram);
        self.commit(path, datagram.len());
        true
    }

    /// The messages, in the order of their first datagrams.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.runs.iter().map(|run| Message {
            path: run.path,
            bytes: &self.buffer[run.start..run.start + run.len],
            segment_size: run.segment_size,
        })
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Forgets everything it holds.
    pub fn clear(&mut self) {
        self.used = 0;
        self.runs.clear();
        self.open = false;
    }
}

/// The largest datagram we ever send: an Ethernet frame's payload less IPv6 and UDP headers.
pub const MAX_DATAGRAM_BYTES: usize = 1452;

/// 64 segments is the limit of every kernel with GSO (`UDP_MAX_SEGMENTS` was 64 until Linux 6.9).
pub const MAX_SEGMENTS: usize = 64;

/// A GSO message is one IP packet to the kernel: 65,535 bytes less IPv6 and UDP headers.
const MAX_MESSAGE_BYTES: usize = 65_535 - 48;

/// Four full messages: larger batches bought nothing more (16 to 32 subscribers of a five-packet
/// frame is where `sendmmsg` stops gaining), and this still fits the second-level cache.
const BUFFER_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(port: u16) -> Path {
        Path {
            remote: SocketAddr::from(([127, 0, 0, 1], port)),
            local: None,
        }
    }

    /// The (port, segment size, segments) of each message after pushing `(port, length)`s.
    fn runs(max_segments: usize, datagrams: &[(u16, usize)]) -> Vec<(u16, usize, usize)> {
        let mut batch = SendBatch::new(64, max_segments);
        for &(port, len) in datagrams {
            assert!(batch.push(path(port), &vec![0; len]));
        }
        batch
            .messages()
            .map(|message| {
                (
                    message.path.remote.port(),
                    message.segment_size,
                    message.segments(),
                )
            })
            .collect()
    }

    #[test]
    fn equal_datagrams_of_one_path_share_a_message_and_a_shorter_one_ends_it() {
        /// What was pushed, and what [`runs`] then gives.
        type Case<'a> = (&'a [(u16, usize)], &'a [(u16, usize, usize)]);
        let cases: &[Case] = &[
            (&[(1, 100)], &[(1, 100, 1)]),
            (&[(1, 100), (1, 100)], &[(1, 100, 2)]),
            (&[(1, 100), (1, 40)], &[(1, 100, 2)]),
            (&[(1, 100), (1, 40), (1, 40)], &[(1, 100, 2), (1, 40, 1)]),
            (&[(1, 40), (1, 100)], &[(1, 40, 1), (1, 100, 1)]),
            (
                &[(1, 100), (2, 100), (1, 100)],
                &[(1, 100, 1), (2, 100, 1), (1, 100, 1)],
            ),
        ];
        for (input, expected) in cases {
            assert_eq!(runs(64, input), *expected, "for {input:?}");
        }
    }

    #[test]
    fn without_gso_every_datagram_is_a_message() {
        assert_eq!(runs(1, &[(1, 10), (1, 10)]), [(1, 10, 1), (1, 10, 1)]);
    }

    #[test]
    fn a_message_stays_within_the_kernel_limits() {
        let many = vec![(1, 10); 65];
        assert_eq!(runs(64, &many), [(1, 10, 64), (1, 10, 1)]);
        let large = vec![(1, 1_452); 46];
        assert_eq!(runs(64, &large), [(1, 1_452, 45), (1, 1_452, 1)]);
    }

    #[test]
    fn a_full_batch_refuses_and_takes_again_once_cleared() {
        let mut batch = SendBatch::new(2, 64);
        assert!(batch.push(path(1), b"a"));
        assert!(batch.push(path(2), b"b"));
        assert!(!batch.push(path(3), b"c"));
        batch.clear();
        assert!(batch.is_empty());
        assert!(batch.push(path(3), b"c"));
        let sent: Vec<_> = batch
            .messages()
            .map(|message| message.bytes.to_vec())
            .collect();
        assert_eq!(sent, [b"c".to_vec()]);
    }

    #[test]
    fn what_was_written_is_what_leaves() {
        let mut batch = SendBatch::new(4, 64);
        for byte in [1u8, 2, 3] {
            let space = batch.space(MAX_DATAGRAM_BYTES).expect("room for three");
            space[..5].fill(byte);
            batch.commit(path(1), 5);
        }
        let message = batch.messages().next().expect("one message");
        assert_eq!(message.bytes, [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3]);
    }
}
