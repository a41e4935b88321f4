//! Sending: a batch's messages by `sendmmsg`, each run with its `UDP_SEGMENT`.
//!
//! One trip down the stack costs about 2 µs whatever it carries, so a run of equal datagrams goes down
//! as one message and the kernel, or the network card, cuts it. Nothing here waits or keeps what could
//! not be sent: a real-time datagram is worth nothing later. What the kernel refuses is told to the
//! caller by kind, and one bad destination costs the others nothing.

use std::io::{self, IoSlice};
use std::iter;
use std::os::fd::AsFd;
use std::ptr;

use arrayvec::ArrayVec;

use super::address::RawAddress;
use super::syscall::{self, SEND_MESSAGES, SendSlot};
use super::{MediaSocket, SocketSet};
use crate::send_batch::{MAX_SEGMENTS, Message, SendBatch};

/// The preallocated headers of a set's writer, and whether the kernel takes runs.
#[derive(Debug)]
pub struct Sender {
    slots: Box<[SendSlot]>,
    segmentation: Segmentation,
}

/// Who cuts a run into datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segmentation {
    /// The kernel or the network card (`UDP_SEGMENT`).
    Kernel,
    /// Nobody: each datagram is sent by itself.
    None,
}

/// What a writer has sent so far.
#[derive(Clone, Debug)]
pub struct SendTally {
    /// System calls.
    pub calls: u64,
    /// Messages that the kernel took: runs and single datagrams.
    pub messages: u64,
    /// Datagrams in them.
    pub datagrams: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes: u64,
    /// How many of the messages had `n` datagrams, at index `n`.
    pub by_segments: [u64; MAX_SEGMENTS + 1],
}

/// Datagrams that the kernel did not take.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[must_use = "these are dropped packets, and every one is counted"]
pub struct Refused {
    /// Because the socket's send buffer is full, together with all that came after them.
    pub full: u64,
    /// Because they are longer than the network interface takes.
    pub too_large: u64,
    /// Because of their destination or source address.
    pub failed: u64,
}

impl Sender {
    /// Takes its memory. Runs are handed to the kernel if it says that it can cut them.
    pub fn new(sockets: &SocketSet) -> Self {
        Self {
            slots: vec![SendSlot::EMPTY; SEND_MESSAGES].into_boxed_slice(),
            segmentation: sockets.segmentation(),
        }
    }

    /// Whether runs are sent as such. It goes from [`Segmentation::Kernel`] to [`Segmentation::None`]
    /// when the kernel turns out to refuse runs, and never back; batches are best built accordingly.
    pub fn segmentation(&self) -> Segmentation {
        self.segmentation
    }

    /// Sends the batch without waiting, adds what was sent to `tally` and gives what was not.
    pub fn send(
        &mut self,
        sockets: &SocketSet,
        batch: &SendBatch,
        tally: &mut SendTally,
    ) -> Refused {
        let mut refused = Refused::default();
        let segmentation = self.segmentation;
        let mut units = batch
            .messages()
            .flat_map(|message| cut(message, segmentation))
            .peekable();
        while let Some(&unit) = units.peek() {
            let Some(socket) = sockets.route(&unit.path) else {
                refused.failed += segments(units.next());
                continue;
            };
            let same_way = |unit: &Message<'_>| {
                sockets
                    .route(&unit.path)
                    .is_some_and(|way| ptr::eq(way, socket))
            };
            let staged = self.stage(socket, iter::from_fn(|| units.next_if(same_way)));
            if let Outlook::Full = self.flush(socket, &staged, tally, &mut refused) {
                refused.full += segments(units);
                return refused;
            }
        }
        refused
    }

    /// Fills the slots with the next units.
    fn stage<'a>(
        &mut self,
        socket: &MediaSocket,
        units: impl Iterator<Item = Message<'a>>,
    ) -> Staged<'a> {
        let mut staged = Staged::new();
        for (slot, unit) in self.slots.iter_mut().zip(units) {
            fill(slot, socket, &unit);
            staged.push(unit);
        }
        staged
    }

    /// Sends what is staged.
    fn flush(
        &mut self,
        socket: &MediaSocket,
        staged: &Staged<'_>,
        tally: &mut SendTally,
        refused: &mut Refused,
    ) -> Outlook {
        let payloads: ArrayVec<IoSlice<'_>, SEND_MESSAGES> =
            staged.iter().map(|unit| IoSlice::new(unit.bytes)).collect();
        let mut done = 0;
        while let Some(unit) = staged.get(done) {
            tally.calls += 1;
            let slots = &self.slots[done..staged.len()];
            match syscall::send_messages(socket.as_fd(), slots, &payloads[done..]) {
                Ok(sent) => {
                    for unit in staged.iter().skip(done).take(sent) {
                        tally.sent(unit);
                    }
                    done += sent;
                }
                Err(error) => match Refusal::of(&error) {
                    Refusal::Interrupted => {}
                    Refusal::Full => {
                        refused.full += segments(staged.iter().skip(done).copied());
                        return Outlook::Full;
                    }
                    Refusal::Run | Refusal::Size if unit.segments() > 1 => {
                        let outlook = self.send_apart(socket, unit, &error, tally, refused);
                        done += 1;
                        if let Outlook::Full = outlook {
                            refused.full += segments(staged.iter().skip(done).copied());
                            return Outlook::Full;
                        }
                    }
                    Refusal::Run | Refusal::Size | Refusal::Destination => {
                        tracing::trace!(%error, "datagram refused");
                        refused.add(&error, unit.segments() as u64);
                        done += 1;
                    }
                },
            }
        }
        Outlook::Open
    }

    /// Sends the datagrams of a refused run one by one: whatever is wrong with the run must not cost
    /// those that are fine alone. If a datagram of full size gets through, it was being a run that was
    /// wrong, and there will be no more runs on this socket.
    fn send_apart(
        &mut self,
        socket: &MediaSocket,
        run: &Message<'_>,
        error: &io::Error,
        tally: &mut SendTally,
        refused: &mut Refused,
    ) -> Outlook {
        let mut slot = SendSlot::EMPTY;
        let mut datagrams = cut(*run, Segmentation::None).enumerate();
        while let Some((position, datagram)) = datagrams.next() {
            fill(&mut slot, socket, &datagram);
            tally.calls += 1;
            let payload = [IoSlice::new(datagram.bytes)];
            match syscall::send_messages(socket.as_fd(), &[slot], &payload) {
                Ok(_) => {
                    tally.sent(&datagram);
                    if position == 0 && Refusal::of(error) == Refusal::Run {
                        self.give_up_segmentation(error);
                    }
                }
                Err(error) if Refusal::of(&error) == Refusal::Full => {
                    refused.full += 1 + datagrams.count() as u64;
                    return Outlook::Full;
                }
                Err(error) => refused.add(&error, 1),
            }
        }
        Outlook::Open
    }

    fn give_up_segmentation(&mut self, error: &io::Error) {
        if self.segmentation == Segmentation::Kernel {
            tracing::warn!(
                %error,
                "the kernel refuses segmentation offload on this network: \
                 from now on every datagram is sent by itself, at several times the cost"
            );
            self.segmentation = Segmentation::None;
        }
    }
}

impl Refused {
    /// Counts datagrams whose own fault it is.
    fn add(&mut self, error: &io::Error, datagrams: u64) {
        match Refusal::of(error) {
            Refusal::Size => self.too_large += datagrams,
            _ => self.failed += datagrams,
        }
    }
}

/// Whether it is worth going on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outlook {
    Open,
    Full,
}

/// What one call is to send.
type Staged<'a> = ArrayVec<Message<'a>, SEND_MESSAGES>;

/// Writes into `slot` where `unit` goes and how it is to be cut.
fn fill(slot: &mut SendSlot, socket: &MediaSocket, unit: &Message<'_>) {
    // A socket that cannot express the address is not on its route; if it were, the kernel would
    // refuse the empty one.
    let address = RawAddress::encode(socket.family, unit.path.remote);
    slot.address = address.unwrap_or(RawAddress::EMPTY);
    // A segment is at most a datagram, and a datagram's length fits sixteen bits.
    let segment = (unit.segments() > 1).then_some(unit.segment_size as u16);
    // A socket that is bound to one address leaves from nowhere else, and saying so all the same costs
    // the kernel 0.2 µs a message.
    let local = unit
        .path
        .local
        .filter(|_| socket.local.ip().is_unspecified());
    slot.control.set(socket.family, local, segment);
}

/// How many datagrams are in all of them.
fn segments<'a>(units: impl IntoIterator<Item = Message<'a>>) -> u64 {
    units.into_iter().map(|unit| unit.segments() as u64).sum()
}

/// The units in which a message is handed to the kernel.
fn cut<'a>(message: Message<'a>, segmentation: Segmentation) -> impl Iterator<Item = Message<'a>> {
    let unit = match segmentation {
        Segmentation::Kernel => message.bytes.len(),
        Segmentation::None => message.segment_size,
    };
    message
        .bytes
        .chunks(unit.max(1))
        .map(move |bytes| Message { bytes, ..message })
}

/// What an error of `sendmmsg` is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    /// A signal came first; try again.
    Interrupted,
    /// There is no room in the send buffer or no memory; what comes after would fare no better.
    Full,
    /// Possibly that it is a run: `EIO` where the route cannot checksum, `EINVAL` where the kernel
    /// cannot cut it (also a source address that is no longer ours).
    Run,
    /// It is longer than the interface takes.
    Size,
    /// Anything else concerns this destination only: unreachable, refused, forbidden.
    Destination,
}

impl Refusal {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EINTR) => Self::Interrupted,
            Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Self::Full,
            Some(libc::EIO | libc::EINVAL) => Self::Run,
            Some(libc::EMSGSIZE) => Self::Size,
            _ => Self::Destination,
        }
    }
}

impl SendTally {
    #[inline]
    fn sent(&mut self, unit: &Message<'_>) {
        let segments = unit.segments();
        self.messages += 1;
        self.datagrams += segments as u64;
        self.bytes += unit.bytes.len() as u64;
        if let Some(count) = self.by_segments.get_mut(segments) {
            *count += 1;
        }
    }
}

impl Default for SendTally {
    fn default() -> Self {
        Self {
            calls: 0,
            messages: 0,
            datagrams: 0,
            bytes: 0,
            by_segments: [0; MAX_SEGMENTS + 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_buffer_stops_a_batch_and_only_a_refused_run_is_blamed_on_being_one() {
        let cases = [
            (libc::EINTR, Refusal::Interrupted),
            (libc::EAGAIN, Refusal::Full),
            (libc::EWOULDBLOCK, Refusal::Full),
            (libc::ENOBUFS, Refusal::Full),
            (libc::ENOMEM, Refusal::Full),
            (libc::EIO, Refusal::Run),
            (libc::EINVAL, Refusal::Run),
            (libc::EMSGSIZE, Refusal::Size),
            (libc::ECONNREFUSED, Refusal::Destination),
            (libc::ENETUNREACH, Refusal::Destination),
            (libc::EHOSTUNREACH, Refusal::Destination),
            (libc::EPERM, Refusal::Destination),
            (libc::EACCES, Refusal::Destination),
            (libc::EADDRNOTAVAIL, Refusal::Destination),
        ];
        for (errno, expected) in cases {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(Refusal::of(&error), expected, "{error}");
        }
    }
}
